"""The terms of the loss of imagination."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.model.dynamics import Prediction
from sqair_wm.model.outcome import Outcome, OutcomeHeads, two_hot
from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import window
from sqair_wm.training.encoded import Play

SHOWN = 0.5
"""Weight of an observed reward or ending in the loss of the heads of imagined steps, relative to an imagined one."""


def without_scenery(scenes: list[Slots]) -> Slots:
    """Scenes as one batch, without gradients and without their scenery, which is by far the largest part of them."""
    none = scenes[0].scenery[:0]
    return Slots.cat([scene.replace(scenery=none) for scene in scenes]).map(Tensor.detach)


def mean_where(x: Tensor, weight: Tensor) -> Tensor:
    """The sum of `x` where `weight`, of the same shape, is positive, over the sum of `weight` or 1; a scalar.

    With weights of 0 and 1 it is the mean of `x` where they are 1, or 0 if they are nowhere.
    """
    return torch.where(weight > 0, x, 0).sum() / weight.sum().clamp(min=1)


def reward_loss(outcome: Outcome, target: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of the rewards, a scalar: the mean over all members and scenes.

    Args:
        outcome: the predictions.
        target: `[B, BINS]`, the rewards as two-hot distributions.
        weight: `[B]`, how much each scene counts.
    """
    return -(weight * (target * outcome.reward_logits.log_softmax(-1)).sum(-1)).mean()


def ending_loss(outcome: Outcome, ends: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of the endings `ends` `[B]` bool, each counted by `weight` `[B]`; the mean over all members."""
    logits = outcome.end_logits
    return F.binary_cross_entropy_with_logits(logits, ends.to(logits.dtype).expand_as(logits), weight.expand_as(logits))


def displacements(before: Slots, after: Slots, unit: Tensor) -> tuple[Tensor, Tensor]:
    """How far each object went, in object sizes, `[B, N, 2]`, and whether it was seen both times, `[B, N]` bool."""
    same = (before.identity == after.identity) & (before.identity >= 0)
    weight = same & (before.unseen == 0) & (after.unseen == 0)
    return (window(after.where)[1] - window(before.where)[1]) / unit, weight


def members_loss(outcome: Outcome, moves: Tensor, weight: Tensor) -> Tensor:
    """Mean error of the members, each on its own random half of the objects, so that they differ where data are few."""
    errors = (outcome.moves - moves).abs().sum(-1)
    chosen = weight & (torch.rand(errors.shape, device=errors.device) < 0.5)
    return mean_where(errors, chosen.to(errors.dtype))


def presence_loss(logit: Tensor, there: Tensor) -> Tensor:
    """Cross entropy of whether each object is `there`, 0 or 1; all of the same shape."""
    return F.binary_cross_entropy_with_logits(logit.clamp(-20, 20), there, reduction="none")


def intent_error(slots: Slots, prediction: Prediction, centre: Tensor, unit: Tensor) -> Tensor:
    """Distance of each object from where it was about to go, `[B, N]`, in object sizes; 0 without an intent.

    Args:
        slots: the scenes before the step.
        prediction: of the step.
        centre: `[B, N, 2]`, where the objects were seen after it.
        unit: size of a typical object, in half frames.
    """
    if prediction.intent is None:
        return torch.zeros_like(slots.presence)
    return ((slots.window[1] + prediction.intent - centre).square().sum(-1) + 1e-6).sqrt() / unit


def _holds_departed(play: Play) -> Tensor:
    """Which stretches hold an object that is tracked but not seen any more, `[B]` bool."""
    return (play.departed & (play.states.presence > 0)).any(2).any(0)


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

    Observed rewards and endings also teach the heads of imagined steps what these look like: the first points that are
    ever won are hardly imagined. Observed steps without them do not, because an imagined step that looks like one of
    these may bring a reward; nor do those with departed objects, which imagination does not hold: an object would bring
    its reward where tracking still keeps it, and once more where it is gone.

    Args:
        heads: the heads that learn.
        play: the stretches of `T` frames that were imagined.
        before, after: the scenes before and after the `T - 1` imagined steps.
        singles: steps that were seen.
        unit: size of a typical object, in half frames.
        dense: see `SQAIR`.
    """
    first, second = singles.scene(0), singles.scene(1)
    kinds = (False,) if heads.seen is None else (False, True)
    seen, *shown = heads.outcomes(first, singles.actions[1], second, dense, kinds)
    reward, over = two_hot(singles.rewards[1], heads.bins), singles.ends[1]
    actions, rewards, ends = (x[1:].flatten(0, 1) for x in (play.actions, play.rewards, play.ends))
    start = Slots.cat(before).map(Tensor.detach)
    end = without_scenery(after).replace(scenery=start.scenery)  # the heads read no other
    dreamt, weight = heads(start, actions, end, dense), play.weight.repeat(len(before))
    missed = reward_loss(dreamt, two_hot(rewards, heads.bins), weight) + ending_loss(dreamt, ends, weight)
    for outcome in shown:
        event = singles.weight * ((singles.rewards[1] != 0) | over) * ~_holds_departed(singles)
        missed = missed + SHOWN * (reward_loss(outcome, reward, event) + ending_loss(outcome, over, event))
    return {
        "reward": reward_loss(seen, reward, singles.weight),
        "ending": ending_loss(seen, over, singles.weight),
        "moves": members_loss(seen, *displacements(first, second, unit)),
        "dreamt": missed,
    }
