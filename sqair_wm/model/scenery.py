"""Predicts how objects change the background that they pass: in imagination, eaten pellets and broken bricks vanish."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.model.config import CELLS, ModelConfig
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.slots import Slots
from sqair_wm.nn.light import light
from sqair_wm.nn.networks import linear, mlp

SELDOM = -5.0
"""Initial logit of a cell's share that changes: most steps change nothing."""

HIDES = 3
"""Cells from the middle of an object within which the background is not taken for what was last seen of it."""


def scenery_of(background: Tensor, config: ModelConfig) -> Tensor:
    """Backgrounds `[B, C, H, W]` as the scenery that `Slots` carry, with its margin, `[B, h, w, C]`."""
    first = CELLS // 2
    cells = F.avg_pool2d(background, config.scenery_cell).permute(0, 2, 3, 1)
    return F.pad(cells, (0, 0, *(first, CELLS - first) * 2))


class SceneryChange(nn.Module):
    """The scenery one step on: the cells around each object turn, each by a share of its own, into one colour.

    Args:
        config: of the model.
        width: of the hidden layer.
    """

    def __init__(self, config: ModelConfig, width: int = 48):
        super().__init__()
        self.config = config
        crop = config.scenery * CELLS**2 + 2
        self.hidden = mlp(crop + config.what + 7 + config.hidden, width, out=False, activation=nn.ReLU)
        self.share, self.colour = linear(width, CELLS**2), linear(width, config.scenery)
        nn.init.zeros_(self.share.weight)
        self.share.bias.data.fill_(SELDOM)

    def forward(self, features: SceneFeatures, memory: Tensor, decided: bool = False) -> Tensor:
        """What is added to the cells around each object, `[R, CELLS ** 2, S]`.

        Args:
            features: the scenes before the step.
            memory: `[B, N, P]` of the dynamics after it.
            decided: a cell changes as a whole or not at all, whichever is likelier.
        """
        now = features.crops[:, :-2].unflatten(1, (-1, self.config.scenery))
        inputs = [features.crops, features.own, features.rows.take(memory.flatten(0, 1))]
        hidden = self.hidden(torch.cat(inputs, -1).detach())
        share, colour = self.share(hidden).sigmoid()[..., None], self.colour(hidden).sigmoid()[:, None]
        return (share.round() if decided else share) * (colour - now)

    def behind(self, before: Slots, memory: Tensor, after: Slots, dense: bool) -> Slots:
        """The scenes `after` an observed step; near objects, their scenery becomes what the objects made of it.

        What an object has just changed is still covered by it, and is accepted as background some frames after it
        shows.

        Args:
            before: the scenes before the step.
            memory: `[B, N, P]` of the dynamics after it.
            after: the scenes after it.
            dense: see `Rows`.
        """
        features = SceneFeatures.of(before, self.config, dense)
        if features.rows.empty:
            return after
        seen = after.scenery
        expected = changed(before.scenery, features, self(features, memory, decided=True))
        middle = slice(CELLS // 2 - HIDES, CELLS // 2 + HIDES + 1)
        cells = features.cells.unflatten(1, (CELLS, CELLS))[:, middle, middle]
        near = features.there[:, None, None].expand(cells.shape)
        hidden = near.new_zeros(seen.shape[:3].numel()).index_add(0, cells.flatten(), near.flatten()) > 0
        return after.replace(scenery=torch.where(hidden.view(*seen.shape[:3], 1), expected, seen))


def look_behind(net: SceneryChange | None, before: Slots, memory: Tensor, after: Slots, dense: bool) -> Slots:
    """`SceneryChange.behind`; the scenes `after` as they are if the model does not look behind objects."""
    return after if net is None or not net.config.behind else net.behind(before, memory, after, dense)


def changed(scenery: Tensor, features: SceneFeatures, added: Tensor) -> Tensor:
    """The scenery `[B, h, w, S]` with what is `added` to the cells around each object, see `SceneryChange`."""
    if features.rows.empty:
        return scenery
    added = added * features.there[:, None, None]
    flat = light(scenery, added.dtype).flatten(0, 2).index_add(0, features.cells.flatten(), added.flatten(0, 1))
    return flat.view(scenery.shape).clamp_(0, 1)


def scenery_error(features: SceneFeatures, added: Tensor, after: Tensor) -> Tensor:
    """Squared error of the cells around each object, summed, `[R]`, if the scenery is `after` `[B, h, w, S]`."""
    true = light(after.flatten(0, 2)[features.cells], added.dtype)
    now = features.crops[:, :-2].unflatten(1, true.shape[1:])
    return (now + added - true).square().sum((1, 2)) * features.there
