"""Frames, the input of a model: foreground and background."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from sqair_wm.common.tensors import TensorRecord


@dataclass
class Frame(TensorRecord):
    """Frames of any leading axes, floats in [0, 1].

    Attributes:
        foreground: `[..., C, H, W]`, what the model explains: grey, or colour times opacity and opacity.
        background: `[..., S, H, W]`, the colours behind it; by default without channels, for data without background.
    """

    foreground: Tensor
    background: Tensor = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.background is None:
            self.background = self.foreground[..., :0, :, :]

    def __len__(self) -> int:
        return len(self.foreground)

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: object) -> Frame:
        """The frames named by an index over the leading axes."""
        return self.map(lambda x: x[index])  # type: ignore[index]

    @property
    def batch(self) -> int:
        """The length B of the second axis, of frames `[T, B, ...]`."""
        return self.foreground.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.foreground.shape[-2], self.foreground.shape[-1]
