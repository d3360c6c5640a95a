"""A run of an agent: its folder, its settings, and the current state of its world model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from sqair_wm.common.files import write_atomically
from sqair_wm.common.named_folders import WEIGHTS
from sqair_wm.common.settings import ConfigError, in_one_line, schema
from sqair_wm.common.version import VERSION
from sqair_wm.envs.layout import Layout
from sqair_wm.runs.older import flat
from sqair_wm.runs.setup import build_fabric, check_machine
from sqair_wm.world.loading import read_description
from sqair_wm.world.scenes import load_for_game
from sqair_wm.world.world_model import WorldModel

CONFIG = "config.yaml"
FREE = ("steps", "device", "threads", "runs", "name", "env", "agent.anew")
"""Settings that may change when a run is continued."""

OLDER = {
    "agent.anew": [],
    "agent.replay": 0.0,
    "agent.average": 0.0,
    "agent.stretches": 32,
    "agent.stretch": 32,
    "agent.world.final": 1.0,
    "agent.around": False,
    "agent.memory": False,
    "agent.samples": 1,
    "agent.spread": 0.0,
    "agent.world.brief": 0,
    "agent.world.briefs": 3,
    "agent.world.wrong": 0.8,
    "agent.world.weight_decay": 0.0,
    "agent.world.muon": 0.0,
    "agent.world.context": 4,
    "agent.remember": False,
    "agent.hold": 1,
    "agent.ahead": [],
}
"""Values of settings that runs of older versions lack: what the code did then."""

FORMER = {
    "agent.spread": (0.25, "auto"),
    "agent.world.weight_decay": (0.0, 1.0),
    "agent.world.muon": (0.0, 8.0),
    "agent.world_iterations": (120, 400),
    "agent.world.context": (4, 2),
    "agent.remember": (False, True),
}
"""Settings whose default changed: the former one, and that of now."""


@dataclass(frozen=True)
class AgentRun:
    """A run of an agent.

    Attributes:
        path: its folder.
        config: see `AgentRunSettings`.
        settings: of the agent, typed.
    """

    path: Path
    config: DictConfig
    settings: Any

    @property
    def seed(self) -> int:
        """The seed of the games, the weights and all random numbers."""
        return int(self.config.seed)

    @property
    def around(self) -> bool:
        """Whether observations hold the background around each object."""
        return bool(getattr(self.settings, "around", False))

    def layout(self, world: WorldModel) -> Layout:
        """The observations of its agent; `world` is its world model."""
        return layout_of(world, self.settings)

    @property
    def game(self) -> str:
        """The game of its world model; see `world`."""
        own = (self.path / WEIGHTS).exists()
        source = read_description(self.path if own else Path(str(self.config.model)))[1]
        return "no game" if source is None else source.game

    def world(self, point: Path | None = None) -> WorldModel:
        """The world model as the run has trained it so far, else the one that the run began with.

        Args:
            point: a folder of the run that holds the world model of another round.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is of no game.
        """
        folder = point or self.path
        own = (folder / WEIGHTS).exists()
        world = load_for_game(folder if own else self.config.model, str(self.config.device))
        if not world.config.actions:
            raise ValueError(f"the model in {self.config.model} knows no actions: nobody can play with it")
        return world

    def fabric(self) -> Fabric:
        """Device and precision."""
        return fabric_of(self.config)


def layout_of(world: WorldModel, settings: Any) -> Layout:
    """The observations of an agent with these settings, some of which a kind of agent may lack."""
    around, memory = (bool(getattr(settings, name, False)) for name in ("around", "memory"))
    return Layout.for_agents(world, around, memory=memory)


def fabric_of(config: DictConfig) -> Fabric:
    """The device of a configuration, for one process.

    Raises:
        ConfigError: if there is no such device.
    """
    alone = {"processes": 1, "nodes": 1, "precision": "32-true"}
    machine = OmegaConf.create({"device": config.device, "threads": config.threads, **alone})
    check_machine(machine)
    return build_fabric(machine)


def device_of(config: DictConfig) -> str:
    """The device of a configuration as PyTorch calls it, such as `cuda:0` for `auto`; see `fabric_of`."""
    return str(fabric_of(config).device)


def keep_former(config: DictConfig) -> None:
    """A run that began with a default of an older version goes on with it."""
    file = Path(config.runs) / config.name / CONFIG
    began = OLDER | flat(OmegaConf.to_container(_read(file), resolve=True)) if file.exists() else {}
    for key, (former, default) in FORMER.items():
        if began.get(key) == former and OmegaConf.select(config, key) == default:
            OmegaConf.update(config, key, former)
            print(f"{file.parent} goes on with {key}={former}, as it began; the default is {default} now")


def fill_older(config: DictConfig, names: Collection[str]) -> None:
    """Give the agent of a run the values of `OLDER` for settings with these `names` that its file lacks."""
    _fill(config, {name: OLDER.get(f"agent.{name}") for name in names})


def _fill(config: DictConfig, values: Mapping[str, Any]) -> None:
    """Give the agent of a run the `values` of settings that runs of older versions lack, where it lacks them."""
    for name, value in values.items():
        if f"agent.{name}" in OLDER and name not in config.agent:
            config.agent[name] = value


def begin(config: DictConfig, settings: Any) -> AgentRun:
    """The run that a configuration describes; an existing one is continued.

    Raises:
        ConfigError: if the folder can't be written to, or is that of another configuration.
    """
    _fill(config, vars(settings))  # so that it is not taken for an older run when it is opened
    path = Path(config.runs) / config.name
    file, new = path / CONFIG, OmegaConf.to_container(config, resolve=True)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if file.exists():
            old, now = flat(OmegaConf.to_container(_read(file), resolve=True)), flat(new)
            old = {k: v for k, v in OLDER.items() if k in now} | old
            changed = [k for k in sorted(old.keys() | now.keys()) if k not in FREE and old.get(k) != now.get(k)]
            changed = [k for k in changed if k != "version"]
            if changed:
                listed = ", ".join(f"{k}: {old.get(k)} there, {now.get(k)} now" for k in changed[:5])
                raise ConfigError(f"{path} is the run of another configuration ({listed}): choose another name=...")
        text = f"version: {VERSION}\n{OmegaConf.to_yaml(config, resolve=True)}"
        write_atomically(file, lambda target: target.write_text(text))
    except OSError as error:
        raise ConfigError(f"cannot write to {path} ({error}): choose another folder with runs=...") from error
    return AgentRun(path, config, settings)


def saved_config(path: Path) -> DictConfig:
    """The configuration of a run.

    Raises:
        ConfigError: if there is none.
    """
    if not (path / CONFIG).exists():
        raise ConfigError(f"{path} holds no run of an agent: python -m agents.train model=runs/GAME makes one")
    from .settings import AgentRunSettings

    found = _read(path / CONFIG)
    if "agent" not in found:
        raise ConfigError(f"{path} is no run of an agent: if it holds a world model, name it with model=FOLDER")
    try:
        config = OmegaConf.merge(schema(AgentRunSettings), found)
    except (OmegaConfBaseException, TypeError) as error:
        raise ConfigError(f"{path / CONFIG} is damaged, or from another version: {in_one_line(error)}") from error
    assert isinstance(config, DictConfig)
    return config


def holds_agent(path: Path) -> bool:
    """Whether a folder is the run of an agent, trained or not; raises ConfigError if its configuration is damaged."""
    return (path / CONFIG).exists() and "agent" in _read(path / CONFIG)


def _read(file: Path) -> DictConfig:
    try:
        config = OmegaConf.load(file)
    except (YAMLError, OmegaConfBaseException, ValueError, TypeError, OSError, RecursionError) as error:
        raise ConfigError(f"{file} is damaged ({' '.join(str(error).split())}): delete its folder") from error
    if not isinstance(config, DictConfig):
        raise ConfigError(f"{file} is damaged (it holds no configuration): delete its folder")
    config.pop("version", None)
    return config
