"""Which sequences are hard: objects that overlap, and objects that are partly out of the frame."""

from __future__ import annotations

import torch

from sqair_wm.data.sequences import Batch
from sqair_wm.evaluation.digits.digit_tracks import SHARE_IN_FRAME, visible_share
from sqair_wm.evaluation.metrics.tracks import iou


def hardest(batch: Batch, number: int) -> Batch:
    """The `number` sequences of a batch that are hardest: half by overlap, half by half-visible objects.

    Overlap is the mean intersection over union of two objects in a frame; half-visible are objects of whose box at
    least `SHARE_IN_FRAME` and at most half lies in the frame.

    Raises:
        ValueError: if the batch has no truth.
    """
    if batch.truth is None:
        raise ValueError("the true positions of objects are not known here, so no hard sequences can be found")
    boxes, there = batch.truth.boxes.cpu().numpy(), batch.truth.presence.cpu().numpy()
    pairs = there[..., :, None] & there[..., None, :]
    overlap = torch.from_numpy((iou(boxes, boxes) * pairs).sum((0, 2, 3)) - there.sum((0, 2)))
    height, width = batch.frames.size
    share = visible_share(boxes, (height, width))
    half = torch.from_numpy((there & (share >= SHARE_IN_FRAME) & (share <= 0.5)).sum((0, 2)))
    first = overlap.topk(min(number - number // 2, len(overlap))).indices
    half[first] = -1
    second = half.topk(min(number // 2, len(half))).indices
    return batch.select(torch.cat([first, second]).to(batch.actions.device))
