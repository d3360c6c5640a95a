"""From a configuration to data, a model and a schedule."""

from __future__ import annotations

import difflib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from envs.games import check_game
from sqair_wm.config import ModelConfig
from sqair_wm.data.atari import AtariSequences, Recording, record
from sqair_wm.data.objects import measure_objects
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.world_model import Source, WorldModel

Settings = TypeVar("Settings", ModelConfig, Recording, TrainingConfig, ImaginationConfig)


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
        check_game(str(config.env))
        training_config(config)
        imagination_config(config)
        model_config(config, frame_size=[80, 80], channels=4, slots=1, object_size=[4.0, 4.0], actions=1)
        recording(config, test=False)
        recording(config, test=True)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def training_config(config: DictConfig) -> TrainingConfig:
    """The schedule of SQAIR."""
    return _typed(TrainingConfig, config.training, "training")


def imagination_config(config: DictConfig) -> ImaginationConfig:
    """The schedule of imagination."""
    return _typed(ImaginationConfig, config.imagination, "imagination")


def model_config(config: DictConfig, **measured: Any) -> ModelConfig:
    """The model's settings; `measured` replaces what is `auto` and adds what the data decide."""
    chosen = {k: v for k, v in measured.items() if config.model.get(k, "auto") == "auto"}
    dynamics = config.dynamics
    if dynamics == "auto":
        dynamics = "interactive" if measured["actions"] and config.model.inference == "guided" else "paper"
    return _typed(ModelConfig, {**config.model, **chosen, "dynamics": dynamics}, "model")


def _typed(kind: type[Settings], values: Any, group: str) -> Settings:
    """A settings object from plain values.

    Raises:
        ConfigError: if a value has the wrong type; the message names its key.
    """
    try:
        settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.create(dict(values))))
    except OmegaConfBaseException as error:
        message = str(error).splitlines()[0]
        raise ConfigError(f"{group}.{error.full_key}: {message}") from error
    assert isinstance(settings, kind)
    return settings


def recording(config: DictConfig, test: bool) -> Recording:
    """What to record for training, or for the held-out test."""
    data = config.data
    settings = {
        "game": config.env,
        "frames": data.test_frames if test else data.frames,
        "seed": config.seed + (1_000_000 if test else 0),
        "crop": None if data.crop == "auto" else data.crop,
        "pool": None if data.pool == "auto" else data.pool,
    }
    return _typed(Recording, settings | {k: data[k] for k in ("size", "memory", "sticky")}, "data")


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


def build_model(config: DictConfig, sequences: AtariSequences) -> WorldModel:
    """A fresh model; what is `auto` is measured on the data. Seeds the weights."""
    frames = sequences.first(500, 1, torch.device("cpu")).frames[0]
    measured = measure_objects(frames[:, : sequences.channels])
    settings = model_config(
        config,
        frame_size=list(sequences.frame_size),
        channels=sequences.channels,
        scenery=sequences.scenery,
        actions=sequences.number_of_actions,
        slots=measured.slots,
        object_size=list(measured.size),
    )
    torch.manual_seed(config.seed)
    recorded = asdict(sequences.recording)
    source = Source(**{field.name: recorded[field.name] for field in fields(Source)})
    model = WorldModel(settings, source, sequences.background)
    if model.sqair.appearance.mean_image is not None:
        model.sqair.appearance.mean_image.data.copy_(frames[:, : sequences.channels].mean(0))
    return model


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
    strategy = DDPStrategy(find_unused_parameters=True) if config.processes * config.nodes > 1 else "auto"
    try:
        return Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=config.nodes,
            strategy=strategy,
            precision=config.precision,
        )
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"device={config.device} precision={config.precision} processes={config.processes}: {error}"
        ) from error
