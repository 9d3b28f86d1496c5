"""Weights from ModelScope, through modelscope_hub: its client, on which ``modelscope`` is built.

The client itself takes up partial files, also those of an earlier run, and checks SHA-256 sums.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
# (modelscope_hub may be absent.)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragkit.errors import MissingExtra, ModelUnavailable
from ragkit.models.fetch.hub_words import is_home, retries_in_words, unreachable
from ragkit.models.fetch.remote_files import (
    Plan,
    Progress,
    RemoteFile,
    Status,
    answer_within,
    damage,
    needed_files,
)
from ragkit.models.hub import modelscope_cache, modelscope_name

__all__ = ["fetch", "plan"]

_HOME = "https://modelscope.cn"
_FIRST_ANSWER = 6.0  # seconds
_BRANCH = "master"


def plan(
    model: str, *, endpoint: str | None, revision: str | None, backend: str, send_token: bool
) -> Plan:
    """Return what fetching ``model`` takes; see ``ragkit.models.fetch.download.plan_download``."""
    address, name, wanted = endpoint or _HOME, modelscope_name(model), revision or _BRANCH
    token = None if send_token or is_home(address, "modelscope") else False
    api = _client(address, token)

    def ask() -> Any:
        return api.list_repo_files(name, "model", revision=wanted)

    with retries_in_words("modelscope_hub", None), _explained(address, name, wanted):
        listed = answer_within(_FIRST_ANSWER, ask)
        files = needed_files(
            (
                RemoteFile(file.path, int(file.size or 0), sha256=file.sha256 or None)
                for file in listed
                if file.type != "tree"
            ),
            backend=backend,
        )
    if not any(Path(file.path).suffix in (".safetensors", ".bin") for file in files):
        raise ModelUnavailable(
            f"'{name}' on {address} has no weights in safetensors or .bin format. "
            "Choose a model that has."
        )
    folder = _folder(name, wanted)
    return Plan(
        model=model,
        hub="modelscope",
        endpoint=address,
        name=name,
        revision=wanted,
        branch=wanted,
        files=files,
        folder=folder,
        received=sum(_received(folder, file) for file in files),
        token=token,
    )


def fetch(plan: Plan, *, progress: Progress | None, status: Status | None) -> Path:
    """Fetch what is missing, check everything; see ``download_weights``."""
    api = _client(plan.endpoint, plan.token)
    with (
        retries_in_words("modelscope_hub", status),
        _explained(plan.endpoint, plan.name, plan.revision),
    ):
        folder = Path(
            api.download_repo(
                plan.name,
                "model",
                revision=plan.revision,
                cache_dir=modelscope_cache(),
                local_dir=plan.folder,
                file_list=[
                    {"Path": file.path, "Size": file.size, "Sha256": file.sha256}
                    for file in plan.files
                ],
                progress_callbacks=[_callback(plan.folder, progress)],
            )
        )
    for file in plan.files:
        if not (folder / file.path).is_file() or (folder / file.path).stat().st_size != file.size:
            raise ModelUnavailable(
                f"{plan.endpoint} sent a wrong {file.path}: {damage(folder / file.path, file)}. "
                "Run the command again, or take --from hf."
            )
    return folder


def _callback(folder: Path, progress: Progress | None) -> type[Any]:
    """Return a class of the client's callbacks that reports to ``progress``."""
    from modelscope_hub import ProgressCallback

    class Reporter(ProgressCallback):  # type: ignore[misc, unused-ignore]
        def __init__(self, filename: str, file_size: int) -> None:
            super().__init__(filename, file_size)
            # The client reports the part that was here too, and the plan has counted it.
            self.counted = _received(folder, RemoteFile(filename, file_size))

        def update(self, size: int) -> None:
            before, self.counted = self.counted, self.counted - max(0, min(size, self.counted))
            if progress:
                progress(size - (before - self.counted))

    return Reporter


def _folder(name: str, revision: str) -> Path:
    """Return where the client puts a model: beside what versions before 1.38 left, or anew."""
    root = modelscope_cache().resolve()
    owner, _, leaf = name.partition("/")
    for models in (root / "models", root / "hub" / "models"):
        earlier = models / owner / leaf.replace(".", "___")
        if revision == _BRANCH and earlier.is_dir() and any(earlier.iterdir()):
            return earlier
    return root / "models" / name.replace("/", "--") / "snapshots" / revision


def _received(folder: Path, file: RemoteFile) -> int:
    for place in (folder / file.path, folder / f"{file.path}.incomplete"):
        if place.is_file():
            return min(place.stat().st_size, file.size)
    return 0


def _client(address: str, token: bool | None) -> Any:
    try:
        from modelscope_hub import HubApi
    except ImportError:
        raise MissingExtra(
            "Fetching weights from ModelScope (not needed with --from hf)", "modelscope"
        ) from None
    # An empty token is "none"; without the argument the client sends that of the last login.
    return HubApi(endpoint=address, token="" if token is False else None)


@contextmanager
def _explained(address: str, name: str, revision: str) -> Iterator[None]:
    """Turn what the client raises into ModelUnavailable."""
    from modelscope_hub import errors

    try:
        yield
    except errors.FileDownloadError as error:
        path, cause = next(iter(error.failed_files.items()))
        raise _in_words(cause, address, name, revision, path=path) from error
    except (errors.HubError, OSError, ValueError, TypeError, AttributeError) as error:
        raise _in_words(error, address, name, revision, path=None) from error


def _in_words(
    error: BaseException, address: str, name: str, revision: str, *, path: str | None
) -> ModelUnavailable:
    from modelscope_hub import errors

    what = path or f"'{name}'"
    if isinstance(error, errors.FileIntegrityError):
        return ModelUnavailable(
            f"{address} sent a wrong {what}: its checksum or size is not what the hub announces. "
            "It was deleted. Run the command again, or take --from hf."
        )
    if isinstance(error, errors.NotExistError):
        return ModelUnavailable(
            f"There is no {what} at revision '{revision}' on {address}. "
            "Check the name and the revision, or take --from hf."
        )
    if isinstance(error, errors.AuthenticationError | errors.PermissionDeniedError):
        return ModelUnavailable(
            f"{address} does not give {what}: it is private, or wants a login. "
            "Log in: modelscope login (to another address the token goes with --send-token)."
        )
    if isinstance(error, TimeoutError | errors.NetworkError):
        return unreachable(address, error, hub="modelscope")
    if isinstance(error, OSError) and error.errno is not None and error.filename:
        return ModelUnavailable(
            f"The weights cannot be written: {error.strerror}: '{error.filename}'. Correct that, "
            "or set MODELSCOPE_CACHE to a folder that can be written."
        )
    return ModelUnavailable(
        f"{address} does not answer as ModelScope does for {what} ({error}). "
        "Check the address, try again later, or take --from hf."
    )
