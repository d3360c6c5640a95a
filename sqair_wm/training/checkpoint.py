"""Writing and reading the state of a training run so that nothing already saved is ever lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from sqair_wm.common.files import write_atomically


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain data to `path` atomically."""
    write_atomically(path, lambda target: torch.save(state, target))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, onto the CPU; nothing but tensors and plain data is accepted.

    Raises:
        ValueError: if the file is not a whole checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(f"{path} is not a readable checkpoint ({error}): delete it to start again") from error
    if not isinstance(state, dict) or "iteration" not in state:
        raise ValueError(f"{path} is not a checkpoint of this program: delete it to start again")
    return state
