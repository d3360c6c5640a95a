"""Counting accuracy of a model on moving digits of the test set."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.data.sequences import Batch
from sqair_wm.model.slots import Noise
from sqair_wm.world.world_model import WorldModel

LENGTH, PARTICLES = 10, 5


@torch.no_grad()
def count_once(model: WorldModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Objects and discoveries of each frame, `[T, B]` each, observed once and deterministically, as an agent would."""
    slots, counts, found = model.initial(batch.frames.batch), [], []
    for frame in batch.frames:
        slots, terms = model.observe(slots, frame, noise=Noise.none(slots))
        counts.append(slots.count)
        found.append(terms.discovered)
    return torch.stack(counts), torch.stack(found)


@torch.no_grad()
def count_weighted(model: WorldModel, batch: Batch, particles: int) -> tuple[Tensor, Tensor]:
    """Objects of each frame `[T, B, K]` in K sampled explanations, and their normalised importance weights `[B, K]`.

    A model whose frames are independent (AIR) explains every frame by itself: its weights are `[T, B, K]`.
    """
    b = batch.frames.batch
    slots, counts, log_weights = model.initial(b * particles), [], []
    for frame in batch.frames:
        slots, terms = model.observe(slots, frame)
        counts.append(slots.count.unflatten(0, (b, particles)))
        log_weights.append((terms.log_likelihood + terms.log_p - terms.log_q).unflatten(0, (b, particles)))
    log_weight = torch.stack(log_weights)
    whole = log_weight if getattr(model.sqair, "independent_frames", False) else log_weight.sum(0)
    return torch.stack(counts), whole.softmax(-1)


def weighted_counting(
    model: WorldModel, sequences: MovingMNIST, number: int, length: int = LENGTH, particles: int = PARTICLES
) -> float:
    """Share of frames with the true number of digits, hidden ones included: the mean over K sampled explanations of
    whole sequences, weighted by importance (the protocol of the paper's Table 1); see `counting`.
    """
    right = []
    for batch in sequences.parts(number, length, model.background.device):
        assert batch.truth is not None
        counts, weights = count_weighted(model, batch, particles)
        truth = batch.truth.presence.sum(2)
        right.append(((counts == truth[..., None]) * weights).sum(2).mean(0))
    return float(torch.cat(right).mean())


def counting(
    model: WorldModel, sequences: MovingMNIST, number: int = 1000, length: int = LENGTH, particles: int = PARTICLES
) -> dict[str, float]:
    """How well the digits are counted in `number` sequences of the fixed test set.

    Args:
        model: in evaluation mode.
        sequences: of test digits.
        number: sequences, rounded up to a multiple of `CHUNK`.
        length: frames of a sequence.
        particles: K of the weighted figure.

    Returns:
        `counting_accuracy`, see `weighted_counting`. All others are of a single deterministic pass, which knows no
        later frame: `counting_accuracy_once`; `counting_accuracy_first` and `_last`, of the first and last frames;
        `counting_error`, the mean absolute error; `discovered_after_first`, new identities per frame after the first,
        0 if no digit is ever lost.
    """
    errors, found = [], []
    for batch in sequences.parts(number, length, model.background.device):
        assert batch.truth is not None
        count, new = count_once(model, batch)
        errors.append((count - batch.truth.presence.sum(2)).abs().float())
        found.append(new)
    error = torch.cat(errors, 1)
    right = (error == 0).float()
    return {
        "counting_accuracy": weighted_counting(model, sequences, number, length, particles),
        "counting_accuracy_once": float(right.mean()),
        "counting_accuracy_first": float(right[0].mean()),
        "counting_accuracy_last": float(right[-1].mean()),
        "counting_error": float(error.mean()),
        "discovered_after_first": float(torch.cat(found, 1)[1:].mean()),
    }


def digit_metrics(model: WorldModel, sequences: MovingMNIST, number: int = 1000) -> dict[str, float]:
    """What is measured at the end of every training; see `counting`. `digit_table` measures more."""
    if model.config.architecture == "vrnn":
        return {}
    torch.manual_seed(0)
    return counting(model, sequences, number)
