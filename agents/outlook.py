"""What imagined steps are worth: rewards as agents count them, until an ending, and what lies beyond the horizon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from sqair_wm.model.outcome import Outcome
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.world.world_model import WorldModel

REWARDS = ("raw", "sign", "symlog")

Value = Callable[[Any], Tensor]
"""What is to be expected from `B` scenes on, `[B]`."""


class Steps(Protocol):
    """Whoever imagines steps: a `WorldModel`, or a game whose rules are known."""

    def step(self, slots: Any, action: Tensor) -> tuple[Any, Any]:
        """`B` scenes and actions `[B]` to the scenes one step later and their `Outcome`."""


@dataclass(frozen=True)
class Counting:
    """How rewards count.

    Attributes:
        reward: `raw`; `sign`: the sign of a reward times the probability that there is one; or `symlog`: on a signed
            logarithmic scale.
        discount: of a step.
    """

    reward: str = "raw"
    discount: float = 0.99

    def __post_init__(self) -> None:
        if self.reward not in REWARDS:
            raise ValueError(f"reward is {self.reward!r}; choose one of {', '.join(REWARDS)}")
        if not 0 < self.discount <= 1:
            raise ValueError(f"discount has to lie between 0 and 1, got {self.discount}")

    def of(self, outcome: Any) -> Tensor:
        """The reward `[B]` of an `Outcome` as it counts."""
        reward: Tensor = outcome.reward
        if self.reward == "sign":
            return reward.sign() * outcome.nonzero
        return reward.sign() * reward.abs().log1p() if self.reward == "symlog" else reward

    def real(self, reward: Tensor) -> Tensor:
        """A reward that the game gave, as it counts."""
        if self.reward == "sign":
            return reward.sign()
        return reward.sign() * reward.abs().log1p() if self.reward == "symlog" else reward


class Tally:
    """Adds up the discounted rewards of `B` futures, step by step; what comes after an ending does not count.

    Attributes:
        total: `[B]`, so far.
        weight: `[B]`, what a reward of the next step counts: the discount, times the probability that there is one.
    """

    def __init__(self, counting: Counting, batch: int, device: torch.device):
        self._counting = counting
        self.total, self.weight = torch.zeros(batch, device=device), torch.ones(batch, device=device)

    def add(self, outcome: Any) -> None:
        """Count the outcome of the next step."""
        self.total = self.total + self.weight * self._counting.of(outcome)
        self.weight = self.weight * self._counting.discount * (1 - outcome.ends)

    def beyond(self, value: Tensor) -> Tensor:
        """The total, and what is expected after it, `[B]`."""
        return self.total + self.weight * value


@torch.no_grad()
def worth(world: Steps, scenes: Any, actions: Tensor, counting: Counting, value: Value | None = None) -> Tensor:
    """What sequences of actions bring.

    Args:
        world: that imagines.
        scenes: `B` of them.
        actions: `[T, B]` int64.
        counting: of rewards.
        value: of the scenes after the last step; None for 0.

    Returns:
        `[B]`.
    """
    tally = Tally(counting, actions.shape[1], actions.device)
    for action in actions:
        scenes, outcome = world.step(scenes, action)
        tally.add(outcome)
    return tally.total if value is None else tally.beyond(value(scenes))


class Drawn:
    """A world model whose futures are drawn, not the likeliest ones.

    Args:
        world: the model.
        generator: of the noise, on the device of the model.
        discover: whether new objects may appear.
        spread: how far from the likeliest ones places and looks of objects are drawn, as a share of the deviations that
            the model gives them: these hold the jitter of what was seen as well, which adds up over imagined steps.
    """

    def __init__(self, world: WorldModel, generator: torch.Generator, discover: bool = True, spread: float = 1.0):
        self.world, self.generator, self.discover, self.spread = world, generator, discover, spread

    def step(self, slots: Slots, action: Tensor) -> tuple[Slots, Outcome]:
        """See `WorldModel.step`."""
        noise = Noise.draw(slots, generator=self.generator).nearer(self.spread)
        return self.world.step(slots, action, noise, discover=self.discover)
