"""Random shooting: compares many random plans and takes the first action of the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..imagined_returns import returns_of
from .planner import Planner, PlanSettings


@dataclass(frozen=True)
class ShootingSettings(PlanSettings):
    """How random shooting looks ahead.

    Attributes:
        plans: number of random plans that are compared.
    """

    plans: int = 64


class Shooting(Planner):
    """Imagines random plans and takes the first action of the one with the largest return; see `Planner`."""

    settings: ShootingSettings

    def plan(self, scenes: Any, memory: Tensor | None, fresh: Tensor) -> tuple[Tensor, None]:
        """The first action of the best plan; see `Planner.plan`."""
        s, batch, device = self.settings, len(fresh), fresh.device
        shape = (s.horizon, batch * s.plans)
        choices = torch.randint(self.actions, shape, generator=self.random(device), device=device)
        found = returns_of(self.world, scenes.repeat(s.plans), choices.repeat_interleave(s.hold, 0), s, self.value)
        best = found.unflatten(0, (batch, s.plans)).argmax(1)
        return choices[0].unflatten(0, (batch, s.plans)).gather(1, best[:, None])[:, 0], None
