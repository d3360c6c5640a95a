"""Scenes without any object."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.slots import Slots


def empty_scenes(config: ModelConfig, batch: int, like: Tensor) -> Slots:
    """`batch` scenes without any object, with the type and on the device of the tensor `like`."""
    b, n, c = batch, config.slots, config
    whole = torch.zeros((), dtype=torch.int64, device=like.device)
    return Slots(
        what=like.new_zeros(b, n, c.what),
        where=like.new_zeros(b, n, 4),
        presence=like.new_zeros(b, n),
        identity=whole.new_full((b, n), -1),
        velocity=like.new_zeros(b, n, 2),
        unseen=whole.new_zeros(b, n),
        belief=like.new_ones(b, n),
        colour=like.new_zeros(b, n, c.colours),
        temporal=like.new_zeros(b, n, c.hidden),
        prior=like.new_zeros(b, n, c.hidden),
        scenery=like.new_zeros(b, *c.scenery_shape),
        step=whole.new_zeros(b),
        since=whole.new_zeros(b),
        last_identity=whole.new_full((b,), -1),
    )
