"""A source in its surroundings, also when its file has changed or gone; and the file itself."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ragkit
from ragkit.errors import IngestError, StoreError
from ragkit.originals import find_original, is_pdf, read_original
from ragkit.passages import passage
from ragkit.types import Answer, Citation, SourceNode

TEXT = (
    "First words of the file. Some more of them follow here.\n\n"
    "The tower is forty metres high. It was built in 1862. A stair leads up.\n\n"
    "The last part begins. It says little, and then the file ends."
)
NODE = "The tower is forty metres high. It was built in 1862. A stair leads up."


class Files:
    """Extracted texts by source, as a knowledge base has them."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def text(self, source: str) -> str:
        if source not in self.texts:
            raise StoreError(f"There is no indexed file {source!r}. Index its folder first.")
        return self.texts[source]


def answer(
    *quotes: str, start: int | None = TEXT.index(NODE), node: str = NODE, source: str = "a"
) -> Answer:
    offset = start or 0
    citations = []
    for quote in quotes:
        at = node.index(quote)
        place = offset + at
        citations.append(Citation(1, source, 3, place, place + len(quote), quote))
    return Answer(
        question="How high?",
        text="High. [1]",
        refused=False,
        preset="lite",
        sentences=(),
        citations=tuple(citations),
        sources=(SourceNode(1, source, 3, 2.5, node, start, "Towers > The new one"),),
    )


def test_a_passage_is_a_piece_of_its_file() -> None:
    found = passage(Files(a=TEXT), answer("forty metres", "1862"), 1)
    assert found.before + found.text + found.after == TEXT
    assert [found.text[a:b] for a, b in found.spans] == ["forty metres", "1862"]
    assert (found.source, found.page, found.score) == ("a", 3, 2.5)
    assert found.heading == "Towers > The new one"
    assert found.state == "current"
    assert not found.more_before
    assert not found.more_after


def test_surroundings_are_cut_where_sentences_begin_and_end() -> None:
    found = passage(Files(a=TEXT), answer(), 1, around=40)
    assert found.before == "Some more of them follow here.\n\n"
    assert found.after == "\n\nThe last part begins. "
    assert found.more_before
    assert found.more_after
    none = passage(Files(a=TEXT), answer(), 1, around=0)
    assert (none.before, none.after) == ("", "")


@given(
    st.text("ab .。\n", max_size=400), st.integers(0, 400), st.integers(0, 60), st.integers(0, 500)
)
def test_any_piece_of_any_file(text: str, begin: int, size: int, around: int) -> None:
    node = text[begin : begin + size]
    if not node:
        return
    found = passage(Files(a=text), answer(start=begin, node=node), 1, around=around)
    assert found.start == begin
    assert found.before + found.text + found.after in text
    assert len(found.before) <= around
    assert len(found.after) <= around
    assert found.more_before == (begin - len(found.before) > 0)
    assert found.more_after == (begin + len(node) + len(found.after) < len(text))


def test_a_node_without_an_offset_is_found_by_its_text() -> None:
    found = passage(Files(a=TEXT), answer("1862", start=None), 1)
    assert found.start == TEXT.index(NODE)
    assert found.before + found.text + found.after == TEXT
    assert [found.text[a:b] for a, b in found.spans] == ["1862"]


def test_a_passage_that_moved_is_found_again_the_nearest_one() -> None:
    moved = "New beginning. " + TEXT
    found = passage(Files(a=moved), answer("1862"), 1)
    assert found.state == "current"
    assert found.before.startswith("New beginning.")
    twice = NODE + "\n" * 300 + NODE + "\n" + NODE
    found = passage(Files(a=twice), answer(start=300 + len(NODE) - 3), 1)
    assert found.start == 300 + len(NODE)


def test_a_file_that_changed_or_went_shows_what_the_answer_has() -> None:
    for files, state in ((Files(a="Other text."), "changed"), (Files(), "gone")):
        found = passage(files, answer("1862"), 1)
        assert found.state == state
        assert (found.before, found.text, found.after) == ("", NODE, "")
        assert [found.text[a:b] for a, b in found.spans] == ["1862"]
        assert found.start is None


def test_an_index_that_cannot_be_read_is_no_news_of_the_file() -> None:
    class Broken:
        def text(self, source: str) -> str:
            raise StoreError("The index is damaged.")

    with pytest.raises(StoreError, match="damaged"):
        passage(Broken(), answer(), 1)


def test_overlapping_and_false_quotes() -> None:
    made = answer("tower is forty", "forty metres")
    wrong = Citation(1, "a", 3, 5, 9, "not in it")
    astray = Citation(1, "a", 3, 0, 4, "1862")
    other = Citation(2, "b", 1, 0, 4, "high")
    made = replace(made, citations=(*made.citations, wrong, astray, other))
    found = passage(Files(a=TEXT), made, 1)
    assert [found.text[a:b] for a, b in found.spans] == ["tower is forty metres", "1862"]


def test_only_sources_of_the_answer_have_passages() -> None:
    for n in (0, 2, -1):
        with pytest.raises(ValueError, match="no source"):
            passage(Files(a=TEXT), answer(), n)


def test_of_a_real_answer(folder: Path, tmp_path: Path) -> None:
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="lite")
    made = kb.ask("When was the lighthouse of Alnmouth built?")
    found = passage(kb, made, made.citations[0].n)
    assert found.state == "current"
    assert [found.text[a:b] for a, b in found.spans] == [
        c.quote for c in made.citations if c.n == found.n
    ]
    assert (found.before + found.text + found.after) in kb.text(found.source)
    (folder / "history.txt").unlink()
    kb.index()
    assert passage(kb, made, found.n).state == "gone"


def test_originals_are_read_from_inside_the_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.md").write_bytes(b"inside")
    (tmp_path / "secret.md").write_bytes(b"outside")
    (folder / "out.md").symlink_to(tmp_path / "secret.md")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in.md").symlink_to(folder / "deep" / "a.md")
    os.mkfifo(folder / "pipe.md")
    assert read_original(folder, "deep/a.md") == b"inside"
    assert read_original(folder, "in.md") == b"inside"
    for source in ("out.md", "up/secret.md", "../secret.md", "/etc/passwd", "deep/../../secret.md",
                   "pipe.md", "deep", "missing.md", "a\0.md", "", ".", "deep/a.md/x"):  # fmt: skip
        with pytest.raises(IngestError) as caught:
            read_original(folder, source)
        assert str(tmp_path) not in str(caught.value)


def test_originals_have_a_limit_and_a_kind(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x" * 2_000_000)
    with pytest.raises(IngestError, match="2 MB; at most 1 MB"):
        read_original(tmp_path, "a.bin", most=1_000_000)
    (tmp_path / "b.dat").write_bytes(b"\n%PDF-1.4 ...")
    assert is_pdf(find_original(tmp_path, "b.dat"))
    assert not is_pdf(tmp_path / "a.bin")
    assert not is_pdf(tmp_path / "missing")


def test_a_name_that_is_not_utf8_is_found(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"menu")
    assert read_original(tmp_path, "caf\\xe9.txt") == b"menu"
