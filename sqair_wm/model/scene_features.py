"""Features of each object and its surroundings, as inputs of networks; computed once and shared by all networks."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from sqair_wm.model.config import CELLS, ModelConfig
from sqair_wm.model.slots import Slots
from sqair_wm.nn.light import light
from sqair_wm.nn.packing import Rows

NEAR, FAR = 1.0, 4.0
"""Distances, in objects, at which the two scales of a relation saturate."""

TOUCHING, SLOW = 0.25, 0.02
"""The finer of the two scales of a contact, in object sizes; and the least speed, in object sizes a step, at which two
objects are taken to approach each other."""

CONTACT = {"place": 0, "contact": 14, "intent": 14, "hit": 18}
"""How many numbers describe whether and how two objects touch, for each `ModelConfig.pairs`."""

MOST_BESIDE = 2.0
"""Where an object is hit is told up to so many times its half size from its middle."""


class SceneFeatures:
    """Features of the objects of `B` scenes and of their surroundings; each is computed when first asked for.

    Args:
        slots: the scenes.
        config: of the model.
        dense: see `Rows`.

    Attributes:
        shape: (B, N).
        rows: the objects that are present, `R` of them.
        scene: `[R]` int64, the scene of each.
        scale, centre: `[B, N, 2]`; see `sqair_wm.nn.where.window`.
        code: `[B, N, W + 7]`, what each object is like by itself.
    """

    def __init__(self, slots: Slots, config: ModelConfig, dense: bool):
        self.config, self.shape = config, slots.presence.shape
        self._presence, self._scenery = slots.presence.detach(), slots.scenery
        self.rows = Rows(self._presence.flatten() > 0, dense)
        self.number = self.rows.numbers()
        self.scene = self.number // self.shape[1]
        self.scale, self.centre = slots.window
        since = (slots.unseen / config.patience).clamp(max=1).to(self.scale.dtype)[..., None]
        self._speed = slots.velocity / sum(config.object_share)
        self.code = torch.cat([slots.what, self.scale, self.centre, self._speed, since], -1)
        self._own: Tensor | None = None
        self._relation: Tensor | None = None
        self._crops: Tensor | None = None
        self._corner = self.scene

    @staticmethod
    def of(slots: Slots, config: ModelConfig, dense: bool) -> SceneFeatures:
        """The features of `slots`, cached in their `memo`; with gradients, or dense, they are always computed anew."""
        if dense or torch.is_grad_enabled():
            return SceneFeatures(slots, config, dense)
        if config not in slots.memo:
            slots.memo[config] = SceneFeatures(slots, config, dense)
        features: SceneFeatures = slots.memo[config]
        return features

    @property
    def own(self) -> Tensor:
        """The codes of the objects that are present, `[R, W + 7]`."""
        if self._own is None:
            self._own = self.rows.take(self.code.flatten(0, 1))
        return self._own

    @property
    def relation(self) -> Tensor:
        """`relate` under the assumption that each object moves on as in the last step."""
        if self._relation is None:
            self._relation = self.relate(self._speed)
        return self._relation

    def relate(self, going: Tensor) -> Tensor:
        """Position and motion of every slot of a scene relative to each object in it, `[R, N, D + 1]`.

        Position and velocity (y, x) relative to the object, in object sizes, the position on two scales, squashed (D =
        6); unless `ModelConfig.pairs` is `place`, `touches` as well (D = 6 + `CONTACT`). Last, 1 where the slot is
        empty or the object itself, else 0.

        Args:
            going: `[B, N, 2]`, by how much each object moves in the step in which two of them may touch.
        """
        apart, nobody, reach = self._pairs
        parts = [torch.tanh(apart)]
        if reach is not None:
            closing = apart[..., 4:] if going is self._speed else self._apart(going)
            parts.append(touches(NEAR * apart[..., :2], closing, reach, hit=self.config.pairs == "hit"))
        return torch.cat([*parts, nobody[..., None].to(apart.dtype)], -1)

    @cached_property
    def _pairs(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """What `relate` needs of pairs that does not depend on their next step.

        Relative position and velocity `[R, N, 6]`; whether the other slot is empty or the object itself, `[R, N]` bool;
        and half the sizes of both windows together, `[R, N, 2]`, None if `ModelConfig.pairs` is `place`.
        """
        place = self.centre / sum(self.config.object_share)
        apart = self._apart(torch.cat([place / NEAR, place / FAR, self._speed], -1))
        myself = torch.arange(self.shape[1], device=place.device) == (self.number % self.shape[1])[:, None]
        nobody = myself | (self._presence <= 0).index_select(0, self.scene)
        if self.config.pairs == "place":
            return apart, nobody, None
        half = self.scale / sum(self.config.object_share)
        return apart, nobody, half.index_select(0, self.scene) + self.rows.take(half.flatten(0, 1))[:, None]

    def _apart(self, x: Tensor) -> Tensor:
        """By how much `x` `[B, N, D]` of each slot of its scene exceeds that of an object, `[R, N, D]`."""
        return x.index_select(0, self.scene) - self.rows.take(x.flatten(0, 1))[:, None]

    @property
    def crops(self) -> Tensor:
        """The scenery around each object and where the object is within its cell, `[R, S * CELLS ** 2 + 2]`."""
        if self._crops is None:
            with torch.no_grad():
                self._corner, self._crops = self._cut()
        return self._crops

    @property
    def cells(self) -> Tensor:
        """Numbers of the cells that `crops` shows, in the scenery of all scenes, `[R, CELLS ** 2]` int64."""
        crops, corner = self.crops, self._corner
        side = torch.arange(CELLS, device=crops.device)
        return corner[:, None] + (side[:, None] * self.config.scenery_shape[1] + side).flatten()

    @property
    def there(self) -> Tensor:
        """Which of the rows hold an object, `[R]` 0 or 1: all, unless empty slots are computed too."""
        return self.rows.take(self._presence.flatten())

    def _cut(self) -> tuple[Tensor, Tensor]:
        """Number of the first cell of each crop, and the crops; see `windows`."""
        place = in_cells(self.rows.take(self.centre.flatten(0, 1)), self.config)
        cell = place.floor()
        corner, cut = windows(self._scenery, self.scene, cell, CELLS)
        return corner, torch.cat([cut, place - cell - 0.5], -1)


def in_cells(centre: Tensor, config: ModelConfig) -> Tensor:
    """Centres `[..., 2]` (y, x), in units of half a frame, in cells of the scenery without its margin."""
    size = torch.stack([centre.new_full((), side - 1.0) for side in config.frame_size])
    return (0.5 * (centre + 1) * size + 0.5) / config.scenery_cell


def windows(maps: Tensor, scene: Tensor, cell: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Parts of maps of cells around some cells, as rows of a table of overlapping windows.

    Args:
        maps: `[B, h, w, C]`, with a margin of half a window; in bytes or not, see `light`.
        scene: `[R]` int64, the map on which each cell is.
        cell: `[R, 2]` (y, x), numbers of the cells without the margin.
        side: height and width of a window.

    Returns:
        Number of the first cell of each window, in all maps, `[R]` int64, and the windows, `[R, side ** 2 * C]`, in the
        dtype of `cell`.
    """
    number, tall, wide, channels = maps.shape
    y, x = cell.long().unbind(1)
    y, x = y.clamp(0, tall - side), x.clamp(0, wide - side)
    corner = (scene * tall + y) * wide + x
    table = maps.contiguous().as_strided(
        (number * tall * wide - (side - 1) * (wide + 1), side, side * channels), (channels, wide * channels, 1)
    )
    return corner, light(table.index_select(0, corner).flatten(1), cell.dtype)


