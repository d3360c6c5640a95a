"""Small saved models that accept every proposal as an object, and states that one of them saw in its game."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from benchmarks.scenes import certain_model
from sqair_wm.envs.starts import Collection, StatePool
from sqair_wm.games.atari import make_atari
from sqair_wm.games.bouncing import GROUND
from sqair_wm.games.names import BOUNCING
from sqair_wm.world.source import Source
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small

SIZE, ACTIONS, FIELD = 24, 6, (34, 194)
EXPLAINED = (
    "A Box observation space m(inimum|aximum) value is -?infinity",  # appearance codes have no bounds
    r"The environment \(.*\) is different from the unwrapped version",  # the tests check a wrapper
    "Your observation .*has an unconventional shape",  # rows and columns; `flat` has none
)


def save_model(
    game: str, actions: int, background: np.ndarray, place: Path, crop: tuple[int, int] | None = None
) -> str:
    """Save a model; its dynamics, rewards and uncertainties are random, an episode ends with probability 0.27."""
    torch.manual_seed(0)
    config = small(channels=4, scenery=3, actions=actions, dynamics="interactive", what=3, object_size=(3.0, 2.0))
    model = WorldModel(config, Source(game, SIZE, crop), background)
    model.sqair = certain_model(config)
    torch.nn.init.normal_(model.sqair.dynamics.readout.weight, std=0.1)
    assert model.heads is not None
    for name, weight in model.heads.named_parameters():
        if name.startswith(("heads", "rest")) and weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.3)
    for head in model.heads.heads:
        head[-1].weight.data[-1], head[-1].bias.data[-1] = 0.0, -1.0
    model.save(place)
    return str(place)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A saved model of Pong, whose background is the colour that Pong shows most."""
    frame, _ = make_atari("Pong", size=SIZE, crop=FIELD).reset(seed=0)
    background = np.median(frame, (0, 1)).astype(np.uint8) + np.zeros_like(frame)
    return save_model("Pong", ACTIONS, background, tmp_path_factory.mktemp("pong"), FIELD)


@pytest.fixture(scope="session")
def bouncing(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A saved model of the game of two sprites, which starts quickly, and differently with every seed."""
    background = np.full((SIZE, SIZE, 3), GROUND, np.uint8)
    return save_model(BOUNCING, 5, background, tmp_path_factory.mktemp("bouncing"))


@pytest.fixture(scope="session")
def pool(folder: str) -> str:
    """The file of a saved pool of 12 states."""
    path = Path(folder) / "pool.safetensors"
    StatePool.collect(Collection(folder, 12, games=2)).save(path)
    return str(path)


@pytest.fixture
def imagined(folder: str, pool: str) -> dict[str, Any]:
    """Settings of an imagination that needs no game."""
    return {"model": folder, "start_states": pool, "horizon": 4}


class Mortal(gym.Wrapper):
    """Counts lives: `left` says how many there are after so many steps of an episode."""

    def __init__(self, env: gym.Env, left: Callable[[int], int]):
        super().__init__(env)
        self.left, self.steps = left, 0

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        self.steps = 0
        frame, info = self.env.reset(**options)
        return frame, info | {"lives": self.left(0)}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        self.steps += 1
        *rest, info = self.env.step(action)
        return *rest, info | {"lives": self.left(self.steps)}


def same(a: Any, b: Any) -> bool:
    """Whether two observations or infos are equal, bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return np.array_equal(a, b)


def only_explained(caught: list[warnings.WarningMessage], *allowed: str) -> None:
    """Fail for a warning that matches none of the patterns `allowed`."""
    for warning in caught:
        assert any(re.search(pattern, str(warning.message)) for pattern in allowed), warning.message
