"""What the loss of imagination is made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.model.outcome import Outcome
from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import window


def pick(x: Tensor, slot: Tensor) -> Tensor:
    """What `x` `[B, N, ...]` says of one `slot` `[B, 1]` of each scene, `[B, ...]`."""
    return x[torch.arange(len(x), device=x.device), slot.squeeze(1)]


def mean_where(x: Tensor, weight: Tensor) -> Tensor:
    """Mean of `x` where `weight` is one; 0 if it is nowhere."""
    return torch.where(weight > 0, x, 0).sum() / weight.sum().clamp(min=1)


def reward_loss(outcome: Outcome, target: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of the rewards, as two-hot distributions `[B, BINS]`, over all members."""
    return -(weight * (target * outcome.reward_logits.log_softmax(-1)).sum(-1)).mean()


def ending_loss(outcome: Outcome, ends: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of the endings `[B]` bool over all members."""
    logits = outcome.end_logits
    return F.binary_cross_entropy_with_logits(logits, ends.to(logits.dtype).expand_as(logits), weight.expand_as(logits))


def displacements(before: Slots, after: Slots, unit: Tensor) -> tuple[Tensor, Tensor]:
    """How far each object went, in object sizes, `[B, N, 2]`, and whether it was in sight `[B, N]`."""
    same = (before.identity == after.identity) & (before.identity >= 0)
    weight = same & (before.unseen == 0) & (after.unseen == 0)
    return (window(after.where)[1] - window(before.where)[1]) / unit, weight


def members_loss(outcome: Outcome, moves: Tensor, weight: Tensor) -> Tensor:
    """Error of every member on a random half of the examples, so that members differ where there are few."""
    errors = (outcome.moves - moves).abs().sum(-1)
    chosen = weight & (torch.rand(errors.shape, device=errors.device) < 0.5)
    return mean_where(errors, chosen.to(errors.dtype))
