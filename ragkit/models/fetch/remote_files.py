"""What a hub offers of a model, which of it is needed, and whether that is what came."""

from __future__ import annotations

import hashlib
import queue
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar

from ragkit.errors import ConfigError, ModelUnavailable

__all__ = [
    "Hub",
    "HubUnreachable",
    "OfflineMode",
    "Plan",
    "Progress",
    "RemoteFile",
    "Status",
    "answer_within",
    "damage",
    "needed_files",
    "size_in_words",
]

Hub = Literal["hf", "modelscope"]
Progress = Callable[[int], None]  # bytes that came since the last call; below 0: thrown away
Status = Callable[[str], None]
T = TypeVar("T")

_BLOCK = 1 << 20
# In the order of preference; transformers and sentence-transformers read the first that is there.
_WEIGHTS = (
    r"model\.safetensors",
    r"model-\d+-of-\d+\.safetensors",
    r"(?!consolidated).*\.safetensors",
    r"pytorch_model\.bin",
    r"pytorch_model-\d+-of-\d+\.bin",
    r"(?!training_args|optimizer|scheduler).*\.bin",
)
_BESIDE = re.compile(
    r".*\.(json|txt|model|tiktoken|jinja|py|md|vocab|bpe|spm)|LICEN[CS]E.*|NOTICE.*", re.I
)
_NOT_BESIDE = re.compile(r"\.git.*|.*\.(bin|safetensors)\.index\.json|training_args.*|trainer_.*")
# What sentence-transformers loads by default of the exports beside the weights.
_EXPORTS = {"onnx": "model.onnx", "openvino": "openvino_model."}
# Copies of the same weights for other programs.
_OTHER_FOLDERS = frozenset({"onnx", "openvino", "original", "gguf", "coreml", "runs", "flax", "tf"})


class HubUnreachable(ModelUnavailable):
    """The hub did not answer at all; weights that are here already are as good as before."""


class OfflineMode(ConfigError):
    """The hub's library is told by its environment to keep off the network."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository. Its ``sha256``, else its git object id, is checked where known."""

    path: str
    size: int
    sha256: str | None = None
    git_sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be fetched: ``name`` at ``revision`` of a hub, into ``folder``.

    ``model`` is the name in ragkit's settings. ``received`` are the bytes of ``files`` that are in
    the cache already, whole files and parts. ``branch`` is the branch or tag whose commit
    ``revision`` was when asked, or None where a commit was asked for.
    """

    model: str
    hub: Hub
    endpoint: str
    name: str
    revision: str
    branch: str | None
    files: tuple[RemoteFile, ...]
    folder: Path
    received: int
    token: bool | None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def needed_files(files: Iterable[RemoteFile], *, backend: str = "auto") -> tuple[RemoteFile, ...]:
    """Return what loading the model takes, by path: weights in one format, tokenizer, settings.

    Safetensors are preferred to ``.bin``; copies for other programs (ONNX, OpenVINO, GGUF, TF,
    Flax) are left out, except for an embedder whose ``backend`` is ``onnx`` or ``openvino``. Python
    files, licence and model card come along; none of the code runs by being fetched.
    """
    by_folder: dict[str, list[RemoteFile]] = {}
    for file in files:
        by_folder.setdefault(str(PurePosixPath(file.path).parent), []).append(file)
    chosen: list[RemoteFile] = []
    for folder, inside in by_folder.items():
        top = PurePosixPath(folder).parts[:1]
        if top and top[0] in _OTHER_FOLDERS:
            wanted = _EXPORTS.get(top[0], "/") if top[0] == backend else "/"  # in no file's name
            chosen += [f for f in inside if PurePosixPath(f.path).name.startswith(wanted)]
        elif not (top and top[0].startswith(".")):
            chosen += _needed_in_folder(inside)
    return tuple(sorted(chosen, key=lambda file: file.path))


def _needed_in_folder(inside: list[RemoteFile]) -> list[RemoteFile]:
    names = {PurePosixPath(file.path).name: file for file in inside}
    chosen = [f for n, f in names.items() if _BESIDE.fullmatch(n) and not _NOT_BESIDE.fullmatch(n)]
    for pattern in _WEIGHTS:
        weights = [name for name in names if re.fullmatch(pattern, name)]
        if weights:
            suffix = PurePosixPath(weights[0]).suffix
            index = re.compile(rf".*{re.escape(suffix)}\.index\.json")
            several = len(weights) > 1 or "-of-" in weights[0]
            wanted = weights + [name for name in names if several and index.fullmatch(name)]
            return chosen + [names[name] for name in wanted]
    return chosen


def damage(path: Path, file: RemoteFile, *, progress: Progress | None = None) -> str | None:
    """Return in words how ``path`` differs from what the hub says of it, or None if it does not."""
    if not path.is_file():
        return "it is missing"
    size = path.stat().st_size
    if size != file.size:
        return f"it has {size:,} bytes instead of {file.size:,}"
    if file.sha256 is None and file.git_sha1 is None:
        return None
    # Git names a file by the SHA-1 of its length and content: no protection, but it sees damage.
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(usedforsecurity=False)
    if not file.sha256:
        digest.update(f"blob {size}\0".encode())
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            if progress:
                progress(len(block))
    expected, found = file.sha256 or file.git_sha1 or "", digest.hexdigest()
    if found == expected.lower():
        return None
    kind = "SHA-256" if file.sha256 else "SHA-1"
    return f"its {kind} is {found[:16]}… instead of {expected[:16]}…"


def answer_within(seconds: float, ask: Callable[[], T]) -> T:
    """Return ``ask()``, or raise TimeoutError after ``seconds``, whatever it is waiting for.

    The libraries' own time-outs leave out the resolution of names, which can take half a minute,
    and start again with every byte that comes.
    """
    box: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            box.put((ask(), None))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            box.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        value, error = box.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


def size_in_words(size: int) -> str:
    """Return ``size`` bytes as hubs show it, in powers of 1000: ``1.98 GB``."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.{2 if power == 9 else 1}f} {unit}"
    return f"{size} bytes"
