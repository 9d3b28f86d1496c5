"""Shared by all tests: no network but loopback, no leftovers of the user's own settings."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]) if isinstance(address, tuple) else str(address)
            if not host.startswith(_LOOPBACK):
                raise PermissionError(f"a test tried to reach {host}")

    def guarded(self: socket.socket, address: object) -> None:
        check(self, address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: object) -> int:
        check(self, address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_ex)


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the program: AppTest puts a page in its place, which new processes would import."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give each test an empty RAGKIT_HOME and no other RAGKIT_ variable."""
    for name in [n for n in os.environ if n.startswith("RAGKIT_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("RAGKIT_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return home


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of evaluation data beside the repository, or skip."""
    folder = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared"))
    if not (folder / "eval").is_dir():
        pytest.skip(f"no evaluation data at {folder}; set SHARED_DATA")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a small folder of documents in Chinese and English."""
    place = tmp_path / "docs"
    (place / "guide").mkdir(parents=True)
    (place / "guide" / "install.md").write_text(
        "# Installation\n\n## Requirements\n\nThe server needs 16 GB of memory and Python 3.11.\n"
        "Port 8501 must be free.\n\n## Offline machines\n\n"
        "Copy the wheel folder with rsync, then run `make setup`.\n",
        encoding="utf-8",
    )
    (place / "history.txt").write_text(
        "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood. "
        "It burned down during the storm of 1861. The new tower is forty metres high.\n",
        encoding="utf-8",
    )
    (place / "手册.md").write_text(
        "# 使用手册\n\n## 安装\n\n系统需要十六吉字节内存。默认端口是 8501。\n\n"
        "## 备份\n\n备份每天凌晨三点自动进行，保存在 /srv/backup 目录，保留三十天。\n",
        encoding="utf-8",
    )
    return place


@pytest.fixture(scope="session")
def tiny_internlm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an InternLM2 that answers with the fitting sentence of its sources and stops."""
    _need_models()
    from tiny_reader import write_reading_internlm2

    return write_reading_internlm2(tmp_path_factory.mktemp("models") / "internlm2")


@pytest.fixture(scope="session")
def endless_internlm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an InternLM2 that goes on from sentence to sentence and never ends its turn."""
    _need_models()
    from tiny_reader import write_reading_internlm2

    return write_reading_internlm2(tmp_path_factory.mktemp("models") / "endless", stops=False)


@pytest.fixture(scope="session")
def tiny_qwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Qwen2 that answers as ``tiny_internlm2`` does."""
    _need_models()
    from tiny_reader import write_reading_qwen2

    return write_reading_qwen2(tmp_path_factory.mktemp("models") / "qwen2")


@pytest.fixture(scope="session")
def tiny_embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sentence-transformer of 128 tokens in which texts that share words are near."""
    _need_models()
    from tiny_models import write_bert_embedder

    return write_bert_embedder(tmp_path_factory.mktemp("models") / "embedder")


def _need_models() -> None:
    for name in ("torch", "transformers", "sentence_transformers"):
        pytest.importorskip(name, reason='needs pip install "ragkit[models]"')
