"""The playing field of an Atari game and how it flickers, measured on random play."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import cv2
import gymnasium as gym
import numpy as np

from sqair_wm.games.policies import RepeatingAgent

FRAMES, EPISODE, HOLD = 7200, 1800, 4
"""Raw frames that are played, most of them in one episode, and how many an action lasts. 60 are a second of play."""

BOOT, AFTERWARDS, FLASH = 60, 8, 0.5
"""Raw frames at the start of an episode in which games set up their picture; raw frames after a reward or a lost life
in which score and lives are redrawn; the share of rows that change together when the whole picture flashes."""

USUAL = 0.5
"""Share of the frames that must lie away from rewards and lost lives; otherwise score can't be told from play."""

DEEPEST, GAP, SEPARATOR = 0.2, 8, 3
"""Largest share of the height that is cut off at one edge; most rows between the score and the lives; and the number of
rows below them within which one of a single colour has to follow."""

SCORED, HELD = 5, 900
"""Rewarded frames from which random play tells where the score is; if there are fewer, every action is also held for so
many raw frames. Random play hardly ever crosses the road in Freeway, holding the joystick up does."""

ONE_BACKGROUND = 300
"""Raw frames that share a background."""

NEAR, EVERY, VANISHING = 5, 5, 0.04
"""For flicker: distance in pixels within which a vanished sprite has to return; raw frames from one check to the next
(not a multiple of a period of flicker); and the share of checks with a vanished sprite from which a game flickers."""


class Field(NamedTuple):
    """How a game is shown.

    Attributes:
        crop: (first, last) raw row of what is shown; None for the whole picture.
        pool: raw frames an observation is the maximum of; None for a game without raw frames.
    """

    crop: tuple[int, int] | None = None
    pool: int | None = None


class RawPlay(NamedTuple):
    """`T` raw frames in a row.

    Attributes:
        screens: `[T, H, W]` uint8, numbers of colours.
        rewarded: `[T]` bool, whether a reward came with the frame.
        died: `[T]` bool, whether the number of lives changed with it.
        age: `[T]` raw frames since the episode began.
    """

    screens: np.ndarray
    rewarded: np.ndarray
    died: np.ndarray
    age: np.ndarray


class Rows(NamedTuple):
    """What happens in the raw rows of `T` frames: `changed` and `plain` (of a single colour) are `[T, H]` bool."""

    changed: np.ndarray
    plain: np.ndarray
    rewarded: np.ndarray
    died: np.ndarray
    age: np.ndarray

    @staticmethod
    def of(play: RawPlay) -> Rows:
        """The rows of one play; its first frame counts as unchanged."""
        screens = play.screens
        changed = np.zeros(screens.shape[:2], bool)
        changed[1:] = (screens[1:] != screens[:-1]).any(2)
        return Rows(changed, (screens == screens[:, :, :1]).all(2), *play[1:])


