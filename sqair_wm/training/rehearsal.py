"""Rehearsal: encodes and decodes stored objects of earlier steps again, each alone and at its old position."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqair_wm.model.inference.search import Others, cover
from sqair_wm.model.slots import Slots
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.where import window

REMEMBERED = 4096
"""Objects that are remembered; the newest replace the oldest."""


class Rehearsal(nn.Module):
    """The bound of a single remembered object, given where it is, if it stayed in view for some frames.

    A training step spends most of its time on where objects are and which is which. It shows few objects, so that
    encoder and decoder learn little from it. Here they learn from many more: each step remembers one object of each
    sequence, cut out of the first frame, and draws `number` remembered objects, at the cost of encoding and decoding
    alone.

    Args:
        model: the model; its discovery is guided.
        number: objects drawn in a step.
        frames: frames for which an object is assumed to stay in view; the KL term of its code counts once.

    Attributes:
        images: `[REMEMBERED, C, H, W]` uint8, frames that show one object and are black elsewhere.
        where: `[REMEMBERED, 4]`, where that object is.
        filled: `[REMEMBERED]`, 1 where an object is stored, else 0.
        oldest: scalar int64, the index at which the next object is stored.
    """

    images: Tensor
    where: Tensor
    filled: Tensor
    oldest: Tensor

    def __init__(self, model: SQAIR, number: int, frames: int):
        super().__init__()
        c = model.config
        self.number, self.frames = number, frames
        self.register_buffer("images", torch.zeros(REMEMBERED, c.channels, *c.frame_size, dtype=torch.uint8))
        self.register_buffer("where", torch.zeros(REMEMBERED, 4))
        self.register_buffer("filled", torch.zeros(REMEMBERED))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def remember(self, frame: Tensor, slots: Slots) -> None:
        """Remember an object of each scene that lies inside the frame and overlaps no other, if there is one.

        Args:
            frame: `[B, C, H, W]` in [0, 1].
            slots: `B` scenes as observed in it.
        """
        if not slots.presence.shape[1]:
            return
        scale, centre = window(slots.where)
        clear = slots.presence * _alone(scale, centre, slots.presence) * ((centre.abs() + scale).amax(2) <= 1)
        best, chosen = (clear * (0.5 + torch.rand_like(clear))).max(1)
        chosen = chosen[:, None, None].expand(-1, 1, 4)
        where = slots.where.gather(1, chosen).squeeze(1)
        place = (self.oldest + torch.arange(len(frame), device=frame.device)) % REMEMBERED
        filled = (best > 0).to(self.filled.dtype)
        view = FrameView(frame, len(frame))
        everywhere = view.points(torch.ones_like(scale[:, 0]), torch.zeros_like(scale[:, 0]), view.size)
        scale, centre = window(where)
        kept = Others(centre[:, None], scale[:, None], filled[:, None])
        inside = cover(everywhere, view.size, kept).by(kept.presence)
        self.images[place] = (255 * frame * inside[:, None]).round().byte()
        self.where[place] = where
        self.filled[place] = filled
        self.oldest.copy_((self.oldest + len(frame)) % REMEMBERED)

    def forward(self, model: SQAIR, kl_weight: float) -> Tensor:
        """The negative bound per frame, a scalar: the mean over the objects drawn; their positions get no gradient."""
        chosen = torch.randint(REMEMBERED, (self.number,), device=self.where.device)
        where, filled = self.where[chosen], self.filled[chosen]
        view = FrameView(self.images[chosen].float() / 255, self.number)
        reader = model.inference.reader
        assert reader is not None
        q = reader.what(reader.look(view, torch.arange(self.number, device=where.device), *window(where), None))
        what = q.sample(torch.randn_like(q.mean))
        slots = model.initial(self.number)
        slots = slots.replace(what=what[:, None], where=where[:, None], presence=filled[:, None])
        kl = (0.5 * (q.mean.square() + q.std.square() - 1) - q.std.log()).sum(1)
        bound = self.frames * model.appearance.log_likelihood(view, slots, model.dense) - kl_weight * kl
        return -(filled * bound).sum() / (filled.sum().clamp(min=1) * self.frames)


def _alone(scale: Tensor, centre: Tensor, presence: Tensor) -> Tensor:
    """Whether the window of each object overlaps no other object's, `[B, N]` bool."""
    apart = (centre[:, :, None] - centre[:, None]).abs() - scale[:, :, None] - scale[:, None]
    others = presence[:, None] * (1 - torch.eye(presence.shape[1], device=presence.device))
    return ~((apart < 0).all(3) & (others > 0)).any(2)
