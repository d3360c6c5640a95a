"""Reads a saved world model from its folder."""

from __future__ import annotations

from pathlib import Path

import torch

from sqair_wm.common.named_folders import WEIGHTS, find_folder
from sqair_wm.common.notes import read_note
from sqair_wm.common.tensor_files import read_shapes, read_weights
from sqair_wm.games.legacy import completed
from sqair_wm.model.config import ModelConfig
from sqair_wm.world.source import Source
from sqair_wm.world.world_model import DESCRIPTION, WorldModel

REMEDY = "python -m sqair_wm.check FOLDER says what can be recovered; else copy the model again, or train it again"


def load(folder: str | Path, device: str | torch.device = "cpu", dense: bool | None = None) -> WorldModel:
    """Read a trained model from a run's folder, ready to use (evaluation mode, no gradients).

    Args:
        folder: such as `runs/MsPacman`, or a name such as `MsPacman`, see `common.named_folders.find_folder`.
        device: where to put it.
        dense: see `SQAIR`; by default a CUDA device computes densely.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if its files are damaged or do not belong together.
    """
    folder = find_folder(folder, (WEIGHTS,), "no trained model")
    for name in (WEIGHTS, DESCRIPTION):
        if not (folder / name).exists():
            raise FileNotFoundError(f"no trained model in {folder}: {name} is missing (train one with train_wm.py)")
    config, source = read_description(folder)
    with torch.random.fork_rng(devices=[]):  # building a model draws weights, which must not disturb the caller
        _check_shapes(folder / WEIGHTS, config, source)
        model = WorldModel(config, source, dense=dense)
    read_weights(folder / WEIGHTS, model, REMEDY)
    return model.to(device).eval().requires_grad_(False)


def read_description(folder: Path) -> tuple[ModelConfig, Source | None]:
    """What the description of a saved model says.

    Raises:
        ValueError: if it is damaged, or from another version.
    """
    description = read_note(path := folder / DESCRIPTION, REMEDY)
    try:
        config = ModelConfig.from_json(description["model"])
        source = description["source"] and Source(**completed(description["source"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged or from another version: {error} ({REMEDY})") from error
    return config, source


def _check_shapes(path: Path, config: ModelConfig, source: Source | None) -> None:
    """Raise ValueError if weights do not fit the description; it builds no model, which might take all memory."""
    try:
        with torch.device("meta"):
            wanted = {name: tuple(x.shape) for name, x in WorldModel(config, source).state_dict().items()}
    except (RuntimeError, TypeError, OverflowError) as error:
        raise ValueError(f"{path.with_name(DESCRIPTION)} describes no model: {error} ({REMEDY})") from error
    for name, shape in read_shapes(path, REMEDY).items():
        if wanted.get(name) != shape:
            raise ValueError(
                f"{path} and {DESCRIPTION} are damaged or do not belong together: {name} is {list(shape)} there, and "
                f"{list(wanted[name]) if name in wanted else 'nothing'} by the description ({REMEDY})"
            )
