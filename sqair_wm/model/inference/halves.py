"""Inference in two halves: objects that are tracked, then new ones. Each half is guided or as published."""

from __future__ import annotations

from functools import cache
from typing import Protocol

from torch import Tensor, nn

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.discovery import SetEncoder
from sqair_wm.model.dynamics import Prediction
from sqair_wm.model.inference.guided_discovery import GuidedDiscovery
from sqair_wm.model.inference.guided_tracking import GuidedTracking
from sqair_wm.model.inference.paper import PaperDiscovery, PaperReader, PaperTracking
from sqair_wm.model.inference.parts import Decode, GlimpseReader
from sqair_wm.model.slots import Exploration, Noise, Slots
from sqair_wm.nn.attention import FrameView


class Tracking(Protocol):
    """What follows objects into a frame; `packs`: whether empty slots may be left away."""

    packs: bool

    def __call__(
        self, slots: Slots, view: FrameView, prior: Prediction, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor]:
        """See `Inference.track`."""


class Discovery(Protocol):
    """What finds new objects in a frame; `packs`: whether empty slots may be left away."""

    packs: bool

    def __call__(
        self, tracked: Slots, view: FrameView, encoder: SetEncoder, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor, Tensor]:
        """See `Inference.discover`."""

    def memory(self, what: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """See `Inference.memory`."""


class Inference(nn.Module):
    """q of a step: each half is guided or published, as `config.inference` says.

    Halves of the same kind read glimpses with the same networks. `decode` says what an object looks like; it is not
    trained through this.

    Attributes:
        packs: whether empty slots may be left away.
    """

    def __init__(self, config: ModelConfig, decode: Decode):
        super().__init__()
        guided, paper = cache(lambda: GlimpseReader(config)), cache(lambda: PaperReader(config))
        self.tracking: Tracking = (
            GuidedTracking(config, guided(), decode) if config.guided_tracking else PaperTracking(config, paper())
        )
        self.discovery: Discovery = (
            GuidedDiscovery(config, guided()) if config.guided_discovery else PaperDiscovery(config, paper())
        )
        self.packs = self.tracking.packs and self.discovery.packs

    def track(
        self, slots: Slots, view: FrameView, prior: Prediction, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor]:
        """The tracked objects one frame on, log q of all that was sampled and of its discrete part, `[B]`."""
        return self.tracking(slots, view, prior, noise, explore, dense)

    def discover(
        self, tracked: Slots, view: FrameView, encoder: SetEncoder, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor, Tensor]:
        """New objects (present ones first), the summary of the tracked ones `[B, hidden]` in scenes that have new ones,
        log q of all that was sampled and of its discrete part, `[B]`.
        """
        return self.discovery(tracked, view, encoder, noise, explore, dense)

    def memory(self, what: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """First temporal and dynamics memories of new objects: `[..., W]`, `[..., 4]` to two `[..., hidden]`."""
        return self.discovery.memory(what, where)
