"""What the choice of documents to ask says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["TEXTS"]

TEXTS = {
    "en": {
        "scope": "Only some documents",
        "scope_languages": "Languages",
        "scope_formats": "Formats",
        "scope_folders": "Folders",
        "scope_any": "Any",
        "scope_from": "Dated from",
        "scope_until": "Dated until",
        "scope_dates_help": "The date that a document gives itself. One without a date is left "
        "out while this is set.",
        "scope_clear": "Ask all documents",
        "scope_on": "Asking only: {scope}",
        "scope_was": "Asked only: {scope}",
        "scope_files": "{count} files",
        "scope_since": "from {first}",
        "scope_to": "until {last}",
    },
    "zh": {
        "scope": "只问部分文档",
        "scope_languages": "语言",
        "scope_formats": "格式",
        "scope_folders": "文件夹",
        "scope_any": "不限",
        "scope_from": "起始日期",
        "scope_until": "截止日期",
        "scope_dates_help": "文档自带的日期。设置后，没有日期的文档不在其中。",
        "scope_clear": "询问所有文档",
        "scope_on": "只问：{scope}",
        "scope_was": "当时只问：{scope}",
        "scope_files": "{count} 个文件",
        "scope_since": "{first} 起",
        "scope_to": "{last} 止",
    },
}
