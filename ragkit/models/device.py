"""Which device a model runs on, in which number format, and what that machine has free."""

# mypy: disable-error-code="import-not-found, no-untyped-call, import-untyped"
# (torch and psutil may be absent, and are typed in part.)

from __future__ import annotations

import os
from pathlib import Path

from ragkit.errors import ModelUnavailable

__all__ = ["choose_device", "choose_dtype", "free_memory", "limit_threads"]

_CGROUP = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # names of x86 and ARM instructions
_UNLIMITED = 1 << 60  # cgroup v1 writes a number near 2**63 for "no limit"


def choose_device(wanted: str = "auto") -> str:
    """Return ``cpu``, ``mps`` or ``cuda:N`` for ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.

    ``auto`` is the first GPU, else Apple's, else the CPU. Raises ModelUnavailable, with what there
    is, where the wanted device is not on this machine.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    apple = torch.backends.mps.is_available()
    if wanted == "auto":
        return "cuda:0" if gpus else "mps" if apple else "cpu"
    if wanted == "cpu" or (wanted == "mps" and apple):
        return wanted
    number = int(wanted.partition(":")[2] or 0)
    if wanted.startswith("cuda") and number < gpus:
        return f"cuda:{number}"
    there = [f"cuda:{n}" for n in range(gpus)] + ["mps"] * apple + ["cpu"]
    why = "" if gpus or wanted == "mps" or torch.version.cuda else ", built without CUDA"
    raise ModelUnavailable(
        f"device = {wanted!r} is not on this machine: torch {torch.__version__}{why}, has "
        f"{', '.join(there)}. Set device = 'auto' or one of these."
    )


def choose_dtype(wanted: str, device: str) -> str:
    """Return the number format of the weights: ``float32``, ``bfloat16`` or ``float16``.

    ``auto`` is bfloat16 where the GPU or the CPU computes in it, else float16 on a GPU and float32
    on a CPU, where emulated half precision would be slower than single.
    """
    import torch

    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        with torch.cuda.device(device):
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if native else "float16"
    if device == "mps":
        return "bfloat16" if torch.backends.mps.is_macos_or_newer(14, 0) else "float16"
    return "bfloat16" if _cpu_has_bfloat16() else "float32"


def _cpu_has_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 matrices in hardware, and torch knows how."""
    import torch

    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return any(found.get(name, False) for name in _BFLOAT16)
    flags = _read(Path("/proc/cpuinfo")).split()  # for an older torch
    return any(name in flags for name in _BFLOAT16)


def free_memory(device: str) -> int:
    """Return the bytes that a model may still take on ``device``.

    On a CPU this is the memory that the system could free without swapping, or what is left under
    the limit of the container (cgroup), whichever is less.
    """
    import torch

    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(torch.device(device))
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + kept)
    import psutil

    return min([int(psutil.virtual_memory().available), *_left_under_cgroup_limits()])


def _left_under_cgroup_limits() -> list[int]:
    """Return what is left under each memory limit on the way from this process to the root."""
    found = []
    for folder in _cgroups("memory"):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
        if limit is None or used is None or limit >= _UNLIMITED:
            continue
        pairs = (line.split() for line in _read(folder / "memory.stat").splitlines())
        statistics = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
        # Cached pages of files count as used, and are given up when memory is asked for.
        cached = statistics.get("inactive_file", 0) + statistics.get("active_file", 0)
        found.append(max(0, limit - used + cached))
    return found


def limit_threads() -> int | None:
    """Make torch use no more threads than the CPU time this container may take; return them.

    By itself torch starts one for each core it sees, and in a container with two of 64 cores the
    64 threads wait for each other. Does nothing, and returns None, where the user chose the number
    (OMP_NUM_THREADS) or there is no such limit.
    """
    import torch

    quota = _cpu_quota()
    if "OMP_NUM_THREADS" in os.environ or quota is None:
        return None
    threads = max(1, int(quota))
    if threads >= torch.get_num_threads():
        return None
    torch.set_num_threads(threads)
    return threads


def _cpu_quota() -> float | None:
    """Return the least number of cores' worth of time that a cgroup above this process allows."""
    found = []
    for folder in _cgroups("cpu"):
        quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
        quota = quota or _read(folder / "cpu.cfs_quota_us").strip()
        period = period or _read(folder / "cpu.cfs_period_us").strip()
        if quota.isdigit() and period.isdigit() and int(period):
            found.append(int(quota) / int(period))
    return min(found, default=None)


def _cgroups(controller: str) -> list[Path]:
    """Return this process's folder and those above it, of version 2 or of ``controller``'s v1.

    Layouts: https://man7.org/linux/man-pages/man7/cgroups.7.html
    """
    folders = []
    for line in _read(_OWN_CGROUP).splitlines():
        number, names, path = line.split(":", 2)
        if number == "0" or controller in names.split(","):
            root = _CGROUP if number == "0" else _CGROUP / controller
            parts = Path(path.lstrip("/"))
            folders += [root / parts, *(root / parent for parent in parts.parents)]
    return folders


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
