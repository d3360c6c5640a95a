"""The settings of a recording, and the initial background of its game, from random play."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from typing import ClassVar

import gymnasium as gym
import numpy as np

from sqair_wm.common.limits import Limits, check_settings
from sqair_wm.games.background import RunningMode, alike
from sqair_wm.games.games import make_game
from sqair_wm.games.policies import RepeatingAgent

WARM_UP = 1500
"""Frames of random play from which the initial background is taken."""

OPENINGS, LASTING = 8, 120
"""Episodes that are begun to see what stands still at first, and for how many frames it has to."""

COVERED, RETURNED = 0.1, 240
"""What stands still may be hidden in so large a share of the first frames, if it shows again in the last of them:
ghosts pass in front of pellets. What moves on slowly, such as invaders, has left by then."""

VERSION = 10
"""Raise it when equal settings no longer give equal recordings: older recordings are then made again."""


@dataclass(frozen=True)
class Recording:
    """What is recorded; two recordings with equal settings are identical.

    Attributes:
        game: the one name of the game, see `find_game`.
        frames: number of frames.
        size: height and width in pixels.
        seed: of the game and of the random agent.
        memory: when the scene has changed, frames after which what stands still is background, see `RunningMode`.
        crop: (first, last) raw row of what is shown; None for the whole picture.
        pool: raw frames an observation is the maximum of; None for 2, or where there are no raw frames.
        sticky: probability that the game repeats an action.
        frame_skip: raw frames an action lasts; None for 4, or where there are no raw frames.
        streams: games that are played side by side, each for an equal part of the frames.
        player: who plays: `random`, or the name of the player that was given to `record`.
    """

    game: str
    frames: int = 20_000
    size: int = 80
    seed: int = 0
    memory: int = 45
    crop: tuple[int, int] | None = None
    pool: int | None = None
    sticky: float = 0.0
    frame_skip: int | None = None
    streams: int = 1
    player: str = "random"

    LIMITS: ClassVar[Limits] = {
        "frames": (None, 1e9),
        "size": (8, 2048),
        "seed": (0, 2**31 - 1),
        "memory": (1, 1e6),
        "crop": (0, 10_000),
        "pool": (1, 1000),
        "sticky": (0, 1),
        "frame_skip": (1, 1000),
        "streams": (None, 10_000),
    }

    def __post_init__(self) -> None:
        check_settings(self, "data")
        if self.frames < 1:
            raise ValueError(f"a recording needs at least one frame, got {self.frames}")
        if self.streams < 1 or self.frames % self.streams:
            raise ValueError(f"{self.frames} frames can't be divided evenly among {self.streams} games side by side")
        if self.crop is not None:
            object.__setattr__(self, "crop", tuple(self.crop))  # configurations give a list

    @property
    def folder_name(self) -> str:
        """A name that differs whenever the settings do."""
        settings = json.dumps(asdict(self) | {"version": VERSION}, sort_keys=True)
        code = hashlib.sha256(settings.encode()).hexdigest()[:8]
        game = re.sub(r"\W+", "-", self.game)
        return f"{game}-{self.frames}-seed{self.seed}-{code}"

    def make(self) -> gym.Env:
        """The environment that is recorded."""
        names = ("size", "pool", "crop", "sticky", "frame_skip")
        return make_game(self.game, **{name: getattr(self, name) for name in names})

    @cached_property
    def actions(self) -> int:
        """How many actions the game has."""
        env = self.make()
        space = env.action_space
        env.close()
        assert isinstance(space, gym.spaces.Discrete)
        return int(space.n)


def initial_background(recording: Recording) -> np.ndarray:
    """The background when an episode begins, `[H, W, 3]` uint8.

    It is the colour that each pixel shows most often in `WARM_UP` frames of play. A pixel that stood still at the
    beginning of one of `OPENINGS` episodes has the colour it had there, even if that is soon gone (eaten pellets).
    """
    return _background(replace(recording, frames=1, memory=Recording.memory, streams=1, player="random")).copy()


@lru_cache(maxsize=8)
def _background(recording: Recording) -> np.ndarray:
    """See `initial_background`; cached for settings that differ only in what does not matter for it."""
    play = warm_up(recording, WARM_UP + 1)
    mode = RunningMode(next(play)[0], memory=WARM_UP, known=False)
    for frame, _ in play:
        mode.update(frame)
    background = mode.image
    for opening, still in openings(recording):
        background[still] = opening[still]
    return background


def openings(recording: Recording) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """First frames `[H, W, 3]` of `OPENINGS` episodes, and which of their pixels are background, `[H, W]` bool.

    These show the same colour in all of the first `LASTING` frames, or nearly always in the first `RETURNED` and in the
    last of them, see `COVERED`.
    """
    env, agent = recording.make(), RepeatingAgent(recording.actions, recording.seed + 2)
    for episode in range(OPENINGS):
        opening, _ = env.reset(seed=recording.seed + 2 + episode)
        hidden = np.zeros(opening.shape[:2], np.int32)
        lasting = returned = np.zeros(opening.shape[:2], bool)
        for number in range(1, RETURNED + 1):
            frame, _, terminated, truncated, _ = env.step(agent.act())
            if terminated or truncated:
                break
            shown = alike(frame, opening)
            hidden += ~shown
            lasting = hidden == 0 if number == LASTING else lasting
            returned = shown & (hidden <= COVERED * RETURNED) if number == RETURNED else returned
            if (hidden > COVERED * RETURNED).all():
                break
        yield opening, lasting | returned
    env.close()


def warm_up(recording: Recording, frames: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Play that is not recorded: frames `[H, W, 3]` uint8, and whether an episode begins with them."""
    env, agent = recording.make(), RepeatingAgent(recording.actions, recording.seed + 1)
    frame, _ = env.reset(seed=recording.seed + 1)
    yield frame, True
    for _ in range(frames - 1):
        frame, _, terminated, truncated, _ = env.step(agent.act())
        begins = terminated or truncated
        yield (env.reset()[0] if begins else frame), begins
    env.close()
