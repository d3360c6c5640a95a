"""Guided inference: the published generative model, with a q that is told where to look."""

from __future__ import annotations

from torch import Tensor, nn

from sqair_wm.attention import FrameView
from sqair_wm.config import ModelConfig
from sqair_wm.discovery import SetEncoder
from sqair_wm.dynamics import Prediction
from sqair_wm.inference.guided_discovery import GuidedDiscovery
from sqair_wm.inference.guided_tracking import GuidedTracking
from sqair_wm.inference.parts import Decode, GlimpseReader
from sqair_wm.slots import Exploration, Noise, Slots


class GuidedInference(nn.Module):
    """Guided tracking, then guided discovery; both read glimpses with the same networks."""

    packs = True

    def __init__(self, config: ModelConfig):
        super().__init__()
        reader = GlimpseReader(config)
        self.tracking = GuidedTracking(config, reader)
        self.discovery = GuidedDiscovery(config, reader)

    def track(
        self,
        slots: Slots,
        view: FrameView,
        prior: Prediction,
        decode: Decode,
        noise: Noise,
        explore: Exploration,
        dense: bool,
    ) -> tuple[Slots, Tensor, Tensor]:
        """See `sqair.Inference.track`."""
        return self.tracking(slots, view, prior, decode, noise, explore, dense)

    def discover(
        self, tracked: Slots, view: FrameView, encoder: SetEncoder, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor, Tensor]:
        """See `sqair.Inference.discover`."""
        return self.discovery(tracked, view, encoder, noise, explore, dense)

    def memory(self, what: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """See `sqair.Inference.memory`."""
        return self.discovery.memory(what, where)
