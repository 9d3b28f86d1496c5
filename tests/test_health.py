"""The report on an index: what is in it, what is not and why, and what answers suffer from."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

import ragkit
from ragkit.cli.health_words import WORDS
from ragkit.health import MESSAGES, Health, _group, health
from ragkit.health.embedder_languages import embedder_languages
from ragkit.health.garbled import garbling
from ragkit.health.inventory import counts, inventory
from ragkit.health.overview import Overview
from ragkit.health.reasons import reason
from ragkit.health.twins import group_similar, similarity, sketch
from ragkit.knowledge import KnowledgeBase

EN = (
    "The backup runs every night at three and keeps thirty days of snapshots. Restoring a snapshot "
    "takes about ten minutes, and the service must be stopped meanwhile. "
)
ZH = "备份每天凌晨三点自动运行，保留三十天的快照。恢复一个快照大约需要十分钟，期间必须停止服务。"
RU = "Резервное копирование выполняется каждую ночь в три часа и хранит снимки за тридцать дней. "
JA = "バックアップは毎晩三時に実行され、三十日分のスナップショットを保持します。"
KO = "백업은 매일 밤 세 시에 실행되며 삼십 일 동안의 스냅샷을 보관합니다. "
FR = "La sauvegarde s'exécute chaque nuit à trois heures ; l'été, elle est déplacée à l'aube. "
VI = "Việc sao lưu được thực hiện mỗi đêm lúc ba giờ và giữ lại ba mươi ngày. "
CS = "Zálohování probíhá každou noc ve tři hodiny; příliš žluťoučký kůň úpěl ďábelské ódy. "
EL = "Η δημιουργία αντιγράφων εκτελείται κάθε βράδυ στις τρεις. "
AR = "يعمل النسخ الاحتياطي كل ليلة في الساعة الثالثة ويحتفظ بثلاثين يوما. "
HONEST = [EN, ZH, RU, JA, KO, FR, VI, CS, EL, AR, "“Quoted” — naïve café, £5 · €7 … ½ ©", ""]


@pytest.fixture
def kb(folder: Path) -> KnowledgeBase:
    return ragkit.open(folder, preset="lite")


def found(report: Health, kind: str) -> list[tuple[str, ...]]:
    return [finding.sources for finding in report.findings if finding.kind == kind]


@pytest.mark.parametrize("text", HONEST)
@pytest.mark.parametrize("times", [1, 40])
def test_text_in_any_language_is_not_garbled(text: str, times: int) -> None:
    assert garbling(text * times) is None


def test_real_passages_are_not_garbled(shared: Path) -> None:
    wrong, seen = [], 0
    for path in sorted((shared / "eval").rglob("*passages*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in islice(lines, 300):
                seen += 1
                text = json.loads(line)["text"]
                if garbling(text):
                    wrong.append(text[:80])
    if not seen:
        pytest.skip("no passages in the shared data")
    assert len(wrong) <= 0.001 * seen, wrong[:5]


@pytest.mark.parametrize("mixed", [EN + ZH, FR + RU, ZH + RU + EN, CS + EL])
def test_mixed_languages_are_not_garbled(mixed: str) -> None:
    assert garbling(mixed * 5) is None


@pytest.mark.parametrize("text", [ZH, RU, JA, KO, FR * 3, CS, EL, AR])
@pytest.mark.parametrize("wrong", ["latin-1", "cp1252", "cp1251", "gb18030", "big5", "cp932"])
def test_utf8_read_as_something_else_is_mojibake(text: str, wrong: str) -> None:
    read = (text * 4).encode("utf-8").decode(wrong, errors="replace")
    assert garbling(read) in ("mojibake", "private", "replaced")


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "euc_kr", "euc_jp"])
def test_east_asian_text_read_as_western_is_mojibake(encoding: str) -> None:
    text = {
        "gb18030": ZH,
        "big5": "備份每天凌晨三點自動執行，保留三十天。",
        "euc_kr": KO,
        "euc_jp": JA,
    }
    assert garbling((text[encoding] * 6).encode(encoding).decode("latin-1")) == "mojibake"


def test_lost_and_private_characters() -> None:
    assert garbling((ZH * 3).encode("ascii", errors="replace").decode()) == "lost"
    assert garbling(EN + "\ufffd" * 12) == "replaced"
    assert garbling("".join(chr(0xE000 + n % 50) for n in range(200))) == "private"
    assert garbling("What??? Really??? " + EN * 3) is None


@pytest.mark.parametrize("wrong", ["cp437", "mac_roman"])
def test_western_text_of_old_systems_is_mojibake(wrong: str) -> None:
    assert garbling((FR * 4).encode("utf-8").decode(wrong)) == "mojibake"


def test_letters_without_a_map_and_replaced_twice() -> None:
    assert garbling("The (cid:12)(cid:34)(cid:8) of the (cid:99)(cid:7) pump. " * 5) == "private"
    assert garbling(EN + "A font without a map gives (cid:12).") is None
    broken = (FR * 4).encode("cp1252").decode("utf-8", errors="replace")
    assert broken.encode("utf-8").decode("gb18030", errors="replace").count("锟") > 4
    assert garbling("订单号锟斤拷锟斤拷，收货人锟斤拷锟斤拷锟斤拷，请核对。") == "replaced"
    assert garbling(ZH * 5 + "乱码常写作“锟斤拷”。") is None


CONTRACT = (
    "本合同由甲方与乙方签订，双方就设备采购事宜达成如下协议。甲方向乙方采购设备一百台，单价人民币五千元。"
    "乙方应于三十日内交货，逾期每日支付合同总额千分之一的违约金。质量保证期为十二个月，自验收合格之日起计算，"
    "期内出现质量问题由乙方免费维修。因不可抗力致使合同无法履行的，双方互不承担责任，但应及时通知对方。"
    "争议由双方协商解决，协商不成的提交甲方所在地人民法院诉讼解决。",
    "This agreement is made between the Supplier and the Customer on 3 March 2024. The Supplier "
    "shall deliver one hundred pumps at a price of 5,000 dollars each. Delivery shall take place "
    "within thirty days of signature; for each day of delay the Supplier shall pay a penalty. The "
    "warranty period is twelve months from acceptance; defects found within it are repaired free "
    "of charge. Neither party is liable where performance is prevented by force majeure. Disputes "
    "shall be settled by the courts at the seat of the Customer.",
)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (CONTRACT[0], {"三十日": "四十五日", "五千": "四千八百", "十二个月": "二十四个月"}),
        (CONTRACT[1], {"thirty": "forty-five", "5,000": "4,800", "twelve": "twenty-four"}),
    ],
)
def test_two_versions_of_a_contract_are_near(text: str, changes: dict[str, str]) -> None:
    other = text
    for old, new in changes.items():
        other = other.replace(old, new)
    texts = {"v1": text, "v2": other, "else": CONTRACT[0] if text is CONTRACT[1] else CONTRACT[1]}
    sketches = [(name, found) for name, own in texts.items() if (found := sketch(own))]
    assert group_similar(sketches) == [["v1", "v2"]]


def test_real_passages_are_not_near_each_other(shared: Path) -> None:
    seen, groups = 0, 0
    for path in sorted((shared / "eval").rglob("*passages*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in islice(lines, 300)]
        seen += len(texts)
        groups += len(group_similar((str(n), s) for n, t in enumerate(texts) if (s := sketch(t))))
    if not seen:
        pytest.skip("no passages in the shared data")
    assert groups <= 0.001 * seen


def test_similar_documents_are_grouped_and_others_are_not() -> None:
    random.seed(7)
    words = ["".join(random.choices("abcdefghijklmnop", k=6)) for _ in range(4000)]

    def text() -> list[str]:
        return random.choices(words, k=500)

    first, second = text(), text()
    edited = [*first[:250], "completely", "other", "words", *first[254:]]
    texts = {
        "a": first, "b": edited, "c": [w.upper() for w in first], "d": second, "e": text(),
        "f": [*first[:250], *second[250:]],
    }  # fmt: skip
    sketches = [(name, sketch(" ".join(own))) for name, own in texts.items()]
    assert group_similar([(n, s) for n, s in sketches if s]) == [["a", "b", "c"]]


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_the_estimate_is_near_the_true_share(share: float) -> None:
    random.seed(3)
    letters = [random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6000)]
    cut = int(len(letters) * 2 * share / (1 + share))
    other = letters[:cut] + [random.choice("abcdefghijklmnopqrstuvwxyz") for _ in letters[cut:]]
    one, two = sketch("".join(letters)), sketch("".join(other))
    assert one is not None
    assert two is not None
    assert similarity(one, two) == pytest.approx(share, abs=0.12)


def test_short_texts_are_not_compared_and_repetitive_ones_are() -> None:
    assert sketch("Too short to say anything.") is None
    assert sketch("ab" * 50_000) is not None


def test_boilerplate_costs_no_square(kb: KnowledgeBase) -> None:
    footer = EN * 4
    random.seed(5)
    sketches = []
    for n in range(3000):
        own = sketch(
            footer + " ".join(random.choices("alpha beta gamma delta eps zeta".split(), k=60))
        )
        assert own is not None
        sketches.append((str(n), own))
    began = time.process_time()
    group_similar(sketches)
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("model", "languages"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", {"en"}),
        ("BAAI/bge-large-en-v1.5", {"en"}),
        ("BAAI/bge-small-zh-v1.5", {"zh"}),
        ("moka-ai/m3e-base", {"zh", "en"}),
        ("/models/moka-ai/m3e-large", {"zh"}),
        ("jinaai/jina-embeddings-v2-base-de", {"de", "en"}),
        ("intfloat/e5-large-v2", {"en"}),
        ("BAAI/bge-m3", None),
        ("intfloat/multilingual-e5-small", None),
        ("acme/unheard-of", None),
        ("Qwen/Qwen2-0.5B-Instruct", None),
    ],
)
def test_languages_of_embedders(model: str, languages: set[str] | None) -> None:
    assert embedder_languages(model) == languages


def test_multilingual_minilm_knows_fifty_languages() -> None:
    known = embedder_languages("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2")
    assert known is not None
    assert {"zh", "en", "de", "ar"} <= known
    assert "ta" not in known


def test_an_english_embedder_is_weak_in_chinese(folder: Path, tiny_embedder: Path) -> None:
    named = tiny_embedder.parent / "all-MiniLM-L6-v2"
    if not named.exists():
        named.symlink_to(tiny_embedder)
    settings = {
        "embedder.kind": "huggingface", "embedder.model": str(named), "retriever.kind": "dense",
    }  # fmt: skip
    kb = ragkit.open(folder, preset="lite", settings=settings)
    kb.index()
    report = health(kb)
    assert found(report, "weak_language") == [("手册.md",)]
    assert not found(health(ragkit.open(folder, preset="lite")), "weak_language")


def test_states_follow_the_folder(kb: KnowledgeBase, folder: Path) -> None:
    def states() -> dict[str, str]:
        return {row.source: row.state for row in inventory(kb)}

    assert set(states().values()) == {"new"}
    (folder / "empty.md").write_text("", "utf-8")
    kb.index()
    assert states() == {
        "empty.md": "skipped", "guide/install.md": "indexed", "history.txt": "indexed",
        "手册.md": "indexed",
    }  # fmt: skip
    (folder / "new.md").write_text("New.\n", "utf-8")
    (folder / "history.txt").write_text("It was sold.\n", "utf-8")
    (folder / "手册.md").unlink()
    kb.notes.exclude(["guide/install.md"])
    assert states() == {
        "empty.md": "skipped", "guide/install.md": "excluded", "history.txt": "changed",
        "new.md": "new", "手册.md": "gone",
    }  # fmt: skip
    assert counts(inventory(kb))["gone"] == 1


def test_a_row_says_what_is_known(kb: KnowledgeBase, folder: Path) -> None:
    (folder / "gbk.txt").write_bytes((ZH * 3).encode("gbk"))
    kb.notes.note_upload("gbk.txt", sha256="", size=1)
    kb.index()
    row = next(row for row in inventory(kb) if row.source == "gbk.txt")
    assert (row.format, row.encoding, row.language, row.uploaded) == ("txt", "gb18030", "zh", True)
    assert row.characters == len(ZH) * 3
    assert row.nodes > 0
    assert row.size == (folder / "gbk.txt").stat().st_size


def test_the_report_finds_what_is_amiss(kb: KnowledgeBase, folder: Path) -> None:
    (folder / "noise.txt").write_bytes(bytes(range(256)) * 40)
    (folder / "photo.md").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (folder / "again.txt").write_bytes((folder / "history.txt").read_bytes())
    (folder / "long.md").write_text(EN + ZH + FR + RU + CS, "utf-8")
    (folder / "longer.md").write_text(EN + ZH + FR + RU + CS + "Edited.", "utf-8")
    (folder / "mojibake.txt").write_text((RU * 3).encode().decode("cp1251", "ignore"), "utf-8")
    kb.index()
    (folder / "late.md").write_text("Not read yet.\n", "utf-8")
    report = health(kb)
    assert sorted(found(report, "skipped")) == [("noise.txt",), ("photo.md",)]
    assert found(report, "duplicates") == [("again.txt", "history.txt")]
    assert found(report, "near_duplicates") == [("long.md", "longer.md")]
    assert found(report, "mojibake") == [("mojibake.txt",)]
    assert found(report, "pending") == [("late.md",)]
    totals = report.totals
    assert (totals.files, totals.indexed, totals.skipped, totals.pending) == (10, 7, 2, 1)
    assert totals.nodes == kb.index_status().nodes
    assert (totals.formats["md"], totals.formats["txt"]) == (4, 3)
    by_name = {file.source: file for file in report.files}
    assert by_name["mojibake.txt"].warnings == ("mojibake",)
    assert by_name["late.md"].state == "new"
    plain = json.loads(json.dumps(report.to_dict(), ensure_ascii=False))
    assert "PNG image" in " ".join(finding["message"] for finding in plain["findings"])


def test_a_sound_folder_has_no_findings(kb: KnowledgeBase) -> None:
    kb.index()
    report = health(kb)
    assert report.findings == ()
    assert report.texts_read == report.texts == 3


def test_pages_without_text_are_found(folder: Path, shared: Path) -> None:
    kb = ragkit.open(folder, preset="lite", settings={"ingest.ocr": "off"})
    kb.index()
    assert not found(health(kb), "empty_pages")
    scans = [p for p in (shared / "docs").rglob("*.pdf") if "ocr" in p.name]
    if not scans:
        pytest.skip("no scanned PDF in the shared data")
    (folder / scans[0].name).write_bytes(scans[0].read_bytes())
    kb.index()
    assert any("Scanned" in f.detail for f in health(kb).findings)


def test_time_is_bounded_and_said(kb: KnowledgeBase) -> None:
    kb.index()
    report = health(kb, seconds=-1.0)
    assert (report.texts_read, report.texts) == (0, 3)
    assert report.totals.indexed == 3


def test_an_index_that_never_was(kb: KnowledgeBase) -> None:
    report = health(kb)
    assert report.totals.indexed == 0
    assert found(report, "pending") == [("guide/install.md", "history.txt", "手册.md")]
    assert not Path(kb.index_uri).exists()


def test_overview_reads_again_only_when_something_changed(kb: KnowledgeBase, folder: Path) -> None:
    overview = Overview(kb)
    rows = overview.rows(0)
    assert overview.rows(0) is rows
    (folder / "new.md").write_text("New.\n", "utf-8")
    assert overview.rows(0) is rows
    assert len(overview.rows(1)) == 4
    (folder / "new.md").unlink()
    overview.forget()
    assert len(overview.rows(1)) == 3
    report = overview.health(1)
    assert overview.health(1) is report
    assert overview.health(2) is not report


def command(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ragkit", "index", *map(str, arguments), "--preset", "lite"],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", **environment},
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_report_is_written_as_json(folder: Path, tmp_path: Path) -> None:
    (folder / "empty.md").write_text("", "utf-8")
    (folder / ".hidden.md").write_text("x", "utf-8")
    (folder / ".ragkitignore").write_text("*.log\n", "utf-8")
    (folder / "a.log").write_text("x", "utf-8")
    code, said = command(folder, "--report", tmp_path / "r.json")
    assert code == 0
    assert "left out: 1 hidden, 1 by .ragkitignore" in said
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert report["left_out"] == {"hidden": 1, ".ragkitignore": 1}
    assert report["totals"]["indexed"] == 3
    by_name = {file["source"]: file for file in report["files"]}
    assert by_name["empty.md"]["reason"] == "Empty file."
    assert by_name["手册.md"]["seconds"] > 0
    assert report["totals"]["seconds"] >= by_name["手册.md"]["seconds"]
    assert by_name["手册.md"]["language"] == "zh"
    assert "a.log" not in by_name


def test_the_page_escapes_what_comes_from_files(folder: Path, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)> &amp; \u202egpj.md"
    (folder / hostile).write_text("A text of its own.\n", "utf-8")
    (folder / "<script>alert(1)<\\script>.pdf").write_bytes(b"%PDF-1.4 nothing")
    code, _ = command(folder, "--report", tmp_path / "r.html")
    assert code == 0
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "<img" not in page
    assert page.count("<script") == 1  # the page's own
    assert "&lt;script&gt;alert(1)&lt;\\script&gt;.pdf" in page
    assert "&lt;img src=x onerror=alert(1)&gt; &amp;amp;" in page
    policy = re.search(r"script-src 'sha256-([^']+)'", page)
    own = re.search(r"<script>(.*?)</script>", page, re.S)
    assert policy
    assert own
    assert policy[1] == base64.b64encode(hashlib.sha256(own[1].encode()).digest()).decode()
    assert "\u202e" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_speaks_the_language_of_the_terminal(folder: Path, tmp_path: Path) -> None:
    (folder / "empty.md").write_text("", "utf-8")
    command(folder, "--report", tmp_path / "r.html", LC_ALL="zh_CN.UTF-8")
    page = (tmp_path / "r.html").read_text("utf-8")
    assert '<html lang="zh">' in page
    assert "1 个文件未索引" in page
    assert "空文件。" in page
    assert "Empty file" not in page


def test_the_page_counts_every_file_among_the_languages(folder: Path, tmp_path: Path) -> None:
    (folder / "figures.csv").write_text("1,2\n3,4\n", "utf-8")
    code, _ = command(folder, "--report", tmp_path / "r.html")
    assert code == 0
    plot = (tmp_path / "r.html").read_text("utf-8").partition(">Languages<")[2]
    plot = plot.partition("</figure>")[0]
    assert ">unknown<" in plot
    assert sum(map(int, re.findall(r"<b>(\d+)</b>", plot))) == 4


def _written(node: ast.AST) -> str:
    """Return the text that an expression writes, with ``docx`` for what it fills in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_written(value) for value in node.values)
    if isinstance(node, ast.BinOp):
        return _written(node.left) + _written(node.right)
    return "docx"


