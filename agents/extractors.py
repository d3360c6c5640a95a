"""A set of objects as features for stable-baselines3: attention over objects by where they are to one another."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import torch
from torch import Tensor, nn

from sqair_wm.envs.layout import PLACE

try:
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
except ImportError as error:
    raise ImportError("sqair_wm.agents needs stable-baselines3: pip install 'sqair-wm[agents]'") from error

CENTRE, MOVING = slice(0, 2), slice(4, 6)
"""Columns of a row without its presence: centre (y, x), and velocity (y, x)."""

NEAR = 4.0
"""How much more finely the second scale of a relation tells near objects apart."""

RELATION = 6
"""Columns of a relation."""

NEVER = -1e9
"""The score of nobody."""


class RunningScale(nn.Module):
    """Columns with mean 0 and deviation 1 over the objects that were seen; learns them in training mode.

    The names of the buffers are what stable-baselines3 copies to target networks.

    Args:
        columns: number of them.
        memory: objects after which older ones begin to be forgotten.
        least: smallest deviation that is divided by.
        most: largest size of what comes out.
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
        """`x` `[B, N, D]`, in which the rows `there` `[B, N]` are objects, on the common scale."""
        if self.training:
            self._learn(x.detach(), there)
        deviation = self.running_var.sqrt().clamp(min=self.least)
        return ((x - self.running_mean) / deviation).clamp(-self.most, self.most)

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
    """One layer of attention over objects, in which it counts how they lie and move to one another.

    Each head hears a mean of codes and of relative places. What is made of the means is not linear, what is said is:
    so that nothing has to be computed for pairs but their scores.

    Args:
        width: of the codes, a multiple of `heads`.
        heads: ways to choose whom to hear.
        hidden: units that look at a pair.
    """

    def __init__(self, width: int, heads: int = 4, hidden: int = 16):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.ask, self.value = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.pair = nn.Sequential(nn.Linear(RELATION, hidden), nn.ReLU(), nn.Linear(hidden, heads))
        self.hear = nn.Linear(width + heads * RELATION, width)
        self.norm = nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, code: Tensor, apart: Tensor, there: Tensor) -> Tensor:
        """Codes `[B, N, width]` to codes; `apart` `[B, N, N, 6]` of receivers and senders, `there` `[B, N]` bool."""
        query, key = self.ask(code).unflatten(-1, (2 * self.heads, -1)).transpose(1, 2).chunk(2, 1)
        score = self.scale * query @ key.transpose(2, 3) + self.pair(apart).permute(0, 3, 1, 2)
        weight = score.masked_fill(~there[:, None, None], NEVER).softmax(3)
        heard = weight @ self.value(code).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        where = weight.transpose(1, 2) @ apart
        heard = torch.cat([heard.transpose(1, 2).flatten(2), where.flatten(2)], -1)
        code = self.norm(code + self.hear(heard))
        return code + self.think(code)


class SlotExtractor(BaseFeaturesExtractor):
    """Features of a scene that do not depend on the order of its objects; rows without an object do not count.

    Understands every form of `sqair_wm.envs.layout.Layout` and any units, on whatever device its weights are.

    Args:
        observation_space: of the slot environments.
        features_dim: number of features.
        slots: rows of a scene; needed for the form `flat`, which does not tell.
        width: of the codes of objects.
        layers: of attention.

    Raises:
        ValueError: for a space that no form has, or `flat` without the number of slots.
    """

    def __init__(
        self,
        observation_space: gym.Space,
        features_dim: int = 128,
        slots: int | None = None,
        width: int = 64,
        layers: int = 1,
    ):
        super().__init__(observation_space, features_dim)
        self.slots = slots
        columns = columns_of(observation_space, slots)
        self.scale = RunningScale(columns - 1)
        self.embed = nn.Linear(columns - 1, width)
        self.relations = nn.ModuleList(Relations(width) for _ in range(layers))
        self.out = nn.Linear(2 * width + 1, features_dim)

    def forward(self, observations: Any) -> Tensor:
        """`B` observations, as tensors in the form of the space, to `[B, features_dim]`."""
        rows = observations["slots"] if isinstance(observations, dict) else observations
        if rows.dim() == 2:
            rows = rows.unflatten(1, (self.slots, -1))
        there = rows[..., 0] > 0
        x = self.scale(rows[..., 1:], there)
        code, apart = self.embed(x), relation(x)
        for layer in self.relations:
            code = layer(code, apart, there)
        code = code.relu() * there[..., None]
        number = there.sum(1, keepdim=True).to(code.dtype)
        pooled = [code.amax(1), code.sum(1) / number.clamp(min=1), number.log1p()]
        return self.out(torch.cat(pooled, -1)).relu()


def columns_of(space: gym.Space, slots: int | None) -> int:
    """Columns of a row of an observation space; raises ValueError as `SlotExtractor` does."""
    if isinstance(space, gym.spaces.Dict):
        space = space["slots"]
    shape = space.shape or ()
    if len(shape) == 1 and slots and shape[0] % slots == 0:
        shape = (slots, shape[0] // slots)
    if len(shape) != 2 or shape[1] < PLACE:
        hint = "name the rows of a scene with slots=..." if len(shape) == 1 else "it takes the forms of Layout"
        raise ValueError(f"SlotExtractor can't read {space}: {hint}")
    return shape[1]


def relation(x: Tensor) -> Tensor:
    """Where each sender is to a receiver, on two scales, and how it moves there: `[B, N, D]` to `[B, N, N, 6]`."""
    moving = torch.cat([x[..., CENTRE], x[..., MOVING]], -1)
    apart = moving[:, None] - moving[:, :, None]
    return torch.cat([apart, torch.tanh(NEAR * apart[..., CENTRE])], -1)
