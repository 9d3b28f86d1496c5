"""What computes an embedder's vectors on a CPU: torch, OpenVINO or ONNX Runtime.

A model must be exported for OpenVINO or ONNX Runtime. Many on the hub are; for others it is done
once, into the user's cache folder: the weights' own may be read-only, or shared.
"""

# mypy: disable-error-code="import-not-found"
# (sentence-transformers may be absent.)

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import platformdirs

from ragkit.errors import ConfigError

__all__ = ["Backend", "choose_backend"]

Backend = Literal["auto", "torch", "onnx", "openvino"]
_EXPORTS = {"openvino": "openvino/openvino_model.xml", "onnx": "onnx/model.onnx"}
_PACKAGES = {"openvino": "optimum.intel", "onnx": "optimum.onnxruntime"}


def choose_backend(
    wanted: Backend,
    folder: Path,
    *,
    device: str,
    status: Callable[[str], None],
    trust_remote_code: bool = False,
) -> tuple[str, Path]:
    """Return the backend's name, and the folder to load the model in ``folder`` from.

    ``auto`` is OpenVINO on a CPU where it is installed and the model is exported already, else
    torch. Where OpenVINO or ONNX is asked for and there is no export, one is made, once. Neither
    touches the network or writes into ``folder``. Raises ConfigError where the backend's packages
    are not installed, or for a device that is not the CPU.
    """
    if wanted == "auto":
        if device == "cpu" and _is_installed("openvino"):
            found = _exported("openvino", folder)
            if found:
                return "openvino", found
        return "torch", folder
    if wanted == "torch":
        return "torch", folder
    if device != "cpu":
        raise ConfigError(
            f"embedder.backend = '{wanted}' is for the CPU, and embedder.device is '{device}'. "
            "Set backend = 'auto', or device = 'cpu'."
        )
    if not _is_installed(wanted):
        raise ConfigError(
            f"embedder.backend = '{wanted}' needs packages that are not installed. Install them: "
            f"pip install \"sentence-transformers[{wanted}]\", or set backend = 'auto'."
        )
    return wanted, _exported(wanted, folder) or _export(wanted, folder, status, trust_remote_code)


def _is_installed(backend: str) -> bool:
    name = _PACKAGES[backend]
    return bool(importlib.util.find_spec("optimum") and importlib.util.find_spec(name))


def _exported(backend: str, folder: Path) -> Path | None:
    for place in (folder, _cache(backend, folder)):
        if (place / _EXPORTS[backend]).is_file():
            return place
    return None


def _cache(backend: str, folder: Path) -> Path:
    """Return the folder of our own export; another one once the weights have changed."""
    weights = sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".bin"))
    marks = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in weights]
    key = hashlib.sha256(repr(marks).encode()).hexdigest()[:16]
    home = platformdirs.user_cache_path("ragkit", appauthor=False)
    return home / "exports" / f"{folder.name[:40]}-{backend}-{key}"


def _export(
    backend: Literal["onnx", "openvino"],
    folder: Path,
    status: Callable[[str], None],
    trust_remote_code: bool,
) -> Path:
    from sentence_transformers import SentenceTransformer

    target = _cache(backend, folder)
    status(f"Exporting the embedder for {backend}, once, to {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    model = SentenceTransformer(
        str(folder),
        device="cpu",
        backend=backend,
        local_files_only=True,
        trust_remote_code=trust_remote_code,
        model_kwargs={"export": True},
    )
    # Moved when complete: another process may look for it, and this one may be stopped.
    made = Path(tempfile.mkdtemp(prefix=".export-", dir=target.parent))
    try:
        model.save_pretrained(str(made), create_model_card=False)
        made.rename(target)
    except OSError:
        if not (target / _EXPORTS[backend]).is_file():  # else another process was first
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target
