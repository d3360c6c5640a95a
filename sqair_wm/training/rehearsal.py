"""Practice in drawing: objects that were seen before are encoded and drawn again, alone and where they were."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqair_wm.model.inference.search import Others, cover
from sqair_wm.model.slots import Slots
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.where import window

REMEMBERED = 4096
"""Objects that are kept; the latest replace the oldest."""


class Rehearsal(nn.Module):
    """The bound of one object that stays in view for some frames, given where it is, on objects found before.

    Most of a training step is spent on where objects are and who is who; encoder and decoder learn little from it,
    since it shows few objects. Here they learn from many more: each step remembers an object of each sequence, cut out
    of the first frame, and draws `number` of those remembered, at the cost of encoding and decoding alone.

    Args:
        model: the model; its discovery is guided.
        number: objects practised in a step.
        frames: for how many frames an object is taken to stay in view; its code is paid for once.

    Attributes:
        images: `[REMEMBERED, C, H, W]` uint8, frames that show one object and are black elsewhere.
        where: `[REMEMBERED, 4]` of it; filled: `[REMEMBERED]` 1 where there is one; oldest: place of the next.
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
        """Keep an object of each scene that stands alone inside the frame, if there is one.

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
        """The negative bound a frame, averaged over the objects practised; no gradient reaches where they are."""
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
    """Whether the window of each object `[B, N]` meets that of no other one present."""
    apart = (centre[:, :, None] - centre[:, None]).abs() - scale[:, :, None] - scale[:, None]
    others = presence[:, None] * (1 - torch.eye(presence.shape[1], device=presence.device))
    return ~((apart < 0).all(3) & (others > 0)).any(2)
