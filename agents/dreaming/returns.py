"""Lambda returns, and the scale of returns, for an actor and a critic."""

from __future__ import annotations

import torch
from torch import Tensor


def lambda_returns(reward: Tensor, weight: Tensor, value: Tensor, lam: float) -> Tensor:
    """Lambda returns `[T, B]`, as DreamerV3 uses them (Sutton & Barto 2018, section 12.1).

    The reward of step t is that of the action of step t; the value at t + 1 is that of the scene it led to.

    Args:
        reward: `[T, B]`, of each step.
        weight: `[T, B]`, factor of the rewards after the step: the discount, times the probability of no ending.
        value: `[T + 1, B]`, the critic's value before each step and after the last one.
        lam: lambda: 0 for one-step returns, 1 for returns over the whole length.
    """
    found, last = [], value[-1]
    for r, w, v in zip(reward.flip(0), weight.flip(0), value[1:].flip(0), strict=True):
        last = r + w * ((1 - lam) * v + lam * last)
        found.append(last)
    return torch.stack(found).flip(0)


class ReturnRange:
    """The range of returns from their 5 % to their 95 % quantile, as a moving average; at least `least`.

    DreamerV3 divides the advantages by this range (Hafner et al. 2023), so that one entropy bonus fits every game.
    Because of `least`, small returns are not amplified.

    Args:
        keep: decay of the moving average.
        least: smallest range.

    Attributes:
        average: the moving average; 0 before the first returns.
    """

    def __init__(self, keep: float = 0.99, least: float = 1.0):
        self.keep, self.least, self.average, self._share = keep, least, 0.0, 0.0

    @torch.no_grad()
    def update(self, returns: Tensor) -> float:
        """Add `returns` `[...]` to the average, and return the range to divide by."""
        flat = returns.flatten()[: 1 << 20]
        low, high = torch.quantile(flat, torch.stack([flat.new_full((), q) for q in (0.05, 0.95)])).tolist()
        self._share = self.keep * self._share + 1 - self.keep
        self.average += (1 - self.keep) / self._share * (high - low - self.average)
        return max(self.least, self.average)

    def state_dict(self) -> dict[str, float]:
        """Plain numbers."""
        return {"average": self.average, "share": self._share}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Continue from what `state_dict` returned."""
        self.average, self._share = state["average"], state["share"]
