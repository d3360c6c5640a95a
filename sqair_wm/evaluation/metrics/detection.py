"""Detections against true boxes: precision, recall, average precision, counts.

The rules are those of SPACE+MOC (Delfosse et al., 2022): a detection is a hit if its centre lies within half a diagonal
of the true box; detections choose in the order of their confidence, and a true box is used once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sqair_wm.evaluation.metrics.tracks import HIT, centre_similarity, iou

THRESHOLDS = np.arange(1, 10) / 10
"""Of the intersection over union, for average precision."""

RECALLS = np.linspace(0, 1, 11)


@dataclass(frozen=True)
class Detections:
    """Boxes found in `F` frames.

    Attributes:
        boxes: `[F, N, 4]` (top, left, height, width) in pixels.
        there: `[F, N]` bool.
        confidence: `[F, N]`, higher for more certain detections.
    """

    boxes: np.ndarray
    there: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Judged:
    """Detections after they were compared with the true objects.

    Attributes:
        match: `[F, N]` int64, the counted true object that a detection hits; -1 for none.
        ignored: `[F, N]` bool, whether it detects an object that does not count, which is not an error either.
    """

    match: np.ndarray
    ignored: np.ndarray


def judge(truth: np.ndarray, counted: np.ndarray, others: np.ndarray, found: Detections) -> Judged:
    """Match detections by the centre rule: first with the objects that count, then the remaining ones with the others.

    Each true object, counted or not, takes one detection, so a second box on an object is always an error.

    Args:
        truth: `[F, M, 4]` true boxes.
        counted: `[F, M]` bool, the objects that have to be found.
        others: `[F, M]` bool, the objects that may be found or not.
        found: detections in the same frames.
    """
    likeness = np.where(found.there[:, None], centre_similarity(truth, found.boxes), 0)
    match = greedy(np.where(counted[..., None], likeness, 0), found.confidence, HIT)
    left = others[..., None] & (match < 0)[:, None]
    return Judged(match, greedy(np.where(left, likeness, 0), found.confidence, HIT) >= 0)


def greedy(likeness: np.ndarray, confidence: np.ndarray, least: float) -> np.ndarray:
    """In each frame, detections in order of confidence take the most similar true object that is left.

    Args:
        likeness: `[F, M, N]`, similarity of objects and detections.
        confidence: `[F, N]`; of equal ones the first comes first.
        least: a pair needs a similarity of more than this.

    Returns:
        `[F, N]` int64, the object of each detection; -1 for none.
    """
    frames, free = np.arange(len(likeness)), likeness.copy()
    match = np.full(confidence.shape, -1, np.int64)
    for n in np.argsort(-confidence, 1, kind="stable").T if free.shape[1] else ():
        best = free[frames, :, n].argmax(1)
        taken = free[frames, best, n] > least
        match[frames[taken], n[taken]] = best[taken]
        free[frames[taken], best[taken]] = 0
    return match


def detection_metrics(truth: np.ndarray, counted: np.ndarray, found: Detections, judged: Judged) -> dict[str, float]:
    """The figures of one set of objects.

    Args:
        truth: `[F, M, 4]` true boxes.
        counted: `[F, M]` bool, the objects that have to be found.
        found: the detections.
        judged: the result of `judge` for them.

    Returns:
        `precision`, `recall`, `f` by the centre rule; `ap`, the mean over `THRESHOLDS` of average precision at 11
        recalls; `exact_count`, the share of frames with as many detections as objects. Ignored detections do not
        count in any of them.

    Raises:
        ValueError: if there is no object that counts.
    """
    if not counted.any():
        raise ValueError("there is no true object that counts, so detection cannot be judged")
    kept = found.there & ~judged.ignored
    hits = int((judged.match >= 0).sum())
    precision, recall = hits / max(int(kept.sum()), 1), hits / int(counted.sum())
    overlap, confidence = iou(truth, found.boxes), np.where(kept, found.confidence, -np.inf)
    return {
        "precision": precision,
        "recall": recall,
        "f": 2 * precision * recall / max(precision + recall, 1e-12),
        "ap": float(np.mean([average_precision(overlap, counted, confidence, t) for t in THRESHOLDS])),
        "exact_count": float((kept.sum(1) == counted.sum(1)).mean()),
    }


def average_precision(overlap: np.ndarray, counted: np.ndarray, confidence: np.ndarray, threshold: float) -> float:
    """Mean over 11 recalls of the best precision at that recall or a higher one.

    Args:
        overlap: `[F, M, N]` of true boxes with detections.
        counted: `[F, M]` bool, the true boxes that count.
        confidence: `[F, N]`, minus infinity where there is no detection. Detections of equal confidence are included
            together.
        threshold: of the overlap, for a hit.
    """
    taken = np.isfinite(confidence)
    hit = greedy(np.where(counted[..., None] & taken[:, None], overlap, 0), confidence, threshold) >= 0
    scores, hits = confidence[taken], hit[taken]
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
    right, number = np.cumsum(hits[order])[last], np.arange(1, len(order) + 1)[last]
    precision, recall = right / number, right / counted.sum()
    return float(np.mean([precision[recall >= r - 1e-9].max(initial=0) for r in RECALLS]))
