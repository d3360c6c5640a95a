"""The parts of a model by the names that the configuration gives them; a new part is one more line here.

From outside the package, `DYNAMICS.register("mine", build)` does the same. The text below each registry says what its
builders are called with and what they return.
"""

from __future__ import annotations

from torch import nn

from sqair_wm.common.registry import Registry
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.discovery import DiscoveryPrior, DiscoveryPriorModel
from sqair_wm.model.dynamics import Dynamics, DynamicsModel
from sqair_wm.model.inference.guided_discovery import GuidedDiscovery
from sqair_wm.model.inference.guided_tracking import GuidedTracking
from sqair_wm.model.inference.halves import Inference, InferenceModel
from sqair_wm.model.inference.paper import PaperDiscovery, PaperReader, PaperTracking
from sqair_wm.model.inference.parts import Decode, GlimpseReader
from sqair_wm.model.interaction import Surroundings
from sqair_wm.nn.networks import MLPDecoder, SubPixelDecoder

DYNAMICS: Registry[DynamicsModel] = Registry(
    "model.dynamics",
    paper=lambda config: Dynamics(config),
    interactive=lambda config: Dynamics(config, Surroundings(config)),
)
"""Called with the `ModelConfig`: a module that predicts tracked objects."""

DISCOVERY_PRIORS: Registry[DiscoveryPriorModel] = Registry(
    "model.discovery_prior",
    paper=lambda config: DiscoveryPrior(config, measured=False),
    measured=lambda config: DiscoveryPrior(config, measured=True),
)
"""Called with the `ModelConfig`: a module that gives p of new objects."""

DECODERS: Registry[nn.Module] = Registry(
    "model.decoder",
    mlp=lambda config: MLPDecoder(*_glimpse(config), config.decoder_width or config.hidden),
    conv=lambda config: SubPixelDecoder(*_glimpse(config)),
)
"""Called with the `ModelConfig`: a module from codes `[R, W]` to glimpses `[R, C, h, w]`."""


def _glimpse(config: ModelConfig) -> tuple[int, int, tuple[int, int]]:
    return config.what, config.channels, config.glimpse


def _guided_reader(config: ModelConfig) -> GlimpseReader:
    if config.encoder != "mlp":
        raise ValueError(
            f"model.encoder={config.encoder} needs model.inference=paper; model.inference={config.inference} reads "
            "glimpses with networks of its own: leave model.encoder at mlp"
        )
    return GlimpseReader(config)


def _guided(config: ModelConfig, decode: Decode) -> Inference:
    reader = _guided_reader(config)
    return Inference(GuidedTracking(config, reader, decode), GuidedDiscovery(config, reader))


def _paper(config: ModelConfig, decode: Decode) -> Inference:
    reader = PaperReader(config)
    return Inference(PaperTracking(config, reader), PaperDiscovery(config, reader))


def _guided_discovery(config: ModelConfig, decode: Decode) -> Inference:
    return Inference(PaperTracking(config, PaperReader(config)), GuidedDiscovery(config, _guided_reader(config)))


def _guided_tracking(config: ModelConfig, decode: Decode) -> Inference:
    return Inference(
        GuidedTracking(config, _guided_reader(config), decode), PaperDiscovery(config, PaperReader(config))
    )


INFERENCE: Registry[InferenceModel] = Registry(
    "model.inference",
    guided=_guided,
    paper=_paper,
    guided_discovery=_guided_discovery,
    guided_tracking=_guided_tracking,
)
"""Called with the `ModelConfig` and the decoder, which it may use but not train: a module that infers a step."""
