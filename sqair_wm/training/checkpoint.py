"""Writing and reading the state of a training run without ever losing what is already saved."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sqair_wm.common.checksums import DamagedError, check_zip
from sqair_wm.common.files import write_atomically

REMEDY = "python -m sqair_wm.check FOLDER says what is whole; delete the file to start again"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain data to `path` atomically."""
    write_atomically(path, lambda target: torch.save(state, target))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, onto the CPU; nothing but tensors and plain data is accepted.

    Raises:
        ValueError: if the file is not a complete checkpoint, or a byte of it has changed since it was written.
    """
    check_zip(path, REMEDY)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        why = str(error).partition("\n")[0]
        raise DamagedError(f"{path} is damaged: it holds more than tensors and plain data ({why}): {REMEDY}") from error
    if not isinstance(state, dict) or "iteration" not in state:
        raise ValueError(f"{path} is not a checkpoint of this program: {REMEDY}")
    return state


def fingerprint(module: nn.Module) -> str:
    """A checksum of the weights, 8 hexadecimal digits; kept with what is trained on top of them."""
    total = 0
    for name, x in sorted(module.state_dict().items()):
        total = zlib.crc32(x.cpu().contiguous().flatten().view(torch.uint8).numpy(), zlib.crc32(name.encode(), total))
    return f"{total:08x}"
