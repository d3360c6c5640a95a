"""The training loss of a batch of sequences, computed from the `StepTerms` of each step alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sqair_wm.common.frame import Frame
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.scoring import Inferred
from sqair_wm.model.slots import Slots, StepTerms
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.attention import FrameView
from sqair_wm.training.rehearsal import Rehearsal
from sqair_wm.training.vimco import iwae, vimco_objective

SCORED_AT_ONCE = 2**20
"""Pixel values, particles included, whose likelihood is computed at once: about what fits into the CPU's cache."""


@dataclass(frozen=True)
class Annealing:
    """How early training departs from the bound; the defaults are the bound itself.

    Attributes:
        kl_weight: factor on log q - log p.
        presence_margin: discovery probabilities in the first frame stay in [margin, 1 - margin].
        discovery_dropout: share of sequences that may not discover after their first frame.
        keep: share of sequences whose objects may not leave.
        practise: whether the loss includes that of `Rehearsal`.
    """

    kl_weight: float | Tensor = 1.0
    presence_margin: float = 0.0
    discovery_dropout: float | Tensor = 0.0
    keep: float | Tensor = 0.0
    practise: bool = True

    def on(self, device: torch.device) -> Annealing:
        """The same, with the values that change during training as tensors on a device, without waiting for it."""
        varying = (self.kl_weight, self.discovery_dropout, self.keep)
        kl_weight, dropout, keep = (torch.full((), float(x), device=device) for x in varying)
        return replace(self, kl_weight=kl_weight, discovery_dropout=dropout, keep=keep)


def run(
    model: SQAIR,
    frames: Frame,
    actions: Tensor | None,
    particles: int,
    explore: Exploration | None = None,
    recompute: bool = False,
) -> tuple[list[Slots], StepTerms]:
    """Observe whole sequences with `particles` samples each.

    Args:
        model: the model.
        frames: `[T, B, ...]`.
        actions: `[T, B]` or None.
        particles: K; the scenes of a sequence are neighbours in the batch.
        explore: perturbations of early training.
        recompute: trade time for memory, see `TrainingConfig`.

    Returns:
        The `T` states, each of `B * K` scenes and without empty slots behind the last object, and the terms, each
        `[T, B * K]`.
    """
    if model.dense or not isinstance(model, SQAIR):
        return _run_step_by_step(model, frames, actions, particles, explore, recompute)
    t, rows = len(frames), frames.batch * particles
    slots = model.initial(rows)
    call = partial(checkpoint, use_reentrant=False) if recompute else lambda function, *given: function(*given)

    def infer(slots: Slots, view: FrameView, action: Tensor | None) -> tuple[Slots, Inferred]:
        return model.infer(slots, view, action, explore=explore)

    states, terms = [], []
    for part in torch.arange(t).split(max(1, min(t, SCORED_AT_ONCE // (particles * _values(frames[0]))))):
        view, steps = model.view(frames[part].map(lambda x: x.flatten(0, 1)), len(part) * rows), []
        for k, i in enumerate(part.tolist()):
            action = None if actions is None else actions[i].repeat_interleave(particles, 0)
            slots, step = call(infer, slots, view.part(k, len(part)), action)
            states.append(slots)
            steps.append(step)
        terms.append(call(model.score, steps, view).unflatten(len(part)))
    return states, StepTerms.cat(terms)


def _values(frame: Frame) -> int:
    return frame.foreground.numel() + frame.background.numel()


def _run_step_by_step(
    model: SQAIR,
    frames: Frame,
    actions: Tensor | None,
    particles: int,
    explore: Exploration | None,
    recompute: bool,
) -> tuple[list[Slots], StepTerms]:
    """`run` by one `observe` a frame: for dense computation, and for models that have no `infer` and `score`."""
    slots = model.initial(frames.batch * particles)
    states, terms = [], []
    for t in range(len(frames)):
        action = None if actions is None else actions[t].repeat_interleave(particles, 0)
        step = partial(model.observe, explore=explore, pad=False)
        if recompute:
            slots, last = checkpoint(step, slots, frames[t], action, use_reentrant=False)
        else:
            slots, last = step(slots, frames[t], action)
        states.append(slots)
        terms.append(last)
    return states, StepTerms.stack(terms)


class SequenceBound(nn.Module):
    """The negative bound of a batch, per frame: the loss that training minimises.

    Args:
        model: the model.
        particles: K of the bound.
        estimator: `vimco` or `released`, see `vimco_objective`.
        recompute: trade time for memory, see `TrainingConfig`.
        rehearsal: encodes and draws remembered objects again in each step; None for none.
    """

    def __init__(
        self,
        model: SQAIR,
        particles: int = 5,
        estimator: str = "vimco",
        recompute: bool = False,
        rehearsal: Rehearsal | None = None,
    ):
        super().__init__()
        self.rehearsal = rehearsal
        self.model, self.particles, self.estimator, self.recompute = model, particles, estimator, recompute

    def forward(self, frames: Frame, actions: Tensor | None, annealing: Annealing) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and statistics of its terms, as scalar tensors on the device, without waiting for it.

        Args:
            frames: `[T, B, ...]`.
            actions: `[T, B]` or None.
            annealing: departures from the bound.
        """
        t, b, k, device = len(frames), frames.batch, self.particles, frames.foreground.device
        free = torch.rand(b, device=device) >= annealing.discovery_dropout
        leave = torch.rand(b, device=device) >= annealing.keep
        masks = free.repeat_interleave(k, 0), leave.repeat_interleave(k, 0)
        explore = Exploration(annealing.presence_margin, *masks, duplicates=True)
        states, terms = run(self.model, frames, actions, k, explore, self.recompute)
        kl = terms.log_q - terms.log_p
        log_weight = (terms.log_likelihood - annealing.kl_weight * kl).sum(0).view(b, k)
        score = terms.log_q_discrete.sum(0).view(b, k)
        loss = -vimco_objective(log_weight, score, self.estimator).mean() / t
        statistics = {
            "loss": -iwae(log_weight.detach()).mean() / t,
            "log_likelihood": terms.log_likelihood.detach().mean(),
            "log_q": terms.log_q.detach().mean(),
            "log_p": terms.log_p.detach().mean(),
            "objects": terms.present.mean(),
            "discovered": terms.discovered[1:].mean() if t > 1 else torch.zeros_like(loss.detach()),
        }
        if self.rehearsal is not None:
            self.rehearsal.remember(frames.foreground[0], states[0].map(lambda x: x[::k]))
            practice = self.rehearsal(self.model, annealing.kl_weight) if annealing.practise else torch.zeros_like(loss)
            statistics["rehearsal"] = practice.detach()
            loss = loss + practice
        return loss, statistics
