"""What the view of a source says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["TEXTS"]

TEXTS = {
    "en": {
        "previous": "Previous source",
        "next": "Next source",
        "of": "{n} of {count}",
        "page": "page {page}",
        "best": "the best match",
        "close": "a close match",
        "weaker": "a weaker match",
        "not_quoted": "Found for the question, but not quoted in the answer.",
        "nearest": "The answer is not in it, but it comes near to the question.",
        "changed": "The file has changed since: this is what the answer was drawn from.",
        "gone": "The file is not in the index any more: this is what the answer was drawn from.",
        "page_of": "Page {page} of {count}",
        "page_before": "Previous page",
        "page_after": "Next page",
        "page_back": "Back to page {page}",
        "no_picture": "The page cannot be shown.",
        "original": "Download the original",
        "text": "Download the extracted text",
        "unreadable": "The index cannot be read just now.",
    },
    "zh": {
        "previous": "上一个来源",
        "next": "下一个来源",
        "of": "第 {n} 个，共 {count} 个",
        "page": "第 {page} 页",
        "best": "最匹配",
        "close": "很匹配",
        "weaker": "匹配较弱",
        "not_quoted": "检索到了这一段，但回答没有引用它。",
        "nearest": "这里没有答案，但与问题最接近。",
        "changed": "文件后来有改动：下面是生成回答时的内容。",
        "gone": "文件已不在索引中：下面是生成回答时的内容。",
        "page_of": "第 {page} 页，共 {count} 页",
        "page_before": "上一页",
        "page_after": "下一页",
        "page_back": "回到第 {page} 页",
        "no_picture": "无法显示这一页。",
        "original": "下载原文件",
        "text": "下载提取的文本",
        "unreadable": "暂时无法读取索引。",
    },
}
