"""p of tracked objects: each moves, changes and stays, by itself (paper, appendix B) or among the others."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from sqair_wm.model.clock import CLOCK, clock
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.interaction import Intent, Surroundings
from sqair_wm.model.motion import FEATURES, FIRST_INERTIA, MOST_INERTIA, MOTION, OUTPUTS, Motion, firm
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.distributions import Normal, bernoulli_log_prob, positive
from sqair_wm.nn.networks import GRUCell, linear, mlp
from sqair_wm.nn.packing import Rows
from sqair_wm.nn.where import held_shift, window

MOST_INTENT = 2.0
"""Bound of how far an action steers an object away from its last step, in units of `Dynamics.reach`."""

ABSENT = -88.0
"""Presence logit of an empty slot."""


class Prediction(NamedTuple):
    """p(z_t of every tracked object | its past), which every dynamics gives.

    Attributes:
        memory: `[B, N, P]`, the memory of the dynamics after the step.
        stay_logit: `[B, N]`, that the object goes on being tracked; very negative for empty slots.
        where: Gaussian over `[B, N, 4]`.
        what: Gaussian over `[B, N, W]`.
        lasts_logit: `[B, N]`, that the object is seen at this step or later; None if the dynamics does not predict it.
        intent: `[B, N, 2]`, by how much (y, x) each object is about to move if nothing is in its way, in half frames;
            None if the dynamics does not predict it.
    """

    memory: Tensor
    stay_logit: Tensor
    where: Normal
    what: Normal
    lasts_logit: Tensor | None = None
    intent: Tensor | None = None

    @property
    def remains(self) -> Tensor:
        """Probability that the object is still there in imagination, `[B, N]`."""
        logit = self.stay_logit if self.lasts_logit is None else torch.minimum(self.stay_logit, self.lasts_logit)
        return torch.sigmoid(logit)

    def log_prob(self, before: Slots, after: Slots) -> Tensor:
        """log p of the tracked objects' new states, `[B]`: presence where an object was, the rest where it stayed."""
        stayed = before.presence * after.presence
        places = self.where.log_prob(after.where) + self.what.log_prob(after.what)
        stay = bernoulli_log_prob(after.presence, self.stay_logit)
        return (before.presence * stay + stayed * places).sum(1)


class DynamicsModel(Protocol):
    """What predicts tracked objects; registered in `sqair_wm.model.factories.DYNAMICS`."""

    def __call__(self, slots: Slots, action: Tensor | None, dense: bool) -> Prediction:
        """p of every object of `B` scenes one step ahead under `action` `[B]`; see `Dynamics.forward`."""


