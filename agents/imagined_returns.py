"""Returns of imagined rollouts: transformed rewards, discounts, predicted endings, and a value beyond the horizon."""

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
"""A critic: `B` scenes to the expected returns from there on, `[B]`."""


class Steps(Protocol):
    """A model that imagines steps: a `WorldModel`, or the known rules of a game."""

    def step(self, slots: Any, action: Tensor) -> tuple[Any, Any]:
        """Take `B` scenes and actions `[B]`; return the scenes one step later and the `Outcome` of the step."""


@dataclass(frozen=True)
class Counting:
    """How an agent transforms and discounts rewards.

    Attributes:
        reward: `raw`: in the game's units; `sign`: its sign; `symlog`: on a signed logarithmic scale.
        discount: factor for each step, above 0 and at most 1.
    """

    reward: str = "raw"
    discount: float = 0.99

    def __post_init__(self) -> None:
        if self.reward not in REWARDS:
            raise ValueError(f"reward is {self.reward!r}; choose one of {', '.join(REWARDS)}")
        if not 0 < self.discount <= 1:
            raise ValueError(f"discount has to be above 0 and at most 1, got {self.discount}")

    def of(self, outcome: Any) -> Tensor:
        """The expected reward `[B]` of an imagined `Outcome`, transformed."""
        reward: Tensor = outcome.reward
        if self.reward == "sign":
            sign: Tensor = outcome.sign
            return sign
        return reward.sign() * reward.abs().log1p() if self.reward == "symlog" else reward

    def real(self, reward: Tensor) -> Tensor:
        """Rewards of the real game, of any shape, transformed."""
        if self.reward == "sign":
            return reward.sign()
        return reward.sign() * reward.abs().log1p() if self.reward == "symlog" else reward


class Tally:
    """Adds up the discounted rewards of `B` rollouts, step by step, weighted by the probability of no ending before.

    Args:
        counting: transforms and discounts the rewards.
        batch: B.
        device: of the sums.

    Attributes:
        total: `[B]`, the discounted return so far.
        weight: `[B]`, the factor of the next reward: the discounts so far, times the probability of no ending so far.
    """

    def __init__(self, counting: Counting, batch: int, device: torch.device):
        self._counting = counting
        self.total, self.weight = torch.zeros(batch, device=device), torch.ones(batch, device=device)

    def add(self, outcome: Any) -> None:
        """Add the `Outcome` of the next step."""
        self.total = self.total + self.weight * self._counting.of(outcome)
        self.weight = self.weight * self._counting.discount * (1 - outcome.ends)

    def beyond(self, value: Tensor) -> Tensor:
        """The total plus what is expected after it, `[B]`; `value` `[B]` is the value of the last scenes."""
        return self.total + self.weight * value


@torch.no_grad()
def returns_of(world: Steps, scenes: Any, actions: Tensor, counting: Counting, value: Value | None = None) -> Tensor:
    """The imagined returns of action sequences.

    Args:
        world: the model that imagines.
        scenes: `B` start states.
        actions: `[T, B]` int64.
        counting: transforms and discounts the rewards.
        value: critic for the scenes after the last step; None for 0.

    Returns:
        The discounted returns, `[B]`.
    """
    tally = Tally(counting, actions.shape[1], actions.device)
    for action in actions:
        scenes, outcome = world.step(scenes, action)
        tally.add(outcome)
    return tally.total if value is None else tally.beyond(value(scenes))


class Sampled:
    """A world model whose `step` samples the next state instead of taking the likeliest one.

    Args:
        world: the model.
        generator: of the noise, on the device of the model.
        discover: whether new objects may appear.
        spread: factor from 0 to 1 on the noise, see `Noise.nearer`. The model's standard deviations include the jitter
            of observed positions, and its probabilities that objects appear and stay include its own doubts: both
            would add up over imagined steps.
    """

    def __init__(self, world: WorldModel, generator: torch.Generator, discover: bool = True, spread: float = 1.0):
        self.world, self.generator, self.discover, self.spread = world, generator, discover, spread

    def step(self, slots: Slots, action: Tensor) -> tuple[Slots, Outcome]:
        """See `WorldModel.step`."""
        noise = Noise.draw(slots, generator=self.generator).nearer(self.spread)
        return self.world.step(slots, action, noise, discover=self.discover)
