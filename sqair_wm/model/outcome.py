"""Reward and ending of a step, predicted from the objects before and after it; and how uncertain the step is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.model.clock import CLOCK, TimeCode, clock
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.interaction import Surroundings
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.slots import Slots
from sqair_wm.nn.networks import linear, mlp

BINS, HIGHEST = 37, 9.0
"""Reward bins: evenly spaced on a signed logarithmic scale up to exp(9) - 1 = 8,102, with one at zero."""

RARELY = 5.0
"""Initial logit of no reward and of going on: most steps bring neither a reward nor an end."""


ORDER = ("around", "beneath", "before", "after", "moves", "time", "scene", "heads", "recall", "seen")
"""The order of the parameters of `OutcomeHeads`, by which the optimisers of runs from 0.15.0 and before know them."""


class Outcome(NamedTuple):
    """Reward, ending and uncertainty of a step; tensors `[B]` unless said otherwise.

    Attributes:
        reward: expected reward, unclipped, in the game's units.
        nonzero: probability that the reward is not zero.
        sign: expected sign of the reward: the probability that it is positive less that it is negative.
        ends: probability that the episode ends with this step.
        uncertainty: the members' disagreement about where an object goes, in object sizes; the largest of all objects.
        reward_logits: `[E, B, BINS]`, logits of the reward's bins, of each member.
        end_logits: `[E, B]`, logit of the end, of each member.
        moves: `[E, B, N, 2]` displacement (y, x) of each object as each member sees it, in object sizes.
    """

    reward: Tensor
    nonzero: Tensor
    sign: Tensor
    ends: Tensor
    uncertainty: Tensor
    reward_logits: Tensor
    end_logits: Tensor
    moves: Tensor


def reward_bins(device: torch.device | None = None) -> Tensor:
    """The rewards that the bins stand for, `[BINS]`."""
    x = torch.linspace(-HIGHEST, HIGHEST, BINS, device=device)
    return x.sign() * (x.abs().exp() - 1)


def two_hot(reward: Tensor, bins: Tensor) -> Tensor:
    """The distribution over the two bins next to `reward` `[...]` that has it as its mean, `[..., BINS]`."""
    reward = reward.clamp(bins[0], bins[-1])
    above = torch.searchsorted(bins, reward.contiguous()).clamp(1, BINS - 1)
    low, high = bins[above - 1], bins[above]
    share = ((reward - low) / (high - low))[..., None]
    return F.one_hot(above - 1, BINS) * (1 - share) + F.one_hot(above, BINS) * share


class SetCode(nn.Module):
    """An order-free code of a scene: an MLP over each object among its surroundings, summed."""

    def __init__(self, config: ModelConfig, extra: int, around: int, width: int):
        super().__init__()
        self.net = mlp(config.what + 7 + extra + around, width, width, out=False, activation=nn.ReLU)

    def forward(self, features: SceneFeatures, extra: Tensor, around: Tensor) -> Tensor:
        """Codes of the scenes `[B, width]`; `around` `[R, D]` of the objects present, `extra` `[B, N, D']` of all."""
        codes = self.net(torch.cat([features.own, features.rows.take(extra.flatten(0, 1)), around], -1))
        return features.rows.put(codes).unflatten(0, features.shape).sum(1)


class Moves(nn.Module):
    """Displacement of each object, predicted by `members` small networks that share nothing but their inputs."""

    def __init__(self, inputs: int, members: int, width: int = 32):
        super().__init__()
        self.members, self.hidden = members, linear(inputs, members * width)
        self.out = nn.Parameter(torch.randn(members, width, 2) * width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """`[R, inputs]` to `[R, E, 2]`."""
        hidden = F.relu(self.hidden(x))
        apart = torch.block_diag(*self.out.unbind())
        return (hidden @ apart).unflatten(-1, (self.members, 2))


class StepHeads(nn.Module):
    """A small ensemble that tells reward and ending from the objects before a step, their fate, and those after it.

    Args:
        config: of the model.
        around: length of the code of an object's surroundings.
        members: size E of the ensemble.
        width: of the networks.
        recalls: whether they also read what the dynamics remembers of each object after the step, such as a punch that
            is under way. Only imagined steps have it fresh.
    """

    def __init__(self, config: ModelConfig, around: int, members: int, width: int, recalls: bool = False):
        super().__init__()
        self.config = config
        self.recall = mlp(config.hidden, width, width, out=False, activation=nn.ReLU) if recalls else None
        self.before, self.after = SetCode(config, 3, around, width), SetCode(config, 1, around, width)
        self.time = TimeCode(width) if config.timing else None
        codes = (2 + recalls) * width + CLOCK * config.clock
        self.scene = mlp(codes, 2 * width, out=False, activation=nn.ReLU)
        self.heads = nn.ModuleList(_rare(mlp(2 * width, width, BINS + 1, activation=nn.ReLU)) for _ in range(members))

    def logits(
        self, slots: Slots, after: Slots, here: SceneFeatures, there: SceneFeatures, around: Tensor, beneath: Tensor
    ) -> Tensor:
        """Logits of the reward's bins and of the end, `[E, B, BINS + 1]`.

        Args:
            slots, after: the scenes before and after the step.
            here, there: their features.
            around, beneath: codes of the surroundings of the objects before, and after, `[R, D]`.
        """
        same = _same(slots, after)
        left = self.before(here, _fate(here, there, same, self.config), around)
        left = left if self.time is None else left + self.time(slots)
        right = self.after(there, _news(slots, same), beneath)
        more = [clock(slots)] if self.config.clock else []
        if self.recall is not None:
            kept = self.recall(there.rows.take(after.prior.flatten(0, 1)))
            more.append(there.rows.put(kept).unflatten(0, there.shape).sum(1))
        scene = self.scene(torch.cat([left, right, *more], -1))
        members = [cast(nn.Sequential, head) for head in self.heads]  # all at once
        weight, bias = (torch.cat([getattr(m[0], name) for m in members]) for name in ("weight", "bias"))
        hidden = F.relu(F.linear(scene, weight, bias).to(scene.dtype))
        hidden = hidden.unflatten(-1, (len(members), -1)).transpose(0, 1)
        weight, bias = (torch.stack([getattr(m[-1], name) for m in members]) for name in ("weight", "bias"))
        return torch.baddbmm(bias[:, None], hidden, weight.transpose(1, 2)).to(scene.dtype)


class OutcomeHeads(StepHeads):
    """Reward, ending and uncertainty of imagined steps; with `ModelConfig.imagined_heads`, others for observed steps.

    Where an imagined step shows no hit, there may be one. Where an observed step shows none, there is none: heads that
    learn from both kinds of steps, which they can't tell apart, expect too few rewards in imagination.

    Args:
        config: of the model.
        members: size E of the ensemble.
        width: of the networks.

    Attributes:
        seen: the heads for observed steps; None if they are the same.
    """

    bins: Tensor

    def __init__(self, config: ModelConfig, members: int = 4, width: int = 64):
        around, beneath = Surroundings(config), Surroundings(config, background_only=True)
        super().__init__(config, around.width, members, width, recalls=config.imagined_heads)
        self.around, self.beneath = around, beneath
        self.moves = Moves(config.what + 7 + around.width, members)
        self.seen = StepHeads(config, around.width, members, width) if config.imagined_heads else None
        self.register_buffer("bins", reward_bins(), persistent=False)
        for name in filter(self._modules.__contains__, ORDER):
            self._modules[name] = self._modules.pop(name)

    def forward(self, slots: Slots, action: Tensor | None, after: Slots, dense: bool, imagined: bool = True) -> Outcome:
        """See `WorldModel.outcome`."""
        return self.outcomes(slots, action, after, dense, (imagined,))[0]

    def outcomes(
        self, slots: Slots, action: Tensor | None, after: Slots, dense: bool, imagined: Sequence[bool]
    ) -> list[Outcome]:
        """The outcomes of the same steps, each taken as `imagined` or as observed."""
        number = slots.presence.shape[1]
        if after.scenery is not slots.scenery:
            after = after.replace(scenery=slots.scenery)
        if not dense:
            slots, after = slots.trim(), after.trim()
        here, there = SceneFeatures.of(slots, self.config, dense), SceneFeatures.of(after, self.config, dense)
        around, beneath = self.around(here, action), self.beneath(there, None)
        moves = here.rows.put(self.moves(torch.cat([here.own, around], -1))).unflatten(0, here.shape)
        uncertainty = (_spread(moves) * slots.presence).amax(1)
        moves = F.pad(moves, (0, 0, 0, 0, 0, number - here.shape[1])).movedim(2, 0)
        heads = [self if kind or self.seen is None else self.seen for kind in imagined]
        told = (x.logits(slots, after, here, there, around, beneath) for x in heads)
        return [self._outcome(logits, uncertainty, moves) for logits in told]

    def _outcome(self, logits: Tensor, uncertainty: Tensor, moves: Tensor) -> Outcome:
        chance = logits[..., :BINS].softmax(-1).mean(0)
        return Outcome(
            reward=chance @ self.bins,
            nonzero=1 - chance[:, BINS // 2],
            sign=chance @ self.bins.sign(),
            ends=logits[..., BINS].sigmoid().mean(0),
            uncertainty=uncertainty,
            reward_logits=logits[..., :BINS],
            end_logits=logits[..., BINS],
            moves=moves,
        )


def _fate(here: SceneFeatures, there: SceneFeatures, same: Tensor, config: ModelConfig) -> Tensor:
    """Whether each object is still there, and how far it went, `[B, N, 3]`."""
    stays = same.any(2).to(here.centre.dtype)[..., None]
    went = same.to(stays.dtype) @ there.centre.detach() - here.centre * stays
    return torch.cat([stays, went / sum(config.object_share)], -1)


def _news(slots: Slots, same: Tensor) -> Tensor:
    """Whether each object after the step is new, `[B, N, 1]`."""
    return 1 - same.any(1).to(slots.presence.dtype)[..., None]


def _spread(moves: Tensor) -> Tensor:
    """Standard deviation over the members, both axes together: `[B, N, E, 2]` to `[B, N]`."""
    return (moves - moves.mean(2, keepdim=True)).square().mean(2).sum(-1).sqrt()


def _rare(head: nn.Sequential) -> nn.Sequential:
    """`head` with small last weights and biases that say: no reward, no end."""
    last = head[-1]
    assert isinstance(last, nn.Linear)
    last.weight.data.mul_(0.1)
    last.bias.data[BINS // 2], last.bias.data[BINS] = RARELY, -RARELY
    return head


def _same(slots: Slots, after: Slots) -> Tensor:
    """`[B, N, N']` bool: which object before is which after."""
    same = slots.identity[:, :, None] == after.identity[:, None, :]
    return same & (slots.presence.detach() > 0)[:, :, None] & (after.presence.detach() > 0)[:, None, :]
