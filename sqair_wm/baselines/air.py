"""AIR (Eslami et al. 2016): every frame by itself; identities come from linking neighbours afterwards."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.attention import FrameView
from sqair_wm.data.sequences import Batch, Sequences, Truth
from sqair_wm.scoring import Inferred
from sqair_wm.slots import Exploration, Noise, Slots
from sqair_wm.sqair import SQAIR
from sqair_wm.where import constant, window

REACH = 1.0
"""Furthest that an object may move from frame to frame and keep its identity, in typical object sizes."""


class AIR(SQAIR):
    """SQAIR that begins anew in every frame: discovery, decoder and the first frame's prior are all it is.

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
        before: `B` scenes; after: the same one frame later, whatever their identities.
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
    return after.replace(
        identity=torch.where(fresh, number, identity),
        last_identity=before.last_identity + fresh.long().sum(1),
        step=before.step + 1,
    )


class SingleFrames:
    """The frames of a data set as sequences of one frame: what AIR is trained on (any frame, not only first ones).

    Args:
        sequences: the data set.
        length: frames of the sequences of which one frame is taken.
    """

    def __init__(self, sequences: Sequences, length: int = 10):
        self.sequences, self.cut = sequences, length
        self.frame_size, self.channels = sequences.frame_size, sequences.channels
        self.scenery, self.number_of_actions = sequences.scenery, sequences.number_of_actions

    def sample(self, batch: int, length: int, generator: torch.Generator, device: torch.device) -> Batch:
        """A random frame of each of `batch` sequences; see `Sequences.sample`.

        Raises:
            ValueError: if longer sequences are asked for.
        """
        if length != 1:
            raise ValueError(f"AIR knows single frames only, not {length}: set training.lengths=[[0,1]]")
        whole = self.sequences.sample(batch, self.cut, generator, device)
        time = torch.randint(self.cut, (batch,), generator=generator).to(device)
        return single(whole).select(time * batch + torch.arange(batch, device=device))

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        """See `Sequences.first`: whole sequences."""
        return self.sequences.first(batch, length, device)


def single(batch: Batch) -> Batch:
    """`B` sequences of `T` frames as `T * B` sequences of one."""
    truth = batch.truth
    if truth is not None:
        labels = truth.labels.repeat(len(batch.frames), 1)
        truth = Truth(truth.boxes.flatten(0, 1)[None], truth.presence.flatten(0, 1)[None], labels)
    frames, actions, rewards, ends = (
        x.flatten(0, 1)[None] for x in (batch.frames, batch.actions, batch.rewards, batch.ends)
    )
    return Batch(frames, actions, rewards, ends, truth)
