"""Reward and ending of a step, predicted from the objects before and after it; and how uncertain the step is."""

from __future__ import annotations

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


class Outcome(NamedTuple):
    """Reward, ending and uncertainty of a step; tensors `[B]` unless said otherwise.

    Attributes:
        reward: expected reward, unclipped, in the game's units.
        nonzero: probability that the reward is not zero.
        ends: probability that the episode ends with this step.
        uncertainty: the members' disagreement about where an object goes, in object sizes; the largest of all objects.
        reward_logits: `[E, B, BINS]`, logits of the reward's bins, of each member.
        end_logits: `[E, B]`, logit of the end, of each member.
        moves: `[E, B, N, 2]` displacement (y, x) of each object as each member sees it, in object sizes.
    """

    reward: Tensor
    nonzero: Tensor
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


class OutcomeHeads(nn.Module):
    """A small ensemble of heads that read the objects before a step, what became of them, and the objects after it.

    Args:
        config: of the model.
        members: size E of the ensemble.
        width: of the networks.
    """

    bins: Tensor

    def __init__(self, config: ModelConfig, members: int = 4, width: int = 64):
        super().__init__()
        self.config = config
        self.around, self.beneath = Surroundings(config), Surroundings(config, background_only=True)
        self.before = SetCode(config, 3, self.around.width, width)
        self.after = SetCode(config, 1, self.beneath.width, width)
        self.moves = Moves(config.what + 7 + self.around.width, members)
        self.time = TimeCode(width) if config.timing else None
        self.scene = mlp(2 * width + CLOCK * config.clock, 2 * width, out=False, activation=nn.ReLU)
        self.heads = nn.ModuleList(_rare(mlp(2 * width, width, BINS + 1, activation=nn.ReLU)) for _ in range(members))
        self.register_buffer("bins", reward_bins(), persistent=False)

    def forward(self, slots: Slots, action: Tensor | None, after: Slots, dense: bool) -> Outcome:
        """See `WorldModel.outcome`."""
        number = slots.presence.shape[1]
        if after.scenery is not slots.scenery:
            after = after.replace(scenery=slots.scenery)
        if not dense:
            slots, after = slots.trim(), after.trim()
        here, there = SceneFeatures.of(slots, self.config, dense), SceneFeatures.of(after, self.config, dense)
        same = _same(slots, after)
        around = self.around(here, action)
        left = self.before(here, self._fate(here, there, same), around)
        left = left if self.time is None else left + self.time(slots)
        right = self.after(there, self._news(slots, same), self.beneath(there, None))
        time = [clock(slots)] if self.config.clock else []
        logits = self._logits(self.scene(torch.cat([left, right, *time], -1)))
        chance = logits[..., :BINS].softmax(-1).mean(0)
        moves = here.rows.put(self.moves(torch.cat([here.own, around], -1))).unflatten(0, here.shape)
        spread = _spread(moves) * slots.presence
        moves = F.pad(moves, (0, 0, 0, 0, 0, number - here.shape[1]))
        return Outcome(
            reward=chance @ self.bins,
            nonzero=1 - chance[:, BINS // 2],
            ends=logits[..., BINS].sigmoid().mean(0),
            uncertainty=spread.amax(1),
            reward_logits=logits[..., :BINS],
            end_logits=logits[..., BINS],
            moves=moves.movedim(2, 0),
        )

    def _logits(self, scene: Tensor) -> Tensor:
        """`[B, D]` to `[E, B, BINS + 1]`, all members at once."""
        members = [cast(nn.Sequential, head) for head in self.heads]
        weight, bias = (torch.cat([getattr(m[0], name) for m in members]) for name in ("weight", "bias"))
        hidden = F.relu(F.linear(scene, weight, bias).to(scene.dtype))
        hidden = hidden.unflatten(-1, (len(members), -1)).transpose(0, 1)
        weight, bias = (torch.stack([getattr(m[-1], name) for m in members]) for name in ("weight", "bias"))
        return torch.baddbmm(bias[:, None], hidden, weight.transpose(1, 2)).to(scene.dtype)

    def _fate(self, here: SceneFeatures, there: SceneFeatures, same: Tensor) -> Tensor:
        """Whether each object is still there, and how far it went, `[B, N, 3]`."""
        stays = same.any(2).to(here.centre.dtype)[..., None]
        went = same.to(stays.dtype) @ there.centre.detach() - here.centre * stays
        return torch.cat([stays, went / sum(self.config.object_share)], -1)

    def _news(self, slots: Slots, same: Tensor) -> Tensor:
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
