"""Real games observed as their true objects: a reference for what an agent could learn with perfect detection.

No other agent and no world model uses these observations.
"""

from __future__ import annotations

import zlib
from typing import Any

import gymnasium as gym
import numpy as np

from sqair_wm.envs.layout import BEFORE_CODE
from sqair_wm.evaluation.games.found import Found
from sqair_wm.evaluation.games.replay import object_reader, to_pixels
from sqair_wm.evaluation.games.truth import JUMP
from sqair_wm.world.world_model import WorldModel

from .games import RealGames

ROWS, CODE = 24, 8
"""Largest number of objects of a scene (the first in the game's list); length of the code of a class."""

SPACE = gym.spaces.Box(-np.inf, np.inf, (ROWS, BEFORE_CODE + CODE), np.float32)
"""The observation of one game: columns as in `sqair_wm.envs.layout.Layout`, with the code of the object's class."""


def code_of(kind: str) -> np.ndarray:
    """The fixed random code `[CODE]` of a class of objects, the same in every game."""
    return np.random.default_rng(zlib.crc32(kind.encode())).standard_normal(CODE).astype(np.float32)


class TrueObjectReader:
    """The true objects of one running game.

    Args:
        world: the model whose game is played; only its crop and the size of its frames are used.
        game: the environment that is played.

    Raises:
        NoTruth: if the true objects of this game are not known, see `sqair_wm.evaluation.games.ram`.
    """

    def __init__(self, world: WorldModel, game: gym.Env):
        assert world.source is not None
        height, width = game.unwrapped.observation_space.shape[:2]  # type: ignore[index]
        self.game, self.size, self._width = game, world.config.frame_size[0], width
        self._crop = game.get_wrapper_attr("crop") if game.has_wrapper_attr("crop") else (0, height)
        self._begin = object_reader(world.source.game)
        self._read = self._begin()
        self._before: dict[tuple[int, str], np.ndarray] = {}

    def begin(self) -> None:
        """Begin a new game: forget the last one."""
        self._read, self._before = self._begin(), {}

    def observe(self, info: dict[str, Any]) -> np.ndarray:
        """The observation, in `SPACE`, after a step or a reset that gave `info`."""
        found = to_pixels(self._read(self.game, info), self._crop, self._width, self.size)[:ROWS]
        rows, centres = np.zeros(SPACE.shape, np.float32), {}
        for row, one in zip(rows, found, strict=False):
            centres[one.entry, one.kind] = centre = self._centre(one)
            moved = centre - self._before.get((one.entry, one.kind), centre)
            row[0], row[1:3], row[3:5] = 1, centre, np.array(one.box[2:]) / self.size
            row[5:BEFORE_CODE] = np.where(np.abs(moved).max() > 2 * JUMP, 0, moved)
            row[BEFORE_CODE:] = code_of(one.kind)
        self._before = centres
        return rows

    def _centre(self, one: Found) -> np.ndarray:
        top, left, tall, wide = one.box
        return 2 * np.array([top + tall / 2, left + wide / 2]) / self.size - 1


class TruthSight:
    """The true objects of each game; a `Sight`.

    Args:
        world: the model whose game is played.
    """

    space, tracked = SPACE, False

    def __init__(self, world: WorldModel):
        self._world, self._readers, self._rows = (
            world,
            list[TrueObjectReader](),
            np.zeros((0, *SPACE.shape), np.float32),
        )

    def follow(self, games: RealGames) -> None:
        """Read the objects in every frame of `games` from now on; has to be called before the games begin."""
        self._readers = [TrueObjectReader(self._world, env) for env in games.envs]
        self._rows = np.zeros((games.number, *SPACE.shape), np.float32)

        def watch(i: int, begins: bool) -> None:
            if begins:
                self._readers[i].begin()
            self._rows[i] = self._readers[i].observe(games.infos[i])

        games.watch = watch

    def see(self, games: RealGames, rows: np.ndarray | None = None) -> np.ndarray:
        """See `Sight.see`. `[B, ROWS, D]`."""
        return self._rows.copy()

    def state_dict(self) -> dict[str, Any]:
        """See `Sight.state_dict`: nothing, since the frames of restored games are played again."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Sight.load_state_dict`."""
