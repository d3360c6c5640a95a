"""The registry of kinds of agents: the settings, the training and the policy of each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sqair_wm.common.limits import check_limits, limits_of
from sqair_wm.common.named_folders import CONFIG, find_folder
from sqair_wm.common.settings import ConfigError, store, typed
from sqair_wm.games.policies import Policy, RandomPolicy
from sqair_wm.world.world_model import WorldModel

from .dreaming.dreamer import held, load_networks, logits_of, train_dreamer, value_of
from .planning.cem import CEM
from .planning.mcts import MCTS
from .planning.planner import Planner
from .planning.shooting import Shooting
from .playing.games import RealGames
from .run import AgentRun, device_of, fill_older, holds_agent, saved_config
from .saved import AGENT, read_agent
from .sb3.reference_settings import DQNAgent, DQNPixels, DynaAgent, I2AAgent, OracleAgent, PPOAgent, PPOPixels
from .sb3.references import dqn, dyna, i2a, ppo, train_reference
from .sb3.sights import SightPolicy, SlotSight, sight_of
from .settings import AgentRunSettings, CEMAgent, DreamAgent, MCTSAgent, RandomAgent, ShootingAgent

Say = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Kind:
    """A kind of agent.

    Attributes:
        settings: dataclass of its settings (`agent.*`) with their defaults; its field `kind` is the agent's name.
        policy: makes the policy that plays, given a run, the world model and the games that are played.
        train: trains the agent, or continues its training; None for agents that do not learn.
        deterministic: whether evaluation takes its likeliest actions; otherwise it samples them, as training does.
    """

    settings: type
    policy: Callable[[AgentRun, WorldModel, RealGames], Policy]
    train: Callable[[AgentRun, Say], None] | None = None
    deterministic: bool = True


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind of agent known under the name that its settings have as `kind`.

    Raises:
        ValueError: if another kind has the name.
    """
    name = str(kind.settings.kind)  # type: ignore[attr-defined]
    if KINDS.get(name, kind) != kind:
        raise ValueError(f"there is already a kind of agent with the name {name!r}: choose another")
    KINDS[name] = kind
    store(kind.settings, name, "agent")


def settings_of(config: DictConfig) -> Any:
    """The typed settings of the agent of a configuration.

    Raises:
        ConfigError: if there is no such kind of agent, or a setting is not valid.
    """
    kind = _kind_of(config)
    try:
        check_limits(AgentRunSettings, {name: config[name] for name in limits_of(AgentRunSettings)})
        return typed(kind.settings, config.agent, "agent")
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _kind_of(config: DictConfig) -> Kind:
    name = config.agent.get("kind") if isinstance(config.agent, DictConfig) else None
    if not isinstance(name, str) or name not in KINDS:
        raise ConfigError(f"agent.kind is {name!r}; choose one of {', '.join(KINDS)}")
    return KINDS[name]


def find_agent(path: Path) -> Path:
    """The run of an agent: `path`, or for a world model the first trained agent beside it, such as `Pong-dream`.

    Raises:
        ConfigError: if the configuration at `path` is damaged.
        FileNotFoundError: if there is nothing at `path`, and no run of that name.
    """
    path = find_folder(path, missing="no run of an agent")
    if holds_agent(path):
        return path
    beside = sorted(path.parent.glob(f"{path.name}-*"))
    return next((p for p in beside if (p / AGENT).exists() and (p / CONFIG).exists()), path)


def open_run(path: Path) -> AgentRun:
    """An existing run of an agent, by its folder, its name, or the world model beside it, see `find_agent`.

    Raises:
        ConfigError: if it is damaged, or not the run of an agent.
        FileNotFoundError: if there is none.
    """
    path = find_agent(path)
    config = saved_config(path)
    try:
        fill_older(config, [field.name for field in fields(_kind_of(config).settings)])
        settings = settings_of(config)
    except ConfigError as error:
        raise ConfigError(f"{path / CONFIG} is damaged, or from another version: {error}") from error
    try:
        config.device = device_of(config)
    except ConfigError as error:
        print(f"{path} was trained on device={config.device}, which is not here ({error}): on the CPU", file=sys.stderr)
        config.device = "cpu"
    return AgentRun(path, config, settings)


def _planner(kind: type[Planner]) -> Callable[[AgentRun, WorldModel, RealGames], Policy]:
    def policy(run: AgentRun, world: WorldModel, games: RealGames) -> Policy:
        planner = kind(world, world.config.actions, run.settings, scenes=games, seed=run.seed)
        if (guide := guide_of(run.settings)) is not None:
            _guide(planner, guide, world)
        return planner

    return policy


def guide_of(mine: Any) -> AgentRun | None:
    """The run of the agent that guides a planner with these settings; None if there is none.

    Raises:
        ConfigError: if the agent is of another kind, or counts rewards in another way.
        FileNotFoundError: if there is no such run.
    """
    folder = getattr(mine, "guide", None)
    if folder is None:
        return None
    guide = open_run(Path(folder))
    its = guide.settings
    if not isinstance(its, DreamAgent):
        raise ConfigError(f"agent.guide={folder} did not learn in imagination: choose a run of agent=dream")
    if (mine.reward, mine.discount) != (its.reward, its.discount):
        raise ConfigError(
            f"agent.guide={folder} counts rewards in another way: choose agent.reward={its.reward} "
            f"agent.discount={its.discount}"
        )
    return guide


def _guide(planner: Planner, guide: AgentRun, world: WorldModel) -> None:
    """Give a planner the critic of an agent that learned in imagination, and MCTS its policy as well."""
    its = guide.settings
    model, layout = load_networks(guide.path, world, its), guide.layout(world)
    planner.value = value_of(model, layout)
    if isinstance(planner, MCTS):
        planner.prior = logits_of(model, layout)


def _reference(build: Callable[[AgentRun, Any], Any]) -> tuple[Any, Any]:
    def policy(run: AgentRun, world: WorldModel, games: RealGames) -> Policy:
        model = build(run, None)
        read_agent(model, run.path, str(run.config.device), f"delete {run.path}, and train it again")
        sight = sight_of(run, world)
        return model if isinstance(sight, SlotSight) else SightPolicy(model, games, sight)

    return policy, lambda run, say: train_reference(run, build, say)


def _dreamer(run: AgentRun, world: WorldModel, games: RealGames) -> Policy:
    return held(load_networks(run.path, world, run.settings), run.settings)


def _random(run: AgentRun, world: WorldModel, games: RealGames) -> Policy:
    return RandomPolicy(games.number, world.config.actions, run.seed)


register(Kind(DreamAgent, _dreamer, train_dreamer, deterministic=False))
register(Kind(PPOAgent, *_reference(ppo), deterministic=False))
register(Kind(DQNAgent, *_reference(dqn)))
register(Kind(DynaAgent, *_reference(dyna)))
register(Kind(I2AAgent, *_reference(i2a), deterministic=False))
register(Kind(OracleAgent, *_reference(ppo), deterministic=False))
register(Kind(PPOPixels, *_reference(ppo), deterministic=False))
register(Kind(DQNPixels, *_reference(dqn)))
register(Kind(ShootingAgent, _planner(Shooting)))
register(Kind(CEMAgent, _planner(CEM)))
register(Kind(MCTSAgent, _planner(MCTS)))
register(Kind(RandomAgent, _random))
