"""A model of the game Bouncing from its rules instead of learning: what an agent reaches with perfect imagination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.tensors import TensorRecord
from sqair_wm.envs.layout import Layout
from sqair_wm.games.bouncing import GOAL, SIZE, SPRITE, STEPS, Bouncing

from .games import Tick

ROOM, TOUCHED, HOME = float(SIZE - SPRITE), -5.0, 1.0
LAYOUT = Layout(2, 1, (SIZE, SIZE))
"""Two rows, the bouncing sprite and the steered one; the code, 0 or 1, tells which."""


@dataclass
class BouncingScenes(TensorRecord):
    """`B` scenes of Bouncing.

    Attributes:
        bouncer, velocity, steered: `[B, 2]` float64, (y, x) in pixels.
        step: `[B]` int64.
    """

    bouncer: Tensor
    velocity: Tensor
    steered: Tensor
    step: Tensor

    @staticmethod
    def of(envs: Sequence[Bouncing]) -> BouncingScenes:
        """The scenes of running games."""
        places = [[env._bouncer, env._velocity, env._steered] for env in envs]
        bouncer, velocity, steered = torch.from_numpy(np.array(places, np.float64)).unbind(1)
        return BouncingScenes(bouncer, velocity, steered, torch.tensor([env._time for env in envs]))

    def repeat(self, copies: int) -> BouncingScenes:
        """See `Slots.repeat`."""
        return self.map(lambda x: x.repeat_interleave(copies, 0))

    def select(self, rows: Tensor) -> BouncingScenes:
        """See `Slots.select`."""
        return self.map(lambda x: x[rows])


class CertainOutcome(NamedTuple):
    """The certain outcome of a step, with the fields of `Outcome` that agents use, `[B]` each."""

    reward: Tensor
    sign: Tensor
    ends: Tensor


class BouncingRules:
    """Imagines Bouncing without errors; has the `step` of a world model."""

    def step(self, slots: BouncingScenes, action: Tensor) -> tuple[BouncingScenes, CertainOutcome]:
        """Take `B` scenes and actions `[B]`; return the scenes one step later and the outcome."""
        place = slots.bouncer + slots.velocity
        outside = (place < 0) | (place > ROOM)
        bouncer = torch.where(place < 0, -place, torch.where(place > ROOM, 2 * ROOM - place, place))
        velocity = torch.where(outside, -slots.velocity, slots.velocity)
        steered = (slots.steered + torch.from_numpy(STEPS).to(action.device)[action]).clamp(0, ROOM)
        touch = ((bouncer - steered).abs() < SPRITE).all(1)
        home = ((steered + SPRITE / 2 - SIZE / 2).abs() < GOAL / 2).all(1)
        reward = (TOUCHED * touch + HOME * home).float()
        after = BouncingScenes(bouncer, velocity, steered, slots.step + 1)
        return after, CertainOutcome(reward, reward.sign(), touch.float())


def look(scenes: BouncingScenes) -> Tensor:
    """Scenes as observations `[B, 2, 8]`, see `LAYOUT`."""
    places, still = torch.stack([scenes.bouncer, scenes.steered], 1), torch.zeros_like(scenes.velocity)
    ones = torch.ones_like(places[..., :1])
    centre = 2 * (places + (SPRITE - 1) / 2) / (SIZE - 1) - 1
    speed = 2 * torch.stack([scenes.velocity, still], 1) / (SIZE - 1)
    size = (SPRITE / SIZE) * torch.ones_like(places)
    which = ones * torch.arange(2, device=ones.device)[:, None]
    return torch.cat([ones, centre, size, speed, which], -1).float()


class BouncingGames:
    """Several games of Bouncing whose scenes are their true states; used instead of `RealGames`.

    Args:
        number: number of games.

    Attributes:
        slots: the current scenes.
    """

    def __init__(self, number: int):
        self.number, self.rules, self._envs = number, BouncingRules(), [Bouncing() for _ in range(number)]
        self.fresh, self.over = np.ones(number, bool), np.ones(number, bool)
        self.slots: BouncingScenes = self._begun(range(number))

    @property
    def observation(self) -> np.ndarray:
        """The observations of agents, `[B, 2, 8]`."""
        return look(self.slots).numpy()

    def begin(self, rows: np.ndarray, seeds: Sequence[int | None] | None = None) -> None:
        """See `RealGames.begin`."""
        number = int(rows.sum())
        new = self._begun(seeds or [None] * number)
        index, whole = torch.from_numpy(np.flatnonzero(rows)), self.slots
        self.slots = BouncingScenes(
            *(getattr(whole, n).index_copy(0, index, getattr(new, n)) for n in vars(whole) if n in vars(new))
        )
        self.fresh, self.over = self.fresh | rows, self.over & ~rows

    def step(self, actions: np.ndarray, rows: np.ndarray | None = None) -> Tick:
        """See `RealGames.step`."""
        rows = ~self.over if rows is None else rows & ~self.over
        after, known = self.rules.step(self.slots, torch.from_numpy(np.where(rows, actions, 0)))
        index = torch.from_numpy(np.flatnonzero(rows))
        self.slots = BouncingScenes(
            *(getattr(self.slots, n).index_copy(0, index, getattr(after, n)[index]) for n in vars(after))
        )
        ended = rows & (known.ends.numpy() > 0)
        truncated = rows & (self.slots.step.numpy() >= Bouncing.longest)
        self.fresh, self.over = self.fresh & ~rows, self.over | ended | truncated
        reward = np.where(rows, known.reward.numpy(), 0.0).astype(float)
        never = np.zeros(self.number, bool)
        return Tick(np.where(rows, actions, 0), reward, ended, truncated & ~ended, never, never)

    def _begun(self, seeds: Sequence[int | None] | range) -> BouncingScenes:
        chosen = self._envs[: len(seeds)]
        for env, seed in zip(chosen, seeds, strict=True):
            env.reset(seed=seed)
        return BouncingScenes.of(chosen)
