"""New objects in imagination: when one appears, and where, learned from play."""

from __future__ import annotations

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

WAYS, LEAST_STD, SELDOM = 8, 0.02, -4.0
"""Components of the mixture for a new object, the floor of their standard deviations, and a birth's initial logit."""

WHICH, LOOK = 0.02, 0.1
"""Weights in the loss: of which object is born, relative to whether one is, because the first has many more dimensions;
and in it, of the numbers that describe how it looks, which are more than those that say where it is."""


class Expected(NamedTuple):
    """The distribution of what a step brings: whether a new object appears, and, as a mixture, which.

    Attributes:
        logit: `[B]`, of a birth.
        ways: `[B, K]`, logits of the components of the mixture.
        object: `[B, K, 4 + W + 2]`, where, what and velocity under each component.
    """

    logit: Tensor
    ways: Tensor
    object: Normal

    def log_prob(self, where: Tensor, what: Tensor, velocity: Tensor, moving: Tensor, look: float = 1.0) -> Tensor:
        """log p of one new object, `[B]`; its velocity counts where `moving` `[B]` is 1, `what` by `look`."""
        w = what.shape[-1]
        place, code, speed = (
            Normal(*parts) for parts in zip(*(x.split((4, w, 2), -1) for x in self.object), strict=True)
        )
        each = place.log_prob(where[:, None]) + look * code.log_prob(what[:, None])
        each = each + moving[:, None] * speed.log_prob(velocity[:, None])
        return torch.logsumexp(self.ways.log_softmax(-1) + each, -1)

    def draw(self, noise: Noise) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Presence `[B]`, where `[B, 4]`, what `[B, W]` and velocity `[B, 2]` of at most one new object.

        Args:
            noise: of the slots that may be discovered. The second number of its `presence` chooses the component, the
                likeliest first.
        """
        presence = (noise.presence[:, 0] < self.logit.sigmoid()).to(noise.what.dtype)
        chance, order = self.ways.softmax(-1).sort(-1, descending=True)
        number = noise.presence[:, min(1, noise.presence.shape[1] - 1), None]
        place = (chance.cumsum(-1)[:, :-1] <= number).sum(-1, keepdim=True)
        way = order.gather(1, place)[..., None].expand(-1, 1, self.object.mean.shape[-1])
        chosen = Normal(*(x.gather(1, way).squeeze(1) for x in self.object))
        still = torch.zeros_like(noise.where[:, 0, :2])
        drawn = chosen.sample(torch.cat([noise.where[:, 0], noise.what[:, 0], still], -1))
        where, what, velocity = drawn.split((4, noise.what.shape[-1], 2), -1)
        return presence, where, what, velocity


class Births(nn.Module):
    """Predicts whether a new object appears with a step, and which.

    Its inputs are the objects present, what the dynamics remembers of them, the action, the time since the last
    change and, with `ModelConfig.timing`, since the life began.

    Args:
        config: of the model.
        width: of the networks.
    """

    def __init__(self, config: ModelConfig, width: int = 64):
        super().__init__()
        self.each = mlp(config.what + 7 + config.hidden, width, width, out=False, activation=nn.ReLU)
        self.action, self.since = nn.Embedding(config.actions, width), nn.Embedding(LONGEST, width)
        self.time = TimeCode(width) if config.timing else None
        self.scene = mlp(3 * width, width, out=False, activation=nn.ReLU)
        self.size = 4 + config.what + 2
        self.birth, self.ways = linear(width, 1), linear(width, WAYS)
        self.object = linear(width, WAYS * 2 * self.size)
        self.birth.bias.data.fill_(SELDOM)

    def forward(self, features: SceneFeatures, slots: Slots, action: Tensor) -> Expected:
        """What appears next in `B` scenes.

        Args:
            features: of the scenes.
            slots: the scenes.
            action: `[B]` int64.
        """
        inputs = torch.cat([features.own, features.rows.take(slots.prior.flatten(0, 1))], -1).detach()
        there = features.rows.put(self.each(inputs)).unflatten(0, features.shape).sum(1)
        time = self.since(slots.since.clamp(max=LONGEST - 1))
        time = time if self.time is None else time + self.time(slots)
        hidden = self.scene(torch.cat([there, time, self.action(action)], -1))
        mean, raw = self.object(hidden).unflatten(-1, (WAYS, 2 * self.size)).chunk(2, -1)
        return Expected(self.birth(hidden).squeeze(-1), self.ways(hidden), Normal(mean, positive(raw, LEAST_STD)))


def birth_loss(expected: Expected, new: Tensor, target: tuple[Tensor, ...], weight: Tensor) -> Tensor:
    """Negative log density, a scalar, of whether an object appeared (mean over scenes) and of which (mean over births).

    Scenes of weight 0 count for neither.

    Args:
        expected: the prediction for `B` scenes.
        new: `[B]` bool, whether an object appeared.
        target: where, what and velocity of that object and whether its velocity is known, see `Expected.log_prob`.
        weight: `[B]`, how much each scene counts for whether an object appeared.
    """
    counts, born = weight > 0, new & (weight > 0)
    where, what, velocity, moving = target
    whether = F.binary_cross_entropy_with_logits(expected.logit, new.to(weight.dtype), weight, reduction="sum")
    which = torch.where(born, -expected.log_prob(where, what, velocity, moving, LOOK), 0).sum()
    return whether / counts.sum().clamp(min=1) + WHICH * which / born.sum().clamp(min=1)
