"""The true boxes of the objects of a recording; for evaluation, never for training."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.files import write_atomically
from sqair_wm.data.atari import AtariSequences
from sqair_wm.evaluation.games.found import Found
from sqair_wm.evaluation.games.replay import replay

CACHE, VERSION = "truth.npz", 1

JUMP = 0.18
"""A box that moves further than this share of the frame in one step belongs to another object: the first one left. The
fastest sprites seen, the paddles of Pong and Breakout, move by 0.15."""

LEAST_MOTION = 1.0
"""An object moves if its centre covers this number of pixels along one axis."""


@dataclass(frozen=True)
class GameTruth:
    """True boxes of the `F` frames of a recording.

    The `M` columns are the entries of the list in which objects are read; one column may hold several objects, one
    after the other.

    Attributes:
        boxes: `[F, M, 4]` float32 (top, left, height, width) in pixels of the model's frame; 0 where there is none.
        identity: `[F, M]` int64, constant while an object lives and given only once; -1 where there is none.
        labels: `[M]` int64, the class of a column as an index into `classes`.
        classes: names of the classes.
    """

    boxes: np.ndarray
    identity: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def take(self, index: np.ndarray, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Boxes `[T, B, M, 4]` and identities `[T, B, M]` of the frames with the numbers `index` `[T, B]`."""
        return torch.from_numpy(self.boxes[index]).to(device), torch.from_numpy(self.identity[index]).to(device)


def true_boxes(sequences: AtariSequences) -> GameTruth:
    """The true boxes of a recording; it is replayed once, and later they are read from a file in its folder.

    Raises:
        NoTruth: if the true objects of this game are not known, see `replay`.
        ValueError: if the replay shows other frames than were recorded.
    """
    path = sequences.folder / CACHE
    truth = _read(path) if path.exists() else None
    if truth is None or len(truth.boxes) != len(sequences):
        truth = collect(replay(sequences), sequences.episodes, sequences.recording.size)
        _write(path, truth)
    return truth


def collect(found: list[list[Found]], episode: np.ndarray, size: int) -> GameTruth:
    """Give every object a column and an identity.

    Args:
        found: the objects of each of `F` frames.
        episode: `[F]`, number of the episode of each frame; no object lives in two episodes.
        size: height and width of a frame in pixels.
    """
    columns = sorted({(o.entry, o.kind) for objects in found for o in objects})
    number = {column: m for m, column in enumerate(columns)}
    classes = tuple(sorted({kind for _, kind in columns}))
    boxes, there = np.zeros((len(found), len(columns), 4), np.float32), np.zeros((len(found), len(columns)), bool)
    for t, objects in enumerate(found):
        for entry, kind, box in objects:
            m = number[entry, kind]
            boxes[t, m], there[t, m] = box, True
    labels = np.array([classes.index(kind) for _, kind in columns], np.int64)
    return GameTruth(boxes, _identities(boxes, there, episode, JUMP * size), labels, classes)


def _identities(boxes: np.ndarray, there: np.ndarray, episode: np.ndarray, furthest: float) -> np.ndarray:
    """Number the objects in the order in which they appear, `[F, M]`; after a move of more than `furthest` pixels it is
    another object."""
    centre = boxes[..., :2] + boxes[..., 2:] / 2
    near = np.abs(np.diff(centre, axis=0)).max(2, initial=0) <= furthest
    goes_on = np.zeros_like(there)
    goes_on[1:] = there[1:] & there[:-1] & near & (np.diff(episode) == 0)[:, None]
    new = there & ~goes_on
    number = np.where(new, np.cumsum(new).reshape(new.shape) - 1, -1)
    return np.where(there, np.maximum.accumulate(number, 0), -1)


def box_centres(boxes: Tensor) -> Tensor:
    """Centres (y, x) of boxes (top, left, height, width): `[..., 4]` to `[..., 2]`."""
    return boxes[..., :2] + 0.5 * boxes[..., 2:]


def moves(centres: Tensor, there: Tensor, least: float = LEAST_MOTION) -> Tensor:
    """Which objects move within a window of frames.

    Args:
        centres: `[T, ..., 2]` in pixels.
        there: `[T, ...]` bool, whether the object is there (the same one in all frames).
        least: pixels that the centre has to cover along one axis.

    Returns:
        `[...]` bool.
    """
    beyond = torch.full_like(centres, torch.inf)
    low = torch.where(there[..., None], centres, beyond).amin(0)
    high = torch.where(there[..., None], centres, -beyond).amax(0)
    return ((high - low) >= least).any(-1)


def _write(path: Path, truth: GameTruth) -> None:
    def write(target: Path) -> None:
        with target.open("wb") as file:
            np.savez_compressed(
                file,
                version=np.array(VERSION),
                boxes=truth.boxes,
                identity=truth.identity,
                labels=truth.labels,
                classes=np.array(truth.classes, dtype=np.str_),
            )

    write_atomically(path, write)


def _read(path: Path) -> GameTruth | None:
    """The boxes that `_write` wrote; None if another version wrote them, or the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["version"]) != VERSION:
                return None
            classes = tuple(str(c) for c in file["classes"])
            return GameTruth(file["boxes"], file["identity"], file["labels"], classes)
    except (OSError, EOFError, ValueError, KeyError, NotImplementedError, BadZipFile, zlib.error):
        return None
