"""The interface of data sets: batches of short sequences."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.frame import Frame


@dataclass
class Truth:
    """The true objects in the frames; for evaluation, never for training.

    Attributes:
        boxes: `[T, B, M, 4]` (top, left, height, width) in pixels.
        presence: `[T, B, M]` bool, whether object m is in the scene.
        labels: `[B, M]` int64, the class of each object.
        identity: `[T, B, M]` int64, unique within a sequence, -1 where there is no object; by default the column.
    """

    boxes: Tensor
    presence: Tensor
    labels: Tensor
    identity: Tensor = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.identity is None:
            column = torch.arange(self.presence.shape[2], device=self.presence.device)
            self.identity = torch.where(self.presence, column, -1)

    @staticmethod
    def join(truths: list[Truth]) -> Truth:
        """Sequences of equal length side by side."""
        axes = {"boxes": 1, "presence": 1, "labels": 0, "identity": 1}
        return Truth(**{name: torch.cat([getattr(t, name) for t in truths], axis) for name, axis in axes.items()})

    def cpu(self) -> Truth:
        """The same on the CPU."""
        return Truth(**{f.name: getattr(self, f.name).cpu() for f in fields(Truth)})


@dataclass
class Batch:
    """`B` sequences of `T` frames.

    Attributes:
        frames: `[T, B, ...]`, the input of the model.
        actions: `[T, B]` int64, the action that led to each frame.
        rewards: `[T, B]` float, the reward that came with each frame.
        ends: `[T, B]` bool, whether the game ended with this frame; a time limit does not count.
        truth: the true objects; None if they are not known.
    """

    frames: Frame
    actions: Tensor
    rewards: Tensor
    ends: Tensor
    truth: Truth | None = None

    @staticmethod
    def join(batches: list[Batch]) -> Batch:
        """Batches of equal length side by side."""
        joined = {name: torch.cat([getattr(b, name) for b in batches], 1) for name in ("actions", "rewards", "ends")}
        truths = [b.truth for b in batches if b.truth is not None]
        frames = Frame.cat([b.frames for b in batches], 1)
        return Batch(frames, **joined, truth=Truth.join(truths) if truths else None)

    def select(self, rows: Tensor) -> Batch:
        """The sequences named by an index over the batch."""
        cut = {name: getattr(self, name)[:, rows] for name in ("frames", "actions", "rewards", "ends")}
        t = self.truth
        if t is None:
            return Batch(**cut)
        truth = Truth(t.boxes[:, rows], t.presence[:, rows], t.labels[rows], t.identity[:, rows])
        return Batch(**cut, truth=truth)


class Sequences(Protocol):
    """A data set of sequences.

    Attributes:
        frame_size: (height, width) of a frame in pixels.
        channels: of the foreground.
        scenery: channels of the background; 0 without one.
        number_of_actions: 0 if there are none.
    """

    frame_size: tuple[int, int]
    channels: int
    scenery: int
    number_of_actions: int

    def sample(self, batch: int, length: int, generator: torch.Generator, device: torch.device) -> Batch:
        """`batch` random sequences of `length` frames; the same generator state gives the same sequences."""

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        """`batch` sequences spread evenly over the data, always the same."""


class PlaySequences(Sequences, Protocol):
    """A data set of play, with actions and rewards: imagination is trained on it and measured.

    It is one record of `F` frames, episode after episode. A batch of it may have a `truth`.

    Attributes:
        actions: `[F]` int64, the action that led to each frame.
        rewards: `[F]` float32, the reward that came with each frame.
        ends: `[F]` bool, whether the game ended with this frame.
        begins: `[F]` bool, whether an episode begins with this frame.
        episodes: `[F]` int64, number of the episode of each frame, rising.
        source: the game that the frames come from, a `Source`, for an agent that plays it; None if there is none.
        background: `[H, W, 3]` uint8, the background at the start of an episode; None for black.
    """

    actions: np.ndarray
    rewards: np.ndarray
    ends: np.ndarray
    begins: np.ndarray
    episodes: np.ndarray

    @property
    def source(self) -> Any: ...

    @property
    def background(self) -> np.ndarray | None: ...

    def __len__(self) -> int:
        """F."""

    def cut(self, starts: np.ndarray, length: int, device: torch.device) -> Batch:
        """The sequences of `length` frames that begin at `starts` `[B]`."""

    def take(self, index: np.ndarray, device: torch.device) -> Batch:
        """The frames with the numbers `index` `[T, B]`, whatever episode they belong to."""


@runtime_checkable
class PicturedPlay(PlaySequences, Protocol):
    """Play with its pictures, so that found objects can be compared with baselines that use these.

    Attributes:
        pictures: `[F, H, W, 3]` uint8, the observations of the game.
        backgrounds: `[F, H, W, 3]` uint8, the background of each picture.
    """

    @property
    def background(self) -> np.ndarray: ...

    @property
    def pictures(self) -> np.ndarray: ...

    @property
    def backgrounds(self) -> np.ndarray: ...


def endings(play: PlaySequences) -> np.ndarray:
    """The endings that models learn, `[F]` bool: the end of the game, and the loss of a life."""
    losses = getattr(play, "losses", None)
    return play.ends if losses is None else play.ends | losses


def play_of(sequences: Sequences) -> PlaySequences | None:
    """The same data set if it has actions, so that it is one of play; else None."""
    return cast(PlaySequences, sequences) if sequences.number_of_actions else None
