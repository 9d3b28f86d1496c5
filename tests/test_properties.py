"""What holds of any text: splitter, sentences, terms, encodings, front matter, dates, patterns."""

from __future__ import annotations

import codecs
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import date
from unicodedata import bidirectional

import fuzz_targets as targets
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from property_support import SCRIPTS, any_text, natural_text

from ragkit.errors import IngestError
from ragkit.ingest.ignore import parse_ignore_lines
from ragkit.ingest.lines import soft_runs
from ragkit.ingest.readers.content import clean, one_line, scalars
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.encoding import decode
from ragkit.ingest.readers.front_matter import front_matter
from ragkit.ingest.sentences import iter_sentences, sentence_spans
from ragkit.ingest.splitter import split
from ragkit.retrieve.token_counts import count_tokens
from ragkit.retrieve.tokenizer import fold, normalize, terms

ENCODINGS = [
    ("zh", "gb18030"), ("zh", "gbk"), ("zh-Hant", "big5"), ("ja", "cp932"), ("ja", "euc_jp"),
    ("ja", "iso2022_jp"), ("ko", "euc_kr"), ("ru", "cp1251"), ("ru", "koi8_r"), ("ru", "cp866"),
    ("el", "cp1253"), ("ar", "cp1256"), ("he", "cp1255"), ("th", "cp874"), ("de", "cp1252"),
    ("fr", "cp1252"), ("pl", "cp1250"), ("tr", "cp1254"),
]  # fmt: skip
WIDE = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-32",
    "utf-16-le",
    "utf-16-be",
    "utf-32-le",
    "utf-32-be",
)


# Nodes


