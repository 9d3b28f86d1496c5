"""Weights from the Hugging Face hub or a mirror of it, through huggingface_hub.

Large files are fetched one by one over plain HTTP into the library's own cache, in which a part
stays under ``NAME.incomplete``: the library (2.x) throws parts away when it ends, and its faster
storage protocol, Xet, is not what mirrors speak. What it then finds in the cache it links.
"""

# mypy: disable-error-code="import-not-found, import-untyped, attr-defined"
# (huggingface_hub may be absent, and exports some names only in fact.)

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragkit.errors import MissingExtra, ModelUnavailable
from ragkit.models.fetch.hub_words import is_home, retries_in_words
from ragkit.models.fetch.huggingface_errors import explained, wrong_file
from ragkit.models.fetch.remote_files import (
    OfflineMode,
    Plan,
    Progress,
    RemoteFile,
    Status,
    answer_within,
    damage,
    needed_files,
)
from ragkit.models.hub import huggingface_cache, huggingface_name

__all__ = ["fetch", "plan"]

_HOME = "https://huggingface.co"
_FIRST_ANSWER = 6.0  # seconds; with the start of Python, less than ten in all
_LISTING = 30.0
_RESUMED = 256 * 1024  # bytes; smaller files are not worth a part of their own
_CHUNK = 256 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40}")


def plan(
    model: str, *, endpoint: str | None, revision: str | None, backend: str, send_token: bool
) -> Plan:
    """Return what fetching ``model`` takes; see ``ragkit.models.fetch.download.plan_download``."""
    address, name = endpoint or _HOME, huggingface_name(model)
    api = _library().HfApi(endpoint=address, token=_token(address, send_token))
    if _library().constants.is_offline_mode():
        raise OfflineMode(
            "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set: nothing is fetched. "
            "Unset it for the download, or take --from modelscope."
        )

    def ask() -> Any:
        return api.model_info(name, revision=revision, timeout=_FIRST_ANSWER)

    def list_files() -> list[Any]:
        return list(api.list_repo_tree(name, revision=info.sha, recursive=True))

    with explained(address, name, revision, token=send_token):
        info = answer_within(_FIRST_ANSWER, ask)
        if not _COMMIT.fullmatch(info.sha or ""):
            raise ValueError(f"commit {info.sha!r}")
        listed = answer_within(_LISTING, list_files)
        files = needed_files((_file(f) for f in listed if hasattr(f, "blob_id")), backend=backend)
    if not any(Path(file.path).suffix in (".safetensors", ".bin") for file in files):
        raise ModelUnavailable(
            f"'{name}' on {address} has no weights in safetensors or .bin format. "
            "Choose a model that has."
        )
    repository = _repository(name)
    commit: str = info.sha
    return Plan(
        model=model,
        hub="hf",
        endpoint=address,
        name=name,
        revision=commit,
        branch=None if revision == commit else revision or "main",
        files=files,
        folder=repository / "snapshots" / commit,
        received=sum(_received(repository, commit, file) for file in files),
        token=_token(address, send_token),
    )


def fetch(plan: Plan, *, progress: Progress | None, status: Status | None) -> Path:
    """Fetch what is missing, check everything; see ``download_weights``."""
    repository = _repository(plan.name)
    before = {f.path for f in plan.files if _received(repository, plan.revision, f)}
    with (
        retries_in_words("huggingface_hub", status),
        explained(plan.endpoint, plan.name, plan.revision, token=plan.token is None),
        _small_chunks(),
    ):
        wrong = _fetch_all(plan, progress, status)
        if wrong and wrong.keys() <= before:
            for path, why in wrong.items():
                _say(status, f"{path} was damaged here ({why}); fetching it again.")
            wrong = _fetch_all(plan, progress, status)
    for path, why in wrong.items():
        raise wrong_file(plan.endpoint, path, why)
    if plan.branch:  # other programs look there for the commit when they are offline
        reference = repository / "refs" / plan.branch
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(plan.revision, "utf-8")
    return plan.folder


def _fetch_all(plan: Plan, progress: Progress | None, status: Status | None) -> dict[str, str]:
    """Fetch what is not in the snapshot, and return the files found wrong; those are deleted."""
    missing = [file for file in plan.files if not (plan.folder / file.path).exists()]
    # What the hub stores apart (LFS) the library would fetch by Xet, however small it is.
    apart = [file for file in missing if file.sha256 or file.size >= _RESUMED]
    checked = {file.path for file in apart if _fetch(plan, file, progress, status)}
    _library().snapshot_download(
        plan.name,
        revision=plan.revision,
        endpoint=plan.endpoint,
        token=plan.token,
        cache_dir=huggingface_cache(),
        allow_patterns=[glob.escape(file.path) for file in plan.files],
        max_workers=4,
        tqdm_class=_bar(None),
    )
    if progress:
        progress(sum(file.size for file in missing if file.path not in checked))
    wrong = {}
    for file in plan.files:
        place = plan.folder / file.path
        why = None if file.path in checked else damage(place, file)
        if why is not None:
            wrong[file.path] = why
            place.resolve().unlink(missing_ok=True)
            place.unlink(missing_ok=True)
    return wrong


