"""The cross-entropy method for discrete actions: plans are drawn in iterations, each closer to the best ones so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .planner import Comparing, ComparisonSettings


@dataclass(frozen=True)
class CEMSettings(ComparisonSettings):
    """How the cross-entropy method looks ahead.

    Attributes:
        iterations: number of iterations in a step of the game.
        elite: number of best plans of an iteration, to which the next distribution is fitted.
        keep: share of the old distribution in the next one.
        warm: share of the last game step's distribution in the first one; the rest is uniform.
    """

    iterations: int = 2
    elite: int = 4
    keep: float = 0.1
    warm: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.elite <= self.plans or self.iterations < 1:
            raise ValueError(f"elite has to lie between 1 and plans, and iterations has to be at least 1: {self}")
        if not (0 <= self.keep < 1 and 0 <= self.warm < 1):
            raise ValueError(f"keep and warm have to be at least 0 and less than 1: {self}")


class CEM(Comparing):
    """Categorical cross-entropy method over `horizon` decisions, each independent of the others; see `Planner`.

    Its memory is the distribution `[B, horizon * hold, A]` of actions at every step. The next search begins with it,
    shifted by one step.
    """

    settings: CEMSettings

    def plan(self, scenes: Any, memory: Tensor | None, fresh: Tensor) -> tuple[Tensor, Tensor]:
        """The first action of the best plan; see `Planner.plan`.

        If the worth of a plan is certain, it is the best of all iterations. If it is estimated from samples, it is the
        best of the last one: the best of many estimates is likely to be overestimated.
        """
        s, batch = self.settings, len(fresh)
        chance, copies = self._start(memory, fresh), self.copies(scenes)
        most = torch.full((batch,), -torch.inf, device=fresh.device)
        best = chance.new_zeros((batch, s.horizon), dtype=torch.int64)
        for _ in range(s.iterations):
            plans = self._draw(chance)
            found = self.worth(copies, plans)
            value, index = found.topk(s.elite, 1)
            elite = plans.gather(1, index[..., None].expand(-1, -1, s.horizon))
            chance = s.keep * chance + (1 - s.keep) * F.one_hot(elite, self.actions).float().mean(1)
            better = (value[:, 0] > most) | (s.samples > 1)
            most, best = torch.where(better, value[:, 0], most), torch.where(better[:, None], elite[:, 0], best)
        return best[:, 0], chance.repeat_interleave(s.hold, 1)

    def _start(self, memory: Tensor | None, fresh: Tensor) -> Tensor:
        """The distribution `[B, horizon, A]` of the first plans: the last one, shifted, mixed with the uniform one."""
        s = self.settings
        uniform = torch.full((len(fresh), s.horizon, self.actions), 1 / self.actions, device=fresh.device)
        if memory is None:
            return uniform
        later = torch.cat([memory[:, 1:], torch.full_like(memory[:, :1], 1 / self.actions)], 1)
        warm = s.warm * later.unflatten(1, (s.horizon, s.hold)).mean(2) + (1 - s.warm) * uniform
        return torch.where(fresh[:, None, None], uniform, warm)

    def _draw(self, chance: Tensor) -> Tensor:
        """Plans `[B, plans, horizon]` from a distribution `[B, horizon, A]`."""
        drawn = torch.multinomial(chance.flatten(0, 1), self.settings.plans, True, generator=self.random(chance.device))
        return drawn.unflatten(0, chance.shape[:2]).transpose(1, 2)
