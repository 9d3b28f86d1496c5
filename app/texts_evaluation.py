"""What the evaluation page says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["TEXTS"]

TEXTS = {
    "en": {
        "title": "Evaluation",
        "error": "The evaluation could not be carried out.",
        "about": "How often the right passage is found, and the right thing said.",
        "set": "Questions",
        "set_rated": "Rated",
        "set_drafted": "Drafted",
        "set_uploaded": "Your own",
        "rated": "{up} rated good, {down} rated bad: {questions} of them tell what is right.",
        "rated_none": "No answer was rated yet. Rate answers in the chat: a good one says which "
        "passage is right, and a comment on a bad one may name the file that is.",
        "rated_bias": "What was rated good was found by the retriever of its day: this set shows "
        "what a change breaks better than what it gains.",
        "drafted": "Headings and FAQs become questions, without a model. They lean on the "
        "documents’ own words, so figures are higher than on people’s questions.",
        "draft_save": "Save the draft",
        "uploaded": "JSON Lines: questions that name the file or the passage that answers, and the "
        "passages where they are not this folder’s.",
        "upload": "Files (.jsonl)",
        "format": "What a row looks like",
        "sample": "Number",
        "sample_all": "All",
        "answers": "Judge the answers too",
        "answers_help": "Asks each question twice, with and without the right passage. With a "
        "model this takes the time of two answers a question.",
        "system": "Measure",
        "compare": "Compare with",
        "compare_none": "Nothing",
        "run": "Run",
        "cancel": "Cancel",
        "cancelling": "Cancelling after this step …",
        "reading": "Reading the questions …",
        "indexing": "Preparing {system} …",
        "asking": "{system}: {done} of {total} questions",
        "figures": "Resampling for the intervals …",
        "seconds": "{seconds:.0f} s",
        "busy": "Someone else’s evaluation is running. Yours can begin when it is done.",
        "cancelled": "Cancelled.",
        "results": "Results",
        "results_none": "What you measure is kept here.",
        "save_html": "HTML report",
        "save_json": "JSON",
        "delete": "Delete",
        "questions": "{count} questions",
    },
    "zh": {
        "title": "评估",
        "error": "未能完成评估。",
        "about": "正确的段落有多少次被找到，正确的内容有多少次被答出。",
        "set": "问题",
        "set_rated": "评过的回答",
        "set_drafted": "由文件夹拟题",
        "set_uploaded": "自备题目",
        "rated": "好评 {up} 个，差评 {down} 个：其中 {questions} 个可知何为正确。",
        "rated_none": "还没有评过的回答。请在聊天中评价：好评的回答说明哪个段落是正确的，"
        "差评的附言可以写出正确的文件名。",
        "rated_bias": "好评的内容是当时的检索器找到的：这套题更能看出改动弄坏了什么，"
        "较难看出改进了什么。",
        "drafted": "由标题和常见问答拟成问题，不用模型。用词接近文档原文，"
        "因此数字会比真人提问时高。",
        "draft_save": "保存题目文件",
        "uploaded": "JSON Lines 格式：问题须写明能回答它的文件或段落；"
        "段落若不在本文件夹中，请一并上传。",
        "upload": "文件（.jsonl）",
        "format": "每行的写法",
        "sample": "数量",
        "sample_all": "全部",
        "answers": "同时评判回答",
        "answers_help": "每个问题问两次：一次保留正确段落，一次去掉。"
        "有模型时，每题要花两次回答的时间。",
        "system": "评估对象",
        "compare": "对比",
        "compare_none": "不对比",
        "run": "开始",
        "cancel": "取消",
        "cancelling": "这一步完成后取消 …",
        "reading": "正在读取问题 …",
        "indexing": "正在准备 {system} …",
        "asking": "{system}：{done} / {total} 个问题",
        "figures": "正在重抽样以计算区间 …",
        "seconds": "{seconds:.0f} 秒",
        "busy": "别人的评估正在进行，完成后即可开始。",
        "cancelled": "已取消。",
        "results": "结果",
        "results_none": "评估结果会保存在这里。",
        "save_html": "HTML 报告",
        "save_json": "JSON",
        "delete": "删除",
        "questions": "{count} 个问题",
    },
}