@given(
    text=any_text(),
    kind=st.integers(0, 3),
    size=st.integers(1, 120),
    overlap=st.integers(0, 40),
    markup=st.sampled_from(["text", "markdown", "rst", "table"]),
)
@settings(max_examples=2 * settings.default.max_examples)
def test_nodes_cover_the_text(text: str, kind: int, size: int, overlap: int, markup: str) -> None:
    count = targets._counter(kind)
    overlap = min(overlap, size - 1)
    spans = split(text, count_tokens=count, chunk_size=size, chunk_overlap=overlap, markup=markup)
    targets.check_spans(text, spans, count=count, size=size, overlap=overlap)
    again = split(text, count_tokens=count, chunk_size=size, chunk_overlap=overlap, markup=markup)
    assert spans == again
    assert all(title.strip() and "\n" not in title for span in spans for title in span.heading_path)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "字",
        "苍鹭在黎明。",
        "A heron. ",
        "กา",
        "e\u0301",
        "\u202e ",
        "\ud800",
        "\0",
        "<!--",
        '"',
        "|",
        "a_b-",
    ],
)
def test_five_megabytes_on_one_line(unit: str) -> None:
    """An eighth of it and then all: four times the time of a text that is four times as long."""
    took = []
    for size in (40_000, 160_000):
        text = unit * (size // len(unit))
        began = time.process_time()
        spans = split(text, count_tokens=count_tokens, chunk_size=200)
        took.append(time.process_time() - began)
        targets.check_spans(text, spans, count=count_tokens, size=200)
    assert took[1] < max(0.5, 9 * took[0]), "not linear"
    assert took[1] * 5_000_000 / 160_000 < 120, "5 MB would take minutes"


# Sentences and terms


@given(any_text())
def test_sentences_terms_and_blocks(text: str) -> None:
    targets.tokenizer(text.encode("utf-8", "surrogatepass"))


@given(any_text(), st.integers(0, 200), st.integers(0, 200))
def test_sentences_of_a_part_stay_in_it(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    end = min(len(text), start + length)
    at = start
    for begin, stop in iter_sentences(text, start, end):
        assert at <= begin < stop <= end
        assert not text[at:begin].strip()
        at = stop
    assert not text[at:end].strip()
    runs = list(soft_runs(text, start, end))
    assert all(start <= run.start < run.end <= end for run in runs)


@given(any_text())
def test_a_sentence_alone_stays_one(text: str) -> None:
    """What was cut once is not cut further when it is looked at alone, but for marks at its end."""
    for start, end in sentence_spans(text)[:20]:
        own = text[start:end]
        pieces = sentence_spans(own)
        assert pieces[0][0] == 0
        assert pieces[-1][1] == len(own)


@given(any_text())
def test_normal_forms_are_stable(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)
    assert clean(clean(text)) == clean(text)
    assert one_line(one_line(text)) == one_line(text)
    assert "\n" not in one_line(text)
    for word in terms(text)[:50]:
        assert fold(fold(word)) == fold(word)
        word.encode("utf-8", "surrogatepass")


# Encodings


@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
@settings(max_examples=max(10, settings.default.max_examples // 6))
@given(data=st.data())
def test_legacy_encodings_are_told_by_a_few_words(
    language: str, encoding: str, data: st.DataObject
) -> None:
    text = data.draw(natural_text(language))
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Her sabah kımıldamadan balığı", "cp1254"),
        ("Czapla stoi o świcie w trzcinach. Każdego ranka", "cp1250"),
        ("ron se dresse à l'aube dans les roseaux", "cp1252"),
        ("¿Qué hace la garza? ¡Espera un pez!", "cp1252"),
    ],
)
def test_a_few_letters_that_could_be_others(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@given(st.sampled_from(list(SCRIPTS)).flatmap(natural_text), st.sampled_from(WIDE))
def test_unicode_encodings_come_back(text: str, encoding: str) -> None:
    found = decode((text + "\n1 2").encode(encoding))
    assert found.text == text + "\n1 2"
    assert found.replaced == 0


@given(any_text())
def test_any_unicode_text_comes_back(text: str) -> None:
    targets.encodings(text.encode("utf-8", "surrogatepass"))


@given(
    st.sampled_from(list(SCRIPTS)).flatmap(natural_text),
    st.sampled_from(["utf-8", "utf-16", "utf-32"]),
    st.integers(1, 3),
)
def test_a_cut_character_costs_itself_alone(text: str, encoding: str, gone: int) -> None:
    text = text * 3
    data = text.encode(encoding)
    found = decode(data[:-gone])
    whole = text[: len(data[:-gone].decode(encoding, "ignore"))]
    assert found.text.rstrip("\ufffd") == whole.rstrip("\ufffd")
    assert len(found.text) <= len(text)


@given(st.binary(min_size=200, max_size=3000), st.integers(0, 10_000))
def test_random_bytes_are_no_text(data: bytes, seed: int) -> None:
    noise = random.Random(seed).randbytes(len(data))
    with pytest.raises(IngestError):
        decode(noise)


@given(
    st.lists(
        st.tuples(st.sampled_from(["zh", "ru", "ja"]).flatmap(natural_text)), min_size=2, max_size=4
    ),
    st.lists(natural_text("zh"), min_size=2, max_size=4),
)
def test_lines_in_two_encodings(first: list[tuple[str]], second: list[str]) -> None:
    """A file to which one program wrote UTF-8 and another GBK."""
    utf8 = [line for (text,) in first for line in text.split("\n")]
    gbk = [line for text in second for line in text.split("\n")]
    assume(all(codecs.encode(line, "gbk") for line in gbk))
    data = "\n".join(utf8).encode() + b"\n" + "\n".join(gbk).encode("gbk")
    assert decode(data).text == "\n".join([*utf8, *gbk])


# Fields and dates


@given(any_text())
@example("---\n? {a: b}\n: c\n---\n")
@example("+++\na = 1e400\n+++\n")
@example("---\ndate: 2024-02-30\n---\n")
@example("---\na: 0b1_0\nb: 1:30\nc: !!binary YQ==\n---\n")
def test_front_matter_never_fails(text: str) -> None:
    for marker in ("", "---\n", "+++\n"):
        targets.fields(f"{marker}{text}\n{marker}text".encode("utf-8", "surrogatepass"))


KEYS = st.text(st.characters(categories=["Ll", "Lo"]), min_size=1, max_size=8)
VALUES = st.one_of(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20).map(lambda t: f"v{t}"),
    st.integers(-(2**40), 2**40),
    st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True),
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5))
def test_front_matter_comes_back(fields: dict[str, object]) -> None:
    import yaml

    assume(not {key.lower() for key in fields} & {"date", "title", "url", "tag", "tags"})
    block = yaml.safe_dump(fields, allow_unicode=True)
    found, end = front_matter(f"---\n{block}---\nThe text")
    assert f"---\n{block}---\nThe text"[end:] == "The text"
    for key, value in fields.items():
        name = next((n for n in (key, f"front_{key}") if n in found), None)
        if name is not None:
            assert found[name] == (
                scalars({"": value})[""] if not isinstance(value, list) else value
            )
    assert len(found) >= len(fields) - sum(key in ("y", "n", "yes", "no") for key in fields) - 2


