"""AIR (Eslami et al. 2016): every frame by itself; identities are given afterwards, by linking nearest neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.clock import since_change
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.scoring import Inferred
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.where import constant, window

REACH = 1.0
"""Largest distance, in typical object sizes, that an object may move from frame to frame and keep its identity."""


class AIR(SQAIR):
    """SQAIR that starts every frame from an empty scene: it uses discovery, decoder and the first frame's prior alone.

    Objects are linked to those of the frame before by nearest neighbour, closest pairs first, up to `REACH`; that
    decides `identity` and nothing else.
    """

    independent_frames = True

    def infer(
        self,
        slots: Slots,
        view: FrameView,
        action: Tensor | None = None,
        noise: Noise | None = None,
        explore: Exploration | None = None,
    ) -> tuple[Slots, Inferred]:
        """See `SQAIR.infer`; nothing but identities comes from `slots`."""
        noise = noise or Noise.draw(slots, self.config.slots)
        after, inferred = super().infer(self.initial(slots.presence.shape[0]), view, None, noise, explore)
        return link(slots, after, self.config.object_share), inferred

    def imagine(
        self, slots: Slots, action: Tensor | None = None, *, noise: Noise | None = None, discover: bool = True
    ) -> Slots:
        """A scene from the prior, whatever came before; without `discover`, an empty one."""
        noise = noise or Noise.draw(slots, self.config.slots)
        after = super().imagine(self.initial(slots.presence.shape[0]), None, noise=noise, discover=discover)
        return link(slots, after, self.config.object_share)


def link(before: Slots, after: Slots, share: tuple[float, float]) -> Slots:
    """Give the objects of a frame the identities of their nearest neighbours in the frame before, or new ones.

    Args:
        before: `B` scenes.
        after: the same scenes one frame later; their identities are replaced.
        share: (height, width) of a typical object as shares of the frame.
    """
    size = 2 * constant(share, after.where)
    distance = torch.cdist(window(after.where.detach())[1] / size, window(before.where.detach())[1] / size)
    there = (after.presence.detach() > 0)[:, :, None] & (before.presence.detach() > 0)[:, None, :]
    distance = torch.where(there & (distance <= REACH), distance, torch.inf)
    identity = torch.full_like(after.identity, -1)
    for _ in range(min(distance.shape[1:])):
        nearest, pair = distance.flatten(1).min(1)
        rows = nearest.isfinite()
        new, old = pair // distance.shape[2], pair % distance.shape[2]
        taken = torch.zeros_like(identity, dtype=torch.bool).scatter(1, new[:, None], rows[:, None])
        identity = torch.where(taken, before.identity.gather(1, old[:, None]), identity)
        gone = torch.zeros_like(distance[:, 0], dtype=torch.bool).scatter(1, old[:, None], rows[:, None])
        distance = distance.masked_fill(taken[:, :, None] | gone[:, None, :], torch.inf)
    fresh = (after.presence.detach() > 0) & (identity < 0)
    number = before.last_identity[:, None] + fresh.long().cumsum(1)
    named = after.replace(
        identity=torch.where(fresh, number, identity),
        last_identity=before.last_identity + fresh.long().sum(1),
        step=before.step + 1,
    )
    return named.replace(since=since_change(before, named))
