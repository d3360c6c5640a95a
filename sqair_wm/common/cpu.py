"""How this process uses its CPU."""

from __future__ import annotations

import ctypes

import torch

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Parameters of `mallopt` in the C library of Linux."""


def use_cpu(threads: int) -> None:
    """Compute with so many threads, keep memory that was freed for what comes next, and take tiny numbers for zero.

    Numbers below 1e-38, as the gradients of unlikely particles are, cost some processors a hundred times as much as
    others: a training step took 635 ms with them and 296 without on an Intel Xeon.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Tell the C library not to give freed memory back to the system.

    The tensors of a training step come and go in every step; asking the system for their pages each time took 2 to 6 %
    of a step.

    Returns:
        Whether the C library understood; others than that of Linux do as they please.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = ((MMAP_THRESHOLD, 1 << 30), (TRIM_THRESHOLD, (1 << 31) - 1), (TOP_PAD, 1 << 26))
    return all([mallopt(name, value) for name, value in settings])
