"""The layout of observations: objects of a scene as rows of an array, the same in the real game and in imagination."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.finite import check_finite
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.outlines import outlines
from sqair_wm.model.row_assignment import RowAssignment
from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import OUTSIDE
from sqair_wm.world.world_model import WorldModel

from .around import Around

FORMS, UNITS = ("array", "flat", "dict"), ("normalised", "pixels")
BEFORE_CODE = 7
"""Columns before the appearance code: presence, centre (y, x), height, width, velocity (y, x)."""

Observation = np.ndarray | dict[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """Rows are slots; columns are presence, centre (y, x), height, width, velocity (y, x) and the appearance code.

    A row without an object is zero, and so is that of an object which is unseen and, by the dynamics, gone
    (`Slots.believed`). `normalised`: the centre is in [-1, 1] inside the frame, height and width are shares of the
    frame, velocity is in half frames a step. `pixels`: all are in pixels of the frame, velocity in pixels a step.

    Attributes:
        slots: N, the largest number of objects in a scene.
        what: W, length of the appearance code.
        frame_size: (height, width) of a frame in pixels.
        form: `array` `(N, D)`, `flat` `(N * D,)`, or `dict` of slots `(N, D)` and presence `(N,)`; D = `columns`,
            which is 7 + W unless `around` or `memory` adds some.
        units: `normalised` or `pixels`.
        around: adds the background around each object as further columns; None for none.
        memory: number of further columns for what the dynamics remembers of each object (`Slots.prior`), all of it or
            0 for none. It tells what a scene does not show: in Freeway, how long a hen that was hit will stand still.
    """

    slots: int
    what: int
    frame_size: tuple[int, int]
    form: str = "array"
    units: str = "normalised"
    around: Around | None = None
    memory: int = 0

    def __post_init__(self) -> None:
        for name, value, choices in (("form", self.form, FORMS), ("units", self.units, UNITS)):
            if value not in choices:
                raise ValueError(f"{name} is {value!r}; choose one of {', '.join(choices)}")

    @staticmethod
    def of(config: ModelConfig, form: str = "array", units: str = "normalised") -> Layout:
        """The layout of a model's scenes; raises ValueError for an unknown form or unit."""
        return Layout(config.slots, config.what, config.frame_size, form, units)

    @staticmethod
    def for_agents(
        world: WorldModel,
        around: bool = False,
        form: str = "array",
        units: str = "normalised",
        memory: bool = False,
    ) -> Layout:
        """The layout of a world model's scenes; optionally with the background around objects, see `Around`, and the
        memory of the dynamics."""
        length = world.initial(1).prior.shape[-1] if memory else 0
        return replace(Layout.of(world.config, form, units), around=Around.of(world) if around else None, memory=length)

    @property
    def columns(self) -> int:
        """Number D of columns."""
        return BEFORE_CODE + self.what + (0 if self.around is None else self.around.width) + self.memory

    @property
    def space(self) -> gym.Space:
        """The observation space of one scene, with the true bounds; the appearance code is unbounded."""
        half = (np.array(self.frame_size) - 1) / 2
        size = np.array([1, 1]) if self.units == "normalised" else np.array(self.frame_size) + 1
        middle, unit = (np.zeros(2), np.ones(2)) if self.units == "normalised" else (half, half)
        centre, speed = (middle - OUTSIDE * unit, middle + OUTSIDE * unit), 2 * OUTSIDE * unit
        free = np.full(self.columns - BEFORE_CODE, np.inf)
        low = np.concatenate([[0], centre[0], [0, 0], -speed, -free])
        high = np.concatenate([[1], centre[1], size, speed, free])
        low, high = (np.tile(bound.astype(np.float32), (self.slots, 1)) for bound in (low, high))
        if self.form == "flat":
            return gym.spaces.Box(low.ravel(), high.ravel(), dtype=np.float32)
        box = gym.spaces.Box(low, high, dtype=np.float32)
        if self.form == "array":
            return box
        return gym.spaces.Dict({"slots": box, "presence": gym.spaces.Box(0, 1, (self.slots,), np.float32)})

    def features(self, slots: Slots) -> Tensor:
        """`B` scenes as float32 `[B, N, D]`, on their device."""
        scale, centre = slots.window
        velocity = slots.velocity
        if self.units == "pixels":
            length = scale.new_tensor(self.frame_size)
            half = 0.5 * (length - 1)
            scale, centre, velocity = (length + 1) * scale, half * (centre + 1), half * velocity
        columns = [torch.ones_like(scale[..., :1]), centre, scale, velocity, slots.what]
        if self.around is not None:
            columns.append(self.around.columns(slots))
        if self.memory:
            columns.append(slots.prior)
        return torch.where(slots.believed[..., None], torch.cat(columns, -1), 0).to(torch.float32)

    @torch.inference_mode()
    def observe(self, slots: Slots, assignment: RowAssignment | None = None) -> Observation:
        """`B` scenes as a batch of observations in new arrays; `assignment` gives the row of each object.

        Raises:
            FloatingPointError: if the model gave a value that is not finite.
        """
        rows = _in_rows(assignment, self.features(slots)).cpu().numpy()
        check_finite(rows, "the state of an object")
        if self.form == "flat":
            return rows.reshape(rows.shape[0], -1)
        return rows if self.form == "array" else {"slots": rows, "presence": rows[..., 0].copy()}

    @torch.inference_mode()
    def info(
        self, slots: Slots, assignment: RowAssignment | None = None, model: WorldModel | None = None
    ) -> dict[str, np.ndarray]:
        """The identities of the objects of `B` scenes, and on request their boxes; rows as in `observe`.

        Args:
            slots: the scenes.
            assignment: see `observe`.
            model: decodes the objects for `boxes`; None for no boxes.

        Returns:
            `identities` `[B, N]` int64, -1 where there is no object. With a model also `boxes` `[B, N, 4]` float32
            (top, left, height, width) in pixels of the frame, zero where there is none: they enclose what
            the model draws of each object.
        """
        there = slots.believed
        identities = _in_rows(assignment, torch.where(there, slots.identity, -1), -1).cpu().numpy()
        if model is None:
            return {"identities": identities}
        glimpses = model.sqair.appearance.glimpses(slots)
        places = torch.where(there[..., None], outlines(glimpses, slots.where, model.config), 0).to(torch.float32)
        return {"identities": identities, "boxes": _in_rows(assignment, places).cpu().numpy()}


def _in_rows(assignment: RowAssignment | None, field: Tensor, empty: float = 0) -> Tensor:
    return field if assignment is None else assignment.move(field, empty=empty)[0]


def row(batch: Any, index: int) -> Any:
    """The observation or info of one scene, out of a batch of them."""
    return {k: v[index] for k, v in batch.items()} if isinstance(batch, dict) else batch[index]
