"""Log densities of inferred steps; no step needs those of an earlier one, so a whole sequence is computed at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sqair_wm.model.appearance import Appearance
from sqair_wm.model.discovery import DiscoveryPriorModel
from sqair_wm.model.dynamics import ABSENT, Prediction
from sqair_wm.model.slots import Slots, StepTerms
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.distributions import Normal
from sqair_wm.nn.packing import Rows


@dataclass
class Inferred:
    """One step of inference, still to be scored.

    Attributes:
        before: the objects before the step.
        tracked: these objects after it.
        found: new objects.
        after: tracked and new objects together.
        prediction: p of the tracked objects.
        embedding: `[B, hidden]` summary of the tracked objects, in scenes where something was found.
        log_q: `[B]` log q of all that was sampled.
        log_q_discrete: `[B]` the part of `log_q` that belongs to presence.
    """

    before: Slots
    tracked: Slots
    found: Slots
    after: Slots
    prediction: Prediction
    embedding: Tensor
    log_q: Tensor
    log_q_discrete: Tensor


def score(
    steps: Sequence[Inferred], view: FrameView, appearance: Appearance, discovery: DiscoveryPriorModel, dense: bool
) -> StepTerms:
    """Terms of `T` steps of `B` scenes, each `[T * B]`, later steps behind earlier ones; `view` holds their frames."""
    tracked, after = _join([s.tracked for s in steps]), _join([s.after for s in steps])
    before = tracked.replace(presence=_pad_cat([s.before.presence for s in steps]))
    prediction = _join_predictions([s.prediction for s in steps])
    discovered = _cat([s.found.count.detach() for s in steps])
    log_number = discovery.log_prob_number(discovered, tracked, prediction.stay_logit)
    return StepTerms(
        log_likelihood=appearance.log_likelihood(view, after, dense),
        log_q=_cat([s.log_q for s in steps]),
        log_p=prediction.log_prob(before, tracked) + log_number + _log_p_found(steps, discovery, dense),
        log_q_discrete=_cat([s.log_q_discrete for s in steps]),
        discovered=discovered,
        present=after.count.detach(),
    )


def _log_p_found(steps: Sequence[Inferred], discovery: DiscoveryPriorModel, dense: bool) -> Tensor:
    """log p of where and what of the new objects, `[T * B]`."""
    none = torch.zeros_like(steps[0].log_q)
    return _cat([_log_p_found_in(s, discovery, dense) if s.found.presence.shape[1] else none for s in steps])


def _log_p_found_in(step: Inferred, discovery: DiscoveryPriorModel, dense: bool) -> Tensor:
    rows = Rows(step.found.count.detach() > 0, dense)
    if rows.empty:
        return torch.zeros_like(step.log_q)
    found, stay_logit = step.found, rows.take(step.prediction.stay_logit)
    what, where, presence = (rows.take(x) for x in (found.what, found.where, found.presence))
    return rows.put(discovery.log_prob_objects(what, where, presence, stay_logit, rows.take(step.embedding)))


def _cat(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def _pad_cat(tensors: list[Tensor], fill: float = 0.0) -> Tensor:
    """Tensors `[B, n, ...]` of several steps below one another, `[T * B, N, ...]` with the largest `n` for `N`."""
    n = max(x.shape[1] for x in tensors)

    def pad(x: Tensor) -> Tensor:
        missing = n - x.shape[1]
        return torch.cat([x, x.new_full((x.shape[0], missing, *x.shape[2:]), fill)], 1) if missing else x

    return _cat([pad(x) for x in tensors])


def _join(steps: Sequence[Slots]) -> Slots:
    """Scenes of several steps as one batch; only what, where, presence and the steps' numbers."""
    joined = {name: _pad_cat([getattr(s, name) for s in steps]) for name in ("what", "where", "presence")}
    return steps[0].replace(**joined, step=_cat([s.step for s in steps]))


def _join_predictions(steps: Sequence[Prediction]) -> Prediction:
    """The same for predictions, except their memories; empty slots are certain to stay empty."""

    def join(gaussians: Sequence[Normal]) -> Normal:
        return Normal(_pad_cat([g.mean for g in gaussians]), _pad_cat([g.std for g in gaussians], 1.0))

    stay = _pad_cat([p.stay_logit for p in steps], ABSENT)
    return steps[0]._replace(stay_logit=stay, where=join([p.where for p in steps]), what=join([p.what for p in steps]))