@given(st.dates(date(1000, 1, 1)), st.sampled_from(["{0:%Y}-{0:%m}-{0:%d}",
        "{0:%Y}/{0.month}/{0.day}",
    "{0:%Y}{0:%m}{0:%d}", "{0.year}年{0.month}月{0.day}日", "{0:%B} {0.day}, {0.year}",
        "{0.day} {0:%b} {0.year}",
    "{0:%Y-%m-%d}T10:00:00Z", "{0:%a}, {0.day} {0:%b} {0.year} 10:00:00 +0000"]))  # fmt: skip
def test_days_are_read(day: date, form: str) -> None:
    assert iso_day(form.format(day)) == day.isoformat()


@given(any_text(4) | st.text("0123456789-/.年月日 TZ:,", max_size=20))
def test_what_is_no_day_is_none(text: str) -> None:
    found = iso_day(text)
    if len(found) == 10:
        assert date.fromisoformat(found)


# Patterns


PIECES = ["a", "b", "*", "?", "**", "/", "[ab]", "[!a]", "[a-c]", "\\", "1", ".md", "!", "#", "foo",
          "[[:alpha:]]", "[]a]", "-", "[", " ", "é", "字", "[^b]", "\\*", "[\\]]", "**/",
          "/**"]  # fmt: skip
NAMES = [
    "a",
    "b",
    "ab",
    "a.md",
    "foo",
    "a b",
    "A",
    " x",
    "[a]",
    "#h",
    "!n",
    ".dot",
    "é",
    "字",
    "b*",
    "foo1",
]


@pytest.fixture(scope="module")
def git(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[list[str], list[str]], set[str]]]:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    place = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q", place], check=True)
    command = ["git", "-C", str(place), "-c", "core.ignorecase=false", "check-ignore",
        "--no-index", "-z",
               "--stdin"]  # fmt: skip

    def ignored(lines: list[str], paths: list[str]) -> set[str]:
        (place / ".gitignore").write_text("\n".join(lines) + "\n", "utf-8")
        asked = "\0".join(paths) + "\0"
        done = subprocess.run(command, input=asked.encode(), capture_output=True, check=False)
        return set(done.stdout.decode().split("\0")) - {""}

    return ignored


@given(
    lines=st.lists(
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join),
        min_size=1,
        max_size=4,
    ),
    paths=st.lists(
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join),
        min_size=5,
        max_size=30,
    ),
    folders=st.booleans(),
)
def test_patterns_mean_what_git_says(
    git: Callable[[list[str], list[str]], set[str]],
    lines: list[str],
    paths: list[str],
    folders: bool,
) -> None:
    lines = [line for line in lines if line.strip()]
    # Git counts bytes where a set or a question mark meets a letter of several; people do not.
    if any(mark in "".join(lines) for mark in "?["):
        paths = [path for path in paths if path.isascii()]
        lines = [line for line in lines if line.isascii()]
    assume(lines and paths)
    asked = sorted({path + "/" * folders for path in paths})
    file = parse_ignore_lines(lines)

    def left_out(path: str) -> bool:
        parts = path.rstrip("/").split("/")
        return any(
            file.verdict(parts[:n], is_folder=n < len(parts) or path.endswith("/"))
            for n in range(1, len(parts) + 1)
        )

    assert {path for path in asked if left_out(path)} == git(lines, asked)


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_any_pattern_and_path(pattern: str, names: list[str]) -> None:
    names = [name.replace("/", "") or "a" for name in names]
    targets.ignore(("/".join(names) + "\n" + pattern).encode("utf-8", "surrogatepass"))


def test_a_seed_of_each_kind_of_text_is_drawn() -> None:
    """The strategies reach what they are for: otherwise the properties would prove little."""
    seen: set[str] = set()

    @settings(max_examples=300, database=None)
    @given(any_text())
    def draw(text: str) -> None:
        seen.update(
            name
            for name, found in {
                "surrogate": any("\ud800" <= c <= "\udfff" for c in text),
                "astral": any(c > "\uffff" for c in text),
                "nul": "\0" in text,
                "rtl": any(bidirectional(c) in ("R", "AL", "RLO") for c in text),
                "long": len(text) > 500,
                "empty": not text,
            }.items()
            if found
        )

    draw()
    assert seen == {"surrogate", "astral", "nul", "rtl", "long", "empty"}
