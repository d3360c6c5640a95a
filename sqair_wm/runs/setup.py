"""From a configuration to data, a model and a schedule."""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from omegaconf import DictConfig

from sqair_wm.common.cpu import use_cpu
from sqair_wm.common.limits import check_limits, limits_of
from sqair_wm.common.settings import ConfigError, typed
from sqair_wm.data.changes import background_changes
from sqair_wm.data.objects import ObjectStatistics, measure_objects
from sqair_wm.data.sequences import Sequences, play_of
from sqair_wm.data.settings import Shown
from sqair_wm.data.single_frames import SingleFrames
from sqair_wm.data.specks import foreground_masks, measure_speck
from sqair_wm.evaluation.kinds import check_data, kind_of
from sqair_wm.model.baselines import build
from sqair_wm.model.config import SPECK, ModelConfig
from sqair_wm.model.older import discovery_prior_of
from sqair_wm.runs.config import RunSettings
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.world.world_model import WorldModel

CROWD = 20
"""More slots than this are a crowd. In a crowd `training.particles=auto` means 2, not 5; `model.size=auto` is `steady`,
because objects that may grow swallow others; and `model.conditional_discovery=auto` is false, because discovery would
learn that it is late in an episode, when other objects appear, and a crowd that jumps is then found late."""

DEVICES = ("auto", "cpu", "cuda", "gpu", "mps")

STRETCHES, STRETCH = 100, 10
"""Stretches of frames, and frames of each, in which small objects that travel are searched for."""

CUT_SHORT = 0.1
"""Share of the scenes of a crowd in which exploration of presence may end discovery too early."""


def check_values(config: DictConfig) -> None:
    """Raise ConfigError for settings that cannot work, before anything is recorded or written."""
    try:
        check_bounds(config)
        check_data(config)
        check_machine(config)
        check_name(config.name)
        training_config(config)
        imagination_config(config)
        measured = {"slots": 1, "object_size": [4.0, 4.0], "speck": SPECK, "output_std": 1.0}
        chosen = model_config(config, frame_size=[80, 80], channels=4, actions=1, **measured)
        with torch.device("meta"):
            build(chosen)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def check_bounds(config: DictConfig) -> None:
    """Raise ValueError for a number out of its limits; quick, so that it also serves for saved configurations."""
    kind = kind_of(config).settings
    check_limits(RunSettings, {key: config[key] for key in limits_of(RunSettings)})
    check_limits(kind, {**config.data}, "data")
    shown = config.data.report
    check_limits(Shown, {**shown}, "data.report")
    if shown.seen >= shown.frames:
        raise ValueError(f"data.report.seen is {shown.seen}: less than the {shown.frames} of data.report.frames")


def check_machine(config: DictConfig) -> None:
    """Raise ConfigError for an unknown device, or if there is no process or thread to train with."""
    kind, _, number = str(config.device).partition(":")
    if kind not in DEVICES or (":" in str(config.device) and not (kind in ("cuda", "gpu") and number.isdigit())):
        raise ConfigError(f"device={config.device} is not a device: choose auto, cpu, cuda or cuda:1, ...")
    for name in ("processes", "nodes", "threads"):
        if config[name] < 1:
            raise ConfigError(f"{name} must be at least 1, got {config[name]}")


def check_name(name: str) -> None:
    """Raise ConfigError for the name of a run that is not that of a folder of its own."""
    if name.strip() in ("", ".", "..") or "\0" in name:
        raise ConfigError(f"name={name!r} names no folder for the run: choose another name=...")


def training_config(config: DictConfig, slots: int = 0) -> TrainingConfig:
    """The schedule of SQAIR for frames of up to `slots` objects.

    AIR is trained on single frames, whatever the schedule says of lengths. `particles=auto` means 5, and 2 in a crowd,
    where steps with 5 particles are so slow that few of them fit into the minutes. Objects are discovered one by one,
    so in a crowd the `presence_margin` is reduced until discovery is complete in most scenes.
    """
    chosen: dict[str, Any] = {"lengths": [[0, 1]]} if config.model.architecture == "air" else {}
    if config.training.particles == "auto":
        chosen["particles"] = 2 if slots > CROWD else 5
    if slots > CROWD:
        chosen["presence_margin"] = min(config.training.presence_margin, CUT_SHORT / slots)
    return typed(TrainingConfig, {**config.training, **chosen}, "training")


