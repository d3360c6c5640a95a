"""The environments that are timed: the real game as objects, and imagination, step by step as an agent uses them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np

from benchmarks.cases import case
from benchmarks.measure import Row, seconds
from benchmarks.scenes import ATARI, certain_model
from sqair_wm.envs.imagination import ImaginationVectorEnv
from sqair_wm.envs.slots import make_slots
from sqair_wm.games.play import Recording, initial_background
from sqair_wm.world.source import Source
from sqair_wm.world.world_model import WorldModel

GAME, ACTIONS, STEPS = "MsPacman", 9, 20
FIELD, POOL = (0, 172), 4


@contextmanager
def saved_model() -> Iterator[str]:
    """The folder of an untrained model of MsPacman that keeps all its six slots filled."""
    config = replace(ATARI, scenery=3, actions=ACTIONS, dynamics="interactive")
    background = initial_background(Recording(GAME, crop=FIELD, pool=POOL))
    model = WorldModel(config, Source(GAME, config.frame_size[0], FIELD, POOL), background)
    model.sqair = certain_model(config)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        yield folder


def play(env: gym.Env) -> Callable[[], object]:
    """A function that takes `STEPS` random steps; an episode that ends begins anew."""
    env.reset(seed=0)
    env.action_space.seed(0)

    def steps() -> None:
        for _ in range(STEPS):
            *_, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()

    return steps


@case("wrapper_step")
def wrapper_step(name: str) -> Row:
    """MsPacman through the slot observation wrapper with six objects; `real_game` is the game alone."""
    with saved_model() as folder:
        return Row(name, STEPS / seconds(play(make_slots(folder)), 3.0), "steps/s")


def dream(name: str, batch: int) -> Row:
    """Imagined games as a vector environment: every step with observations, rewards, endings, restarts and infos."""
    with saved_model() as folder:
        env = ImaginationVectorEnv(folder, batch, autoreset_mode="SameStep", start_states=64)
        env.reset(seed=0)
        actions = np.random.default_rng(0).integers(ACTIONS, size=(STEPS, batch))

        def steps() -> None:
            for action in actions:
                env.step(action)

        return Row(name, STEPS * batch / seconds(steps, 3.0), "steps/s")


case("imagination_1")(lambda name: dream(name, 1))
case("imagination_256")(lambda name: dream(name, 256))
