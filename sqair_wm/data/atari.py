"""Recordings of Atari play: frames, backgrounds, actions, rewards and endings in memory-mapped files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from tqdm import tqdm

from envs.games import make_game
from sqair_wm.background import RunningMode, alike, separate
from sqair_wm.data.sequences import Batch

LONGEST_HOLD = 8
WARM_UP = 1500
OPENINGS, LASTING = 8, 120
"""Episodes that are begun to see what stands still at first, and their frames."""

VERSION = 5
"""To be raised when equal settings no longer give equal recordings; older ones are then made again."""


@dataclass(frozen=True)
class Recording:
    """What is recorded; two recordings with equal settings are identical.

    Attributes:
        game: name of the game.
        frames: number of frames.
        size: height and width in pixels.
        seed: of the game and of the random agent.
        memory: frames after which something that stands still is background.
        crop: (first, last) raw row, None for the game's own.
        pool: raw frames an observation is the maximum of, None for the game's own.
        sticky: probability that the game repeats an action.
    """

    game: str
    frames: int = 20_000
    size: int = 80
    seed: int = 0
    memory: int = 45
    crop: tuple[int, int] | None = None
    pool: int | None = None
    sticky: float = 0.0

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"a recording needs at least one frame, got {self.frames}")

    @property
    def folder_name(self) -> str:
        """A name that differs whenever the settings do."""
        settings = json.dumps(asdict(self) | {"version": VERSION}, sort_keys=True)
        code = hashlib.sha256(settings.encode()).hexdigest()[:8]
        return f"{self.game}-{self.frames}-seed{self.seed}-{code}"

    def make(self) -> gym.Env:
        """The environment that is recorded."""
        return make_game(self.game, size=self.size, pool=self.pool, crop=self.crop, sticky=self.sticky)


class RepeatingAgent:
    """Plays at random and holds each action for 1 to `LONGEST_HOLD` steps, so that sprites get somewhere."""

    def __init__(self, actions: int, seed: int):
        self._actions, self._random, self._left, self._action = actions, np.random.default_rng(seed), 0, 0

    def act(self) -> int:
        """The next action."""
        if self._left == 0:
            self._action, self._left = (
                int(self._random.integers(self._actions)),
                int(self._random.integers(1, LONGEST_HOLD + 1)),
            )
        self._left -= 1
        return self._action


def initial_background(recording: Recording) -> np.ndarray:
    """What is behind the objects when an episode begins, `[H, W, 3]` uint8.

    The colour each pixel shows most in `WARM_UP` frames of play; but what stood still at the beginning of any of
    `OPENINGS` episodes is there in every episode, even if it is gone most of the time (pellets that are eaten).
    """
    play = warm_up(recording, WARM_UP + 1)
    mode = RunningMode(next(play)[0], memory=WARM_UP)
    for frame, _ in play:
        mode.update(frame)
    background = mode.image
    for opening, still in openings(recording):
        background[still] = opening[still]
    return background


def openings(recording: Recording) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """First frames `[H, W, 3]` of `OPENINGS` episodes, and which pixels stay so for `LASTING` frames, `[H, W]` bool."""
    env, agent = recording.make(), RepeatingAgent(_actions(recording), recording.seed + 2)
    for episode in range(OPENINGS):
        opening, _ = env.reset(seed=recording.seed + 2 + episode)
        still = np.ones(opening.shape[:2], bool)
        for _ in range(LASTING):
            frame, _, terminated, truncated, _ = env.step(agent.act())
            if terminated or truncated:
                still[:] = False
            still &= alike(frame, opening)
            if not still.any():
                break
        yield opening, still
    env.close()


def warm_up(recording: Recording, frames: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Play that is not recorded: frames `[H, W, 3]` uint8, and whether an episode begins with them."""
    env, agent = recording.make(), RepeatingAgent(_actions(recording), recording.seed + 1)
    frame, _ = env.reset(seed=recording.seed + 1)
    yield frame, True
    for _ in range(frames - 1):
        frame, _, terminated, truncated, _ = env.step(agent.act())
        begins = terminated or truncated
        yield (env.reset()[0] if begins else frame), begins
    env.close()


def _actions(recording: Recording) -> int:
    env = recording.make()
    space = env.action_space
    env.close()
    assert isinstance(space, gym.spaces.Discrete)
    return int(space.n)


