"""A held-out recording as a batch of rows of frames, which the model filters together; each step is counted once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import tee
from typing import Any, TypeVar

import numpy as np
import torch

from sqair_wm.data.sequences import PlaySequences, endings
from sqair_wm.model.slots import Slots
from sqair_wm.world.world_model import WorldModel

Rows = TypeVar("Rows")

LENGTH, WARM_UP, TOGETHER = 60, 10, 32
"""Frames of a row, frames that it shares with the row before it, rows that are filtered together."""


@dataclass(frozen=True)
class HeldOut:
    """Rows of a recording, each within one episode; `T` frames of `B` rows.

    Attributes:
        index: `[T, B]` numbers of the frames; where the episode is over, that of its last frame.
        real: `[T, B]` bool, false where the episode is over.
        counted: `[T, B]` bool, whether the step to this frame is counted in this row. Over all rows every step of the
            recording is counted once, after the model has seen `WARM_UP` frames, or all since the episode's start.
    """

    index: np.ndarray
    real: np.ndarray
    counted: np.ndarray

    def select(self, rows: np.ndarray) -> HeldOut:
        """Some of the rows."""
        return HeldOut(self.index[:, rows], self.real[:, rows], self.counted[:, rows])

    def parts(self, rows: int = TOGETHER) -> Iterator[HeldOut]:
        """At most `rows` rows at a time."""
        for first in range(0, self.index.shape[1], rows):
            yield self.select(np.arange(first, min(first + rows, self.index.shape[1])))


def join(parts: list[Rows]) -> Rows:
    """What was found in several parts of a recording, one after the other: a dataclass of arrays with equal axes."""
    kind: Any = type(parts[0])
    return kind(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(kind)})


def rows_of(episode: np.ndarray, length: int = LENGTH, warm_up: int = WARM_UP) -> HeldOut:
    """Cut a recording into rows.

    Args:
        episode: `[F]` number of the episode of each frame, rising.
        length: frames of a row.
        warm_up: frames that a row shares with the one before it in the same episode.

    Raises:
        ValueError: if there is no step to count, because no episode has two frames.
    """
    steps, columns = np.arange(length), []
    for number in np.unique(episode):
        first, behind = np.searchsorted(episode, [number, number + 1])
        for start in range(first, behind - 1, length - warm_up):
            fresh = 1 if start == first else warm_up
            if start + fresh < behind:
                columns.append((np.minimum(start + steps, behind - 1), start + steps < behind, steps >= fresh))
    if not columns:
        raise ValueError(f"no episode of the {len(episode)} recorded frames has two frames: record more frames")
    index, real, late = (np.stack(parts, 1) for parts in zip(*columns, strict=True))
    return HeldOut(index, real, real & late)


def whole_episodes(episode: np.ndarray) -> HeldOut:
    """A row for every episode of a recording (`[F]`, number of the episode of each frame, rising); all is counted."""
    first = np.flatnonzero(np.diff(episode, prepend=episode[0] - 1))
    length = np.diff(np.append(first, len(episode)))
    steps = np.arange(length.max())[:, None]
    real = steps < length
    return HeldOut(first + np.minimum(steps, length - 1), real, real)


@torch.no_grad()
def observe_play(model: WorldModel, sequences: PlaySequences, play: HeldOut) -> list[Slots]:
    """The scenes after each of the `T` frames, filtered deterministically; frames are read one step at a time."""
    return list(filter_play(model, sequences, play))


def filter_play(model: WorldModel, sequences: PlaySequences, play: HeldOut) -> Iterator[Slots]:
    """See `observe_play`; one step at a time."""
    device, rows, lost = model.background.device, play.index.shape[1], torch.from_numpy(endings(sequences))
    read, again = tee(sequences.take(numbers[None], device) for numbers in play.index)
    losses = (lost[numbers].to(device) for numbers in play.index)
    return model.filtered((b.frames[0] for b in read), (b.actions[0] for b in again), rows, losses)
