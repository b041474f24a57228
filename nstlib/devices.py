"""Choose the device to compute on, and say beforehand what does not fit into its memory."""

from pathlib import Path

import psutil
import torch

CGROUP = Path("/sys/fs/cgroup")  # where Linux says what a container may use


def best_device() -> torch.device:
    """Choose CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device(name: str | torch.device | None = None) -> torch.device:
    """Take a device by name; None for the best one.

    Raises:
        ValueError: no such device, or this machine lacks it.
    """
    if name is None:
        return best_device()
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"no device {name!r}; choose cpu, cuda or mps") from error
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if not there.get(chosen.type, lambda: True)():
        raise ValueError(f"this machine has no {chosen.type} device; {best_device()} would do")
    return chosen


def free_memory(device: torch.device) -> int:
    """Tell how many bytes a run on `device` may still take."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + _reserved(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
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
    raise MemoryError(
        f"an image of {sides[0]}x{sides[1]} px needs about {needed / 1e9:.1f} GB with {name}, and "
        f"{max(free, 0) / 1e9:.1f} GB are free on {device}; a longer side of {longest} px would fit"
    )


def _reserved(device: torch.device) -> int:
    """Count what torch holds of the device's memory without using it."""
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