def _fetch(plan: Plan, file: RemoteFile, progress: Progress | None, status: Status | None) -> bool:
    """Put ``file`` into the cache's blobs, going on from the part that is there; check it.

    Return False where it is left to the library: the blob is there, or the hub names no content.
    """
    from filelock import FileLock, Timeout
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(plan.name, file.path, revision=plan.revision, endpoint=plan.endpoint)
    described = get_hf_file_metadata(
        url, token=plan.token, endpoint=plan.endpoint, retry_on_errors=True
    )
    etag = described.etag or ""
    if not re.fullmatch(r"[\w-]+", etag):
        return False
    repository = _repository(plan.name)
    blob, part = repository / "blobs" / etag, repository / "blobs" / f"{etag}.incomplete"
    lock = repository.parent / ".locks" / repository.name / f"{etag}.lock"
    for folder in (blob.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    guard = FileLock(lock)
    try:
        guard.acquire(timeout=1)
    except Timeout:
        _say(status, f"Another process is fetching {file.path}; waiting for it.")
        guard.acquire()
    with guard:
        if blob.exists():
            return False
        while True:
            there = _fetch_rest(url, part, file, plan, progress)
            why = damage(part, file)
            if why is None:
                part.replace(blob)
                return True
            part.unlink()
            if progress:
                progress(-file.size)
            if not there:
                raise wrong_file(plan.endpoint, file.path, why)
            _say(status, f"The part of {file.path} that was here does not fit; starting it again.")


def _fetch_rest(
    url: str, part: Path, file: RemoteFile, plan: Plan, progress: Progress | None
) -> int:
    """Append to ``part`` what it lacks, and return the bytes that were there before."""
    from huggingface_hub import utils
    from huggingface_hub.file_download import http_get

    there = part.stat().st_size if part.exists() else 0
    if there > file.size:
        part.unlink()
        there = 0
    # Compressed on the way, a part could not be taken up again.
    headers = utils.build_hf_headers(token=plan.token, headers={"Accept-Encoding": "identity"})
    with part.open("ab") as stream:
        http_get(
            url,
            stream,
            resume_size=there,
            headers=headers,
            expected_size=file.size,
            tqdm_class=_bar(progress),
        )
    return there


def _received(repository: Path, commit: str, file: RemoteFile) -> int:
    blob = repository / "blobs" / (file.sha256 or file.git_sha1 or "-")
    for place in (repository / "snapshots" / commit / file.path, blob, Path(f"{blob}.incomplete")):
        if place.is_file():
            return min(place.stat().st_size, file.size)
    return 0


def _file(listed: Any) -> RemoteFile:
    if listed.lfs is not None:
        return RemoteFile(listed.path, listed.lfs.size, sha256=listed.lfs.sha256)
    return RemoteFile(listed.path, listed.size, git_sha1=listed.blob_id)


def _repository(name: str) -> Path:
    return huggingface_cache().resolve() / ("models--" + name.replace("/", "--"))


def _token(address: str, send_token: bool) -> bool | None:
    """Return the library's setting: None sends the login's token, False none."""
    return None if send_token or is_home(address, "hf") else False


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
    except ImportError:
        raise MissingExtra("Fetching weights from the Hugging Face hub", "models") from None
    return huggingface_hub


def _bar(progress: Progress | None) -> type[Any]:
    """Return a class that the library takes for a tqdm bar, and that reports to ``progress``."""
    from tqdm import tqdm

    class Reporter(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            if progress and n:
                progress(int(n))
            return None

    return Reporter


@contextmanager
def _small_chunks() -> Iterator[None]:
    """Make the library write every 256 KiB instead of every 10 MB.

    What is short of a whole chunk is lost with the connection: on a line that breaks every minute
    at 100 kB/s, nothing would ever arrive.
    """
    constants = _library().constants
    before = constants.DOWNLOAD_CHUNK_SIZE
    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK
    try:
        yield
    finally:
        constants.DOWNLOAD_CHUNK_SIZE = before


def _say(status: Status | None, line: str) -> None:
    if status:
        status(line)