def record(recording: Recording, folder: Path, background: np.ndarray | None = None) -> AtariSequences:
    """Record play into `folder`, or open what a recording with the same settings left there.

    Everything is written to a folder beside it that takes the name when complete, so a recording is whole or absent.

    Raises:
        ValueError: for an unknown game, or if `folder` holds something else.
    """
    if folder.exists():
        sequences = AtariSequences(folder)
        if sequences.recording != recording:
            raise ValueError(
                f"{folder} holds another recording ({sequences.recording}); name another folder or delete it"
            )
        return sequences
    env, partial = recording.make(), folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    mode = RunningMode(initial_background(recording) if background is None else background, recording.memory)
    np.save(partial / "background.npy", mode.initial)
    shape = (recording.frames, recording.size, recording.size, 3)
    frames, backgrounds = (
        np.lib.format.open_memmap(partial / f"{n}.npy", "w+", np.uint8, shape) for n in ("frames", "backgrounds")
    )
    actions, rewards = np.zeros(recording.frames, np.int64), np.zeros(recording.frames, np.float32)
    ends, starts = np.zeros(recording.frames, bool), np.zeros(recording.frames, bool)
    agent = RepeatingAgent(_actions(recording), recording.seed)
    frame, _ = env.reset(seed=recording.seed)
    starts[0] = True
    for t in tqdm(range(recording.frames), desc=f"recording {recording.game}", unit="frame", leave=False, disable=None):
        frames[t], backgrounds[t] = frame, mode.update(frame)
        if t + 1 == recording.frames:
            break
        if ends[t]:
            frame, _ = env.reset()
            mode.reset()
            starts[t + 1] = True
            continue
        actions[t + 1] = agent.act()
        frame, rewards[t + 1], terminated, truncated, _ = env.step(actions[t + 1])
        ends[t + 1] = terminated or truncated
    env.close()
    for name, array in (("actions", actions), ("rewards", rewards), ("ends", ends), ("starts", starts)):
        np.save(partial / f"{name}.npy", array)
    frames.flush()
    backgrounds.flush()
    (partial / "recording.json").write_text(json.dumps(asdict(recording), indent=1))
    partial.rename(folder)
    return AtariSequences(folder)


class AtariSequences:
    """Sequences cut from a recording; frames stay on disk until they are asked for.

    Raises:
        FileNotFoundError: if the folder holds no complete recording.
    """

    def __init__(self, folder: Path):
        note = folder / "recording.json"
        if not note.exists():
            raise FileNotFoundError(
                f"{folder} holds no complete recording (no recording.json): delete it to record again"
            )
        settings = json.loads(note.read_text())
        settings["crop"] = tuple(settings["crop"]) if settings["crop"] else None
        self.folder, self.recording = folder, Recording(**settings)
        self.frame_size, self.channels = (self.recording.size, self.recording.size), 4
        self.scenery, self.number_of_actions = 3, _actions(self.recording)
        self._frames, self._backgrounds = (
            np.load(folder / f"{n}.npy", mmap_mode="r") for n in ("frames", "backgrounds")
        )
        self.background = np.load(folder / "background.npy")
        self.actions, self.rewards, self.ends, starts = (
            np.load(folder / f"{n}.npy") for n in ("actions", "rewards", "ends", "starts")
        )
        self.begins, self.episodes = starts, np.cumsum(starts)

    def __len__(self) -> int:
        return len(self.episodes)

    @property
    def pictures(self) -> np.ndarray:
        """What the game showed, `[F, H, W, 3]` uint8; stays on disk until it is indexed."""
        return self._frames

    @property
    def backgrounds(self) -> np.ndarray:
        """What each picture was compared with, `[F, H, W, 3]` uint8; stays on disk until it is indexed."""
        return self._backgrounds

    def starts(self, length: int) -> np.ndarray:
        """First frames of all sequences of `length` frames within one episode.

        Raises:
            ValueError: if no episode is that long.
        """
        last = len(self) - length
        good = np.flatnonzero(self.episodes[: last + 1] == self.episodes[length - 1 :]) if last >= 0 else np.zeros(0)
        if not len(good):
            raise ValueError(
                f"no episode of the {len(self)} recorded frames has {length} frames in a row: record more frames"
            )
        return good

    def sample(self, batch: int, length: int, generator: torch.Generator, device: torch.device) -> Batch:
        """See `Sequences.sample`."""
        starts = self.starts(length)
        return self.cut(starts[torch.randint(len(starts), (batch,), generator=generator).numpy()], length, device)

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        """See `Sequences.first`."""
        starts = self.starts(length)
        return self.cut(starts[np.linspace(0, len(starts) - 1, batch).astype(int)], length, device)

    def cut(self, starts: np.ndarray, length: int, device: torch.device) -> Batch:
        """The sequences of `length` frames that begin at `starts` `[B]`."""
        return self.take(np.arange(length)[:, None] + starts, device)

    def take(self, index: np.ndarray, device: torch.device) -> Batch:
        """The frames with the numbers `index` `[T, B]`, whatever episode they belong to."""
        arrays = (self._frames, self._backgrounds, self.actions, self.rewards, self.ends)
        frames, backgrounds, actions, rewards, ends = (self._upload(x[index], device) for x in arrays)
        return Batch(separate(frames, backgrounds), actions, rewards, ends)

    @staticmethod
    def _upload(array: np.ndarray, device: torch.device) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