def touches(where: Tensor, speed: Tensor, reach: Tensor, hit: bool = False) -> Tensor:
    """Whether and how two objects touch, `[..., 14]`, or 18 with `hit`, squashed; all in object sizes.

    The gap between their windows along y and x, now, and one step on if both go on as they do; when during that step
    the gap along each axis closes; and how far apart they are along the other axis then, by which a hit and a miss
    differ. Gaps are given on two scales and are negative where windows overlap.

    Args:
        where: `[..., 2]` centre of the other, relative to the object.
        speed: `[..., 2]` its velocity relative to the object's, a step.
        reach: `[..., 2]` half the height and half the width of both windows together.
        hit: also tell where on the other one the first touches it, along each axis: a ball leaves the end of a paddle
            in another direction than its middle.
    """
    now, later = where.abs() - reach, (where + speed).abs() - reach
    closing = -speed * where.detach().sign()
    when = (now / closing.clamp(min=SLOW)).clamp(0, 1)
    place = where + speed * when.flip(-1)
    beside = place.abs() - reach
    gaps = torch.cat([now, later, beside], -1)
    parts = [torch.tanh(gaps), torch.tanh(gaps / TOUCHING), when]
    if hit:
        parts += [(place / reach.clamp(min=SLOW)).clamp(-MOST_BESIDE, MOST_BESIDE), torch.tanh(place)]
    return torch.cat(parts, -1)
