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


def moving(slots: Slots) -> Tensor:
    """Where every object is and how it moves, `[B, N, 4]`."""
    return torch.cat([window(slots.where)[1], slots.velocity], -1)


class Relation(nn.Module):
    """What the other objects of its scene mean to each object: a sum over pairs, with one hidden layer."""

    def __init__(self, config: ModelConfig, width: int):
        super().__init__()
        code = config.what + 7
        self.receiver, self.sender, self.between = linear(code, width), linear(code, width), linear(6, width)

    def forward(self, code: Tensor, moving: Tensor, presence: Tensor, rows: Rows) -> Tensor:
        """`[R, width]`.

        Args:
            code: `[B, N, W + 7]` of every object.
            moving: `[B, N, 4]` place and velocity in object sizes.
            presence: `[B, N]`.
            rows: the objects that are present.
        """
        n, number = presence.shape[1], rows.numbers()
        scene, me = number // n, number % n
        own, flat = rows.take(code.flatten(0, 1)), code.flatten(0, 1)
        apart = moving.index_select(0, scene) - rows.take(moving.flatten(0, 1))[:, None]
        near = torch.tanh(apart[..., :2] / NEAR)
        relation = torch.cat([near, torch.tanh(apart[..., :2] / FAR), torch.tanh(apart[..., 2:])], -1)
        sent = self.sender(flat).unflatten(0, presence.shape).index_select(0, scene)
        hidden = F.relu(self.receiver(own)[:, None] + sent + self.between(relation))
        there = presence.index_select(0, scene) * (torch.arange(n, device=me.device) != me[:, None])
        return (hidden * there[..., None]).sum(1)


class Surroundings(nn.Module):
    """A code of the surroundings of every object, `width` features; equivariant to permutations of the objects.

    The others enter through a sum over pairs (an interaction network with one hidden layer), the background through a
    crop around the object, the action through an embedding. Positions are relative to the object.

    Args:
        config: of the model.
        width: features of the code, and of each part of it.
        background_only: leave out the action and the others.
    """

    unit: Tensor

    def __init__(self, config: ModelConfig, width: int = 32, background_only: bool = False):
        super().__init__()
        self.config, self.width = config, width
        crop = config.scenery * CELLS**2 + 2
        self.background = mlp(crop, width, out=False, activation=nn.ReLU) if config.scenery else None
        self.relation = None if background_only else Relation(config, width)
        self.action = nn.Embedding(config.actions, width) if config.actions and not background_only else None
        self.parts = max(1, sum(part is not None for part in (self.background, self.relation, self.action)))
        self.mix = mlp(width * self.parts, width, out=False, activation=nn.ReLU)
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
        scene, parts = rows.numbers() // slots.presence.shape[1], []
        if self.relation is not None:
            parts.append(self.relation(self.code(slots), moving(slots) / self.unit, slots.presence.detach(), rows))
        if self.background is not None:
            parts.append(self.background(self._crops(slots, rows)))
        if self.action is not None and action is not None:
            parts.append(self.action(action).index_select(0, scene))
        parts += [slots.what.new_zeros(scene.shape[0], self.width)] * (self.parts - len(parts))
        return self.mix(torch.cat(parts, -1))

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
