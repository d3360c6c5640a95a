"""A small saved model of the game of two sprites, with random dynamics; it takes anything it sees for an object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sqair_wm.games.bouncing import GROUND, Bouncing
from sqair_wm.games.names import BOUNCING
from sqair_wm.world.scenes import load_for_game
from sqair_wm.world.world_model import WorldModel
from tests.envs.conftest import SIZE, save_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of the model."""
    background = np.full((SIZE, SIZE, 3), GROUND, np.uint8)
    place = tmp_path_factory.mktemp("models") / "Bouncing"
    place.mkdir()
    return save_model(BOUNCING, 5, background, place)


@pytest.fixture
def world(model: str) -> WorldModel:
    """The model."""
    return load_for_game(model)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Games are cut off after seven steps."""
    monkeypatch.setattr(Bouncing, "longest", 7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for runs."""
    return tmp_path / "runs"
