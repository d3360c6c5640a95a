"""Monte Carlo tree search with a Gumbel root (Danihelka et al. 2022): improves a policy with a few simulations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..imagined_returns import Tally, returns_of
from .planner import Planner, PlanSettings
from .tree import Forest, Leaf, improved

TIE = 1e-3
"""Scale of the noise that breaks ties."""

Prior = Callable[[Any], Tensor]
"""A policy: `B` scenes to the logits `[B, A]` of actions."""


@dataclass(frozen=True)
class MCTSSettings(PlanSettings):
    """How the tree search looks ahead.

    Attributes:
        simulations: budget of nodes (scenes) added to the trees in a search, without the steps that evaluate each.
        considered: most first actions that are tried; they are halved after each phase (sequential halving).
        horizon: number of decisions, of `hold` steps each, that repeat the action of a new node before the critic
            gives its value. With a good critic, 1 is enough.
        noise: scale of the Gumbel noise: 0 to take the best action, 1 to sample from the improved policy, as when
            collecting play.
    """

    simulations: int = 16
    considered: int = 16
    noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.considered < 1 or self.simulations < 1:
            raise ValueError(f"simulations and considered have to be at least 1: {self}")


class MCTS(Planner):
    """Tries some first actions, searches a tree below each, and halves them until one remains; see `Planner`.

    Attributes:
        prior: a policy to improve on; by default all actions are equally likely.
    """

    settings: MCTSSettings
    prior: Prior | None = None

    def plan(self, scenes: Any, memory: Tensor | None, fresh: Tensor) -> tuple[Tensor, None]:
        """The first action that remains after the last halving; see `Planner.plan`."""
        s, batch, device = self.settings, len(fresh), fresh.device
        number = min(s.considered, self.actions)
        phases = max(1, (number - 1).bit_length())
        wish = self._logits(scenes) + self._gumbel(batch, device)
        tried = wish.topk(number, 1).indices
        roots = self._grow(scenes.repeat(number), tried.flatten())
        forest = Forest(roots, 1 + s.simulations + phases, self._grow)
        value = torch.zeros(batch, device=device) if self.value is None else self.value(scenes)
        left = torch.arange(number, device=device).expand(batch, number)
        rows = torch.arange(batch, device=device)[:, None] * number
        while left.shape[1] > 1:
            for _ in range(max(1, s.simulations // (phases * left.shape[1]))):
                forest.simulate((rows + left).flatten())
            q, visits = (
                torch.zeros_like(wish).scatter(1, tried, x.view(batch, number)) for x in (forest.q, forest.visits[:, 0])
            )
            score = improved(wish, value, q, visits).gather(1, tried).gather(1, left)
            left = left.gather(1, score.topk((left.shape[1] + 1) // 2, 1).indices)
        return tried.gather(1, left)[:, 0], None

    def _gumbel(self, batch: int, device: torch.device) -> Tensor:
        """Gumbel noise `[B, A]`; never quite 0, so that ties are broken at random and not by the order of actions."""
        noise = torch.empty(batch, self.actions, device=device).exponential_(generator=self.random(device))
        return max(self.settings.noise, TIE) * -noise.log()

    def _logits(self, scenes: Any) -> Tensor:
        if self.prior is not None:
            return self.prior(scenes)
        return torch.zeros(scenes.step.shape[0], self.actions, device=scenes.step.device)

    def _grow(self, scenes: Any, action: Tensor) -> Leaf:
        """Take `action` `[R]` for the steps of one decision, then estimate the value of where it leads."""
        s = self.settings
        tally = Tally(s, len(action), action.device)
        for _ in range(s.hold):
            scenes, outcome = self.world.step(scenes, action)
            tally.add(outcome)
        further = action.expand(s.hold * (s.horizon - 1), -1)
        value = returns_of(self.world, scenes, further, s, self.value)
        return Leaf(scenes, tally.total, tally.weight, value, self._logits(scenes))
