"""Reward and ending of a step, predicted from the sets of objects before and after it; and how sure that is."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.attention import window
from sqair_wm.config import ModelConfig
from sqair_wm.interaction import Surroundings
from sqair_wm.networks import linear, mlp
from sqair_wm.packing import Rows
from sqair_wm.slots import Slots

BINS, HIGHEST = 37, 9.0
"""Reward bins: evenly spaced on a signed logarithmic scale up to exp(9) - 1 = 8,102, with one at zero."""

RARELY = 5.0
"""Initial logit of no reward and of going on: most steps bring neither a reward nor an end."""


class Outcome(NamedTuple):
    """What a step brings; tensors `[B]` unless said otherwise.

    Attributes:
        reward: expected reward, unclipped, in the game's units.
        nonzero: probability that the reward is not zero.
        ends: probability that the episode ends with this step.
        uncertainty: disagreement of the members about where the objects go, in object sizes: the worst of the objects.
        reward_logits: `[E, B, BINS]` of each member.
        end_logits: `[E, B]`.
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

    def forward(self, alone: Tensor, extra: Tensor, around: Tensor, rows: Rows) -> Tensor:
        """The codes of the scenes `[B, width]`; `alone` `[R, W + 7]` and `around` of objects, `extra` `[B, N, D]`."""
        codes = self.net(torch.cat([alone, rows.take(extra.flatten(0, 1)), around], -1))
        return rows.put(codes).unflatten(0, extra.shape[:2]).sum(1)


class Moves(nn.Module):
    """Where each object goes, as `members` small networks see it that share nothing but their inputs."""

    def __init__(self, inputs: int, members: int, width: int = 32):
        super().__init__()
        self.members, self.hidden = members, linear(inputs, members * width)
        self.out = nn.Parameter(torch.randn(members, width, 2) * width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """`[R, inputs]` to `[R, E, 2]`."""
        hidden = F.relu(self.hidden(x)).unflatten(-1, (self.members, -1))
        return torch.einsum("reh,ehd->red", hidden, self.out)


class OutcomeHeads(nn.Module):
    """A small ensemble of heads on the objects before a step (and what became of them) and on those after it.

    Args:
        config: of the model.
        members: size E of the ensemble.
        width: of the networks.
    """

    bins: Tensor

    def __init__(self, config: ModelConfig, members: int = 4, width: int = 64):
        super().__init__()
        self.around, self.beneath = Surroundings(config), Surroundings(config, background_only=True)
        self.before = SetCode(config, 3, self.around.width, width)
        self.after = SetCode(config, 1, self.beneath.width, width)
        self.moves = Moves(config.what + 7 + self.around.width, members)
        self.scene = mlp(2 * width, 2 * width, out=False, activation=nn.ReLU)
        self.heads = nn.ModuleList(_rare(mlp(2 * width, width, BINS + 1, activation=nn.ReLU)) for _ in range(members))
        self.register_buffer("bins", reward_bins(), persistent=False)

    def forward(self, slots: Slots, action: Tensor | None, after: Slots, dense: bool) -> Outcome:
        """See `WorldModel.outcome`."""
        after = after.replace(scenery=slots.scenery)
        rows = Rows(slots.presence.detach().flatten() > 0, dense)
        later = Rows(after.presence.detach().flatten() > 0, dense)
        same = _same(slots, after)
        alone, around = rows.take(self.around.code(slots).flatten(0, 1)), self.around(slots, action, rows)
        left = self.before(alone, self._fate(slots, after, same), around, rows)
        there = later.take(self.beneath.code(after).flatten(0, 1))
        right = self.after(there, self._news(slots, same), self.beneath(after, None, later), later)
        scene = self.scene(torch.cat([left, right], -1))
        logits = torch.stack([head(scene) for head in self.heads])
        chance = logits[..., :BINS].softmax(-1).mean(0)
        moves = rows.put(self.moves(torch.cat([alone, around], -1))).unflatten(0, slots.presence.shape)
        spread = _spread(moves) * slots.presence
        return Outcome(
            reward=chance @ self.bins,
            nonzero=1 - chance[:, BINS // 2],
            ends=logits[..., BINS].sigmoid().mean(0),
            uncertainty=spread.amax(1),
            reward_logits=logits[..., :BINS],
            end_logits=logits[..., BINS],
            moves=moves.movedim(2, 0),
        )

    def _fate(self, slots: Slots, after: Slots, same: Tensor) -> Tensor:
        """Whether each object is still there, and how far it went, `[B, N, 3]`."""
        there = same.any(2).to(slots.presence.dtype)[..., None]
        centre = window(after.where)[1].detach()
        went = same.to(centre.dtype) @ centre - window(slots.where)[1] * there
        return torch.cat([there, went / self.around.unit], -1)

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
