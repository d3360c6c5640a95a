"""A description of this machine in words."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

CPUS = Path("/proc/cpuinfo")
"""The file in which Linux names the processor."""


def machine(device: torch.device) -> str:
    """Processor, number of cores, GPU if that is the device, system, Python and PyTorch, in one line."""
    parts = [f"{processor()}, {os.cpu_count() or 1} cores"]
    if device.type == "cuda":
        parts.append(torch.cuda.get_device_name(device))
    return "; ".join([*parts, platform.system(), f"Python {platform.python_version()}", f"PyTorch {torch.__version__}"])


def processor() -> str:
    """The processor's name, or its architecture if the name is not known."""
    try:
        lines = CPUS.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine() or "unknown processor"
