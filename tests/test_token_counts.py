"""Where tokens begin: as many, and the same, as counting finds in any part of a text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.ingest.splitter import split
from ragkit.retrieve import token_counts
from ragkit.retrieve.token_counts import count_tokens, token_starts

LETTERS = "ab9 é\n._-'中文。字かカー한ไทกယ\u0301ß\U00020001\ud800"
texts = st.lists(
    st.builds(lambda char, times: char * times, st.sampled_from(LETTERS), st.integers(1, 40)),
    max_size=40,
).map("".join)


@settings(deadline=None)  # the first text loads NumPy
@given(texts, st.sampled_from([16, 32, 64, 1 << 16]))
def test_as_many_tokens_begin_as_are_counted_up_to_any_place(text: str, window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_counts, "_WINDOW", window)
        starts = list(token_starts(text))
    assert starts == sorted(set(starts))
    assert len(starts) == count_tokens(text)
    for place, start in enumerate(starts):
        assert count_tokens(text[:start]) == place
        assert count_tokens(text[start : start + 1]) == 1


long_texts = texts.filter(bool).map(lambda text: text * (300 // len(text) + 1))


@settings(deadline=None)
@given(long_texts, st.integers(1, 60), st.integers(0, 20))
def test_a_text_is_cut_alike_with_and_without_them(text: str, size: int, overlap: int) -> None:
    overlap = min(overlap, size - 1)
    counted = split(text, count_tokens=count_tokens, chunk_size=size, chunk_overlap=overlap)
    known = split(
        text,
        count_tokens=count_tokens,
        chunk_size=size,
        chunk_overlap=overlap,
        token_starts=token_starts,
    )
    assert known == counted


def test_no_token_begins_in_nothing() -> None:
    assert list(token_starts("")) == list(token_starts(" \n。，_")) == []
