"""Texts of which the embedder makes no vector: they cost their own files, and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import ragkit
import ragkit.indexing as indexing
from ragkit.errors import StoreError
from ragkit.knowledge import KnowledgeBase
from ragkit.types import IndexReport


def run(
    kb: KnowledgeBase, folder: Path, embed: Callable[[Sequence[str]], list[list[float]]]
) -> IndexReport:
    return indexing.sync(
        folder,
        kb._store,
        sizing=indexing.Sizing(len, 200),
        detect_language=lambda text: None,
        embed=embed,
        max_bytes=10**6,
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0])
def test_a_text_without_a_vector_costs_its_own_files_alone(
    folder: Path, tmp_path: Path, bad: float
) -> None:
    kb = ragkit.open(folder, index=tmp_path / "v.db", preset="lite")
    (folder / "grown.md").write_text("The kettle is blue.\n", "utf-8")

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return [[bad] * 3 if "XYZZY" in t else [float(len(t)), 1.0, 2.0] for t in texts]

    before = run(kb, folder, embed)
    (folder / "cursed.md").write_text("The spell is XYZZY.\n", "utf-8")
    (folder / "cursed copy.txt").write_text("The spell is XYZZY.\n", "utf-8")
    (folder / "grown.md").write_text("The kettle is XYZZY now.\n", "utf-8")
    (folder / "new.md").write_text("The heron waits.\n", "utf-8")
    after = run(kb, folder, embed)
    names = ["cursed copy.txt", "cursed.md", "grown.md"]
    assert [file.source for file in after.skipped] == names
    assert all("vector" in file.reason for file in after.skipped)
    assert (after.added, after.updated, after.deleted) == (("new.md",), (), ("grown.md",))
    assert {d.source for d in kb.documents()} == {*before.added, "new.md"} - {"grown.md"}
    counts = kb._store.catalog.counts()
    assert counts.vectors == counts.nodes == after.nodes

    again = run(kb, folder, embed)  # known by now, and still told
    assert [file.source for file in again.skipped] == names
    assert not again.added


def test_an_embedder_that_always_fails_ends_the_run_and_blames_no_file(
    folder: Path, tmp_path: Path
) -> None:
    kb = ragkit.open(folder, index=tmp_path / "v.db", preset="lite")
    with pytest.raises(StoreError, match="of any text"):
        run(kb, folder, lambda texts: [[float("nan")] * 3 for _ in texts])
    done = run(kb, folder, lambda texts: [[1.0, 2.0, 3.0] for _ in texts])
    assert len(done.added) == 3
    assert not done.skipped
