"""Why files are skipped or refused, in Chinese: the words of the readers are English."""

from __future__ import annotations

import re

__all__ = ["reason"]

# The readers' reasons, whole and as the health report groups them, up to the first stop or colon.
_REASONS_ZH: tuple[tuple[str, str], ...] = (
    (r"Excluded in the chat's Documents page", "已在“文档”页中排除"),
    (r"Empty file", "空文件"),
    (r"No text in it|no text in it", "其中没有文本"),
    (r"Not text", "不是文本"),
    (r"Scanned PDF: OCR found no text.*", "扫描版 PDF，OCR 没有识别出文字"),
    (r"(?:Scanned PDF: )?OCR gave up.*",
     "扫描版 PDF，OCR 未能完成，可能需要更多内存：ingest.file_memory_mb"),
    (r"Scanned PDF$", "扫描版 PDF"),
    (r"Scanned PDF.*",
     "扫描版 PDF，页面是没有文本的图像，请先做文字识别，或安装 ragkit 的附加组件 ocr"),
    (r"Reading it took longer than (.+?) s(?:\..*)?$",
     r"读取超过 \1 秒，可调大 ingest.file_seconds"),
    (r"Reading it needs more than (.+?) of memory.*",
     r"读取需要超过 \1 内存，可调大 ingest.file_memory_mb"),
    (r"Its reader failed.*", "读取程序出错"),
    (r"The embedder made no vector of a part of it.*",
     "嵌入模型未能为其中一部分生成向量（结果为 NaN、无穷大或全零）"),
    (r"Wrong password for this (.+?)(?: file)?(?:\..*)?$", r"\1 的密码不对，请更正密码文件"),
    (r"PDF without text", "PDF 中没有文本"),
    (r"Password-protected Office file, which ragkit's extra.*",
     "Office 文件有密码保护，请安装 ragkit 的附加组件 passwords"),
    (r"Password-protected (\w+).*--password-file.*",
     r"\1 文件有密码保护，请用 --password-file 提供密码，或另存为无密码的文件"),
    (r"Password-protected (\w+).*Save it.*", r"\1 文件有密码保护，请另存为无密码的文件"),
    (r"Password-protected (\w+).*", r"\1 文件有密码保护"),
    (r"Damaged, or no (\w+) at all.*", r"已损坏，或者根本不是 \1 文件"),
    (r"Damaged file: the reader crashed.*", "文件已损坏：读取程序因它而崩溃"),
    (r"Damaged file: a part of it is missing.*", "文件已损坏：缺少一部分内容"),
    (r"Damaged file.*", "文件已损坏"),
    (r"Damaged Office file: its encryption asks for too much work.*",
     "Office 文件已损坏：其加密方式要求的计算量过大"),
    (r"Damaged web archive.*", "网页存档已损坏：其中没有网页"),
    (r"Damaged (?:zip container|(\w+)): its end is missing.*",
     r"\1 文件已损坏：缺少结尾，可能没有完整复制或下载"),
    (r"Damaged (?:zip container|(\w+)).*", r"\1 文件已损坏"),
    (r"This is an? (zip|tar) archive(?:\..*)?$", r"这是 \1 压缩包，请解压到文件夹中"),
    (r"This is an? (\S+) archive, not a text document.*", r"这是 \1 压缩包，不是文本文档"),
    (r"This is an? (\w+) image, not a text document.*", r"这是 \1 图像，不是文本文档"),
    (r"This is an? (\w+) sound file, not a text document.*", r"这是 \1 音频，不是文本文档"),
    (r"This is a video, sound or HEIC image file.*", "这是视频、音频或 HEIC 图像，不是文本文档"),
    (r"This is a RIFF file.*", "这是 RIFF 文件（音频、视频或 WebP 图像），不是文本文档"),
    (r"This is a PostScript file.*", "这是 PostScript 文件，请转换为 PDF"),
    (r"This is a (?:Windows |compiled )?program,.*", "这是程序，不是文本文档"),
    (r"This is (?:an? )?(.+?), not a text document.*", r"不是文本文档（\1）"),
    (r"Old (.+?) format \(.*?\)\. Save it as (\.\w+)\.", r"旧版 \1 格式，请另存为 \2"),
    (r"Old (.+?) format.*|Old (Microsoft Office) container.*", r"旧版 \1\2 格式，请另存为新格式"),
    (r"Binary Excel format.*", "二进制 Excel 格式（.xlsb），请另存为 .xlsx"),
    (r"Outlook message.*", "Outlook 邮件（.msg），请另存为 .eml 或文本"),
    (r"Apple iWork file.*", "Apple iWork 文件，请导出为 PDF 或 Office 格式"),
    (r"Too large for the memory.*", "超出本机内存"),
    (r"Too large: (.+), limit (.+?)\.?$", r"太大：\1，上限 \2"),
    (r"Too large", "太大"),
    (r"(?:JSON n|XML n|N)ested .*", "嵌套过深，无法读取"),
    (r"(?:Unpacks to|A part of it unpacks to).*", "解压后过大，可能是压缩炸弹"),
    (r"XML that declares its own entities.*", "XML 自行声明实体，可能是实体炸弹"),
    (r"A symbolic link that leads out of the folder", "指向文件夹之外的符号链接"),
    (r"A symbolic link to nothing", "指向不存在的文件的符号链接"),
    (r"A symbolic link to a folder.*", "指向文件夹的符号链接，不予跟随"),
    (r"A symbolic link.*", "无法使用的符号链接"),
    (r"A named pipe.*", "命名管道（FIFO），不是文件"),
    (r"A socket.*", "套接字，不是文件"),
    (r"A device.*|Not a regular file", "不是普通文件"),
    (r"Folder that cannot be listed.*", "无法列出的文件夹"),
    (r"No permission to read it", "没有读取权限"),
    (r"The file has vanished", "文件已消失"),
    (r"Cannot be read.*|cannot be read.*", "无法读取"),
    (r"EPUB with copy protection.*", "EPUB 有版权保护（DRM）"),
    (r"Its format is not known.*", "格式未知"),
    (r"Documents in documents stand too deep.*", "文档中的文档嵌套过深"),
    (r"It is no Word document.*", "不是 Word 文档"),
    (r"Its reader is not installed.*", "未安装相应的读取程序"),
    (r"Only (\d+) files at once.*", r"一次最多 \1 个文件，请稍后再上传"),
    (r"Its folder is a hidden one or a cache.*", "其文件夹是隐藏文件夹或缓存，不予处理"),
    (r"It lies too deep in folders.*", "所在文件夹层级过深，请单独上传该文件夹"),
    (r"It was not uploaded here, so it stays.*", "不是在此上传的文件，予以保留，可以排除"),
    (r"It was changed in the folder since its upload.*", "上传后在文件夹中被修改过，予以保留"),
    (r"The folder has a file of this name that was not uploaded.*",
     "文件夹中已有同名文件，且不是在此上传的，予以保留。请改名后再上传"),
    (r"The folder has something of this name that is no file.*",
     "文件夹中已有同名的非文件项，请改名"),
    (r"It is called (\.\S+) but holds plain text", r"扩展名是 \1，内容却是纯文本"),
    (r"It is called (\.\S+) but holds (\S+)\. Rename it to (\.\w+)",
     r"扩展名是 \1，内容却是 \2，请改名为 \3"),
    (r"Another file took its name.*", "同名文件刚刚出现，请重试"),
    (r"The folder cannot be written.*", "文件夹不可写，请联系运行此服务的人"),
    (r"The disk is full.*", "磁盘已满，此文件未保存"),
    (r"The disk refused it: (.+?)\.?$", r"磁盘未能保存此文件：\1"),
    (r"A folder on its way is a link or a file.*", "路径中有链接或文件，请改名"),
    (r"It would lie behind a link.*", "它会落在链接之后、文件夹之外，请改名"),
    (r"Reading was stopped.*", "读取已中止"),
    (r"No process to read files could be started.*",
     "无法启动读取文件的进程，请检查内存和进程数上限"),
)  # fmt: skip


def reason(text: str, language: str) -> str:
    """Return why a file was skipped or refused, in ``language`` where its words are known.

    ``language`` is ``en`` or ``zh``; what is not known stays as it is.
    """
    if language != "zh":
        return text
    for pattern, chinese in _REASONS_ZH:
        found = re.match(pattern, text)
        if found:
            return f"{found.expand(chinese).strip()}。"
    return text
