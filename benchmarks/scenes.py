"""Scenes with a known number of objects, and a model that finds exactly these, so that chance changes no timing."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.common.frame import Frame
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.inference.guided_discovery import GuidedDiscovery
from sqair_wm.model.inference.guided_tracking import GuidedTracking
from sqair_wm.model.inference.halves import Inference
from sqair_wm.model.slots import Slots
from sqair_wm.model.sqair import SQAIR

MNIST = ModelConfig(
    frame_size=(50, 50),
    object_size=(20.0, 16.0),
    slots=3,
    what=50,
    glimpse=(20, 20),
    hidden=256,
    output_std=0.3,
    least_std=(0.01, 0.01),
)
ATARI = ModelConfig(
    frame_size=(80, 80),
    channels=4,
    object_size=(6.0, 5.0),
    slots=6,
    what=16,
    glimpse=(12, 12),
    hidden=128,
    output_std=0.1,
    least_std=(0.01, 0.01),
)


def moving_sprites(config: ModelConfig, batch: int, length: int, objects: int) -> Frame:
    """Frames `[T, B, ...]` with `objects` bright rectangles each, drifting in lanes of their own."""
    (height, width), (h, w) = config.frame_size, (round(side) for side in config.object_size)
    frames = torch.zeros(length, batch, config.channels, height, width)
    generator = torch.Generator().manual_seed(0)
    lane = width // max(objects, 1)
    starts = torch.randint(0, height - h - length, (batch, objects), generator=generator)
    for k in range(objects):
        left = k * lane + max(0, (lane - w) // 2)
        for b in range(batch):
            for t in range(length):
                top = int(starts[b, k]) + t
                frames[t, b, :, top : top + h, left : left + w] = 0.5 + 0.5 * torch.rand((), generator=generator)
    return Frame(frames)


def certain_model(config: ModelConfig, dense: bool = False) -> SQAIR:
    """An untrained guided model that accepts every proposal as an object, keeps it, and samples no jitter of positions.

    Its windows are made larger, since an untrained model does not correct a proposal.
    """
    torch.manual_seed(0)
    model = SQAIR(config, dense)
    assert isinstance(model.inference, Inference)
    discovery, tracking = model.inference.discovery, model.inference.tracking
    assert isinstance(discovery, GuidedDiscovery) and isinstance(tracking, GuidedTracking)
    discovery.share.mul_(1.4)
    for half in (discovery, tracking):
        _last_bias(half.presence).fill_(12.0)
        _last_bias(half.where)[4:] = -6.0
    return model


def _last_bias(net: torch.nn.Sequential) -> Tensor:
    layer = net[-1]
    assert isinstance(layer, torch.nn.Linear)
    return layer.bias.data


@torch.no_grad()
def settled(model: SQAIR, frames: Frame, steps: int = 2) -> Slots:
    """The scenes after filtering the first `steps` of `frames`."""
    slots = model.initial(frames.batch)
    for frame in frames[:steps]:
        slots = model.filter(slots, frame)
    return slots
