"""The background around each object, as columns of an observation: walls, pellets, and which of them are gone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.model.config import CELLS, ModelConfig
from sqair_wm.model.scene_features import in_cells, windows
from sqair_wm.model.scenery import scenery_of
from sqair_wm.model.slots import Slots
from sqair_wm.nn.light import light
from sqair_wm.nn.packing import Rows
from sqair_wm.world.world_model import WorldModel

SIDE = 9
"""Height and width of a view, in cells of the view."""

SPANS = (1, 4)
"""Cells of the scenery that a cell of a view spans: the near view is about three objects wide, the far one twelve."""


class Around:
    """Two views of the background around each object: in grey, and by how much it differs from that at the start.

    Args:
        config: of the model, whose scenes have scenery.
        background: `[H, W, 3]` uint8, at the start of an episode.

    Attributes:
        width: number of columns.

    Raises:
        ValueError: if the model knows no background.
    """

    width = 2 * len(SPANS) * SIDE**2

    def __init__(self, config: ModelConfig, background: Tensor):
        if not config.scenery:
            raise ValueError("this model knows no background: leave out around=True")
        self.config = config
        start = scenery_of(background.permute(2, 0, 1)[None].float() / 255, config).mean(-1)
        self._start = [_coarse(start, span) for span in SPANS]

    @staticmethod
    def of(world: WorldModel) -> Around:
        """The views of a world model's scenes."""
        return Around(world.config, world.background)

    def columns(self, slots: Slots) -> Tensor:
        """`[B, N, width]` for `B` scenes, on their device: of each span the grey cells, and then the differences."""
        rows = Rows(slots.presence.flatten() > 0, slots.presence.device.type != "cpu")
        place = in_cells(rows.take(slots.window[1].flatten(0, 1)), self.config)
        scene = rows.numbers() // slots.presence.shape[1]
        scenery = light(slots.scenery, place.dtype)
        grey = scenery @ scenery.new_full((scenery.shape[3],), 1 / scenery.shape[3])
        views = []
        for span, start in zip(SPANS, self._start, strict=True):
            cell = (place / span).floor()
            _, now = windows(_coarse(grey, span)[..., None], scene, cell, SIDE)
            _, then = windows(start.to(grey)[..., None], torch.zeros_like(scene), cell, SIDE)
            views += [now, now - then]
        return rows.put(torch.cat(views, -1)).unflatten(0, slots.presence.shape)


def _coarse(maps: Tensor, span: int) -> Tensor:
    """Maps `[B, h, w]` with the margin of the scenery, averaged over cells of `span`, with a margin for views."""
    if span == 1:
        return maps
    front, (tall, wide) = span * (SIDE // 2) - CELLS // 2, maps.shape[1:]
    back = [front + span + (-side - 2 * front) % span for side in (wide, tall)]
    return F.avg_pool2d(F.pad(maps, (front, back[0], front, back[1])), span)
