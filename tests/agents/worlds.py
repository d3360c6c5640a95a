"""Worlds with a few simple rules, in place of a learned model; and an agent that records what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.tensors import TensorRecord


@dataclass
class Places(TensorRecord):
    """Scenes of one number each."""

    place: Tensor
    step: Tensor

    def repeat(self, copies: int) -> Places:
        return self.map(lambda x: x.repeat_interleave(copies, 0))

    def select(self, rows: Tensor) -> Places:
        return self.map(lambda x: x[rows])


class Brought(NamedTuple):
    reward: Tensor
    sign: Tensor
    ends: Tensor


def at(*places: int) -> Places:
    return Places(torch.tensor(places), torch.zeros(len(places), dtype=torch.int64))


def brought(reward: Tensor, ends: Tensor | None = None) -> Brought:
    reward = reward.float()
    return Brought(reward, reward.sign(), torch.zeros_like(reward) if ends is None else ends.float())


class Corridor:
    """Places in a row. Action 0 goes down, 1 goes up, 2 stays; `rewards` and `ends` come with reaching a place."""

    def __init__(self, rewards: list[float], ends: tuple[int, ...] = ()):
        self.rewards = torch.tensor(rewards)
        self.ends = torch.zeros(len(rewards)).index_fill(0, torch.tensor(ends, dtype=torch.int64), 1)

    def step(self, slots: Places, action: Tensor) -> tuple[Places, Brought]:
        place = (slots.place + torch.tensor([-1, 1, 0])[action]).clamp(0, len(self.rewards) - 1)
        return Places(place, slots.step + 1), brought(self.rewards[place], self.ends[place])


class TakeTurns:
    """Rewards action 0 in even steps and action 1 in odd ones, so that credit given a step late is wrong."""

    def step(self, slots: Places, action: Tensor) -> tuple[Places, Brought]:
        return Places(slots.place, slots.step + 1), brought(action == slots.step % 2)


class Notes:
    """Records what it is shown, and takes the actions in turn."""

    def __init__(self):
        self.shown = []

    def predict(self, observation, deterministic=False):
        self.shown.append(observation)
        return np.array([len(self.shown) % 5] * len(observation)), None
