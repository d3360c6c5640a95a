"""What the loss of imagination is made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.model.births import Births, birth_loss
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.outcome import Outcome
from sqair_wm.model.sight import Sight
from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import window
from sqair_wm.training.contacts import newly_seen
from sqair_wm.training.encoded import Play


def pick(x: Tensor, slot: Tensor) -> Tensor:
    """What `x` `[B, N, ...]` says of one `slot` `[B, 1]` of each scene, `[B, ...]`."""
    return x[torch.arange(len(x), device=x.device), slot.squeeze(1)]


def mean_where(x: Tensor, weight: Tensor) -> Tensor:
    """Mean of `x` where `weight` is one; 0 if it is nowhere."""
    return torch.where(weight > 0, x, 0).sum() / weight.sum().clamp(min=1)


def presence_loss(logit: Tensor, there: Tensor) -> Tensor:
    """Cross entropy of what is `there`, 0 or 1, of any shape."""
    return F.binary_cross_entropy_with_logits(logit.clamp(-20, 20), there, reduction="none")


def births_loss(
    births: Births | None, play: Play, before: list[Slots], context: int, config: ModelConfig, dense: bool
) -> Tensor:
    """Loss of the objects that appear while scenes are seen; of several at once, of that in the first slot.

    The first scenes are left out: what the dynamics remembers of them is of before this training.

    Args:
        births: what tells of them; None for nothing.
        play: stretches that were imagined.
        before: the scenes that the steps of imagination began with.
        context: frames that were seen.
        config, dense: see `Sight.of`.
    """
    losses = [play.weight.new_zeros(())]
    if births is None:
        return losses[0]
    for t in range(1, min(context, len(play) - 2)):
        now, after, later = (play.scene(k) for k in (t, t + 1, t + 2))
        new = newly_seen(now, after)
        slot = new.to(torch.uint8).argmax(1)[:, None]
        where, what, name = (pick(x, slot) for x in (after.where, after.what, after.identity))
        stays = (later.identity == name[:, None]) & (later.presence > 0) & (later.unseen == 0)
        velocity = pick(later.velocity, stays.to(torch.uint8).argmax(1)[:, None])
        sight = Sight.of(before[t], config, dense)
        expected = births(sight, before[t].prior, now.since, play.actions[t + 1])
        target = where, what, velocity, stays.any(1).to(velocity.dtype)
        losses.append(birth_loss(expected, new.any(1), target, play.weight))
    return torch.stack(losses).sum() / max(1, len(losses) - 1)


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
