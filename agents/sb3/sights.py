"""What agents of stable-baselines3 are shown of the real game: found objects, with or without rollouts; true objects;
pixels."""

from __future__ import annotations

from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm

from sqair_wm.envs.layout import Layout
from sqair_wm.world.world_model import WorldModel

from ..playing.games import RealGames
from ..playing.oracle import TruthSight
from ..playing.pixels import PixelSight
from ..run import AgentRun
from .i2a import rollout_policy_of
from .rollouts import RolloutSettings, RolloutSight


class Sight(Protocol):
    """One kind of observation of running games."""

    @property
    def space(self) -> gym.Space:
        """The space of the observation of one game."""

    @property
    def tracked(self) -> bool:
        """Whether it needs the objects that the world model finds."""

    def see(self, games: RealGames, rows: np.ndarray | None = None) -> Any:
        """The observations of all games. Call it once after each new frame.

        Args:
            games: the games, the same ones in every call.
            rows: `[B]` bool, the games that have a new frame since the last call; None for all.
        """

    def state_dict(self) -> dict[str, Any]:
        """What later observations depend on besides the games, in tensors and plain data."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; the games have been restored already."""


class SlotSight:
    """The objects that the world model finds; a `Sight`.

    Args:
        layout: of the observations, which has to be that of the games.
    """

    tracked = True

    def __init__(self, layout: Layout):
        self.space = layout.space

    def see(self, games: RealGames, rows: np.ndarray | None = None) -> Any:
        """See `Sight.see`."""
        return games.observation

    def state_dict(self) -> dict[str, Any]:
        """See `Sight.state_dict`."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Sight.load_state_dict`."""


def pixels_only(run: AgentRun) -> bool:
    """Whether the agent of a run is shown pixels."""
    return str(run.settings.kind).endswith("_pixels")


def sight_of(run: AgentRun, world: WorldModel) -> Sight:
    """What the agent of a run is shown; `world` is its world model."""
    if isinstance(run.settings, RolloutSettings):
        return RolloutSight(world, run.settings, run.seed, run.around)
    if pixels_only(run):
        return PixelSight()
    return TruthSight(world) if run.settings.kind == "oracle" else SlotSight(run.layout(world))


class SightPolicy:
    """Plays `RealGames` with an agent of stable-baselines3; a `Policy`.

    Args:
        agent: of stable-baselines3, on observations of `sight`.
        games: the games that are played.
        sight: what it is shown of them.
    """

    def __init__(self, agent: BaseAlgorithm, games: RealGames, sight: Sight):
        self.agent, self.games, self.sight = agent, games, sight
        if isinstance(sight, RolloutSight):
            assert isinstance(agent, PPO)
            sight.rollouts.policy = rollout_policy_of(agent)
        if isinstance(sight, TruthSight):
            sight.follow(games)

    def predict(
        self, observation: Any, state: Any = None, episode_start: np.ndarray | None = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Actions `[B]` for what is to be seen of `games` now; `observation` is not used. Call it once a step."""
        return self.agent.predict(self.sight.see(self.games), deterministic=deterministic)[0], state
