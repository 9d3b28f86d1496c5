"""What the page says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["LANGUAGES", "TEXTS", "preferred"]

LANGUAGES = {"en": "English", "zh": "中文"}

TEXTS = {
    "en": {
        "title": "Ask your documents",
        "greeting": "Ask about **{folder}**: {files} files are indexed. "
        "Answers quote the documents and name their source.",
        "empty": "No file of **{folder}** could be indexed yet. Put documents into the folder, "
        "then press “Read the folder again”.",
        "placeholder": "Your question",
        "indexing": "Reading {folder} …",
        "reading": "{done} of {total} files",
        "searching": "Searching …",
        "loading": "Loading the model …",
        "waiting": "Waiting: {place} before you.",
        "stop": "Stop",
        "stopped": "Stopped.",
        "folder": "Folder",
        "preset": "Preset",
        "files": "Files",
        "nodes": "Nodes",
        "refresh": "Read the folder again",
        "refreshed": "{added} added, {updated} updated, {deleted} deleted, {skipped} skipped.",
        "clear": "Clear history",
        "skipped": "{count} files skipped",
        "language": "Language",
        "failed": "Something went wrong. The terminal that runs the chat says more.",
        "busy": "Another process is indexing; answers come from the last finished state.",
    },
    "zh": {
        "title": "向文档提问",
        "greeting": "可以就 **{folder}** 提问：已索引 {files} 个文件。"
        "回答引用文档原文，并注明出处。",
        "empty": "**{folder}** 中还没有可索引的文件。"
        "请把文档放进该文件夹，然后点“重新读取文件夹”。",
        "placeholder": "输入问题",
        "indexing": "正在读取 {folder} …",
        "reading": "{done} / {total} 个文件",
        "searching": "正在检索 …",
        "loading": "正在加载模型 …",
        "waiting": "排队中：前面还有 {place} 位。",
        "stop": "停止",
        "stopped": "已停止。",
        "folder": "文件夹",
        "preset": "预设",
        "files": "文件",
        "nodes": "节点",
        "refresh": "重新读取文件夹",
        "refreshed": "新增 {added}，更新 {updated}，删除 {deleted}，跳过 {skipped}。",
        "clear": "清空对话",
        "skipped": "跳过 {count} 个文件",
        "language": "语言",
        "failed": "出错了。运行聊天的终端里有详细信息。",
        "busy": "另一个进程正在建立索引；回答来自上一次完成的状态。",
    },
}


def preferred(locale: str | None) -> str:
    """Return the page language for a browser locale such as ``zh-CN``; English if unknown."""
    code = (locale or "").split("-")[0].lower()
    return code if code in LANGUAGES else "en"
