"""What surrounds each object of a scene, as columns that an agent sees: walls, pellets, and what is gone of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.model.config import CELLS, ModelConfig
from sqair_wm.model.slots import Slots
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
        self.config, first = config, CELLS // 2
        cells = F.avg_pool2d(background.permute(2, 0, 1).float() / 255, config.scenery_cell).mean(0)
        start = F.pad(cells, (first, CELLS - first) * 2)[None]
        self._start = [_coarse(start, span) for span in SPANS]

    @staticmethod
    def of(world: WorldModel) -> Around:
        """The views of a world model's scenes."""
        return Around(world.config, world.background)

    def columns(self, slots: Slots) -> Tensor:
        """`[B, N, width]` for `B` scenes, on their device: of each span the grey cells, and then the differences."""
        rows = Rows(slots.presence.flatten() > 0, slots.presence.device.type != "cpu")
        place = rows.take(self._place(slots).flatten(0, 1))
        scene = rows.numbers() // slots.presence.shape[1]
        grey = slots.scenery @ slots.scenery.new_full((slots.scenery.shape[3],), 1 / slots.scenery.shape[3])
        views = []
        for span, start in zip(SPANS, self._start, strict=True):
            now = _views(_coarse(grey, span), scene, place / span)
            views += [now, now - _views(start.to(now), torch.zeros_like(scene), place / span)]
        return rows.put(torch.cat(views, -1)).unflatten(0, slots.presence.shape)

    def _place(self, slots: Slots) -> Tensor:
        """Centres (y, x) in cells of the scenery without its margin, `[B, N, 2]`."""
        _, centre = slots.window
        size = torch.stack([centre.new_full((), side - 1.0) for side in self.config.frame_size])
        return (0.5 * (centre + 1) * size + 0.5) / self.config.scenery_cell


def _coarse(maps: Tensor, span: int) -> Tensor:
    """Maps `[B, h, w]` with the margin of the scenery, averaged over cells of `span`, with a margin for views."""
    if span == 1:
        return maps
    front, (tall, wide) = span * (SIDE // 2) - CELLS // 2, maps.shape[1:]
    back = [front + span + (-side - 2 * front) % span for side in (wide, tall)]
    return F.avg_pool2d(F.pad(maps, (front, back[0], front, back[1])), span)


def _views(maps: Tensor, scene: Tensor, place: Tensor) -> Tensor:
    """Parts of maps around places.

    Args:
        maps: `[B, h, w]`, with a margin of half a view.
        scene: `[R]` int64, whose map each place is on.
        place: `[R, 2]` (y, x), in cells without the margin.

    Returns:
        `[R, SIDE ** 2]`.
    """
    number, tall, wide = maps.shape
    y, x = place.floor().long().unbind(1)
    corner = (scene * tall + y.clamp(0, tall - SIDE)) * wide + x.clamp(0, wide - SIDE)
    table = maps.contiguous().as_strided((number * tall * wide - (SIDE - 1) * (wide + 1), SIDE, SIDE), (1, wide, 1))
    return table.index_select(0, corner).flatten(1)