@lru_cache
def measure_field(game: str) -> Field:
    """The playing field and the flicker of an Atari game such as `Pong`; equal on every call.

    Rows are cut off at the top and at the bottom if they change only when a reward comes or a life is lost (score and
    lives), no sprite is ever seen there, and a row of a single colour separates them from the rest. If there are no
    such rows, the whole picture is shown. Where random play hardly scores, every action is held for a while as well.
    An observation is the maximum over four raw frames where sprites vanish for two raw frames or more and return, and
    over two where they do so for a single one. Otherwise it is one raw frame, so that a moving sprite is not blurred.
    """
    env = gym.make(
        f"ALE/{game}-v5", obs_type="ram", frameskip=1, repeat_action_probability=0.0, disable_env_checker=True
    )
    assert isinstance(env.action_space, gym.spaces.Discrete)
    rows, looks, actions = [], [], int(env.action_space.n)
    for play in _play(env, RepeatingAgent(actions, 0).act, FRAMES, EPISODE):
        rows.append(Rows.of(play))
        looks.append([vanishing(play, frames) for frames in (1, 2)])
    if sum(part.rewarded.sum() for part in rows) < SCORED:
        held = iter(np.arange(actions).repeat(HELD // HOLD).tolist())
        rows += map(Rows.of, _play(env, partial(next, held), actions * HELD, HELD))
    env.close()
    (blinks, total), (vanishes, _) = np.sum(looks, 0)
    pool = 4 if vanishes >= VANISHING * total else 2 if blinks >= VANISHING * total else 1
    return Field(playing_field(rows), pool)


def playing_field(parts: Iterable[Rows]) -> tuple[int, int]:
    """First and last raw row of the part without score and lives."""
    changed, plain, rewarded, died, age = (np.concatenate(x) for x in zip(*parts, strict=True))
    settled, calm = age >= BOOT, changed.mean(1) < FLASH
    rewards, deaths = (_after(x) & settled for x in (rewarded, died))
    between = settled & ~rewards & ~deaths
    if between.sum() < USUAL * settled.sum():
        return 0, changed.shape[1]
    quiet = ~np.any(changed[between], axis=0)
    separates = np.all(plain[settled], axis=0)
    scores, lives = (np.any(changed[x & calm], axis=0) & quiet for x in (rewards & ~deaths, deaths))
    marks = np.stack([quiet, scores, lives, separates])
    top, bottom = _edge(*marks), _edge(*marks[:, ::-1])
    return top, changed.shape[1] - bottom


def _edge(quiet: np.ndarray, scores: np.ndarray, lives: np.ndarray, separates: np.ndarray) -> int:
    """Rows to cut off, counted from an edge: through the score, and through the lives next to it."""
    most = min(int(np.argmin(np.append(quiet, False))), int(DEEPEST * len(quiet)))
    cut = 0
    for first, last in _runs((scores | lives)[:most]):
        if cut and (first - cut > GAP or scores[first:last].any()):
            break
        cut = last
    ends = [row for row in range(cut, min(cut + SEPARATOR, most)) if separates[row]]
    return ends[0] if cut and ends else 0


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """First row and the one after the last of every run of true rows."""
    steps = np.flatnonzero(np.diff(np.concatenate([[0], rows.astype(np.int8), [0]])))
    yield from zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True)


def _after(events: np.ndarray) -> np.ndarray:
    """Which frames come with an event or within `AFTERWARDS` of one, `[T]` bool."""
    return np.convolve(events, np.ones(AFTERWARDS))[: len(events)] > 0


def vanishing(play: RawPlay, frames: int) -> tuple[int, int]:
    """The number of checks at which a sprite is missing for `frames` raw frames in a row and returns, and of all."""
    kernel, looks, gone = np.ones((2 * NEAR + 1,) * 2, np.uint8), 0, 0

    def around(mask: np.ndarray) -> np.ndarray:
        return cv2.dilate(mask.view(np.uint8), kernel) > 0

    shown = play.screens != np.median(play.screens[::5], 0).astype(np.uint8)
    for t in range(4, len(shown) - 2, EVERY):
        if play.age[t] < BOOT:
            continue
        before, now, later = (shown[a : a + frames].any(0) for a in (t - 2 * frames, t - frames, t))
        looks += 1
        if (before & ~now).any():
            gone += int((before & ~around(now) & around(later)).sum() >= 4)
    return gone, looks


def _play(env: gym.Env, act: Callable[[], int], frames: int, episode: int) -> Iterator[RawPlay]:
    """Play of `frames` raw frames, `ONE_BACKGROUND` at a time; episodes are left after `episode` raw frames."""
    ale, age, action, lives = env.unwrapped.ale, 0, 0, 0  # type: ignore[attr-defined]
    env.reset(seed=0)
    for _ in range(frames // ONE_BACKGROUND):
        screens, notes = [], []
        for t in range(ONE_BACKGROUND):
            if age >= episode:
                env.reset()
                age = 0
            if age == 0:
                lives = ale.lives()
            if t % HOLD == 0:
                action = act()
            _, reward, terminated, truncated, _ = env.step(action)
            screens.append(ale.getScreen())
            notes.append((float(reward) != 0, ale.lives() != lives, age))
            age, lives = episode if terminated or truncated else age + 1, ale.lives()
        yield RawPlay(np.stack(screens), *(np.array(x) for x in zip(*notes, strict=True)))
