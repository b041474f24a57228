"""Choose the device to compute on, and say beforehand what does not fit into its memory."""

import ctypes
import os
import warnings
from pathlib import Path

import psutil
import torch

SOFT = 1  # omp_pause_soft: what was set stays set
CGROUP = Path("/sys/fs/cgroup")  # where Linux says what a container may use


def best_device() -> torch.device:
    """Choose what NSTLIB_DEVICE names, else CUDA where it works, else the CPU.

    Apple's MPS must be asked for: two threads that use it at once, as a live panel and a cell do,
    can end the kernel (pytorch issue 197805).
    """
    if named := os.environ.get("NSTLIB_DEVICE"):
        return device(named)
    if torch.cuda.is_available():
        try:
            zeros = torch.zeros(1, 1, 3, 3, device="cuda")
            torch.nn.functional.conv2d(zeros, zeros).item()
            return torch.device("cuda")
        except RuntimeError as error:  # an old card that this torch was not built for
            warnings.warn(f"CUDA cannot be used, so the CPU is: {error}", stacklevel=2)
    return torch.device("cpu")


def device(name: str | torch.device | None = None) -> torch.device:
    """Take a device by name; None for the best one.

    Raises:
        ValueError: no such device, or this machine lacks it.
    """
    if name is None:
        return best_device()
    try:
        chosen = torch.device(name)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"no device {name!r}; choose cpu, cuda or mps")
    if (chosen.index or 0) >= _count(chosen.type):
        raise ValueError(f"this machine has no {chosen} device; cpu would do")
    return chosen


def free_memory(device: torch.device) -> int:
    """Tell how many bytes a run on `device` may still take."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + _reserved(device)
    if device.type == "mps":
        limit = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        return min(limit, psutil.virtual_memory().available + _reserved(device))
    return min(psutil.virtual_memory().available, _container_memory())


def check_memory(needed: int, sides: tuple[int, int], device: torch.device, name: str) -> None:
    """Refuse a run that does not fit.

    Args:
        needed: bytes that it takes.
        sides: height and width of its image in px.
        device: where it is to run.
        name: of the network.

    Raises:
        MemoryError: it does not fit; the message says how much is missing and which size would fit.
    """
    free = free_memory(device)
    if needed <= free:
        return
    longest = int(max(sides) * (0.9 * max(free, 0) / needed) ** 0.5) // 16 * 16
    remedy = f"a longer side of {longest} px would fit" if longest else "close other programs first"
    raise MemoryError(
        f"an image of {sides[0]}x{sides[1]} px needs about {needed / 1e9:.1f} GB with {name}, and "
        f"{max(free, 0) / 1e9:.1f} GB are free on {device}; {remedy}"
    )


def release_threads() -> None:
    """Let go of the helpers that this thread computes with, before another thread computes.

    GNU's OpenMP lets nobody wait busily once two threads' helpers are more than the processors,
    even if one thread does nothing: a run in a worker thread then took 1.4 times as long
    (benchmarks/live.py). They come back when this thread computes again. Elsewhere: nothing to do.
    """
    try:
        openmp = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        openmp.omp_pause_resource_all(SOFT)
    except (OSError, AttributeError):  # another system, or an older library
        pass


def _count(kind: str) -> int:
    """Count this machine's devices of a kind."""
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return 1 if kind == "cpu" or torch.backends.mps.is_available() else 0


def _reserved(device: torch.device) -> int:
    """Count what torch holds of the device's memory without using it."""
    if device.type == "mps":
        return torch.mps.driver_allocated_memory() - torch.mps.current_allocated_memory()
    return torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def _container_memory() -> float:
    """Read what this container may still use; infinite outside one."""
    try:
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        held = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no container, or "max"
        return float("inf")
    return limit - used + int(held.get("inactive_file", 0))  # the system frees those at need
