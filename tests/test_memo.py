"""What is kept of the pieces of a text, and what is not."""

from __future__ import annotations

from ragkit.retrieve.memo import Memo


def test_each_piece_is_found_once() -> None:
    asked: list[str] = []

    def find(piece: str) -> int:
        asked.append(piece)
        return len(piece)

    memo = Memo(find, most=10)
    assert list(map(memo.__getitem__, ["a", "bb", "a", "bb"])) == [1, 2, 1, 2]
    assert asked == ["a", "bb"]


def test_it_does_not_grow_without_bound() -> None:
    memo = Memo(str.upper, most=3)
    assert [memo[piece] for piece in "abcdab"] == list("ABCDAB")
    assert len(memo) <= 3
    assert memo["x" * 25] == "X" * 25
    assert "x" * 25 not in memo
