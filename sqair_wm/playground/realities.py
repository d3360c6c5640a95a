"""The real side of a session, which goes on beside the dream: a game, or a film of held-out data."""

from __future__ import annotations

import copy
import pickle
import zlib
from collections import deque
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
import torch

from sqair_wm.common import figures
from sqair_wm.common.frame import Frame
from sqair_wm.games.background import compose
from sqair_wm.games.branches import Branching
from sqair_wm.games.games import action_names
from sqair_wm.games.lives import Lives
from sqair_wm.world.scenes import Scenes, Tracker
from sqair_wm.world.world_model import WorldModel

USUAL_FPS = 15.0
"""Frames a second of a game without raw frames: as an Atari game with four raw frames an action."""

FILM_FPS = 8.0
ONE = np.ones(1, bool)


class Shown(NamedTuple):
    """What a reality shows after a step.

    Attributes:
        picture: `[H, W, 3]` uint8.
        behind: `[H, W, 3]` uint8, the background; None if there is none.
        scenes: the scenes that the model sees.
        reward: of the step, in the game's units.
        over: whether the game, or the film, has ended.
    """

    picture: np.ndarray
    behind: np.ndarray | None
    scenes: Scenes
    reward: float = 0.0
    over: bool = False


class Reality(Protocol):
    """Something that goes on under actions and is seen by a model. Its state can be saved and restored.

    Attributes:
        actions: names of the actions.
        fps: frames a second at the usual speed.
    """

    actions: tuple[str, ...]
    fps: float

    def begin(self, seed: int | None = None) -> Shown:
        """Start the next game or film, or the one of `seed`."""

    def step(self, action: int) -> Shown:
        """Take one step."""

    def keep(self) -> Any:
        """Its state, for `put_back`."""

    def put_back(self, kept: Any) -> None:
        """Restore the state that `keep` returned."""


class GameReality:
    """The real game of a world model.

    Args:
        world: a model that was trained on a game.
        seed: of the first game.
    """

    def __init__(self, world: WorldModel, seed: int = 0):
        self._env, self._tracker = Branching(world.make_env()), Tracker(world, 1)
        self.actions = action_names(self._env)
        self.fps = float(self._env.metadata.get("render_fps") or USUAL_FPS)
        self._seed: int | None = seed
        self._lives = Lives()

    def begin(self, seed: int | None = None) -> Shown:
        """See `Reality`."""
        picture, info = self._env.reset(seed=self._seed if seed is None else seed)
        self._seed = None
        self._lives.begin(info)
        self._tracker.begin(ONE)
        return self._see(picture, None, False, 0.0, False)

    def step(self, action: int) -> Shown:
        """See `Reality`."""
        picture, reward, terminated, truncated, info = self._env.step(action)
        lost, over = self._lives.lost(info), terminated or truncated
        return self._see(picture, np.array([action]), lost, float(reward), over)

    def keep(self) -> Any:
        """See `Reality`; the state of the background model is compressed to save memory."""
        background = zlib.compress(pickle.dumps(self._tracker.preprocessors[0]), 1)
        return self._env.save(), _counters(self._env), self._lives.left, background, bare(self._tracker.scenes)

    def put_back(self, kept: Any) -> None:
        """See `Reality`."""
        state, counters, self._lives.left, background, scenes = kept
        self._env.restore(state)
        for wrapper, values in zip(_wrappers(self._env), counters, strict=True):
            vars(wrapper).update(copy.deepcopy(values))
        self._tracker.preprocessors[0] = pickle.loads(zlib.decompress(background))
        self._tracker.scenes = bare(scenes)

    def close(self) -> None:
        """Close the game."""
        self._env.close()

    def _see(self, picture: np.ndarray, action: np.ndarray | None, lost: bool, reward: float, over: bool) -> Shown:
        self._tracker.see(picture[None], action, lost=np.array([lost]))
        behind = self._tracker.preprocessors[0].background
        return Shown(picture, behind, bare(self._tracker.scenes), reward, over)


class FilmReality:
    """Films that a model watches, one after the other; the only action is to wait.

    Args:
        world: the model.
        frames: `[T, B, ...]`, `B` films of `T` frames.
    """

    actions: tuple[str, ...] = ("next frame",)
    fps = FILM_FPS

    def __init__(self, world: WorldModel, frames: Frame):
        self._world, self._frames = world, frames
        self._film, self._time, self._scenes = -1, 0, Scenes(world.initial(1))

    def begin(self, seed: int | None = None) -> Shown:
        """See `Reality`; a seed is the number of a film."""
        number = self._film + 1 if seed is None else seed
        self._film, self._time = number % self._frames.batch, 0
        self._scenes = Scenes(self._world.initial(1))
        return self._see()

    def step(self, action: int) -> Shown:
        """See `Reality`."""
        self._time += 1
        return self._see()

    def keep(self) -> Any:
        """See `Reality`."""
        return self._film, self._time, bare(self._scenes)

    def put_back(self, kept: Any) -> None:
        """See `Reality`."""
        self._film, self._time, scenes = kept
        self._scenes = bare(scenes)

    @torch.inference_mode()
    def _see(self) -> Shown:
        frame = self._frames[self._time, self._film : self._film + 1]
        self._scenes.advance(self._world.filter(self._scenes.state, frame, None))
        over = self._time + 1 >= len(self._frames)
        picture, behind = _shown(frame)
        return Shown(picture, behind, bare(self._scenes), over=over)


def bare(scenes: Scenes) -> Scenes:
    """The same scenes without the results derived from them, which take more memory than the scenes."""
    same = Scenes(scenes.state.map(lambda x: x))
    same.assignment = scenes.assignment
    return same


def _shown(frame: Frame) -> tuple[np.ndarray, np.ndarray | None]:
    """A frame of a batch of one as a picture, and its background; None if it has none."""
    first = frame[0].to("cpu")
    if not len(first.background):
        return figures.to_picture(first.foreground), None
    return compose(first).numpy(), figures.to_picture(first.background)


def _wrappers(env: gym.Env) -> list[gym.Wrapper]:
    found: list[gym.Wrapper] = []
    while isinstance(env, gym.Wrapper):
        found.append(env)
        env = env.env
    return found


def _counters(env: gym.Env) -> list[dict[str, Any]]:
    """The counters of wrappers, such as the steps of a time limit, which `Branching` does not save."""
    kinds = (bool, int, float, deque)
    return [{n: copy.copy(v) for n, v in vars(w).items() if type(v) in kinds} for w in _wrappers(env)]