def imagination_config(config: DictConfig) -> ImaginationConfig:
    """The schedule of imagination."""
    return typed(ImaginationConfig, config.imagination, "imagination")


def model_config(config: DictConfig, **measured: Any) -> ModelConfig:
    """The model's settings; `measured` replaces `auto` and adds the settings that follow from the data."""
    settings = _with_auto({**config.model}, measured)
    inference = settings["inference"]
    interacts = measured["actions"] and inference == "guided"
    chosen: dict[str, Any] = {"dynamics": "interactive" if interacts else "paper", "speck": SPECK, "changing": True}
    chosen["discovery_prior"] = discovery_prior_of(inference)
    settings = _with_auto(settings, chosen)
    settings = _with_auto(settings, {"smooth": settings["dynamics"] == "interactive" and bool(settings["residual"])})
    crowd = isinstance(settings["slots"], int) and settings["slots"] > CROWD
    settings = _with_auto(settings, {"conditional_discovery": not crowd})
    return typed(ModelConfig, settings | {"size": _size(settings, crowd)}, "model")


def _size(settings: dict[str, Any], crowd: bool) -> str:
    """The value of `ModelSettings.size`, without `auto` and `free_or_steady`."""
    size = str(settings["size"])
    if size not in ("auto", "free_or_steady"):
        return size
    if crowd and settings["residual"]:
        return "steady"
    return "held" if size == "auto" and settings["dynamics"] == "interactive" and settings["residual"] else "free"


def _with_auto(settings: dict[str, Any], decided: dict[str, Any]) -> dict[str, Any]:
    """`settings`, with the `decided` values for those that are `auto` or missing."""
    return settings | {k: v for k, v in decided.items() if settings.get(k, "auto") == "auto"}


def build_model(config: DictConfig, sequences: Sequences) -> WorldModel:
    """A new model; settings that are `auto` are measured on the data. The seed of the run decides the weights."""
    frames = sequences.first(500, 1, torch.device("cpu")).frames.foreground[0]
    measured = measure_objects(frames)
    settings = model_config(
        config,
        frame_size=list(sequences.frame_size),
        channels=sequences.channels,
        scenery=sequences.scenery,
        actions=sequences.number_of_actions,
        slots=measured.slots,
        object_size=list(measured.size),
        speck=measure_specks(config, sequences, measured),
        output_std=measured.noise,
        changing=measure_changes(config, sequences),
    )
    torch.manual_seed(config.seed)
    play = play_of(sequences)
    model = WorldModel(settings) if play is None else WorldModel(settings, play.source, play.background)
    if settings.mean_image and settings.architecture != "vrnn":
        assert model.sqair.appearance.mean_image is not None
        model.sqair.appearance.mean_image.data.copy_(frames.mean(0))
    return model


def measure_specks(config: DictConfig, sequences: Sequences, measured: ObjectStatistics) -> float:
    """See `measure_speck`; `SPECK` if frames have no opacity, or if sequences are too short to see objects travel."""
    if not sequences.scenery or config.model.speck != "auto":
        return SPECK
    try:
        frames = sequences.first(STRETCHES, STRETCH, torch.device("cpu")).frames.foreground
    except ValueError:
        return SPECK
    return measure_speck(foreground_masks(frames, measured.visible), measured.area)


def measure_changes(config: DictConfig, sequences: Sequences) -> bool:
    """See `background_changes`; false without play that could change a background, or if the setting is not `auto`."""
    play = play_of(sequences)
    if play is None or not sequences.scenery or config.model.changing != "auto":
        return False
    return background_changes(play)


def training_sequences(model: WorldModel, sequences: Sequences) -> Sequences:
    """The sequences on which a model is trained: for AIR single frames."""
    return SingleFrames(sequences) if model.config.architecture == "air" else sequences


def build_fabric(config: DictConfig) -> Fabric:
    """Device, precision and processes.

    Raises:
        ConfigError: if the device does not exist.
    """
    device, _, number = str(config.device).partition(":")
    use_cpu(config.threads)
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


def leave(fabric: Fabric) -> None:
    """Wait for the other processes and end communication; without it, a process that ends may crash another one."""
    fabric.barrier()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
