"""Search trees, one for each first action that is tried; all grow by one node at a time, in one batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

VISIT, SCALE = 50.0, 0.1
"""How much a value counts beside a prior, as in Gumbel MuZero (Danihelka et al. 2022), section 4: c_visit, c_scale."""


class Leaf(NamedTuple):
    """New scenes of `R` trees, each reached by one edge.

    Attributes:
        scenes: `R` scenes.
        reward: `[R]`, the reward of the edge.
        weight: `[R]`, the factor of later rewards: the discount, times the probability that the game goes on.
        value: `[R]`, the return expected from there on.
        logits: `[R, A]`, the prior policy there.
    """

    scenes: Any
    reward: Tensor
    weight: Tensor
    value: Tensor
    logits: Tensor


Grow = Callable[[Any, Tensor], Leaf]
"""Takes `R` scenes and the actions `[R]` taken in them; gives where these lead."""


def improved(logits: Tensor, value: Tensor, q: Tensor, visits: Tensor) -> Tensor:
    """Logits `[..., A]` of a policy that improves on `logits`, by the values of the actions that were tried.

    Actions that were not tried get the value of the scene, as far as it is known (Danihelka et al. 2022, appendix D).

    Args:
        logits: `[..., A]`, the prior policy.
        value: `[...]`, the critic's value of the scene.
        q: `[..., A]`, mean returns of the actions that were tried.
        visits: `[..., A]`, how often each action was tried.
    """
    tried, chance, number = visits > 0, logits.softmax(-1), visits.sum(-1)
    known = (chance * q * tried).sum(-1) / (chance * tried).sum(-1).clamp(min=1e-9)
    mixed = (value + number * known) / (1 + number)
    whole = torch.where(tried, q, mixed[..., None])
    low, high = whole.amin(-1, keepdim=True), whole.amax(-1, keepdim=True)
    scaled = (whole - low) / (high - low).clamp(min=1e-6)
    return logits + (VISIT + visits.amax(-1, keepdim=True)) * SCALE * scaled


class Forest:
    """`R` trees of up to `size` scenes; the first scene of a tree is the one that its first action led to.

    Args:
        roots: the scenes that the first actions led to.
        size: largest number of scenes of a tree.
        grow: imagines new scenes.

    Attributes:
        visits: `[R, size]`, how often simulations passed each scene.
    """

    def __init__(self, roots: Leaf, size: int, grow: Grow):
        number, actions = roots.logits.shape
        like = roots.value
        self._grow, self._scenes = grow, [roots.scenes]
        self.visits, self._total = like.new_zeros(number, size), like.new_zeros(number, size)
        self._reward, self._weight, self._value = (like.new_zeros(number, size) for _ in range(3))
        self._logits = like.new_zeros(number, size, actions)
        self._child = torch.full((number, size, actions), -1, dtype=torch.int64, device=like.device)
        every = torch.arange(number, device=like.device)
        self._put(every, roots)
        self._back_up(every, torch.zeros_like(every)[None], torch.ones(1, number, dtype=torch.bool, device=like.device))

    @property
    def q(self) -> Tensor:
        """Mean returns of the first actions so far, `[R]`."""
        return self._reward[:, 0] + self._weight[:, 0] * self._mean(torch.arange(len(self.visits)), 0)

    def simulate(self, trees: Tensor) -> None:
        """Add one scene to each of the trees with the numbers `trees` `[r]`."""
        node = torch.zeros_like(trees)
        path, passed, open_ = (
            [node],
            [torch.ones_like(trees, dtype=torch.bool)],
            torch.ones_like(trees, dtype=torch.bool),
        )
        action = torch.zeros_like(trees)
        while bool(open_.any()):
            choice = self._choose(trees, node)
            action = torch.where(open_, choice, action)
            child = self._child[trees, node, action]
            open_ = open_ & (child >= 0)
            node = torch.where(open_, child, node)
            path.append(node)
            passed.append(open_)
        fresh = len(self._scenes)
        whole = type(self._scenes[0]).cat(self._scenes)
        leaf = self._grow(whole.select(node * len(self.visits) + trees), action)
        self._child[trees, node, action] = fresh
        self._scenes.append(self._place(trees, leaf.scenes))
        self._put(trees, leaf, fresh)
        path.append(torch.full_like(trees, fresh))
        passed.append(torch.ones_like(trees, dtype=torch.bool))
        self._back_up(trees, torch.stack(path), torch.stack(passed))

    def _choose(self, trees: Tensor, node: Tensor) -> Tensor:
        """The action that is taken less often than it should be (Danihelka et al. 2022, equation 14)."""
        child = self._child[trees, node]
        there, index, rows = child >= 0, child.clamp(min=0), trees[:, None]
        visits = torch.where(there, self.visits[rows, index], 0)
        q = self._reward[rows, index] + self._weight[rows, index] * self._mean(rows, index)
        better = improved(self._logits[trees, node], self._value[trees, node], q, visits).softmax(-1)
        return (better - visits / (1 + visits.sum(-1, keepdim=True))).argmax(-1)

    def _mean(self, rows: Tensor, index: Any) -> Tensor:
        return self._total[rows, index] / self.visits[rows, index].clamp(min=1)

    def _put(self, trees: Tensor, leaf: Leaf, index: int = 0) -> None:
        stores = (self._reward, self._weight, self._value, self._logits)
        for store, new in zip(stores, (leaf.reward, leaf.weight, leaf.value, leaf.logits), strict=True):
            store[trees, index] = new

    def _place(self, trees: Tensor, scenes: Any) -> Any:
        """`scenes` of some trees among placeholders for the others, so that the number of a tree is its row."""
        place = torch.zeros(len(self.visits), dtype=torch.int64, device=trees.device)
        place[trees] = torch.arange(len(trees), device=trees.device)
        return scenes.select(place)

    def _back_up(self, trees: Tensor, path: Tensor, passed: Tensor) -> None:
        """Add the value of the new scene to all scenes on its `path` `[D, r]`, where they were `passed` `[D, r]`."""
        found = self._value[trees, path[-1]]
        for node, here in zip(path.flip(0), passed.flip(0), strict=True):
            self._total[trees, node] += torch.where(here, found, 0)
            self.visits[trees, node] += here
            further = self._reward[trees, node] + self._weight[trees, node] * found
            found = torch.where(here, further, found)
