"""Events that decide a game, from the true boxes: objects touch, turn and stop.

Arrays are over the `F` frames of a recording and those `M` columns of its `GameTruth` that hold more than scenery.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sqair_wm.data.sequences import PicturedPlay
from sqair_wm.evaluation.games.object_sets import MOTION_WINDOW, ObjectSets, moving, object_sets
from sqair_wm.evaluation.games.truth import GameTruth

TOUCH, PARTS = 0.5, 4
"""Boxes touch if the gap between them is at most `TOUCH` pixels along both axes. They are compared at `PARTS` positions
on the way to the next frame, since objects that meet between two frames may be apart in both."""

SPAN, LEAST_SPEED, TURN = 2, 1.0, np.cos(np.pi / 4)
"""The direction of an object is that of its way over `SPAN` frames, if it is at least `LEAST_SPEED` pixels a frame; the
object turns if the cosine of two directions is below `TURN`."""

STANDING = 60
"""An object is standing once it has not moved for this number of frames."""


@dataclass(frozen=True)
class TrueEvents:
    """Events of the true objects of a recording.

    Attributes:
        truth: the objects.
        sets: which of them count.
        contacts: `[F, M]` bool, a moving object begins to touch a relevant one, here or on the way to the next frame.
        turns: `[F, M]` bool, a moving object begins to turn.
        standing: `[F, M]` bool, it moved before and has stood still for `STANDING` frames.
    """

    truth: GameTruth
    sets: ObjectSets
    contacts: np.ndarray
    turns: np.ndarray
    standing: np.ndarray


def true_events(truth: GameTruth, sequences: PicturedPlay) -> TrueEvents:
    """The events of a recording."""
    sets = object_sets(truth, sequences)
    columns = np.flatnonzero((sets.relevant | sets.other).any(0))
    truth = GameTruth(truth.boxes[:, columns], truth.identity[:, columns], truth.labels[columns], truth.classes)
    sets = ObjectSets(*(x[:, columns] for x in (sets.moving, sets.relevant, sets.other)))
    boxes, identity = truth.boxes, truth.identity
    return TrueEvents(
        truth=truth,
        sets=sets,
        contacts=contacts(boxes, identity, sets.moving, sets.relevant),
        turns=turns(boxes, identity) & sets.moving,
        standing=standing(boxes, identity) & sets.relevant,
    )


def centres_of(boxes: np.ndarray) -> np.ndarray:
    """Centres (y, x) `[..., 2]` of boxes (top, left, height, width) `[..., 4]`."""
    return boxes[..., :2] + boxes[..., 2:] / 2


def later(array: np.ndarray, steps: int) -> np.ndarray:
    """`array` `[F, ...]` shifted: entry `f` is that of frame `f + steps`, or of the first or last frame at the ends."""
    return array[np.clip(np.arange(len(array)) + steps, 0, len(array) - 1)]


def lives(identity: np.ndarray, first: int, last: int) -> np.ndarray:
    """`[F, M]` bool, whether the object of frame `f` is there in all frames from `f + first` to `f + last`."""
    frames = np.arange(len(identity))
    alive = identity >= 0
    for step in range(first, last + 1):
        inside = (frames + step >= 0) & (frames + step < len(identity))
        alive = alive & (later(identity, step) == identity) & inside[:, None]
    return alive


def ways(boxes: np.ndarray, identity: np.ndarray, first: int, last: int) -> np.ndarray:
    """Displacement (y, x) of the object of frame `f` from frame `f + first` to `f + last`, in pixels, `[F, M, 2]`.

    NaN if it is not there in all frames between them and `f`.
    """
    centre = centres_of(boxes)
    alive = lives(identity, min(first, 0), max(last, 0))
    return np.where(alive[..., None], later(centre, last) - later(centre, first), np.nan)


def direction(way: np.ndarray) -> np.ndarray:
    """Unit vectors of ways `[..., 2]` over `SPAN` frames; NaN for those that are too slow to have one."""
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    return np.divide(way, length, out=np.full_like(way, np.nan), where=length >= SPAN * LEAST_SPEED)


def contacts(boxes: np.ndarray, identity: np.ndarray, moves: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Where a moving object begins to touch another one, `[F, M]` bool.

    Args:
        boxes: `[F, M, 4]`.
        identity: `[F, M]`.
        moves: `[F, M]` bool, the objects asked about.
        relevant: `[F, M]` bool, the objects that they may touch.
    """
    step = np.nan_to_num(ways(boxes, identity, -1, 0))
    pair = moves[:, :, None] & relevant[:, None, :] & ~np.eye(boxes.shape[1], dtype=bool)
    near = np.zeros(pair.shape, bool)
    for part in range(PARTS + 1):
        centre = centres_of(boxes) + step * (part / PARTS)
        gap = np.abs(centre[:, :, None] - centre[:, None]) - (boxes[:, :, None, 2:] + boxes[:, None, :, 2:]) / 2
        near |= (gap <= TOUCH).all(-1)
    near &= pair
    before = later(near, -1) & (later(identity, -1) == identity)[:, :, None]
    before[:1] = False
    return (near & ~before).any(2)


def turns(boxes: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Where an object begins to turn: its directions over `SPAN` frames before and after differ, `[F, M]` bool."""
    before, after = direction(ways(boxes, identity, -SPAN, 0)), direction(ways(boxes, identity, 0, SPAN))
    turned = (before * after).sum(-1) < TURN  # false where there is no direction
    same = later(turned, -1) & (later(identity, -1) == identity)
    same[:1] = False
    return turned & ~same


def standing(boxes: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Where an object that moved before has stood still for `STANDING` frames, `[F, M]` bool."""
    moves = moving(boxes, identity)
    still, moved = np.zeros(identity.shape, int), np.zeros(identity.shape, bool)
    for f in range(len(identity)):
        if f:
            same = (identity[f] == identity[f - 1]) & (identity[f] >= 0)
            still[f] = np.where(same & ~moves[f], still[f - 1] + 1, 0)
            moved[f] = same & moved[f - 1]
        moved[f] |= moves[f]
    return moved & (still >= STANDING - MOTION_WINDOW) & (identity >= 0)
