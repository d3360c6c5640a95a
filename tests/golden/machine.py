"""On which machines numbers can be equal to the bit: the same torch, on a processor of the same kind."""

from __future__ import annotations

import platform
from pathlib import Path

import torch


def fingerprint() -> str:
    """Torch's version, the instructions that it uses, and the maker of the processor."""
    maker, info = platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("vendor_id")]
        maker = lines[0].split(":")[1].strip() if lines else maker
    return f"torch {torch.__version__.split('+')[0]}, {torch.backends.cpu.get_cpu_capability()}, {maker}"
