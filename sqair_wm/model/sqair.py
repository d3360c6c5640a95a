"""SQAIR: initial, observe, imagine, render. Everything else in the project is built on these (Kosiorek et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sqair_wm.common.finite import check_finite
from sqair_wm.common.frame import Frame
from sqair_wm.model.appearance import Appearance
from sqair_wm.model.births import Births, Newcomers
from sqair_wm.model.clock import since_change
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.discovery import SetEncoder
from sqair_wm.model.dynamics import Prediction, move_on
from sqair_wm.model.empty import empty_scenes
from sqair_wm.model.expected import check_frame
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.factories import DECODERS, DISCOVERY_PRIORS, DYNAMICS, INFERENCE
from sqair_wm.model.leaving import as_far_as_seen
from sqair_wm.model.merging import merge, new_identities
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.scenery import SceneryChange, changed, look_behind, scenery_of
from sqair_wm.model.scoring import Inferred, score
from sqair_wm.model.slots import Noise, Slots, StepTerms
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.packing import Rows


class Rendering(NamedTuple):
    """`frame` `[B, C, H, W]`, the mean image; `glimpses` `[B, N, C, h, w]`, one for each slot, zero if it is empty."""

    frame: Tensor
    glimpses: Tensor


class SQAIR(nn.Module):
    """Sequential attend, infer, repeat: a generative model of videos of objects, and its inference network.

    Args:
        config: sizes, and the names of the parts, see `sqair_wm.model.factories`.
        dense: compute all slots with static shapes and without waiting for the device, instead of only those that hold
            an object; by default off the CPU. Both give the same numbers.

    Raises:
        ValueError: if `config` names a part that does not exist, or parts that do not fit together.
    """

    def __init__(self, config: ModelConfig, dense: bool | None = None):
        super().__init__()
        self.config, self._dense = config, dense
        self.set_encoder = SetEncoder(config)
        self.dynamics = DYNAMICS.build(config.dynamics, config)
        self.discovery_prior = DISCOVERY_PRIORS.build(config.discovery_prior, config)
        self.appearance = Appearance(config, DECODERS.build(config.decoder, config))
        self.inference = INFERENCE.build(config.inference, config, self.appearance.decode)
        self.scenery = SceneryChange(config) if config.learns_changes else None
        learned = config.births and config.actions and config.dynamics == "interactive"
        self.births = Births(config) if learned else None

    @property
    def dense(self) -> bool:
        """Whether all slots are computed, see `SQAIR`."""
        return self.appearance.output_scale.device.type != "cpu" if self._dense is None else self._dense

    def initial(self, batch: int) -> Slots:
        """An empty scene for each of `batch` rows."""
        return empty_scenes(self.config, batch, self.appearance.output_scale.detach())

    def observe(
        self,
        slots: Slots,
        frame: Frame,
        action: Tensor | None = None,
        *,
        noise: Noise | None = None,
        explore: Exploration | None = None,
        pad: bool = True,
    ) -> tuple[Slots, StepTerms]:
        """Posterior step: propagate every object into the frame, then discover what is new (paper, eq. 4).

        Args:
            slots: `B` scenes as they were before this frame.
            frame: `B` frames, or `B / K` when K neighbouring scenes share a frame (particles).
            action: `[B]` the action that led to this frame; None if there is none.
            noise: the random numbers; fresh by default, `Noise.none(slots)` for means and likeliest presences.
            explore: perturbations of early training; none by default.
            pad: return all `N` slots; otherwise empty ones behind the last object may be left out.

        Returns:
            The scenes after this frame, and the log densities of the step.

        Raises:
            ValueError: if the frame does not fit the model or the batch.
        """
        view = self.view(frame, slots.presence.shape[0])
        after, step = self.infer(slots, view, action, noise, explore)
        after = look_behind(self.scenery, step.before, step.prediction.memory, after, self.dense)
        return after.pad(self.config.slots) if pad else after, self.score([step], view)

    def filter(self, slots: Slots, frame: Frame, action: Tensor | None = None, *, checked: bool = False) -> Slots:
        """`observe` without densities: means, and the likelier value of every presence; the same every time.

        Args:
            slots: see `observe`.
            frame: see `observe`.
            action: see `observe`.
            checked: raise where log q is not finite, which waits for the device.

        Raises:
            ValueError: if the frame does not fit the model or the batch.
            FloatingPointError: if `checked` and a density is not finite: presences decided by it mean nothing.
        """
        after, step = self.infer(slots, self.view(frame, slots.presence.shape[0]), action, Noise.none(slots))
        if checked:
            check_finite(step.log_q[:, None].cpu().numpy(), "a log density")
        after = look_behind(self.scenery, step.before, step.prediction.memory, after, self.dense)
        return after.pad(self.config.slots)

    def view(self, frame: Frame, scenes: int) -> FrameView:
        """A frame as `infer` and `score` take it, for that number of scenes; see `observe`."""
        check_frame(frame, self.config)
        foreground, background = frame.foreground, frame.background
        if not self.config.scenery:
            return FrameView(foreground, scenes, foreground.new_zeros(len(frame), *self.config.scenery_shape))
        return FrameView(foreground, scenes, scenery_of(background, self.config))

    def infer(
        self,
        slots: Slots,
        view: FrameView,
        action: Tensor | None = None,
        noise: Noise | None = None,
        explore: Exploration | None = None,
    ) -> tuple[Slots, Inferred]:
        """`observe` without the log densities that no later step depends on; `score` computes them."""
        noise, explore = noise or Noise.draw(slots, self.config.slots), explore or Exploration()
        slots = slots.trim() if self.inference.packs and not self.dense else slots
        if not self.config.gradient_outside and slots.where.requires_grad:
            slots = as_far_as_seen(slots)
        track_noise, discover_noise = noise.split(slots.presence.shape[1])
        prediction = self.predict(slots, action)
        tracked, *q_tracked = self.inference.track(slots, view, prediction, track_noise, explore, self.dense)
        encoder = self.set_encoder
        found, embedding, *q_found = self.inference.discover(
            tracked, view, encoder, discover_noise, explore, self.dense
        )
        after = self._join(slots, tracked, found).replace(scenery=view.all_scenery())
        log_q, log_q_discrete = (a + b for a, b in zip(q_tracked, q_found, strict=True))
        return after, Inferred(slots, tracked, found, after, prediction, embedding, log_q, log_q_discrete)

    def score(self, steps: Sequence[Inferred], view: FrameView) -> StepTerms:
        """The log densities of `T` steps of `B` scenes at once, each `[T * B]`, ordered by step.

        Args:
            steps: what `infer` returned for each step.
            view: the frames of all steps, in order.
        """
        return score(steps, view, self.appearance, self.discovery_prior, self.dense)

    def imagine(
        self, slots: Slots, action: Tensor | None = None, *, noise: Noise | None = None, discover: bool = True
    ) -> Slots:
        """Prior step: one step without a frame (paper, eq. 3).

        Args:
            slots: `B` scenes.
            action: `[B]` the action taken now.
            noise: the random numbers; fresh by default, `Noise.none(slots)` for the likeliest future.
            discover: whether new objects may appear; the paper's conditional generation switches it off.

        Returns:
            The scenes one step later.
        """
        noise = noise or Noise.draw(slots, self.config.slots)
        slots = slots.trim() if self.inference.packs and not self.dense else slots
        track_noise, discover_noise = noise.split(slots.presence.shape[1])
        prediction = self.predict(slots, action)
        stays = track_noise.presence < prediction.remains
        tracked = move_on(slots, prediction, slots.presence * stays, track_noise)
        if self.scenery is not None:
            features = SceneFeatures.of(slots, self.config, self.dense)
            tracked = tracked.replace(
                scenery=changed(slots.scenery, features, self.scenery(features, prediction.memory))
            )
        if not discover:
            after = tracked.replace(step=slots.step + 1)
            return after.replace(since=since_change(slots, after)).pad(self.config.slots)
        if self.births is not None and action is not None:
            context = self.births.context(SceneFeatures.of(slots, self.config, self.dense), slots, action)
            found = self._born(tracked, self.births.draw(context, discover_noise))
        else:
            found = self._appear(tracked, prediction.stay_logit, discover_noise)
        return self._join(slots, tracked, found).pad(self.config.slots)

    def predict(self, slots: Slots, action: Tensor | None = None) -> Prediction:
        """p of every object of `B` scenes one step on under `action` `[B]`: scored by `observe`, drawn by `imagine`."""
        return self.dynamics(slots, action, self.dense)

    def _born(self, tracked: Slots, new: Newcomers) -> Slots:
        """The new objects of each scene, as many as there are free slots for."""
        number = torch.arange(new.presence.shape[1], device=new.presence.device)
        presence = new.presence * (tracked.count[:, None] + number < self.config.slots)
        temporal, prior = self.inference.memory(new.what, new.where)
        return self._new(tracked, new.what, new.where, presence, new.velocity, temporal, prior)

    def _appear(self, tracked: Slots, stay_logit: Tensor, noise: Noise) -> Slots:
        """New objects from the prior, present ones first; they never need more than the free slots."""
        n = noise.presence.shape[1]
        presence = self.discovery_prior.sample_presence(tracked, stay_logit, noise)
        presence = presence * (torch.arange(n, device=presence.device) < n - tracked.count[:, None])
        most = n if self.dense else int(presence.sum(1).max().item())
        presence = presence[:, :most]
        what, where, temporal, prior = (
            self._draw(tracked, stay_logit, presence, noise)
            if most
            else (getattr(tracked, name)[:, :0] for name in ("what", "where", "temporal", "prior"))
        )
        return self._new(tracked, what, where, presence, torch.zeros_like(where[..., 2:]), temporal, prior)

    def _new(self, tracked: Slots, *fields: Tensor) -> Slots:
        """`tracked` with new objects, whose colour is not known; `fields` `[B, M, ...]` in order."""
        names = ("what", "where", "presence", "velocity", "temporal", "prior")
        unseen = torch.zeros_like(fields[2], dtype=torch.int64)
        colour = fields[0].new_zeros(*unseen.shape, self.config.colours)
        seen = {"unseen": unseen, "belief": torch.ones_like(fields[2]), "colour": colour}
        return tracked.replace(**dict(zip(names, fields, strict=True)), **seen)

    def _draw(self, tracked: Slots, stay_logit: Tensor, presence: Tensor, noise: Noise) -> list[Tensor]:
        """What, where and first memories of the new objects, `[B, M, ...]`; `presence` `[B, M]` says which exist."""
        rows, most = Rows(presence[:, 0] > 0, self.dense), presence.shape[1]
        embedding = rows.take(self.set_encoder.of(tracked, rows, self.dense))
        what, places = rows.take(noise.what[:, :most]), rows.take(noise.where[:, :most])
        where = self.discovery_prior.sample_where(rows.take(stay_logit), embedding, places)
        return [rows.put(x) for x in (what, where, *self.inference.memory(what, where))]

    def render(self, slots: Slots) -> Rendering:
        """The mean image of each scene and each object's glimpse."""
        return Rendering(self.appearance.paint(slots, self.dense), self.appearance.glimpses(slots))

    def _join(self, before: Slots, tracked: Slots, found: Slots) -> Slots:
        """Give the new objects identities and merge both halves of a step."""
        identity, last = new_identities(found.presence, tracked.last_identity)
        found = found.replace(identity=identity, last_identity=last, step=tracked.step + 1)
        after = merge(tracked, found, self.config.slots, self.dense)
        return after.replace(since=since_change(before, after))
