"""What the loss of imagination is made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.model.dynamics import Prediction
from sqair_wm.model.outcome import Outcome, OutcomeHeads, two_hot
from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import window
from sqair_wm.training.encoded import Play


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


def presence_loss(logit: Tensor, there: Tensor) -> Tensor:
    """Cross entropy of who is `there` 0 or 1, of the same shape as `logit`."""
    return F.binary_cross_entropy_with_logits(logit.clamp(-20, 20), there, reduction="none")


def intent_error(slots: Slots, prediction: Prediction, centre: Tensor, unit: Tensor) -> Tensor:
    """How far each object went from where it was about to go, `[B, N]`, in object sizes; 0 if nobody asked for that.

    Args:
        slots: the scenes before the step.
        prediction: of the step.
        centre: `[B, N, 2]`, where the objects were seen after it.
        unit: size of an object.
    """
    if prediction.intent is None:
        return torch.zeros_like(slots.presence)
    return ((slots.window[1] + prediction.intent - centre).square().sum(-1) + 1e-6).sqrt() / unit


def outcome_losses(
    heads: OutcomeHeads,
    play: Play,
    before: list[Slots],
    after: list[Slots],
    singles: Play,
    unit: Tensor,
    dense: bool,
) -> dict[str, Tensor]:
    """Losses of the heads, on steps that were seen and on steps that were imagined.

    Args:
        heads: that learn.
        play: `T` frames of stretches that were imagined.
        before, after: the `T - 1` imagined steps.
        singles: steps that were seen.
        unit: size of an object.
        dense: see `SQAIR`.
    """
    first, second = singles.scene(0), singles.scene(1)
    seen = heads(first, singles.actions[1], second, dense)
    actions, rewards, ends = (x[1:].flatten(0, 1) for x in (play.actions, play.rewards, play.ends))
    start, end = (Slots.cat(scenes).map(Tensor.detach) for scenes in (before, after))
    dreamt, weight = heads(start, actions, end, dense), play.weight.repeat(len(before))
    return {
        "reward": reward_loss(seen, two_hot(singles.rewards[1], heads.bins), singles.weight),
        "ending": ending_loss(seen, singles.ends[1], singles.weight),
        "moves": members_loss(seen, *displacements(first, second, unit)),
        "dreamt": reward_loss(dreamt, two_hot(rewards, heads.bins), weight) + ending_loss(dreamt, ends, weight),
    }
