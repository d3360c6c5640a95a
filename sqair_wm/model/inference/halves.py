"""Inference in two halves: objects that are tracked, then new ones. Each half is guided or as published."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from sqair_wm.model.discovery import SetEncoder
from sqair_wm.model.dynamics import Prediction
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.inference.parts import GlimpseReader
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.attention import FrameView


class Tracking(Protocol):
    """Follows objects into a frame; `packs`: see `InferenceModel`."""

    packs: bool

    def __call__(
        self, slots: Slots, view: FrameView, prior: Prediction, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor]:
        """See `InferenceModel.track`."""


class Discovery(Protocol):
    """Finds new objects in a frame; `packs`: see `InferenceModel`."""

    packs: bool

    @property
    def reader(self) -> nn.Module:
        """The network that reads glimpses."""

    def __call__(
        self, tracked: Slots, view: FrameView, encoder: SetEncoder, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor, Tensor]:
        """See `InferenceModel.discover`."""

    def memory(self, what: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """See `InferenceModel.memory`."""


class InferenceModel(Protocol):
    """q of a step; registered in `sqair_wm.model.factories.INFERENCE`. `Inference` makes one from two halves.

    Attributes:
        packs: whether the slots that `track` is given may lack the empty ones at the end.
    """

    packs: bool

    @property
    def reader(self) -> GlimpseReader | None:
        """The network with which discovery reads an object's appearance; None if it reads more than one window."""

    def track(
        self, slots: Slots, view: FrameView, prior: Prediction, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor]:
        """Follow the objects of `B` scenes into the next frame.

        Args:
            slots: the scenes before the frame.
            view: the frames.
            prior: p of the objects one step on; `prior.memory` is the new memory of the dynamics.
            noise: random numbers for the slots, `[B, N, ...]`.
            explore: perturbations of early training.
            dense: compute all slots with static shapes, see `SQAIR`.

        Returns:
            The tracked objects in their slots; log q of all that was sampled, `[B]`; and its discrete part, `[B]`.
        """

    def discover(
        self, tracked: Slots, view: FrameView, encoder: SetEncoder, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor, Tensor]:
        """Find the new objects of `B` scenes.

        Args:
            tracked: what `track` returned.
            view: the frames.
            encoder: makes a summary `[B, hidden]` of the tracked objects.
            noise: random numbers for the new objects, `[B, N, ...]`.
            explore: perturbations of early training.
            dense: compute all slots with static shapes, see `SQAIR`.

        Returns:
            The new objects, present ones first; the summary `[B, hidden]` of the tracked ones, at least in scenes with
            new objects; log q of all that was sampled, `[B]`; and its discrete part, `[B]`.
        """

    def memory(self, what: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """First memories (inference, dynamics) of new objects: `[..., W]`, `[..., 4]` to `[..., hidden]`."""


class Inference(nn.Module):
    """q of a step in two halves, each guided or as published.

    Args:
        tracking: follows objects into a frame.
        discovery: finds new ones.
    """

    def __init__(self, tracking: Tracking, discovery: Discovery):
        super().__init__()
        self.tracking, self.discovery = tracking, discovery
        self.packs = tracking.packs and discovery.packs

    @property
    def reader(self) -> GlimpseReader | None:
        """See `InferenceModel.reader`."""
        return self.discovery.reader if isinstance(self.discovery.reader, GlimpseReader) else None

    def track(
        self, slots: Slots, view: FrameView, prior: Prediction, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor]:
        """See `InferenceModel.track`."""
        return self.tracking(slots, view, prior, noise, explore, dense)

    def discover(
        self, tracked: Slots, view: FrameView, encoder: SetEncoder, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor, Tensor]:
        """See `InferenceModel.discover`."""
        return self.discovery(tracked, view, encoder, noise, explore, dense)

    def memory(self, what: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """See `InferenceModel.memory`."""
        return self.discovery.memory(what, where)
