"""What surrounds each object: the action, the other objects, and the background where it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.attention import window
from sqair_wm.config import ModelConfig
from sqair_wm.networks import linear, mlp
from sqair_wm.packing import Rows
from sqair_wm.slots import Slots

CELLS = 9
"""Height and width of the crop of the scenery around an object, in cells: about three objects."""

NEAR, FAR = 1.0, 4.0
"""Distances, in objects, at which the two scales of a relation saturate."""


class Surroundings(nn.Module):
    """A code of the surroundings of every object, `width` features; equivariant to permutations of the objects.

    The others enter through a sum over pairs (an interaction network with one hidden layer), the background through a
    crop around the object, the action through an embedding. Positions are relative to the object.

    Args:
        config: of the model.
        width: features of the code, and of each part of it.
    """

    unit: Tensor

    def __init__(self, config: ModelConfig, width: int = 32):
        super().__init__()
        self.config, self.width = config, width
        code = config.what + 7
        self.receiver, self.sender, self.between = linear(code, width), linear(code, width), linear(6, width)
        self.background = mlp(config.scenery * CELLS**2 + 2, width, out=False) if config.scenery else None
        self.action = nn.Embedding(config.actions, width) if config.actions else None
        self.mix = mlp(width * (1 + bool(config.scenery) + bool(config.actions)), width, out=False)
        self.register_buffer("unit", torch.tensor(sum(config.object_share)), persistent=False)

    def code(self, slots: Slots) -> Tensor:
        """What each object is like by itself, `[B, N, W + 7]`."""
        scale, centre = window(slots.where)
        since = (slots.unseen / self.config.patience).clamp(max=1).to(scale.dtype)
        return torch.cat([slots.what, scale, centre, slots.velocity / self.unit, since[..., None]], -1)

    def forward(self, slots: Slots, action: Tensor | None, rows: Rows) -> Tensor:
        """`[R, width]`, one for each of the `rows` (over batch and slots) that count.

        Args:
            slots: `B` scenes.
            action: `[B]` int64; None if it is not known.
            rows: the objects that are present.
        """
        code = self.code(slots)
        parts = [self._others(slots, code, rows)]
        if self.background is not None:
            parts.append(self.background(self._crops(slots, rows)))
        if self.action is not None:
            scene = rows.numbers() // slots.presence.shape[1]
            known = parts[0].new_zeros(parts[0].shape) if action is None else self.action(action).index_select(0, scene)
            parts.append(known)
        return self.mix(torch.cat(parts, -1))

    def _others(self, slots: Slots, code: Tensor, rows: Rows) -> Tensor:
        """What the other objects of its scene mean to each object, `[R, width]`."""
        n = slots.presence.shape[1]
        number = rows.numbers()
        scene, me = number // n, number % n
        own, flat = rows.take(code.flatten(0, 1)), code.flatten(0, 1)
        moving = torch.cat([window(slots.where)[1], slots.velocity], -1) / self.unit
        apart = moving.index_select(0, scene) - rows.take(moving.flatten(0, 1))[:, None]
        near = torch.tanh(apart[..., :2] / NEAR)
        relation = torch.cat([near, torch.tanh(apart[..., :2] / FAR), torch.tanh(apart[..., 2:])], -1)
        sent = self.sender(flat).unflatten(0, slots.presence.shape).index_select(0, scene)
        hidden = F.elu(self.receiver(own)[:, None] + sent + self.between(relation))
        there = slots.presence.detach().index_select(0, scene)
        there = there * (torch.arange(n, device=me.device) != me[:, None])
        return (hidden * there[..., None]).sum(1)

    @torch.no_grad()
    def _crops(self, slots: Slots, rows: Rows) -> Tensor:
        """The scenery around each object and where the object is within its cell, `[R, S * CELLS ** 2 + 2]`."""
        _, channels, height, width = slots.scenery.shape
        scene = rows.numbers() // slots.presence.shape[1]
        centre = rows.take(window(slots.where)[1].flatten(0, 1))
        size = centre.new_tensor(self.config.frame_size)
        place = (0.5 * (centre + 1) * (size - 1) + 0.5) / self.config.scenery_cell
        cell = place.floor()
        steps = torch.arange(CELLS, device=centre.device) - CELLS // 2
        ys, xs = (cell.long()[:, k, None] + steps for k in (0, 1))
        inside = ((ys >= 0) & (ys < height))[:, :, None] & ((xs >= 0) & (xs < width))[:, None, :]
        pixel = ys.clamp(0, height - 1)[:, :, None] * width + xs.clamp(0, width - 1)[:, None, :]
        first = scene[:, None] * channels + torch.arange(channels, device=centre.device)
        index = first[:, None, None, :] * (height * width) + pixel[..., None]
        pixels = slots.scenery.reshape(-1).index_select(0, index.flatten()).view(index.shape) * inside[..., None]
        return torch.cat([pixels.view(centre.shape[0], CELLS**2 * channels), place - cell - 0.5], -1)
