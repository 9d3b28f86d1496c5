"""The short ways that plain text takes come to what the long ones would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Limits, clean
from ragkit.ingest.readers.encoding import decode
from ragkit.ingest.readers.regular_file import read_file
from ragkit.store.stored import pack_text, unpack_text

DROPPED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")


@given(
    st.text(
        st.sampled_from("ab \n\t\r\x00\x07\x0c\x7f\x85\x9f\xa0é·中ﷲ\ufdd0￥\ufffd\uffff\ud800😀")
    )
)
def test_cleaning_drops_what_the_pattern_names(text: str) -> None:
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    expected = DROPPED.sub("", expected.replace("\x0c", "\n").replace("\x85", "\n"))
    assert clean(text) == re.sub("[\ud800-\udfff]", "\ufffd", expected)


def test_ascii_that_shifts_to_other_characters_is_decoded_as_such() -> None:
    assert decode(b"plain ~ text {x}\n").encoding == "utf-8"
    text = "这是一个中文的文本，我们在这里。"
    assert decode(text.encode("hz")).text == text
    assert decode("日本語の文章です".encode("iso2022_jp")).encoding == "iso2022_jp"
    with pytest.raises(IngestError, match="control characters"):
        decode(b"\x01\x02\x03" * 40 + b"text")


@pytest.mark.parametrize("size", [1, 999, 70_000])
def test_a_file_is_read_whole_up_to_the_limit(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * size)
    assert read_file(path, Limits(max_bytes=size)) == b"x" * size
    with pytest.raises(IngestError, match=r"Too large|Empty"):
        read_file(path, Limits(max_bytes=size - 1))


@pytest.mark.parametrize("text", ["", "short 中文", "long text " * 1_000])
def test_a_packed_text_is_unpacked(text: str) -> None:
    assert unpack_text(pack_text(text)) == text


def test_a_process_that_reads_files_loads_little() -> None:
    code = (
        "import sys; from ragkit.ingest.worker import serve; from ragkit.preparing import Drafts;"
        "from ragkit.retrieve.analyzer import LexicalAnalyzer;"
        "print([m for m in ('sqlite3', 'zipfile', 'tomllib', 'ragkit.types') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