def _reasons() -> Iterator[str]:
    """Yield the reasons that readers and uploads raise, as their source words them.

    And those of the readers as the report groups them.
    """
    package = Path(ragkit.__file__).parent
    readers = [*(package / "ingest" / "readers").glob("*.py")]
    readers += [package / "ingest" / name for name in ("extract.py", "workers.py")]
    for file in [*readers, package / "uploads.py"]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "IngestError":
                said = _written(node.args[0])
                yield from (said, _group(said)) if file in readers else (said,)


def test_every_reason_has_chinese_words() -> None:
    texts = [text for text in _reasons() if not text.startswith("docx")]  # begun elsewhere
    assert len(texts) > 40
    for text in texts:
        if not text.startswith("This is docx"):
            assert re.search("[\u4e00-\u9fff]", reason(text, "zh")), text


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        ("Damaged zip container: its end is missing. It may be", "缺少结尾"),
        ("Damaged docx: its end is missing. It may be", "docx 文件已损坏：缺少结尾"),
        ("Damaged XML: not well-formed (invalid token).", "XML 文件已损坏。"),
        ("Too large: 30 MB, limit 20 MB.", "太大：30 MB，上限 20 MB。"),
        ("This is a tar archive. Unpack it into the folder.", "请解压到文件夹中"),
        ("This is a gzip archive, not a text document.", "gzip 压缩包，不是文本文档。"),
        ("This is a PNG image, not a text document.", "PNG 图像"),
        ("This is a PostScript file. Convert it to PDF.", "转换为 PDF"),
        ("Old Word format (.doc). Save it as .docx.", "旧版 Word 格式，请另存为 .docx。"),
        ("Outlook message (.msg). Save it as .eml or text.", "请另存为 .eml 或文本"),
        ("A symbolic link to nothing.", "指向不存在"),
        ("XML nested more than 256 levels deep.", "嵌套过深"),
        ("Wrong password for this Office file. Correct it in the password file.", "Office 的密码"),
        ("Wrong password for this PDF", "PDF 的密码不对"),
        ("Reading it took longer than 60 s.", "读取超过 60 秒"),
        ("Reading it took longer than … s", "读取超过 … 秒"),
        ("Reading it needs more than 800 MB of memory.", "800 MB"),
        ("Its reader failed: ValueError.", "读取程序出错"),
        ("Damaged file: the reader crashed (signal 11).", "崩溃"),
    ],
)
def test_a_reason_says_in_chinese_what_it_says_in_english(said: str, chinese: str) -> None:
    assert chinese in reason(said, "zh")


