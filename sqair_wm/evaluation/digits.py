"""What a trained model does with moving digits it was not trained on, against what is really there."""

from __future__ import annotations

import torch

from sqair_wm.data.moving_mnist import CHUNK, MovingMNIST
from sqair_wm.slots import Noise
from sqair_wm.world_model import WorldModel

LENGTH = 10
TOGETHER = 5 * CHUNK


@torch.no_grad()
def counting(model: WorldModel, sequences: MovingMNIST, number: int = 1000, length: int = LENGTH) -> dict[str, float]:
    """How well the digits are counted in `number` sequences of the fixed test set, observed deterministically.

    Args:
        model: in evaluation mode.
        sequences: of test digits.
        number: sequences, rounded up to a multiple of `CHUNK`.
        length: frames of a sequence.

    Returns:
        `counting_accuracy`, the share of frames with the true number of digits (paper, table 1), hidden ones included;
        `counting_accuracy_first` and `counting_accuracy_last`, of first and last frames; `counting_error`, the mean
        absolute error; `discovered_after_first`, new identities a frame after the first, 0 if digits are never lost.
    """
    errors, found = [], []
    for start in range(0, number, TOGETHER):
        device = model.background.device
        batch = sequences.first(min(TOGETHER, -(-(number - start) // CHUNK) * CHUNK), length, device, start)
        slots = model.initial(batch.frames.shape[1])
        assert batch.truth is not None
        for frame, there in zip(batch.frames, batch.truth.presence, strict=True):
            slots, terms = model.observe(slots, frame, noise=Noise.none(slots))
            errors.append((slots.count - there.sum(1)).abs())
            found.append(terms.discovered)
    error = torch.cat([e.unflatten(0, (1, -1)) for e in errors]).unflatten(0, (-1, length)).float()
    new = torch.cat([f.unflatten(0, (1, -1)) for f in found]).unflatten(0, (-1, length))
    right = (error == 0).float()
    return {
        "counting_accuracy": float(right.mean()),
        "counting_accuracy_first": float(right[:, 0].mean()),
        "counting_accuracy_last": float(right[:, -1].mean()),
        "counting_error": float(error.mean()),
        "discovered_after_first": float(new[:, 1:].mean()),
    }


def digit_metrics(model: WorldModel, sequences: MovingMNIST, number: int = 1000) -> dict[str, float]:
    """Everything that can be said about a model of moving digits; see `counting`."""
    return counting(model, sequences, number)
