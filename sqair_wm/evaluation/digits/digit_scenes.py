"""Moving digits filtered by a model once, as an agent would: the boxes it finds, and the codes it infers."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sqair_wm.data.moving_mnist import CHUNK, MovingMNIST
from sqair_wm.data.sequences import Truth
from sqair_wm.evaluation.digits.addition import code
from sqair_wm.evaluation.metrics.tracks import Tracks
from sqair_wm.model.outlines import outlines
from sqair_wm.world.world_model import WorldModel

TOGETHER = 5 * CHUNK


@dataclass(frozen=True)
class Seen:
    """`B` fixed sequences of `T` frames, filtered deterministically by a model.

    Attributes:
        truth: the true digits, on the CPU like all the rest.
        tracks: the boxes that the model finds; empty without `boxes`.
        codes: `[T, B, F]` inputs of a classifier; see `addition.code`.
        milliseconds: computing time per frame of one sequence, in a batch of sequences.
    """

    truth: Truth
    tracks: Tracks
    codes: Tensor
    milliseconds: float


@torch.no_grad()
def watch_digits(model: WorldModel, sequences: MovingMNIST, number: int, length: int, boxes: bool = True) -> Seen:
    """Show a model the first `number` fixed sequences, rounded up to a multiple of `CHUNK`.

    Args:
        model: in evaluation mode.
        sequences: the data.
        number: sequences.
        length: frames of a sequence.
        boxes: whether to find boxes.
    """
    parts, seconds, device = [], 0.0, model.background.device
    for batch in sequences.parts(number, length, device, TOGETHER):
        slots, steps = model.initial(batch.frames.batch), []
        for frame in batch.frames:
            clock = time.process_time()
            slots = model.filter(slots, frame)
            seconds += time.process_time() - clock
            places = outlines(model.render(slots).glimpses, slots.where, model.config) if boxes else slots.where
            steps.append((places, slots.identity, code(model, slots)))
        assert batch.truth is not None
        parts.append((batch.truth, [torch.stack(column).cpu() for column in zip(*steps, strict=True)]))
    places, identity, codes = (torch.cat(column, 1) for column in zip(*(p for _, p in parts), strict=True))
    identity = torch.where(places[..., 2:].prod(-1) > 0, identity, -1) if boxes else torch.full_like(identity, -1)
    tracks = Tracks(places.numpy().astype(np.float32), identity.numpy())
    cost = 1000 * seconds / codes[..., 0].numel()
    return Seen(Truth.join([truth for truth, _ in parts]).cpu(), tracks, codes, cost)
