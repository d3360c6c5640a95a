"""The loss of imagination: the dynamics over many steps without frames, and the heads for reward and ending."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from sqair_wm.model.births import Births
from sqair_wm.model.clock import since_change
from sqair_wm.model.dynamics import Dynamics, Prediction, move_on
from sqair_wm.model.motion import expecting
from sqair_wm.model.outcome import OutcomeHeads
from sqair_wm.model.rollout import RolloutStep, roll_out
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.scenery import SceneryChange, changed, scenery_error
from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import window
from sqair_wm.training.encoded import Play, restored
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.newborn import births_loss
from sqair_wm.training.terms import intent_error, mean_where, outcome_losses, presence_loss
from sqair_wm.world.world_model import WorldModel

ERRORS = "errors"
"""The name of what `ImaginationLoss` returns besides scalars."""

SELDOM = 5.0
"""Factor on the learning rate of the networks that say what appears and what leaves: both are seldom, and nothing else
learns from them."""

OWN_TIME = 0.5
"""Share of the rollouts in which the time since the last change is that of imagination. What is seen changes more
often: objects that flicker come and go in every frame, and imagination would meet times that training never showed."""


class ImaginationLoss(nn.Module):
    """The loss of rollouts: errors of imagined states, and of the rewards and endings predicted for them.

    For `context` frames the dynamics gets the observed scenes (burn-in); then it continues from its own predictions.
    The error of a position is a distance in object sizes; it counts as long as the object is present and visible.

    Args:
        world: the model whose dynamics and heads learn.
        config: weights and context.

    Raises:
        ValueError: if the model was built for data without actions.
    """

    unit: Tensor

    def __init__(self, world: WorldModel, config: ImaginationConfig):
        super().__init__()
        if world.heads is None:
            raise ValueError("this model was built for data without actions, so it has no imagination to train")
        self.dynamics = cast(nn.Module, world.sqair.dynamics)
        self.heads: OutcomeHeads = world.heads
        self.scenery: SceneryChange | None = world.sqair.scenery
        self.births: Births | None = world.sqair.births
        self.leaving: nn.Module | None = getattr(self.dynamics, "leaving", None)
        self.config, self.model, self.dense = config, world.config, world.sqair.dense
        self.register_buffer("unit", torch.tensor(sum(world.config.object_share)), persistent=False)

    def groups(self) -> list[dict[str, Any]]:
        """The parameters in groups for `MuonAdamW`; `factor` is that of a group's learning rate, see `SELDOM`."""
        seldom = [w for part in (self.births, self.leaving) if part is not None for w in part.parameters()]
        heads = list(self.heads.parameters()) if self.config.weight_decay else []
        apart = {id(w) for w in [*seldom, *heads]}
        others = [w for w in self.parameters() if id(w) not in apart]
        groups: list[dict[str, Any]] = [{"params": others, "layers": True}, {"params": seldom, "factor": SELDOM}]
        groups.append({"params": heads, "weight_decay": self.config.weight_decay, "layers": True})
        return [group for group in groups if group["params"]]

    def forward(self, play: Play, singles: Play) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and its terms as scalar tensors on the device; with them, as `ERRORS`, `[T - 1, B]`: the largest error
        of a position in each step, in object sizes.

        Args:
            play: stretches for rollouts.
            singles: stretches of two frames, from which reward and ending are learned.
        """
        c = self.config
        before, after, said = map(list, zip(*self._rollout(play), strict=True))
        predictions, targets, scenery = zip(*said, strict=True)
        steps = zip(before, after, targets, predictions, strict=True)
        terms = [self._terms(*step, play.weight[:, None]) for step in steps]
        distance, look, density, stay, intent, errors = (torch.stack(x) for x in zip(*terms, strict=True))
        losses = {
            "distance": distance.mean(),
            "look": look.mean(),
            "density": density[: c.context].mean(),
            "stay": stay.mean(),
            "intent": intent.mean(),
            "scenery": torch.stack(scenery).mean(),
            "births": self._births(play, singles, before),
            "leaving": self._leaving(singles),
        }
        statistics = {"distance_last": distance[-1].detach()}
        outcome = outcome_losses(self.heads, play, before, after, singles, self.unit, self.dense)
        total = losses["distance"] + c.look * losses["look"] + c.density * losses["density"] + c.stay * losses["stay"]
        total = total + c.stay * losses["leaving"]
        total = total + c.outcome * (outcome["reward"] + outcome["ending"] + outcome["moves"])
        total = total + c.dreamt * outcome["dreamt"] + c.scenery * losses["scenery"]
        total = total + c.births * losses["births"] + c.intent * losses["intent"]
        statistics |= {name: x.detach() for name, x in (losses | outcome).items()}
        return total, {"loss": total.detach(), ERRORS: errors} | statistics

    def _rollout(self, play: Play) -> Iterator[RolloutStep]:
        """The likeliest rollout from the first scenes; each step also has its prediction, the observed scene, and the
        error of the scenery."""
        own = torch.rand(play.weight.shape, device=play.weight.device) < OWN_TIME

        def step(t: int, slots: Slots) -> tuple[Slots, tuple[Prediction, Slots, Tensor]]:
            target = play.scene(t + 1)
            prediction = self.dynamics(slots, play.actions[t + 1], self.dense)
            there = (slots.identity == target.identity) & (target.presence > 0)
            lasts = there & ~play.departed[t + 1] if prediction.lasts_logit is not None else there
            imagined = move_on(slots, prediction, slots.presence * lasts)
            since = torch.where(own, since_change(slots, imagined), target.since)
            scenery, missed = self._scenery(slots, prediction, target, t + 1 < self.config.context)
            return imagined.replace(step=target.step, since=since, scenery=scenery), (prediction, target, missed)

        def correct(t: int, imagined: Slots) -> Slots:
            target = play.scene(t + 1)
            return self._put_back(imagined, target) if t + 1 >= self.config.context else self._seen(imagined, target)

        return roll_out(self._start(play.scene(0)), len(play) - 1, step, correct)

    def _start(self, scenes: Slots) -> Slots:
        """Observed scenes as rollouts begin with them: only where the scenery changes it can't stay in bytes."""
        return scenes if self.scenery is None else restored(scenes)

    def _scenery(self, slots: Slots, prediction: Prediction, target: Slots, observed: bool) -> tuple[Tensor, Tensor]:
        """The imagined scenery, without gradient, and its error around the objects, per scene; that of `slots` if the
        next scene is `observed` anyway."""
        if self.scenery is None:
            return slots.scenery, prediction.memory.new_zeros(())
        features = SceneFeatures.of(slots, self.model, self.dense)
        added = self.scenery(features, prediction.memory)
        missed = scenery_error(features, added, target.scenery).sum() / slots.presence.shape[0]
        return slots.scenery if observed else changed(slots.scenery, features, added.detach()), missed

    def _births(self, play: Play, singles: Play, before: list[Slots]) -> Tensor:
        """See `births_loss`; 0 without a network for it."""
        if self.births is None or len(play) < 4:
            return play.weight.new_zeros(())
        return births_loss(self.births, play, singles, before, self.config.context, self.dense)

    def _leaving(self, singles: Play) -> Tensor:
        """Cross entropy of whether objects are seen again, on single steps, of which many are drawn where something
        happens, each with its weight: rollouts hardly show what leaves once in a hundred steps."""
        nothing = singles.weight.new_zeros(())
        if self.leaving is None:
            return nothing
        now, after = singles.scene(0), singles.scene(1)
        prediction = self.dynamics(now, singles.actions[1], self.dense)
        if prediction.lasts_logit is None:  # there is no object in any scene
            return nothing
        there = (now.identity == after.identity) & (after.presence > 0) & ~singles.departed[1]
        missed = presence_loss(prediction.lasts_logit, there.to(now.presence.dtype))
        return mean_where(missed, now.presence * ~singles.departed[0] * singles.weight[:, None])

    def _seen(self, imagined: Slots, target: Slots) -> Slots:
        """The scenes as they were seen, with the imagined memory of the dynamics for objects that were there before."""
        followed = (imagined.identity == target.identity) & (target.identity >= 0)
        return self._start(target).replace(prior=torch.where(followed[..., None], imagined.prior, target.prior))

    def _put_back(self, imagined: Slots, target: Slots) -> Slots:
        """The scenes, with objects put back at their observed positions where the error exceeds `config.astray`.

        Continuing from a wrong position would teach objects to come back from it: a ball that passed a paddle would
        return. Being put back is not a surprise (see `Motion`): otherwise the dynamics would learn a bounce from the
        surprise that follows it, which occurs in training only, instead of from what leads to it.
        """
        if not self.config.astray:
            return imagined
        apart = (window(imagined.where)[1] - window(target.where)[1]).detach().square().sum(-1).sqrt() / self.unit
        seen = (imagined.identity == target.identity) & (imagined.presence > 0) & (target.unseen == 0)
        astray = (seen & (apart > self.config.astray))[..., None]
        put = {n: torch.where(astray, getattr(target, n), getattr(imagined, n)) for n in ("where", "what", "velocity")}
        if self.model.smooth and isinstance(self.dynamics, Dynamics):
            put["prior"] = torch.where(
                astray, expecting(imagined.prior, target.velocity, self.dynamics.reach), imagined.prior
            )
        return imagined.replace(**put)

    def _terms(
        self, slots: Slots, imagined: Slots, target: Slots, prediction: Prediction, weight: Tensor
    ) -> tuple[Tensor, ...]:
        """Distance, look, density, stay, intent of one step, each the mean over the objects that count; and `ERRORS`.

        Density and stay are learned as probabilities: the objects of a scene count with its `weight` `[B, 1]`.
        """
        alive = imagined.presence
        seen = alive * (target.unseen == 0)
        (scale, centre), (true_scale, true_centre) = window(imagined.where), window(target.where)
        apart = ((centre - true_centre).square().sum(-1) + 1e-6).sqrt() / self.unit
        look = (imagined.what - target.what).abs().mean(-1) + (scale - true_scale).abs().sum(-1) / self.unit
        density = -prediction.where.log_prob(target.where) - prediction.what.log_prob(target.what)
        there = slots.presence * ((slots.identity == target.identity) & (target.presence > 0))
        stay = presence_loss(prediction.stay_logit, there)
        if prediction.lasts_logit is not None:
            stay = stay + presence_loss(prediction.lasts_logit, alive)
        errors = (apart.detach() * seen).amax(1)
        if self.config.astray:
            apart = apart * (1 + self.config.missed * (apart.detach() > self.config.astray))
        counted = (
            (apart, seen),
            (look, seen),
            (density, alive * weight),
            (stay, slots.presence * weight),
            (intent_error(slots, prediction, true_centre, self.unit), seen),
        )
        return *(mean_where(x, w) for x, w in counted), errors