def test_only_files_that_take_a_password_are_promised_one() -> None:
    assert "--password-file" in reason(
        "Password-protected PDF. Give its password with --password-file.", "zh"
    )
    for kind in ("zip container", "ODT file"):
        said = reason(f"Password-protected {kind}. Save it without a password.", "zh")
        assert "另存为无密码" in said
        assert "--password-file" not in said


def test_a_file_read_in_no_time_has_its_time(folder: Path) -> None:
    kb = ragkit.open(folder, preset="lite")
    kb.index()
    (folder / "last.md").write_text("Small.\n", "utf-8")  # no process has to start for it
    kb.index()
    assert all(file.seconds > 0 for file in health(kb).files)


def test_pages_in_both_languages_say_the_same_things() -> None:
    english, chinese = WORDS["en"], WORDS["zh"]
    assert set(english) == {key for key in chinese if not key.startswith("f_")}
    for key, text in english.items():
        names = re.findall(r"\{\w+\}", text)
        assert sorted(names) == sorted(re.findall(r"\{\w+\}", chinese[key])), key
    warned = {f"f_{kind}" for kind in MESSAGES} - {"f_skipped"}
    assert warned <= set(chinese)
    assert {f"w_{kind}" for kind in MESSAGES} <= set(english)


@pytest.mark.parametrize("name", ["r.txt", "r", "none/r.html"])
def test_a_report_that_cannot_be_written_is_said_first(
    folder: Path, tmp_path: Path, name: str
) -> None:
    code, said = command(folder, "--report", tmp_path / name, "--index", tmp_path / "i.db")
    assert code == 2
    assert "--report" in said
    assert not (tmp_path / "i.db").exists()


def test_files_with_one_text_keep_their_own_encodings(kb: KnowledgeBase, folder: Path) -> None:
    for encoding in ("gb18030", "utf-8", "utf-16"):
        (folder / f"{encoding}.txt").write_bytes((ZH * 3).encode(encoding))
    kb.index()
    own = {file.source: file.encoding for file in health(kb).files if file.source.endswith("txt")}
    assert own["gb18030.txt"] == "gb18030"
    assert own["utf-8.txt"] == "utf-8"
    assert own["utf-16.txt"].startswith("utf-16")
