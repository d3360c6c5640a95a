"""Tracks of moving digits: the true ones, and which of a model's tracks can be judged by them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from sqair_wm.data.sequences import Truth
from sqair_wm.evaluation.metrics.components import Settings, components
from sqair_wm.evaluation.metrics.tracks import HIT, Tracks, iou
from sqair_wm.model.outlines import BRIGHT

SHARE_IN_FRAME = 0.2
"""A digit with less than this share of its box in the frame need not be found, and finding it is no error."""

COMPONENTS = Settings(threshold=BRIGHT**2, least_area=8, merge=1, gate=15.0)
"""Connected components for digits: the same ink, and steps of up to 10 pixels along each axis."""


def true_tracks(truth: Truth, size: tuple[int, int]) -> Tracks:
    """The digits whose boxes lie at least `SHARE_IN_FRAME` in a frame of `size`, their boxes cut off at its edge."""
    boxes = truth.boxes.cpu().numpy()
    seen = truth.presence.cpu().numpy() & (visible_share(boxes, size) >= SHARE_IN_FRAME)
    columns = np.broadcast_to(np.arange(boxes.shape[2]), seen.shape)
    return Tracks(clip(boxes, size), np.where(seen, columns, -1).astype(np.int64))


def judged(found: Tracks, truth: Truth, size: tuple[int, int]) -> Tracks:
    """`found` without the objects that may be right but cannot be checked: one for each digit that is hardly visible.

    Such an object lies at that digit or within half the digit's size of it, and is not assigned to a visible digit
    (overlap of at least `HIT`, in the assignment with the largest sum of overlaps).
    """
    visible, boxes = true_tracks(truth, size), truth.boxes.cpu().numpy()
    hidden = truth.presence.cpu().numpy() & ~visible.there
    height_width = boxes[..., 2:]
    around = np.concatenate([boxes[..., :2] - height_width / 2, 2 * height_width], -1)
    keep = found.there.copy()
    for t, b in np.argwhere(hidden.any(2) & found.there.any(2)):
        overlap = iou(visible.boxes[t, b][visible.there[t, b]], found.boxes[t, b])
        overlap[:, ~found.there[t, b]] = 0
        rows, columns = linear_sum_assignment(-overlap)
        claimed = np.zeros(keep.shape[2], bool)
        claimed[columns[overlap[rows, columns] >= HIT]] = True
        near = iou(around[t, b][hidden[t, b]], found.boxes[t, b]) * (found.there[t, b] & ~claimed)
        rows, columns = linear_sum_assignment(-near)
        keep[t, b, columns[near[rows, columns] > 0]] = False
    return found.only(keep)


def component_tracks(frames: Tensor) -> Tracks:
    """The baseline without a model: connected parts of the ink of frames `[T, B, C, H, W]`, linked."""
    return components(frames, COMPONENTS)


def clip(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The parts of boxes `[..., 4]` that lie in a frame of `size`; with a height or width of 0 if no part does."""
    limit = np.array(size)
    low, high = boxes[..., :2].clip(0, limit), (boxes[..., :2] + boxes[..., 2:]).clip(0, limit)
    return np.concatenate([low, high - low], -1).astype(np.float32)


def visible_share(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The share of each box `[..., 4]` that lies in the frame, `[...]`."""
    return clip(boxes, size)[..., 2:].prod(-1) / np.maximum(boxes[..., 2:].prod(-1), 1e-12)
