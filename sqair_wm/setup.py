"""From a configuration to data, a model and a schedule."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from omegaconf import DictConfig, OmegaConf

from envs.atari import check_game
from sqair_wm.config import ModelConfig
from sqair_wm.data.atari import AtariSequences, Recording, record
from sqair_wm.data.objects import measure_objects
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.world_model import Source, WorldModel


class ConfigError(ValueError):
    """A setting that cannot work; the message says which and what would."""


def check_overrides(overrides: list[str], config: DictConfig) -> None:
    """Raise ConfigError for a `key=value` whose key does not exist, naming the nearest ones."""
    keys = _keys(OmegaConf.to_container(config, resolve=False))
    for override in overrides:
        key = override.split("=")[0].lstrip("+~").strip()
        if override.startswith("-") or "=" not in override or key in keys or key.startswith("hydra."):
            continue
        near = difflib.get_close_matches(key, keys, 3, 0.5)
        near += [k for k in keys if k.split(".")[-1] == key.split(".")[-1] and k not in near]
        hint = f"did you mean {' or '.join(near[:3])}?" if near else "python train_wm.py --help lists them"
        raise ConfigError(f"there is no setting {key!r}: {hint}")


def _keys(tree: Any, prefix: str = "") -> list[str]:
    if not isinstance(tree, dict):
        return []
    found = []
    for key, value in tree.items():
        found += [f"{prefix}{key}", *_keys(value, f"{prefix}{key}.")]
    return found


def check_values(config: DictConfig) -> None:
    """Raise ConfigError for settings that cannot work, before anything is recorded or written."""
    if config.env is None:
        raise ConfigError("name a game: python train_wm.py env=MsPacman")
    try:
        check_game(config.env)
        training_config(config)
        ModelConfig.from_json(_model_settings(config) | {"slots": 1, "object_size": [4, 4]})
        recording(config, test=False), recording(config, test=True)
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error)) from error


def training_config(config: DictConfig) -> TrainingConfig:
    """The schedule."""
    return TrainingConfig(**OmegaConf.to_container(config.training, resolve=True))  # type: ignore[arg-type]


def recording(config: DictConfig, test: bool) -> Recording:
    """What to record for training, or for the held-out test."""
    data = config.data
    return Recording(
        game=config.env,
        frames=data.test_frames if test else data.frames,
        size=data.size,
        seed=config.seed + (1_000_000 if test else 0),
        memory=data.memory,
        crop=None if data.crop == "auto" else tuple(data.crop),
        pool=None if data.pool == "auto" else data.pool,
        sticky=data.sticky,
    )


def build_data(config: DictConfig) -> tuple[AtariSequences, AtariSequences]:
    """Training and test sequences; recorded unless they are there already."""
    train, test = recording(config, test=False), recording(config, test=True)
    root = Path(config.data.folder)
    background = None
    opened = []
    for settings in (train, test):
        opened.append(record(settings, root / settings.folder_name, background))
        background = opened[0].background
    return opened[0], opened[1]


def _model_settings(config: DictConfig) -> dict[str, Any]:
    settings = OmegaConf.to_container(config.model, resolve=True)
    assert isinstance(settings, dict)
    return {str(k): v for k, v in settings.items()}


def build_model(config: DictConfig, sequences: AtariSequences) -> WorldModel:
    """A fresh model; what is `auto` is measured on the data. Seeds the weights."""
    settings = _model_settings(config)
    settings |= {"frame_size": list(sequences.frame_size), "channels": sequences.channels}
    measured = measure_objects(sequences.first(500, 1, torch.device("cpu")).frames[0])
    if settings["slots"] == "auto":
        settings["slots"] = measured.slots
    if settings["object_size"] == "auto":
        settings["object_size"] = list(measured.size)
    torch.manual_seed(config.seed)
    source = Source(
        game=sequences.recording.game,
        size=sequences.recording.size,
        crop=sequences.recording.crop,
        pool=sequences.recording.pool,
        sticky=sequences.recording.sticky,
        memory=sequences.recording.memory,
    )
    return WorldModel(ModelConfig.from_json(settings), source, sequences.background)


def build_fabric(config: DictConfig) -> Fabric:
    """Device, precision and processes.

    Raises:
        ConfigError: if the device does not exist.
    """
    device, _, number = str(config.device).partition(":")
    torch.set_num_threads(config.threads)
    accelerator = "gpu" if device == "cuda" else device
    if accelerator == "auto":
        accelerator = "gpu" if torch.cuda.is_available() else "cpu"
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ConfigError("device=cuda, but PyTorch sees no CUDA device here: use device=cpu or device=auto")
    devices: int | list[int] = [int(number)] if number and config.processes == 1 else config.processes
    strategy = DDPStrategy(find_unused_parameters=True) if config.processes > 1 else "auto"
    try:
        return Fabric(accelerator=accelerator, devices=devices, strategy=strategy, precision=config.precision)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"device={config.device} precision={config.precision} processes={config.processes}: {error}"
        ) from error
