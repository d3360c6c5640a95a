"""Networks from whole frames to features and back, for models without objects."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.model.config import ModelConfig
from sqair_wm.nn.networks import Linear, mlp

MAPS, STRIDES = (32, 32, 32, 64, 64, 64), (1, 2, 1, 2, 1, 2)
"""Channels and strides of the convolutions, as published (the medium size)."""


class FrameEncoder(nn.Module):
    """Pixels to features by three fully connected ELU layers."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        h = config.hidden
        self.net = mlp(config.channels * math.prod(config.frame_size), h, h, h, out=False)

    def forward(self, frame: Tensor) -> Tensor:
        """`[B, C, H, W]` to `[B, hidden]`."""
        return self.net(frame.flatten(1))


class FrameDecoder(nn.Module):
    """Features to pixels by two hidden ELU layers."""

    def __init__(self, config: ModelConfig, inputs: int):
        super().__init__()
        self.shape = (config.channels, *config.frame_size)
        self.net = mlp(inputs, config.hidden, config.hidden, math.prod(self.shape))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs]` to `[B, C, H, W]`."""
        return self.net(x).view(-1, *self.shape)


class ConvEncoder(nn.Module):
    """Pixels to features by 3x3 convolutions and one fully connected ELU layer."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        maps = (config.channels, *MAPS)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, s, 1) for a, b, s in zip(maps, MAPS, STRIDES, strict=False))
        height, width = sides(config.frame_size)[-1]
        self.head = mlp(MAPS[-1] * height * width, config.hidden, out=False)

    def forward(self, frame: Tensor) -> Tensor:
        """`[B, C, H, W]` to `[B, hidden]`."""
        for layer in self.layers:
            frame = F.elu(layer(frame))
        return self.head(frame.flatten(1))


class ConvDecoder(nn.Module):
    """Features to pixels by one fully connected ELU layer and transposed convolutions: the mirror of `ConvEncoder`."""

    def __init__(self, config: ModelConfig, inputs: int):
        super().__init__()
        maps, sizes = (config.channels, *MAPS), sides(config.frame_size)
        self.small = (MAPS[-1], *sizes[-1])
        self.head = nn.Sequential(Linear(inputs, math.prod(self.small)), nn.ELU())
        self.layers = nn.ModuleList()
        for i in reversed(range(len(MAPS))):
            (h, w), (small_h, small_w), s = sizes[i], sizes[i + 1], STRIDES[i]
            missing = (h - s * (small_h - 1) - 1, w - s * (small_w - 1) - 1)
            self.layers.append(nn.ConvTranspose2d(maps[i + 1], maps[i], 3, s, 1, output_padding=missing))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs]` to `[B, C, H, W]`."""
        x = self.head(x).view(-1, *self.small)
        for i, layer in enumerate(self.layers):
            x = layer(F.elu(x) if i else x)
        return x


def sides(size: tuple[int, int]) -> list[tuple[int, int]]:
    """(height, width) of a frame of `size` before the first and after each of the convolutions."""
    found = [size]
    for stride in STRIDES:
        found.append((-(-found[-1][0] // stride), -(-found[-1][1] // stride)))
    return found
