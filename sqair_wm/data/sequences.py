"""What every data set gives: batches of short sequences."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Protocol

import torch
from torch import Tensor

from sqair_wm.common.frame import Frame


@dataclass
class Truth:
    """What is really in the frames; for evaluation, never for training.

    Attributes:
        boxes: `[T, B, M, 4]` (top, left, height, width) in pixels.
        presence: `[T, B, M]` bool, whether object m is in the scene.
        labels: `[B, M]` int64, the class of each object.
        identity: `[T, B, M]` int64, unique within a sequence, -1 where there is no object; by default a column is one.
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
        frames: `[T, B, ...]`, what the model sees.
        actions: `[T, B]` int64, the action that led to each frame.
        rewards: `[T, B]` float, the reward that came with each frame.
        ends: `[T, B]` bool, whether the game ended with this frame; a time limit is no ending.
        truth: what is really there; None if nobody knows.
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
        channels: of the foreground; scenery: of the background.
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
