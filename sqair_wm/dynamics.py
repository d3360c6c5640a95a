"""p of tracked objects: each object moves, changes and stays on its own (paper, appendix B)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sqair_wm.attention import to_shift, window
from sqair_wm.config import ModelConfig
from sqair_wm.distributions import Normal, bernoulli_log_prob, positive
from sqair_wm.networks import GRUCell, linear
from sqair_wm.packing import Rows
from sqair_wm.slots import Slots

ABSENT = -88.0


class Prediction(NamedTuple):
    """p(z_t of every tracked object | its past).

    `memory` `[B, N, P]`, `stay_logit` `[B, N]` (very negative for empty slots), `where` and `what` Gaussians.
    """

    memory: Tensor
    stay_logit: Tensor
    where: Normal
    what: Normal

    def log_prob(self, before: Slots, after: Slots) -> Tensor:
        """log p of the tracked objects' new states, `[B]`: presence where an object was, the rest where it stayed."""
        stayed = before.presence * after.presence
        places = self.where.log_prob(after.where) + self.what.log_prob(after.what)
        stay = bernoulli_log_prob(after.presence, self.stay_logit)
        return (before.presence * stay + stayed * places).sum(1)


class PaperDynamics(nn.Module):
    """A GRU for each object by itself, blind to actions and to other objects.

    `absolute` (released): the GRU's readout is the mean of the next state. `residual`: the next place is the last one
    moved on by its velocity times a learned gate plus a learned change, the next what the last one plus a change.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config, self.residual = config, config.dynamics == "residual"
        hidden, w = config.hidden, config.what
        self.cell = GRUCell(w + 4 + 2 * self.residual, hidden)
        self.readout = linear(hidden, 2 * (w + 4) + 1 + 2 * self.residual)
        self.register_buffer("reach", 2 * torch.tensor(config.object_share), persistent=False)
        if self.residual:
            nn.init.zeros_(self.readout.weight)
            self.readout.bias.data[4:8] = torch.tensor([-3.0, -3.0, -2.0, -2.0])
            self.readout.bias.data[8 + w : 8 + 2 * w] = -1.0

    def forward(self, slots: Slots, action: Tensor | None, dense: bool) -> Prediction:
        """Predict every object one step ahead; `action` `[B]` is not looked at by this dynamics."""
        b, n = slots.presence.shape
        rows = Rows(slots.presence.detach().flatten() > 0, dense)
        what, where, velocity, memory = (
            rows.take(x.flatten(0, 1)) for x in (slots.what, slots.where, slots.velocity, slots.prior)
        )
        inputs = [what, where] + ([velocity / self._reach()] if self.residual else [])
        memory = self.cell(torch.cat(inputs, -1), memory)
        stay, place, appearance = self._read(self.readout(memory), what, where, velocity)
        fields = rows.put_all(memory, stay, place.mean, place.std - 1, appearance.mean, appearance.std - 1)
        memory, stay, *rest = (x.unflatten(0, (b, n)) for x in fields)
        present = slots.presence.detach()
        stay = present * stay + ABSENT * (1 - present)
        return Prediction(memory, stay, Normal(rest[0], rest[1] + 1), Normal(rest[2], rest[3] + 1))

    def _read(self, out: Tensor, what: Tensor, where: Tensor, velocity: Tensor) -> tuple[Tensor, Normal, Normal]:
        w = self.config.what
        place, place_raw, look, look_raw, rest = out.split((4, 4, w, w, out.shape[-1] - 8 - 2 * w), -1)
        if self.residual:
            _, centre = window(where)
            moved = centre + velocity * torch.sigmoid(rest[:, 1:] + 1) + self._reach() * torch.tanh(place[:, 2:])
            place = torch.cat([where[:, :2] + torch.tanh(place[:, :2]), to_shift(moved)], -1)
            look = what + look
        floors = self.config.least_std
        stay = rest[:, 0] + self.config.stay_bias
        return stay, Normal(place, positive(place_raw, floors[1])), Normal(look, positive(look_raw, floors[0]))

    def _reach(self) -> Tensor:
        return self.get_buffer("reach")
