"""Boxes with identities over time, and how well tracks agree with the true ones.

The figures are those of TrackEval (github.com/JonathonLuiten/TrackEval): MOTA (Bernardin and Stiefelhagen, 2008), IDF1
(Ristani et al., 2016) and HOTA (Luiten et al., 2020).
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

INSTALL = "pip install --no-deps trackeval==1.3.0"
"""Without its dependencies: they bring the GUI build of OpenCV, which its metrics do not need."""

HIT = 0.5
"""Least similarity of a found and a true box of the same object; HOTA averages over 0.05 to 0.95 instead."""


@dataclass(frozen=True)
class Tracks:
    """Objects in `T` frames of `B` sequences; the column of an object, among `N`, has no meaning.

    Attributes:
        boxes: `[T, B, N, 4]` float32 (top, left, height, width) in pixels; without meaning where there is no object.
        identity: `[T, B, N]` int64, unique within a sequence; -1 where there is no object.

    Raises:
        ValueError: if the shapes do not belong together.
    """

    boxes: np.ndarray
    identity: np.ndarray

    def __post_init__(self) -> None:
        if self.identity.ndim != 3 or self.boxes.shape != (*self.identity.shape, 4):
            raise ValueError(
                f"tracks are boxes [T, B, N, 4] and identities [T, B, N], got {self.boxes.shape} {self.identity.shape}"
            )

    @property
    def there(self) -> np.ndarray:
        """`[T, B, N]` bool, where there is an object."""
        return self.identity >= 0

    def only(self, chosen: np.ndarray) -> Tracks:
        """The tracks with only the objects in `chosen` `[T, B, N]` bool."""
        return Tracks(self.boxes, np.where(chosen, self.identity, -1))


def tracking_metrics(truth: Tracks, found: Tracks, similarity: str = "iou") -> dict[str, float]:
    """How well found tracks agree with the true ones, over all sequences together.

    Args:
        truth: the true objects.
        found: the objects to judge, in the same frames.
        similarity: "iou", or "centre" (see `centre_similarity`) for objects of so few pixels that their overlap says
            nothing. A found object may be a true one if their similarity is at least 0.5.

    Returns:
        `mota`, `idf1`, `hota` (1 is perfect; MOTA has no lower bound), and `switches_per_100`: how often a true object
        gets another identity than before, per 100 true objects in frames.

    Raises:
        ImportError: if TrackEval is not installed.
        ValueError: if there is no true object, the frames are not the same, an identity is given twice in a frame, or
            there is no such similarity.
    """
    if truth.identity.shape[:2] != found.identity.shape[:2]:
        raise ValueError(f"{truth.identity.shape[:2]} frames and sequences of truth, {found.identity.shape[:2]} found")
    if not truth.there.any():
        raise ValueError("there is no true object in any frame, so tracking cannot be judged")
    metrics = _trackeval().metrics
    likeness = similarities(similarity)(truth.boxes, found.boxes)
    data = {str(b): _sequence(truth, found, likeness, b) for b in range(truth.identity.shape[1])}
    settings = {"THRESHOLD": HIT, "PRINT_CONFIG": False}
    judges = (metrics.CLEAR(settings), metrics.Identity(settings), metrics.HOTA())
    figures: dict[str, Any] = {}
    for judge in judges:
        figures |= judge.combine_sequences({name: judge.eval_sequence(sequence) for name, sequence in data.items()})
    return {
        "mota": float(figures["MOTA"]),
        "idf1": float(figures["IDF1"]),
        "hota": float(np.mean(figures["HOTA"])),
        "switches_per_100": 100 * float(figures["IDSW"]) / int(truth.there.sum()),
    }


def tracking_possible() -> bool:
    """Whether TrackEval is installed; if not, standard error says which figures are missing, and how to get them."""
    try:
        _trackeval()
    except ImportError as reason:
        print(f"no MOTA, IDF1, HOTA and switches: {reason}", file=sys.stderr)
        return False
    return True


Similarity = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Similarity of true boxes `[..., M, 4]` and found ones `[..., N, 4]`: `[..., M, N]` from 0 to 1."""


def similarities(name: str) -> Similarity:
    """The function called `name`: "iou" or "centre".

    Raises:
        ValueError: if there is no such function.
    """
    known = {"iou": iou, "centre": centre_similarity}
    if name not in known:
        raise ValueError(f"there is no similarity {name!r}: choose one of {', '.join(known)}")
    return known[name]


def iou(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes `[..., M, 4]` with boxes `[..., N, 4]`: `[..., M, N]`."""
    a, b = truth[..., :, None, :].astype(np.float64), found[..., None, :, :].astype(np.float64)
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    shared = (high - low).clip(0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared
    return shared / np.maximum(union, 1e-12)


def centre_similarity(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """1 minus the distance of the centres in diagonals of the true box, at least 0: `[..., M, N]`.

    At least 0.5 if the found centre lies within half a diagonal: the rule by which SPACE+MOC (Delfosse et al., 2022)
    counts hits.
    """
    a, b = truth[..., :, None, :].astype(np.float64), found[..., None, :, :].astype(np.float64)
    distance = np.linalg.norm(a[..., :2] + a[..., 2:] / 2 - b[..., :2] - b[..., 2:] / 2, axis=-1)
    return (1 - distance / np.maximum(np.linalg.norm(a[..., 2:], axis=-1), 1e-12)).clip(0)


def _sequence(truth: Tracks, found: Tracks, likeness: np.ndarray, b: int) -> dict[str, Any]:
    """Sequence `b` as TrackEval's metrics take it."""
    true_ids, true_number = _numbered(truth.identity[:, b])
    found_ids, found_number = _numbered(found.identity[:, b])
    pairs = zip(likeness[:, b], truth.there[:, b], found.there[:, b], strict=True)
    return {
        "num_timesteps": len(true_ids),
        "gt_ids": true_ids,
        "tracker_ids": found_ids,
        "num_gt_ids": true_number,
        "num_tracker_ids": found_number,
        "num_gt_dets": sum(map(len, true_ids)),
        "num_tracker_dets": sum(map(len, found_ids)),
        "similarity_scores": [scores[rows][:, columns] for scores, rows, columns in pairs],
    }


def _numbered(identity: np.ndarray) -> tuple[list[np.ndarray], int]:
    """The objects `[T, N]` of each frame with identities numbered from 0, and how many identities there are."""
    known = np.unique(identity[identity >= 0])
    frames = [np.searchsorted(known, row[row >= 0]) for row in identity]
    if any(len(np.unique(row)) < len(row) for row in frames):
        raise ValueError("an identity is given to two objects of one frame: identities are unique within a sequence")
    return frames, len(known)


def _trackeval() -> ModuleType:
    """The module `trackeval`, imported silently: it prints which of its data sets it cannot read."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import trackeval
    except ImportError as error:
        raise ImportError(f"tracking figures need TrackEval ({error}): {INSTALL}") from error
    return trackeval
