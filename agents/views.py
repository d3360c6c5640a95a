"""Kinds of observations of the real games for reference agents: found objects, with or without rollouts; true objects;
pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
from stable_baselines3.common.vec_env import VecEnv

from sqair_wm.envs.layout import Layout
from sqair_wm.envs.sb3 import as_sb3
from sqair_wm.games.policies import Policy
from sqair_wm.world.world_model import WorldModel

from . import oracle, pixels
from .games import RealGames
from .i2a import rollout_policy_of
from .rollouts import ImaginingPolicy, RolloutSettings, imagining_games, rollouts_of, space_of
from .run import AgentRun


class View(NamedTuple):
    """One kind of observation.

    Attributes:
        games: makes the environments of a run, for its agent to learn in.
        space: gives the observation space for the game of a world model.
        policy: makes a `Policy` that plays `RealGames` out of a trained agent.
    """

    games: Callable[[AgentRun], VecEnv]
    space: Callable[[WorldModel], gym.Space]
    policy: Callable[[Any, RealGames], Policy]


def slot_games(run: AgentRun) -> VecEnv:
    """The games of a run; observations are the objects that its world model finds."""
    made = gym.make_vec(
        "sqair_wm/Slots-v0",
        num_envs=run.settings.games,
        model=run.config.model,
        around=run.around,
        device=str(run.config.device),
        autoreset_mode="SameStep",
    )
    return as_sb3(made)


PIXELS = View(
    lambda run: pixels.pixel_games(run.world(), run.settings.games), lambda world: pixels.SPACE, pixels.PixelPolicy
)
TRUTH = View(
    lambda run: oracle.true_games(run.world(), run.settings.games), lambda world: oracle.SPACE, oracle.OraclePolicy
)


def slot_view(run: AgentRun) -> View:
    """Observations of objects, with the background around them if the run's settings ask for it."""

    def space(world: WorldModel) -> gym.Space:
        return Layout.for_agents(world, run.around).space

    return View(slot_games, space, lambda agent, games: agent)


def rollout_view(run: AgentRun) -> View:
    """Observations of objects with rollouts, see `RolloutSettings`."""

    def policy(agent: Any, games: RealGames) -> Policy:
        rollouts = rollouts_of(games.world, run.settings, run.seed, run.around)
        rollouts.policy = rollout_policy_of(agent)
        return ImaginingPolicy(agent, games, rollouts)

    return View(imagining_games, lambda world: space_of(world, run.settings, run.around), policy)


def view_of(run: AgentRun) -> View:
    """The kind of observation of a run's agent."""
    if isinstance(run.settings, RolloutSettings):
        return rollout_view(run)
    kind = str(run.settings.kind)
    return TRUTH if kind == "oracle" else PIXELS if kind.endswith("_pixels") else slot_view(run)
