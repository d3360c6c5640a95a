"""A feature extractor of stable-baselines3 for sets of objects: attention with relative positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor, nn

from sqair_wm.envs.layout import BEFORE_CODE

try:
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
except ImportError as error:
    raise ImportError("sqair_wm.agents needs stable-baselines3: pip install 'sqair-wm[agents]'") from error

CENTRE, MOVING = slice(0, 2), slice(4, 6)
"""Columns of a row without its presence: centre (y, x), and velocity (y, x)."""

NEAR = 4.0
"""Factor of the second, finer scale of relative positions; far objects saturate its tanh."""

SCALES = (2.0, 8.0)
"""Factors of the two scales of relative positions at later times; far objects saturate their tanh."""

RELATION = 6
"""Columns of a relation without those at later times, see `relation`."""

NEVER = -1e9
"""The attention score of an empty row."""

HEADS = 4
"""Number of attention heads; the width of codes is a multiple of it."""


class RunningScale(nn.Module):
    """Normalises columns to mean 0 and standard deviation 1; updates both statistics in training mode.

    The names of the buffers are what stable-baselines3 copies to target networks.

    Args:
        columns: number of them.
        memory: number of objects after which the statistics become moving averages.
        least: smallest standard deviation to divide by.
        most: outputs are clamped to [-most, most].
    """

    running_mean: Tensor
    running_var: Tensor
    running_count: Tensor

    def __init__(self, columns: int, memory: float = 1e6, least: float = 0.01, most: float = 10.0):
        super().__init__()
        self.memory, self.least, self.most = memory, least, most
        self.register_buffer("running_mean", torch.zeros(columns))
        self.register_buffer("running_var", torch.ones(columns))
        self.register_buffer("running_count", torch.zeros(()))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """`x` `[B, N, D]`, scaled; `there` `[B, N]` bool says which rows are objects."""
        if self.training:
            self._learn(x.detach(), there)
        return ((x - self.running_mean) / self.deviation).clamp(-self.most, self.most)

    @property
    def deviation(self) -> Tensor:
        """What columns are divided by, `[D]`."""
        return self.running_var.sqrt().clamp(min=self.least)

    @torch.no_grad()
    def _learn(self, x: Tensor, there: Tensor) -> None:
        weight = there[..., None].to(x.dtype)
        number = weight.sum()
        mean = (x * weight).sum((0, 1)) / number.clamp(min=1)
        variance = ((x - mean).square() * weight).sum((0, 1)) / number.clamp(min=1)
        share = number / (self.running_count + number).clamp(min=1)
        apart = mean - self.running_mean
        self.running_mean += share * apart
        self.running_var += share * (variance - self.running_var) + share * (1 - share) * apart.square()
        self.running_count.add_(number).clamp_(max=self.memory)


class Relations(nn.Module):
    """One layer of attention over objects, whose scores depend on their relative positions and velocities.

    Each head receives weighted means of codes and of relations. Values are linear, and only the means pass through
    non-linear layers, so that nothing but scores has to be computed for pairs.

    Args:
        width: length of the codes, a multiple of `heads`.
        columns: of a relation.
        heads: number of attention heads.
        hidden: hidden units of the score of a pair.
    """

    def __init__(self, width: int, columns: int = RELATION, heads: int = HEADS, hidden: int = 16):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.ask, self.value = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.pair = nn.Sequential(nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, heads))
        self.hear = nn.Linear(width + heads * columns, width)
        self.norm = nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, code: Tensor, apart: Tensor, there: Tensor) -> Tensor:
        """One layer of attention.

        Args:
            code: `[B, N, width]`, one for each object.
            apart: `[B, N, N, columns]`, the relation of each receiver to each sender, see `relation`.
            there: `[B, N]` bool, the rows that are objects.

        Returns:
            New codes `[B, N, width]`.
        """
        query, key = self.ask(code).unflatten(-1, (2 * self.heads, -1)).transpose(1, 2).chunk(2, 1)
        score = self.scale * query @ key.transpose(2, 3) + self.pair(apart).permute(0, 3, 1, 2)
        weight = score.masked_fill(~there[:, None, None], NEVER).softmax(3)
        heard = weight @ self.value(code).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        where = weight.transpose(1, 2) @ apart
        heard = torch.cat([heard.transpose(1, 2).flatten(2), where.flatten(2)], -1)
        code = self.norm(code + self.hear(heard))
        return code + self.think(code)


class SlotExtractor(BaseFeaturesExtractor):
    """Features of a scene that do not depend on the order of its objects; rows without an object are masked.

    Takes every form and unit of `sqair_wm.envs.layout.Layout`, on the device of its weights.

    Args:
        observation_space: space of a slot environment.
        features_dim: number of features.
        slots: number of rows of a scene; needed only for the form `flat`, whose shape does not tell it.
        width: length of the code of an object.
        layers: number of attention layers.
        ahead: numbers of steps after which relative positions are given as well, if no velocity changes. A network
            learns much sooner with these what will meet what.

    Raises:
        ValueError: for a space that is none of these forms, or `flat` without the number of slots.
    """

    def __init__(
        self,
        observation_space: gym.Space,
        features_dim: int = 128,
        slots: int | None = None,
        width: int = 64,
        layers: int = 1,
        ahead: Sequence[int] = (),
    ):
        super().__init__(observation_space, features_dim)
        self.slots, self.ahead = slots, tuple(ahead)
        columns = columns_of(observation_space, slots)
        self.scale = RunningScale(columns - 1)
        self.embed = nn.Linear(columns - 1, width)
        relation_columns = RELATION + 2 * len(SCALES) * len(self.ahead)
        self.relations = nn.ModuleList(Relations(width, relation_columns) for _ in range(layers))
        self.out = nn.Linear(2 * width + 1, features_dim)

    def forward(self, observations: Any) -> Tensor:
        """`B` observations, as tensors in the form of the space, to `[B, features_dim]`."""
        rows = observations["slots"] if isinstance(observations, dict) else observations
        if rows.dim() == 2:
            rows = rows.unflatten(1, (self.slots, -1))
        there = rows[..., 0] > 0
        x = self.scale(rows[..., 1:], there)
        deviation = self.scale.deviation
        code, apart = self.embed(x), relation(x, deviation[MOVING] / deviation[CENTRE], self.ahead)
        for layer in self.relations:
            code = layer(code, apart, there)
        code = code.relu() * there[..., None]
        number = there.sum(1, keepdim=True).to(code.dtype)
        pooled = [code.amax(1), code.sum(1) / number.clamp(min=1), number.log1p()]
        return self.out(torch.cat(pooled, -1)).relu()


def columns_of(space: gym.Space, slots: int | None) -> int:
    """Number of columns of a row of an observation space; raises ValueError as `SlotExtractor` does."""
    if isinstance(space, gym.spaces.Dict):
        space = space["slots"]
    shape = space.shape or ()
    if len(shape) == 1 and slots and shape[0] % slots == 0:
        shape = (slots, shape[0] // slots)
    if len(shape) != 2 or shape[1] < BEFORE_CODE:
        hint = "name the rows of a scene with slots=..." if len(shape) == 1 else "it takes the forms of Layout"
        raise ValueError(f"SlotExtractor can't read {space}: {hint}")
    return shape[1]


def relation(x: Tensor, pace: Tensor | float = 1.0, ahead: Sequence[int] = ()) -> Tensor:
    """The relation of every pair of objects: `[B, N, D]` to `[B, N, N, 6 + 4 * K]`, receivers first, then senders.

    Columns: centre (y, x) and velocity (y, x) of the sender less those of the receiver; the centre on a finer scale;
    the centre at `K` later times, if no velocity changes, each on two scales.

    Args:
        x: scaled columns of the objects.
        pace: `[2]`, scaled distance (y, x) covered in a step at a scaled velocity of 1.
        ahead: the `K` later times, in steps.
    """
    moving = torch.cat([x[..., CENTRE], x[..., MOVING]], -1)
    apart = moving[:, None] - moving[:, :, None]
    centre = apart[..., :2]
    columns = [apart, torch.tanh(NEAR * centre)]
    for steps in ahead:
        later = centre + steps * pace * apart[..., 2:]
        columns += [torch.tanh(scale * later) for scale in SCALES]
    return torch.cat(columns, -1)


def present(seen: Tensor) -> Tensor:
    """Observations `[B, N, D]` without the rows that are empty in all of them; at least one row stays."""
    used = (seen[..., 0] > 0).any(0)
    used[0] = True
    return seen[:, used]
