"""New objects in imagination: when one appears, and where, learned from play."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.model.clock import LONGEST, TimeCode
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.distributions import Normal, positive
from sqair_wm.nn.networks import linear, mlp
from sqair_wm.nn.where import to_shift, window

CELLS, WAYS = 8, 8
"""Cells of the frame along each axis, and components of a mixture: ways in which an object may appear, see `Births`."""

LEAST_STD, SELDOM = 0.02, -4.0
"""The floor of standard deviations, and a birth's initial logit."""

WHICH, LOOK = 0.02, 0.1
"""Weights in the loss: of which object is born, relative to whether one is, because the first has many more dimensions;
and in it, of the numbers that describe how it looks, which are more than those that say where it is."""


class Expected(NamedTuple):
    """The distribution of what a step brings next: whether a new object appears, in which way, and which.

    Attributes:
        logit: `[B]`, of a birth.
        ways: `[B, K]`, logits of the ways in which an object may appear, see `Births`.
        objects: for ways `[B, C]` int64 the distribution of an object that appears so, `[B, C, 4 + W + 2]`: where, what
            and velocity.
    """

    logit: Tensor
    ways: Tensor
    objects: Callable[[Tensor], Normal]

    def log_prob(
        self, ways: Tensor, where: Tensor, what: Tensor, velocity: Tensor, moving: Tensor, look: float = 1.0
    ) -> Tensor:
        """log p of one new object that appeared in one of `ways` `[B, C]`; `[B]`.

        Its velocity counts where `moving` `[B]` is 1, `what` by `look`.
        """
        sizes = (4, what.shape[-1], 2)
        parts = zip(*(x.split(sizes, -1) for x in self.objects(ways)), strict=True)
        place, code, speed = (Normal(*part) for part in parts)
        each = place.log_prob(where[:, None]) + look * code.log_prob(what[:, None])
        each = each + moving[:, None] * speed.log_prob(velocity[:, None])
        return torch.logsumexp(self.ways.log_softmax(-1).gather(1, ways) + each, -1)

    def draw(self, noise: Noise, number: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Presence `[B]`, where `[B, 4]`, what `[B, W]` and velocity `[B, 2]` of at most one new object.

        Args:
            noise: of the slots that may be discovered. Each new object has its own numbers: two of its `presence`, of
                which the first decides whether it appears, the second chooses the way, the likeliest first.
            number: of new objects that were drawn before it in this step.
        """
        presence = (noise.presence[:, 2 * number] < self.logit.sigmoid()).to(noise.what.dtype)
        chance, order = self.ways.softmax(-1).sort(-1, descending=True)
        which = noise.presence[:, min(2 * number + 1, noise.presence.shape[1] - 1), None]
        place = (chance.cumsum(-1)[:, :-1] <= which).sum(-1, keepdim=True)
        chosen = Normal(*(x.squeeze(1) for x in self.objects(order.gather(1, place))))
        still = torch.zeros_like(noise.where[:, number, :2])
        drawn = chosen.sample(torch.cat([noise.where[:, number], noise.what[:, number], still], -1))
        where, what, velocity = drawn.split((4, noise.what.shape[-1], 2), -1)
        return presence, where, what, velocity


class Newcomers(NamedTuple):
    """Up to `M` new objects of a step in `B` scenes, present ones first.

    Attributes:
        presence: `[B, M]`, 1 or 0.
        where: `[B, M, 4]`.
        what: `[B, M, W]`.
        velocity: `[B, M, 2]`.
    """

    presence: Tensor
    where: Tensor
    what: Tensor
    velocity: Tensor


class Births(nn.Module):
    """Predicts which new objects appear with a step, one after the other: in which cell of the frame, then which.

    A cell comes first because objects may appear in several places, but nowhere in between. (With
    `ModelConfig.at_once` 1, as before 0.22.0, ways to appear are the components of a mixture instead. In training one
    of them often took all objects.)

    Its inputs are the objects present, what the dynamics remembers of them, the action, the time since the last
    change and, with `ModelConfig.timing`, since the life began; and the new objects so far: a player that begins anew
    may come with the same step as a car.

    Args:
        config: of the model.
        width: of the networks.
    """

    def __init__(self, config: ModelConfig, width: int = 64):
        super().__init__()
        self.each = mlp(config.what + 7 + config.hidden, width, width, out=False, activation=nn.ReLU)
        self.action, self.since = nn.Embedding(config.actions, width), nn.Embedding(LONGEST, width)
        self.time = TimeCode(width) if config.timing else None
        self.config, several = config, config.at_once > 1
        self.another = mlp(4 + config.what, width, width, out=False, activation=nn.ReLU) if several else None
        self.scene = mlp(3 * width, width, out=False, activation=nn.ReLU)
        self.size = 4 + config.what + 2
        self.cell = nn.Embedding(CELLS**2, width) if several else None
        ways = WAYS if self.cell is None else CELLS**2
        self.birth, self.ways = linear(width, 1), linear(width, ways)
        self.object = linear(width, (WAYS if self.cell is None else 1) * 2 * self.size)
        self.birth.bias.data.fill_(SELDOM)

    def context(self, features: SceneFeatures, slots: Slots, action: Tensor) -> Tensor:
        """What is known of `B` scenes before anything new appears, `[B, ...]`.

        Args:
            features: of the scenes.
            slots: the scenes.
            action: `[B]` int64.
        """
        inputs = torch.cat([features.own, features.rows.take(slots.prior.flatten(0, 1))], -1).detach()
        there = features.rows.put(self.each(inputs)).unflatten(0, features.shape).sum(1)
        time = self.since(slots.since.clamp(max=LONGEST - 1))
        time = time if self.time is None else time + self.time(slots)
        return torch.cat([there, time, self.action(action)], -1)

    def joined(self, context: Tensor, presence: Tensor, where: Tensor, what: Tensor) -> Tensor:
        """The context of the next new object, once one, `[B, ...]`, is there; `context` alone without `at_once`."""
        if self.another is None:
            return context
        code = presence[:, None] * self.another(torch.cat([where, what], -1))
        return context + F.pad(code, (0, context.shape[1] - code.shape[1]))

    def forward(self, context: Tensor) -> Expected:
        """The next new object of scenes with this context."""
        hidden = self.scene(context)
        return Expected(self.birth(hidden).squeeze(-1), self.ways(hidden), lambda ways: self._objects(hidden, ways))

    def _objects(self, hidden: Tensor, ways: Tensor) -> Normal:
        """See `Expected.objects`."""
        if self.cell is None:
            each = self.object(hidden).unflatten(-1, (WAYS, -1))
            mean, raw = each.gather(1, ways[..., None].expand(-1, -1, each.shape[-1])).chunk(2, -1)
            return Normal(mean, positive(raw, LEAST_STD))
        mean, raw = self.object(torch.relu(hidden[:, None] + self.cell(ways))).chunk(2, -1)
        middle = (torch.stack([ways // CELLS, ways % CELLS], -1) + 0.5) * 2 / CELLS - 1
        start = F.pad(to_shift(middle), (2, self.size - 4))
        return Normal(mean + start, positive(raw, LEAST_STD))

    def _ways(self, where: Tensor) -> Tensor:
        """Ways `[B, C]` in which an object that is `where` `[B, 4]` may have appeared: its cell, if there are cells."""
        if self.cell is None:
            return torch.arange(WAYS, device=where.device).expand(len(where), WAYS)
        y, x = ((window(where)[1] + 1) / 2 * CELLS).long().clamp(0, CELLS - 1).unbind(-1)
        return (y * CELLS + x)[:, None]

    def draw(self, context: Tensor, noise: Noise) -> Newcomers:
        """The new objects of a step of scenes with this context.

        Args:
            context: of `B` scenes.
            noise: of the slots that may be discovered.
        """
        drawn = [self(context).draw(noise)]
        for number in range(1, min(self.config.at_once, noise.presence.shape[1] // 2)):
            there, where, what, _ = drawn[-1]
            context = self.joined(context, there, where, what)
            presence, *which = self(context).draw(noise, number)
            drawn.append((presence * there, *which))
        return Newcomers(*(torch.stack(x, 1) for x in zip(*drawn, strict=True)))

    def loss(self, context: Tensor, new: Newcomers, moving: Tensor, weight: Tensor) -> Tensor:
        """Negative log density, a scalar, of how many objects appear (mean over scenes) and which (over these objects).

        Each is predicted from those before it.

        Args:
            context: of `B` scenes.
            new: the objects that appeared.
            moving: `[B, M]`, 1 where a new object's velocity is known, else 0.
            weight: `[B]`, how much each scene counts; 0 for not at all.
        """
        whether, which, born = (weight.new_zeros(()) for _ in range(3))
        scenes = (weight > 0).sum().clamp(min=1)
        for presence, where, what, velocity, known in zip(*(x.unbind(1) for x in (*new, moving)), strict=True):
            said, there = self(context), presence * (weight > 0)
            missed = F.binary_cross_entropy_with_logits(said.logit, presence, weight, reduction="sum")
            whether, born = whether + missed, born + there.sum()
            density = said.log_prob(self._ways(where), where, what, velocity, known, LOOK)
            which = which - torch.where(there > 0, density, 0).sum()
            context, weight = self.joined(context, presence, where, what), weight * presence
        return whether / scenes + WHICH * which / born.clamp(min=1)
