"""The cheap baseline: connected parts of the foreground, linked from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from sqair_wm.data.objects import OBJECT_ENERGY
from sqair_wm.evaluation.metrics.tracks import Tracks


@dataclass(frozen=True)
class Settings:
    """How objects are cut out and linked; lengths in pixels.

    Attributes:
        threshold: a pixel belongs to an object if its squared intensity, summed over channels, is larger.
        least_area: parts of fewer pixels are specks.
        merge: parts with a gap of up to this number of pixels between them are joined.
        gate: furthest that the centre of an object moves in a frame.
        patience: frames without a part after which an object is gone.
    """

    threshold: float = OBJECT_ENERGY
    least_area: float = 4.0
    merge: int = 1
    gate: float = 10.0
    patience: int = 2


def components(frames: Tensor | np.ndarray, settings: Settings | None = None) -> Tracks:
    """Objects of the foreground without a model: connected parts, each linked to the nearest of the frames before.

    Args:
        frames: `[T, B, C, H, W]` foreground in [0, 1], black where there is none; or bool.
        settings: by default those of `Settings`.

    Raises:
        ValueError: if `frames` are not of that shape.
    """
    if frames.ndim != 5:
        raise ValueError(f"frames are [T, B, C, H, W], got {tuple(frames.shape)}")
    settings, (length, batch) = settings or Settings(), frames.shape[:2]
    found = [[parts(_array(frames[t, b]), settings) for b in range(batch)] for t in range(length)]
    linked = [link([found[t][b] for t in range(length)], settings) for b in range(batch)]
    most = max((len(boxes) for row in found for boxes in row), default=0)
    tracks = Tracks(np.zeros((length, batch, most, 4), np.float32), np.full((length, batch, most), -1, np.int64))
    for t, row in enumerate(found):
        for b, boxes in enumerate(row):
            tracks.boxes[t, b, : len(boxes)], tracks.identity[t, b, : len(boxes)] = boxes, linked[b][t]
    return tracks


def parts(frame: np.ndarray, settings: Settings) -> np.ndarray:
    """Boxes `[N, 4]` (top, left, height, width) of the connected parts of a foreground `[C, H, W]`, without specks."""
    mask = (np.square(frame, dtype=np.float32).sum(0) > settings.threshold).astype(np.uint8)
    joined = cv2.dilate(mask, np.ones((settings.merge + 1,) * 2, np.uint8))
    number, labels = cv2.connectedComponents(joined, connectivity=8)
    labels = labels * mask  # dilation joins parts but does not enlarge their boxes
    boxes = []
    for part in range(1, number):
        rows, columns = np.nonzero(labels == part)
        if len(rows) >= max(settings.least_area, 1):
            low, high = (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)
            boxes.append((*low, high[0] - low[0], high[1] - low[1]))
    return np.array(boxes, np.float32).reshape(-1, 4)


def link(frames: list[np.ndarray], settings: Settings) -> list[np.ndarray]:
    """Identities of boxes: those of the frames before, assigned for the least sum of distances between centres.

    Args:
        frames: `[N, 4]` boxes of each frame of a sequence; N may differ between frames.
        settings: its `gate` and `patience`.

    Returns:
        `[N]` int64 for each frame.
    """
    from scipy.optimize import linear_sum_assignment

    places, names, missing = np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0, np.int64)
    linked, newest = [], 0
    for boxes in frames:
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        far = np.linalg.norm(places[:, None] - centres[None], axis=-1)
        old, new = linear_sum_assignment(np.where(far <= settings.gate, far, settings.gate * (1 + min(far.shape))))
        near = far[old, new] <= settings.gate
        identity = np.full(len(boxes), -1, np.int64)
        identity[new[near]] = names[old[near]]
        fresh = identity < 0
        identity[fresh] = newest + np.arange(fresh.sum())
        newest += int(fresh.sum())
        lost = np.setdiff1d(np.flatnonzero(missing < settings.patience), old[near])
        places, names = np.concatenate([centres, places[lost]]), np.concatenate([identity, names[lost]])
        missing = np.concatenate([np.zeros(len(boxes), np.int64), missing[lost] + 1])
        linked.append(identity)
    return linked


def _array(frame: Tensor | np.ndarray) -> np.ndarray:
    return frame.cpu().numpy() if isinstance(frame, Tensor) else frame
