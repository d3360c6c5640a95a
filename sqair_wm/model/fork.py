"""Where the future forks: a second way on for each object, for when a ball may bounce off a paddle or pass it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import window

MARGIN = 0.1
"""In object sizes, how much nearer to what was seen the second way has to lead to be the one that was taken."""

RARELY = -3.0
"""Initial logit of the second way."""

CHOICE = 4.0
"""Weight of the choice, for each object size that the two ways lie apart: where they are one, it does not matter."""

APART = 0.05
"""Weight of the error of the way that was not taken, so that neither is ever left behind."""


class Fork(NamedTuple):
    """A second way on for every object, beside that of a prediction.

    Attributes:
        logit: `[B, N]`, that it is the one.
        where: `[B, N, 4]`, where it leads.
        motion: `[B, N, M]`, what the memory ends with of an object that goes it.
    """

    logit: Tensor
    where: Tensor
    motion: Tensor

    @property
    def likelier(self) -> Tensor:
        """`[B, N]` bool, whether the second way is."""
        return self.logit > 0

    def drawn(self, chance: Tensor, remains: Tensor) -> Tensor:
        """`[B, N]` bool, the second way as often as it is likely.

        Args:
            chance: `[B, N]` uniform numbers, the same that decide who remains: an object does if they are below
                `remains`, and they are uniform there. With 0.5 everywhere this is the likelier way, or nearly.
            remains: `[B, N]`, probability that an object is still there after the step.
        """
        return chance < remains * torch.sigmoid(self.logit)

    def nearer(self, first: Tensor, target: Slots, seen: Tensor, unit: Tensor) -> Tensor:
        """`[B, N]` bool, whether the second way is the one an object took, see `MARGIN`; unseen: the likelier one.

        Args:
            first: `[B, N, 4]`, where the first way leads.
            target: the scenes as they were seen.
            seen: `[B, N]` bool, which objects were.
            unit: size of a typical object, in units of half a frame.
        """
        there = window(target.where)[1]
        better = _apart(self.where, there) + MARGIN * unit < _apart(first, there)
        return torch.where(seen, better.detach(), self.likelier)

    def loss(self, first: Tensor, second: Tensor, target: Slots, unit: Tensor, weight: Tensor) -> Tensor:
        """`[B, N]`: what it takes to say which way is taken, see `CHOICE`, and the error of the other one, see `APART`.

        Args:
            first, target, unit: see `nearer`.
            second: `[B, N]` bool, whether that was taken.
            weight: `[B, 1]`, how much a scene counts where a probability is learned.
        """
        said = F.binary_cross_entropy_with_logits(self.logit.clamp(-20, 20), second.to(first.dtype), reduction="none")
        other, ways = torch.where(second[..., None], first, self.where), _apart(first, window(self.where)[1]).detach()
        return (weight * CHOICE * ways * said + APART * _apart(other, window(target.where)[1])) / unit


def _apart(where: Tensor, centre: Tensor) -> Tensor:
    """From the centres of `where` `[..., 4]` to `centre` `[..., 2]`, smooth where they are equal."""
    return ((window(where)[1] - centre).square().sum(-1) + 1e-6).sqrt()
