"""Which of the true objects of a recording count: those that move, and those that are relevant."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sqair_wm.data.sequences import PicturedPlay
from sqair_wm.evaluation.games.truth import LEAST_MOTION, GameTruth

MOTION_WINDOW = 8
"""An object moves in a frame if its centre covers `LEAST_MOTION` pixels within so many frames before and after."""

SCENERY = frozenset({"Block", "Conveyer_Belt", "Ladder", "Pill", "Platform", "Rope", "Wall"})
"""OCAtari's classes for parts of the playing field: pellets, bricks, platforms. Here they do not count as objects."""

TRACE = 12
"""A pixel that differs from the background by more than this (of 255) in any channel shows an object."""


@dataclass(frozen=True)
class ObjectSets:
    """The sets to which each true object belongs in each frame, `[F, M]` bool.

    Attributes:
        moving: it moves, see `MOTION_WINDOW`, and can be seen.
        relevant: it is not scenery (score and lives are not objects at all), and can be seen if it moves.
        other: it moves according to the game's memory but can't be seen: a detection of it is not an error.
    """

    moving: np.ndarray
    relevant: np.ndarray
    other: np.ndarray


def object_sets(truth: GameTruth, sequences: PicturedPlay) -> ObjectSets:
    """The sets of a recording.

    OCAtari reads boxes from the memory of the game, where sprites have a position while they are not drawn: all ghosts
    while Ms. Pac-Man dies, cars that are behind the border of Freeway. So an object that moves also has to be visible:
    some pixel of its box differs from the background at the start of the game or from the recent one.
    """
    named = np.array([not _is_scenery(truth.classes[label]) for label in truth.labels], bool)
    there = (truth.identity >= 0) & named
    moves = moving(truth.boxes, truth.identity) & there
    phantom = moves & ~shows(truth, sequences, moves)
    return ObjectSets(moves & ~phantom, there & ~phantom, phantom)


def moving(boxes: np.ndarray, identity: np.ndarray, window: int = MOTION_WINDOW) -> np.ndarray:
    """Which objects move.

    Args:
        boxes: `[F, M, 4]`.
        identity: `[F, M]`, -1 where there is none; an object stays in its column.
        window: frames before and after.

    Returns:
        `[F, M]` bool: whether the centre covers `LEAST_MOTION` pixels along an axis, in those of the frames around in
        which the object lives.
    """
    centres = boxes[..., :2] + boxes[..., 2:] / 2
    low, high = centres.copy(), centres.copy()
    for step in range(1, min(window, len(boxes) - 1) + 1):
        same = ((identity[step:] == identity[:-step]) & (identity[step:] >= 0))[..., None]
        early, late = slice(None, -step), slice(step, None)
        for here, there in ((early, late), (late, early)):
            low[here] = np.where(same, np.minimum(low[here], centres[there]), low[here])
            high[here] = np.where(same, np.maximum(high[here], centres[there]), high[here])
    return ((high - low) >= LEAST_MOTION).any(-1) & (identity >= 0)


def shows(truth: GameTruth, sequences: PicturedPlay, asked: np.ndarray) -> np.ndarray:
    """Whether an object shows in its box, see `TRACE`: `[F, M]` bool, false where `asked` `[F, M]` is."""
    found = np.zeros_like(asked)
    start = sequences.background
    for frame in np.flatnonzero(asked.any(1)):
        picture = sequences.pictures[frame]
        trace = _differs(picture, start) | _differs(picture, sequences.backgrounds[frame])
        for column in np.flatnonzero(asked[frame]):
            top, left, height, width = truth.boxes[frame, column]
            rows = slice(max(int(top), 0), int(np.ceil(top + height)))
            found[frame, column] = trace[rows, max(int(left), 0) : int(np.ceil(left + width))].any()
    return found


def _is_scenery(name: str) -> bool:
    return name in SCENERY or name.endswith("_HUD")


def _differs(picture: np.ndarray, background: np.ndarray) -> np.ndarray:
    return cv2.absdiff(np.ascontiguousarray(picture), np.ascontiguousarray(background)).max(-1) > TRACE
