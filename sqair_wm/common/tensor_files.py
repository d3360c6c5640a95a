"""Tensors in sealed safetensors files, which are complete or absent; see `checksums`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_model, save_file, save_model
from torch import Tensor, nn

from sqair_wm.common.checksums import UNSEALED, DamagedError, check_seal, seal
from sqair_wm.common.files import write_atomically

SEAL = {"checksum": UNSEALED}


def save_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str] | None = None) -> None:
    """Write tensors, and notes on them, atomically."""
    whole = {name: x.detach().contiguous().cpu() for name, x in tensors.items()}

    def write(target: Path) -> None:
        save_file(whole, str(target), SEAL | dict(notes or {}))
        seal(target)

    write_atomically(path, write)


def save_weights(path: Path, module: nn.Module) -> None:
    """Write the parameters and buffers of a module, atomically."""

    def write(target: Path) -> None:
        save_model(module, str(target), dict(SEAL))
        seal(target)

    write_atomically(path, write)


def read_tensors(
    path: Path, remedy: str, device: str | torch.device = "cpu"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file and the notes on them.

    Args:
        path: of the file.
        remedy: what to do if it is damaged, for the message.
        device: where to put them.

    Raises:
        DamagedError: if it has changed since it was written.
    """
    check_seal(path, remedy)
    try:
        with safe_open(str(path), "pt", device=str(device)) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except SafetensorError as error:
        raise DamagedError(f"{path} is damaged: {error} ({remedy})") from error


def read_weights(path: Path, module: nn.Module, remedy: str) -> None:
    """Load the parameters and buffers that `save_weights` wrote into a module.

    Raises:
        DamagedError: if the file has changed since it was written.
        ValueError: if they do not fit the module.
    """
    check_seal(path, remedy)
    try:
        load_model(module, path)
    except SafetensorError as error:
        raise DamagedError(f"{path} is damaged: {error} ({remedy})") from error
    except RuntimeError as error:
        why = " ".join(str(error).split())[:300]
        raise ValueError(f"{path} holds the weights of another model: {why} ({remedy})") from error


def read_shapes(path: Path, remedy: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors in a file, without reading the tensors.

    Raises:
        DamagedError: if it is not a safetensors file.
    """
    try:
        with safe_open(str(path), "pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedError(f"{path} is damaged: {error} ({remedy})") from error