class Dynamics(nn.Module):
    """A GRU for each object; its readout is the distribution of the object's next state.

    Without `surroundings` (`dynamics="paper"`) each object is by itself, blind to the action and to other objects. With
    them (`interactive`) the GRU is also shown the object's surroundings. With `config.residual`, the next position is
    the last one moved on by its velocity times a learned factor plus a learned change, both bounded, and the next what
    is the last one plus a change; otherwise both are read out anew, as in the released code. With `config.smooth`, the
    velocity is not the last difference of positions but a smoothed one that is part of the memory, see `Motion`.

    Args:
        config: of the model.
        surroundings: what the GRU is shown beside the object itself; None for nothing.

    Attributes:
        reach: size of a typical object, the larger side, in half frames; bounds the learned change of a position.
    """

    reach: Tensor

    def __init__(self, config: ModelConfig, surroundings: Surroundings | None = None):
        super().__init__()
        self.config, self.residual = config, config.residual
        hidden, w = config.hidden, config.what
        self.surroundings = surroundings
        self.clock = bool(surroundings is not None and config.clock)
        around = surroundings.width + CLOCK * self.clock if surroundings else 0
        motion = FEATURES if config.smooth else 2 * self.residual
        self.cell = GRUCell(w + 4 + motion + around, hidden - MOTION * config.smooth)
        intends = surroundings is not None and config.pairs in ("intent", "hit")
        self.intent = Intent(config, hidden) if intends else None
        self.lasting = bool(surroundings is not None and config.lasting)
        told = self.cell.hidden + w + 4 + motion + around
        self.leaving = mlp(told, hidden // 2, 1) if self.lasting and config.leaving else None
        outputs = 2 * (w + 4) + 1 + (self.lasting and self.leaving is None)
        outputs += OUTPUTS[config.inertia] if config.smooth else 2 * self.residual
        self.hidden = mlp(self.cell.hidden, hidden, out=False) if config.smooth else nn.Identity()
        self.readout = linear(hidden, outputs)
        reach = 2 * max(s / f for s, f in zip(config.object_size, config.frame_size, strict=True))
        self.register_buffer("reach", torch.tensor(reach), persistent=False)
        if self.residual:
            nn.init.zeros_(self.readout.weight)
            self.readout.bias.data[4:6] = -5.0 if config.size == "steady" else -3.0
            self.readout.bias.data[6:8] = -2.0
            self.readout.bias.data[8 + w : 8 + 2 * w] = -3.0 if config.appearance == "steady" else -1.0

    def forward(self, slots: Slots, action: Tensor | None, dense: bool) -> Prediction:
        """Predict every object one step ahead under `action` `[B]`, which only the surroundings use."""
        b, n = slots.presence.shape
        features = SceneFeatures.of(slots, self.config, dense) if self.surroundings is not None else None
        rows = Rows(slots.presence.detach().flatten() > 0, dense) if features is None else features.rows
        if rows.empty:
            return nothing_to_predict(slots)
        what, where, velocity, memory = (
            rows.take(x.flatten(0, 1)) for x in (slots.what, slots.where, slots.velocity, slots.prior)
        )
        motion, going = None, self._going(features, velocity, memory, action)
        if self.config.smooth:
            memory, kept = memory.split((self.cell.hidden, MOTION), -1)
            motion = Motion.of(velocity, kept, self.reach)
        inputs = [what, where, *self._moving(where, velocity, motion)]
        if self.surroundings is not None and features is not None:
            inputs.append(self.surroundings(features, action, going))
            inputs += [clock(slots).index_select(0, features.scene)] if self.clock else []
        memory = self.cell(torch.cat(inputs, -1), memory)
        out, lasts = self._lasting(self.readout(self.hidden(memory)), [memory, *inputs])
        stay, place, appearance, kept = self._read(out, what, where, velocity, motion)
        memory = torch.cat([memory, *kept], -1)
        fields = rows.put_all(memory, place.mean, place.std - 1, appearance.mean, appearance.std - 1, stay)
        memory, *rest = (x.unflatten(0, (b, n)) for x in fields)
        present = slots.presence.detach()
        # Those of lasting are kept apart from the others, so that its loss alone needs no gradients of theirs.
        logits = [rest[4], *(rows.put(x).unflatten(0, (b, n)) for x in lasts)]
        logits = [present * x + ABSENT * (1 - present) for x in logits]
        lasting = logits[1] if self.lasting else None
        return Prediction(memory, logits[0], Normal(rest[0], rest[1] + 1), Normal(rest[2], rest[3] + 1), lasting, going)

    def _lasting(self, out: Tensor, inputs: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The outputs of the readout for all else, and the logit that an object is seen again, if it is predicted.

        Networks of its own learn it from `inputs` without changing what these hold: objects leave so seldom that among
        the other losses it would hardly be learned.
        """
        if not self.lasting:
            return out, []
        if self.leaving is not None:
            return out, [self.leaving(torch.cat(inputs, -1).detach()).squeeze(-1) + self.config.stay_bias]
        return out[:, :-1], [out[:, -1] + self.config.stay_bias]

    def _going(
        self, features: SceneFeatures | None, velocity: Tensor, memory: Tensor, action: Tensor | None
    ) -> Tensor | None:
        """By how much each object is about to move, `[B, N, 2]`; None unless `pairs` is `intent` or `hit`."""
        if self.intent is None or features is None:
            return None
        going = velocity + MOST_INTENT * self.reach * self.intent(features, memory, action)
        return features.rows.put(going).unflatten(0, features.shape)

    def _moving(self, where: Tensor, velocity: Tensor, motion: Motion | None) -> list[Tensor]:
        """How each object moves, as the GRU is shown it."""
        if motion is not None:
            return [motion.features(window(where)[1], self.reach)]
        return [velocity / self.reach] if self.residual else []

    def _read(
        self, out: Tensor, what: Tensor, where: Tensor, velocity: Tensor, motion: Motion | None
    ) -> tuple[Tensor, Normal, Normal, list[Tensor]]:
        """Stay, where and what of the objects, `[R, ...]`, and what is to be remembered of the motion."""
        w, kept = self.config.what, []
        place, place_raw, look, look_raw, rest = out.split((4, 4, w, w, out.shape[-1] - 8 - 2 * w), -1)
        if self.residual:
            kept_up = motion is not None and self.config.inertia != "free"
            shift = self.reach * torch.tanh(firm(place[:, 2:]) if kept_up else place[:, 2:])
            if motion is not None:
                step, memory = motion.move(rest[:, 1:], shift, self.reach, inertia=self.config.inertia)
                kept = [memory]
            else:
                step = velocity * MOST_INERTIA * torch.tanh(rest[:, 1:] + FIRST_INERTIA) + shift
            size = where[:, :2] + torch.tanh(place[:, :2]) if self.config.size == "free" else where[:, :2]
            place = torch.cat([size, held_shift(window(where)[1] + step, size.sigmoid())], -1)
            look = what if self.config.appearance == "steady" else what + look
        floors = self.config.least_std
        stay = rest[:, 0] + self.config.stay_bias
        return stay, Normal(place, positive(place_raw, floors[1])), Normal(look, positive(look_raw, floors[0])), kept


def nothing_to_predict(slots: Slots) -> Prediction:
    """The prediction of scenes without any object."""
    what, where = (Normal(torch.zeros_like(x), torch.ones_like(x)) for x in (slots.what, slots.where))
    return Prediction(torch.zeros_like(slots.prior), torch.full_like(slots.presence, ABSENT), where, what)


def move_on(slots: Slots, prediction: Prediction, presence: Tensor, noise: Noise | None = None) -> Slots:
    """One imagined step of the present objects under `prediction`, without new objects (paper, eq. 3).

    Args:
        slots: `B` scenes.
        prediction: p of their objects one step on.
        presence: `[B, N]` 0 or 1, which objects stay.
        noise: of where and what; None for means.
    """
    where, what = (
        (prediction.where.mean, prediction.what.mean)
        if noise is None
        else (prediction.where.sample(noise.where), prediction.what.sample(noise.what))
    )
    return slots.replace(
        what=what,
        where=where,
        presence=presence,
        identity=torch.where(presence > 0, slots.identity, -1),
        velocity=window(where)[1] - slots.window[1],
        unseen=slots.unseen + (slots.unseen > 0),
        prior=prediction.memory,
    )
