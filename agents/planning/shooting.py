"""Random shooting: compares many random plans and takes the first action of the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .planner import Comparing, ComparisonSettings


@dataclass(frozen=True)
class ShootingSettings(ComparisonSettings):
    """How random shooting looks ahead."""

    plans: int = 32


class Shooting(Comparing):
    """Imagines random plans and takes the first action of the one with the largest return; see `Planner`."""

    settings: ShootingSettings

    def plan(self, scenes: Any, memory: Tensor | None, fresh: Tensor) -> tuple[Tensor, None]:
        """The first action of the best plan; see `Planner.plan`."""
        s, device = self.settings, fresh.device
        shape = (len(fresh), s.plans, s.horizon)
        plans = torch.randint(self.actions, shape, generator=self.random(device), device=device)
        best = self.worth(self.copies(scenes), plans).argmax(1, keepdim=True)
        return plans[:, :, 0].gather(1, best)[:, 0], None
