"""Codes of the surroundings of each object: the action, the other objects, and the background at its position."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.model.config import CELLS, ModelConfig
from sqair_wm.model.scene_features import CONTACT, SceneFeatures
from sqair_wm.nn.networks import linear, mlp

NEVER = -1e9
"""Added to the input of a ReLU, keeps its output at zero."""


class Relation(nn.Module):
    """A code of the other objects of its scene for each object: a sum over pairs.

    There is one hidden layer for each pair and, unless `ModelConfig.pairs` is `place`, a second one, which can tell a
    hit from a miss.
    """

    def __init__(self, config: ModelConfig, width: int):
        super().__init__()
        code, contact = config.what + 7, CONTACT[config.pairs]
        self.receiver, self.sender = linear(code, width), linear(code, width)
        self.between = linear(6 + contact, width)
        self.meeting = linear(width, width) if contact else None

    def forward(self, features: SceneFeatures, relation: Tensor | None = None) -> Tensor:
        """`[R, width]`, one for each object that is present; `relation` as from `SceneFeatures.relate`, or None."""
        relation = features.relation if relation is None else relation
        weight, sent = self.between.weight, self.sender(features.code)
        weight = torch.cat([weight, weight.new_full((weight.shape[0], 1), NEVER)], 1)
        hidden = F.linear(relation, weight, self.between.bias).to(weight.dtype)
        hidden.add_(sent.index_select(0, features.scene)).add_(self.receiver(features.own)[:, None])
        hidden = hidden.relu_()
        if self.meeting is None:
            return hidden.sum(1)
        there = 1 - relation[..., -1:]
        return (F.relu(self.meeting(hidden)) * there).sum(1)


class Surroundings(nn.Module):
    """A code of the surroundings of every object, `width` features; equivariant to permutations of the objects.

    The others enter through a sum over pairs (an interaction network, see `Relation`), the background through a
    crop around the object, the action through an embedding. Positions are relative to the object.

    Args:
        config: of the model.
        width: features of the code, and of each part of it.
        background_only: leave out the action and the others.
    """

    def __init__(self, config: ModelConfig, width: int = 32, background_only: bool = False):
        super().__init__()
        self.config, self.width = config, width
        crop = config.scenery * CELLS**2 + 2
        self.background = mlp(crop, width, out=False, activation=nn.ReLU) if config.scenery else None
        self.relation = None if background_only else Relation(config, width)
        self.action = nn.Embedding(config.actions, width) if config.actions and not background_only else None
        self.parts = max(1, sum(part is not None for part in (self.background, self.relation, self.action)))
        self.mix = mlp(width * self.parts, width, out=False, activation=nn.ReLU)

    def forward(self, features: SceneFeatures, action: Tensor | None, going: Tensor | None = None) -> Tensor:
        """`[R, width]`, one for each object that is present.

        Args:
            features: `B` scenes.
            action: `[B]` int64; None if it is not known.
            going: `[B, N, 2]`, by how much each object is expected to move, in half frames; None for its velocity.
        """
        parts = []
        if self.relation is not None:
            share = sum(self.config.object_share)
            parts.append(self.relation(features, None if going is None else features.relate(going / share)))
        if self.background is not None:
            parts.append(self.background(features.crops))
        if self.action is not None and action is not None:
            parts.append(self.action(action).index_select(0, features.scene))
        parts += [features.own.new_zeros(features.own.shape[0], self.width)] * (self.parts - len(parts))
        return self.mix(torch.cat(parts, -1))


class Intent(nn.Module):
    """How far each object is about to move under the action, if nothing is in its way.

    A steered object does not move on as in its last step. Whether it is hit in this step depends on where it goes.

    Args:
        config: of the model.
        memory: length of what the dynamics remembers of an object.
        width: of the network.
    """

    def __init__(self, config: ModelConfig, memory: int, width: int = 64):
        super().__init__()
        self.action = nn.Embedding(config.actions, width) if config.actions else None
        self.object = linear(config.what + 7 + memory, width)
        self.out = mlp(width, width, 2, zero=True, activation=nn.ReLU)

    def forward(self, features: SceneFeatures, memory: Tensor, action: Tensor | None) -> Tensor:
        """Change of the last step (y, x) of each object that is present, `[R, 2]` in [-1, 1]; the caller scales it."""
        hidden = self.object(torch.cat([features.own, memory], -1))
        if self.action is not None and action is not None:
            hidden = hidden + self.action(action).index_select(0, features.scene)
        return torch.tanh(self.out(F.relu(hidden)))
