"""A small model of Pong that takes every proposal for an object, saved, and states that it saw in the game."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.scenes import certain_model
from envs.atari import make_atari
from envs.starts import Collection, StatePool
from sqair_wm.world_model import Source, WorldModel
from tests.conftest import small

SIZE, ACTIONS = 24, 6


@pytest.fixture(scope="session")
def background() -> np.ndarray:
    """The colour that Pong shows most, everywhere."""
    frame, _ = make_atari("Pong", size=SIZE).reset(seed=0)
    return np.median(frame, (0, 1)).astype(np.uint8) + np.zeros_like(frame)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, background: np.ndarray) -> str:
    """A saved model; its dynamics, rewards and uncertainties are random, an episode ends with probability 0.27."""
    torch.manual_seed(0)
    config = small(channels=4, scenery=3, actions=ACTIONS, dynamics="interactive", what=3)
    model = WorldModel(config, Source("Pong", SIZE), background)
    model.sqair = certain_model(config)
    torch.nn.init.normal_(model.sqair.dynamics.readout.weight, std=0.1)
    assert model.heads is not None
    for name, weight in model.heads.named_parameters():
        if name.startswith(("heads", "rest")) and weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.3)
    for head in model.heads.heads:
        head[-1].weight.data[-1], head[-1].bias.data[-1] = 0.0, -1.0
    place = tmp_path_factory.mktemp("pong")
    model.save(place)
    return str(place)


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


def same(a: Any, b: Any) -> bool:
    """Whether two observations or infos are equal to the bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return np.array_equal(a, b)
