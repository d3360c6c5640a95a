"""A player that collects data: it plans in imagination for reward, and for steps about which the model is uncertain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sqair_wm.games.policies import RepeatingAgent
from sqair_wm.model.outcome import Outcome
from sqair_wm.world.scenes import Tracker
from sqair_wm.world.world_model import WorldModel

LEAST_RETURN, SLOWLY = 1e-3, 0.05
"""Returns are divided by the largest one imagined recently, but at least by `LEAST_RETURN`; `SLOWLY` is the share of
that largest return that is forgotten with each plan."""


@dataclass(frozen=True)
class Exploring:
    """How `Explorer` plays.

    Attributes:
        sequences: action sequences imagined for each game.
        steps: of each sequence.
        hold: steps for which an action is held.
        every: steps played until the next plan.
        discount: of later steps, for each step.
        curiosity: value of a step on which the model's members disagree by one object size; the largest recent return
            has the value 1.
        skilled: share of the stretches in which it plans; in the others it plays at random.
        stretch: [least, most + 1] steps of a stretch.
    """

    sequences: int = 24
    steps: int = 20
    hold: int = 4
    every: int = 4
    discount: float = 0.98
    curiosity: float = 0.3
    skilled: float = 0.7
    stretch: tuple[int, int] = (10, 40)


class Explorer:
    """A `Player` of several games: in some stretches of steps it plans in imagination, in others it acts at random.

    Args:
        world: the model, in evaluation mode; it is not changed.
        number: of games.
        seed: of its random choices.
        how: its settings; by default `Exploring()`.
    """

    def __init__(self, world: WorldModel, number: int, seed: int, how: Exploring | None = None):
        self.how, self._world, self._number = how or Exploring(), world, number
        self._tracker = Tracker(world, number)
        self._random = np.random.default_rng(seed)
        self._agents = [RepeatingAgent(world.config.actions, seed + 1 + i) for i in range(number)]
        self._plans, self._next = np.zeros((self.how.every, number), np.int64), self.how.every
        self._skilled, self._left = np.zeros(number, bool), np.zeros(number, np.int64)
        self._largest, self._actions = LEAST_RETURN, np.zeros(number, np.int64)

    def act(self, frames: np.ndarray, fresh: np.ndarray, lost: np.ndarray) -> np.ndarray:
        """See `Player.act`."""
        self._tracker.begin(fresh)
        self._tracker.see(frames, self._actions, lost=lost)
        if self._next == self.how.every:
            self._plans, self._next = self._plan(), 0
        planned, self._next = self._plans[self._next], self._next + 1
        over = self._left == 0
        self._skilled[over] = self._random.random(over.sum()) < self.how.skilled
        low, high = self.how.stretch
        self._left[over] = self._random.integers(low, high, over.sum())
        self._left -= 1
        guessed = np.array([agent.act() for agent in self._agents])
        self._actions = np.where(self._skilled, planned, guessed)
        return self._actions

    @torch.inference_mode()
    def _plan(self) -> np.ndarray:
        """The first actions of the best sequence of each game, `[every, B]`."""
        h, actions = self.how, self._world.config.actions
        held = self._random.integers(0, actions, (-(-h.steps // h.hold), self._number, h.sequences))
        held[:, :, : min(actions, h.sequences)] = np.arange(actions)[: h.sequences]
        plans = held.repeat(h.hold, 0)[: h.steps]
        scenes = self._tracker.scenes.state.repeat(h.sequences)
        _, outcome = self._world.unroll(scenes, torch.from_numpy(plans.reshape(h.steps, -1)))
        worth = self._worth(outcome).view(self._number, h.sequences)
        best = worth.argmax(1).cpu().numpy()
        first: np.ndarray = plans[: h.every, np.arange(self._number), best]
        return first

    def _worth(self, outcome: Outcome) -> Tensor:
        """The value of each imagined sequence, `[B]`; nothing counts after an ending."""
        goes_on = (outcome.ends < 0.5).to(outcome.reward.dtype)
        counts = torch.cat([torch.ones_like(goes_on[:1]), goes_on[:-1]]).cumprod(0)
        counts = counts * self.how.discount ** torch.arange(len(counts), device=counts.device)[:, None]
        returns, curious = (outcome.reward * counts).sum(0), (outcome.uncertainty.clamp(max=1) * counts).sum(0)
        self._largest = max(LEAST_RETURN, (1 - SLOWLY) * self._largest, float(returns.abs().max()))
        chance = torch.from_numpy(self._random.random(len(returns))).to(returns)  # breaks ties
        return returns / self._largest + self.how.curiosity * curious + 1e-4 * chance
