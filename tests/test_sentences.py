"""Sentence boundaries: each script's own stops, and what only looks like a stop."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.ingest import lines
from ragkit.ingest.sentences import iter_sentences, sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        # English
        ["Dr. Smith uses v2.4.x, e.g. on 3.14 boards.", "It works... well.", "See Fig. 3."],
        ["J. R. R. Tolkien wrote it.", "It is World War II. fiction, i.e. not that."],
        ["The U.S. Army left.", "He moved to the U.S.", "The end."],
        ["She said no.", "No. 5 is alive.", "Really?!", "Yes."],
        ['"Stop!" he said.', '"Go."', "(She left.)", "End"],
        ["It was so.[1]", "It is not.[2][3]", "Open https://a.b/c?d=e!f now."],
        ["Wait...", "Then it came… slowly."],
        # German, Spanish, Russian, Greek, Turkish
        ["Das gilt z. B. am 3. Oktober.", "Im 19. Jahrhundert d. h. früher."],
        ["¿Qué tal?", "¡Bien!", "El Sr. Ruiz vive en EE.UU. y no aquí."],
        ["В 1990 г. он и т. д.", "Потом А. С. Пушкин, см. рис. 5.", "Да."],
        ["Είναι αυτό;", "Ναι.", "Όχι;"],
        ["Saat 3.5 oldu.", "Bkz. Ankara."],
        # The other scripts' own stops
        ["यह पहला वाक्य है।", "यह दूसरा है॥", "तीसरा?"],
        ["هل هذا سؤال؟", "نعم۔", "انتهى الأمر.", "حسنا"],
        ["မြန်မာ။", "ဒုတိယ။"],
        ["នេះជាប្រយោគ។", "ពីរ។"],
        ["ሰላም።", "እንዴት፧", "ደህና።"],
        ["Այո։", "Ոչ։"],
    ],
)
def test_sentences_of_scripts_with_spaces(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["他说：“好。”", "然后他走了。", "真的吗？！", "是的……也许。"],
        ['他说："好。"', "然后走了。", '"你好，"他说。'],
        ["“好！”，他说（笑）。", "完。"],
        ["请安装 v2.4.x 版本。", "圆周率是3.14。", "访问 a.com?b=c。"],
        ["你好吗?", "我很好.", "走吧!", "好"],
        ["「行く。」と彼は言った。", "次の文です。", "「終わり」"],
        ["他是E.I.杜邦。", "还有Ａ．纳戴。"],
    ],
)
def test_sentences_of_scripts_without_spaces(expected: list[str]) -> None:
    assert sentences("".join(expected)) == expected


def test_thai_breaks_at_a_space_only_once_a_phrase_is_long_enough() -> None:
    phrase = "การจัดการข้อมูลขนาดใหญ่ในระบบคอมพิวเตอร์ต้องใช้หน่วยความจำและเวลาในการประมวลผลเป็นจำนวนมาก"
    assert len(phrase) >= 80
    assert sentences(f"{phrase} {phrase} วิลเลียม ฟาเรล") == [phrase, f"{phrase} วิลเลียม ฟาเรล"]
    assert sentences("รางขนาด 1,600 มม. (5 ฟุต) เป็นหลัก") == ["รางขนาด 1,600 มม. (5 ฟุต) เป็นหลัก"]


def test_wrapped_lines_join_and_blank_lines_end() -> None:
    wrapped = (
        "The index is kept in one file, which every process on this machine\n"
        "Opens at once. It is never rewritten as a whole, so that a crash costs\n"
        "nothing"
    )
    assert sentences(wrapped + "\n\nNext") == [
        wrapped.split(" It is")[0],
        "It is" + wrapped.split(" It is")[1],
        "Next",
    ]
    assert sentences("这是一句被硬\n换行的话。") == ["这是一句被硬\n换行的话。"]
    assert sentences("This uses e.g.\r\nwrapped lines.") == ["This uses e.g.\r\nwrapped lines."]


def test_lines_that_end_early_are_their_own_sentences() -> None:
    assert sentences("Name: Ann\nAge: 30\nCity: Rome") == ["Name: Ann", "Age: 30", "City: Rome"]
    title, body = "概述", "本文介绍如何在一台没有网络的机器上安装并运行这个软件，读完需要五分钟。"
    assert sentences(f"{title}\n{body}") == [title, body]


@pytest.mark.parametrize(
    "expected",
    [
        ["# Title", "Text here.", "More.", "## Next"],
        ["Intro:", "- first", "* third", "1. fourth", "2) fifth", "（3）第六"],
        ["Title\n=====", "body"],
        ["| a | b. C |\n|---|---|", "| 1 | 2 |", "after"],
        ["```py", "x = 1. Y", "# z", "```", "Done."],
        ["---", "title: A. b", "summary: c", "---", "Text"],
        ["> **Note:**\n>", "> Read this."],
    ],
)
def test_structure_ends_sentences(expected: list[str]) -> None:
    assert sentences("\n".join(expected)) == expected


def test_a_list_item_may_hold_sentences() -> None:
    assert sentences("- First. Second\n- Third") == ["- First.", "Second", "- Third"]


def test_a_fence_cut_off_at_its_beginning_does_not_make_the_rest_code() -> None:
    assert sentences("y = 2\n```\nOne. Two.") == ["y = 2", "```", "One.", "Two."]


def test_a_range_gives_offsets_into_the_whole_text() -> None:
    text = "Skip this. One here. Two here. Not this."
    spans = list(iter_sentences(text, 11, 30))
    assert [text[a:b] for a, b in spans] == ["One here.", "Two here."]


@pytest.mark.parametrize("text", ["", "  \n\t\u3000\n "])
def test_white_space_has_no_sentences(text: str) -> None:
    assert sentence_spans(text) == []


FRAGMENTS = st.sampled_from(
    [
        *("Hello world. ", "他说：“好。”", "ภาษาไทย ", "यह है। ", "# H\n", "- a ", "1. x", "> q\n"),
        *("```\n", "| a | b |\n", "|---|---|\n", "===\n", "---\n", "\n", "\n\n", "\r\n", "\r"),
        *(
            "\x0c",
            "\u2028",
            "\u3000",
            " ",
            "...",
            "…",
            '"',
            ")",
            "*",
            "e\u0301",
            "👨‍👩‍👧",
            "\ud800",
        ),
        *("v2.4 ", "Dr. ", "A. ", "; ", "，", "+++\n", "<b>\n", "\x00", "\ufeff", "汉" * 30),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(FRAGMENTS, max_size=40).map("".join)))
def test_spans_are_trimmed_in_order_and_cover_the_text(text: str) -> None:
    covered: set[int] = set()
    last = 0
    for start, end in sentence_spans(text):
        assert last <= start < end
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
        covered.update(range(start, end))
        last = end
    assert all(i in covered for i, char in enumerate(text) if not char.isspace())


def test_hostile_text_takes_linear_time() -> None:
    """Each of these makes a backtracking pattern quadratic: minutes, not the second or so here."""
    for unit in ("a. ", "。", ".)", '."', "` ", "| ", "- ", "> ", "[1]", "ก ", ";", "\n-", "a\n="):
        text = unit * (200_000 // len(unit))
        assert sentence_spans(text)[-1][1] == len(text.rstrip())
    spaces = "ก" + " " * 200_000
    assert sentence_spans(spaces * 2) == [(0, 200_002)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("端口是 8501。`DATA` 默认是 data。", ["端口是 8501。", "`DATA` 默认是 data。"]),
        ("**端口是 8501。**默认是 data。", ["**端口是 8501。**", "默认是 data。"]),
        ("端口是 8501。**默认**是 data。", ["端口是 8501。", "**默认**是 data。"]),
        ("先运行 `make。`然后等。", ["先运行 `make。`", "然后等。"]),
        ("It is *done.* Next.", ["It is *done.*", "Next."]),
    ],
)
def test_marks_of_code_and_emphasis_stay_with_their_sentence(
    text: str, sentences: list[str]
) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


@pytest.mark.parametrize("stamp", ["{} ", "[{}] ", "{},123 "])
def test_an_entry_of_a_log_is_not_the_end_of_the_one_before(stamp: str) -> None:
    at = [stamp.format(f"2024-02-08 00:44:{second}") for second in (18, 21, 31)]
    entries = [
        f"{at[0]}INFO worker-7 request id=32022399 served in 657 ms",
        f"{at[1]}ERROR worker-3 disk /dev/sdb1 full: cannot write the checkpoint\n  heron-77",
        f"{at[2]}INFO worker-1 request id=32022399 served in 12 ms",
    ]
    text = "\n".join(entries)
    assert [text[start:end] for start, end in sentence_spans(text)] == entries


_BITS = [
    *"-*+=~`|#>:.)(]_\"'; ", "\n", "\n\n", "\r\n", "\r", "\x0c", "\x1c", "\x85", "\u2028", "a",
    "iv", "b)", "Two words", "第3章", "三、", "甲乙", "①", "Ⓐ", "١", "１", "(a)", "1. ", "12.3",
    "```", "~~~", "---", "===", " | ", "| x |", "Name: Ann", "a: b; c: d; e: f", ":field: ", "é",
    "2024-01-02 03:04:05", "<p>", "<!--", ".. x", "\u0e01", "ﬀ",
]  # fmt: skip
_TEXTS = st.lists(st.sampled_from(_BITS), max_size=20).map("".join)


@given(_TEXTS)
@settings(max_examples=300)
def test_a_line_told_by_its_first_letter_is_read_as_any_other(text: str) -> None:
    quick = list(lines.soft_runs(text, 0, len(text)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_NO_MARK", re.compile(r"(?!)"))
        assert list(lines.soft_runs(text, 0, len(text))) == quick


@given(_TEXTS, st.integers(1, 9))
def test_lines_are_the_same_however_many_are_held_at_once(text: str, block: int) -> None:
    whole = list(lines.soft_runs(text, 0, len(text)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", block)
        assert list(lines.soft_runs(text, 0, len(text))) == whole


def test_a_line_ends_where_python_ends_it() -> None:
    for code in range(0x3000):
        assert len(f"a{chr(code)}b".splitlines()) == 1 + len(lines.LINE_BREAK.findall(chr(code)))
    assert [m[0] for m in lines.LINE_BREAK.finditer("\r\n\r\r\n\n\r")] == [
        "\r\n",
        "\r",
        "\r\n",
        "\n",
        "\r",
    ]
