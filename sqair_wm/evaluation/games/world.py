"""The figures of a world model on held-out play: rollouts against what happened."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.data.sequences import PlaySequences
from sqair_wm.evaluation.games.called import call, call_metrics
from sqair_wm.evaluation.games.futures import FORECASTS, HORIZONS, Futures, Reference, choose, compare_futures, gather
from sqair_wm.evaluation.games.held_out import join, observe_play, rows_of
from sqair_wm.evaluation.games.outcomes import foresee, outcome_metrics
from sqair_wm.evaluation.games.truth import GameTruth
from sqair_wm.world.world_model import WorldModel


def world_metrics(model: WorldModel, sequences: PlaySequences, truth: GameTruth | None = None) -> dict[str, float]:
    """All figures of a world model on held-out play.

    Args:
        model: trained, in evaluation mode.
        sequences: a recording that was not trained on.
        truth: the true boxes of its objects; None if they are not known.

    Returns:
        Numbers by name, see `position_metrics`, `picture_metrics`, `outcome_metrics` and `call_metrics`. Position
        errors are against the true objects (`against_truth` is 1), or else against the model's own tracks (0). A figure
        without any objects, rewards or frames is left out.

    Raises:
        ValueError: if the recording has no step.
    """
    play = rows_of(sequences.episodes)
    chosen, first = choose(play), 0
    futures, steps, calls = [], [], []
    for part in play.parts():
        states, rows = observe_play(model, sequences, part), part.index.shape[1]
        mine = chosen[(chosen[:, 1] >= first) & (chosen[:, 1] < first + rows)] - [0, first]
        if len(mine):
            futures.append(compare_futures(model, sequences, gather(mine, part, states), truth))
        if model.config.actions:
            steps.append(foresee(model, sequences, part, states))
            calls.append(call(model, sequences, part, states))
        first += rows
    metrics = future_metrics(Futures.join(futures)) if futures else {}
    if not steps:
        return metrics
    happened = join(steps)
    return metrics | outcome_metrics(happened) | call_metrics(join(calls), happened)


def future_metrics(found: Futures) -> dict[str, float]:
    """The figures of rollouts against what happened."""
    tracked, true = found.references["tracked"], found.references.get("true")
    metrics = {"starts": float(len(found.forecasts)), "against_truth": float(true is not None)}
    metrics |= position_metrics("position_error", found.forecasts, true or tracked)
    if true is not None:
        metrics |= position_metrics("position_error_all", found.forecasts, found.references["true_all"], brief=True)
        matched, moving = found.matched.sum(0).tolist()
        metrics |= {"moving_matched": matched / moving} if moving else {}
    metrics |= position_metrics("tracked_error", found.forecasts, tracked, brief=True)
    return metrics | picture_metrics(found)


def position_metrics(name: str, forecasts: Tensor, reference: Reference, *, brief: bool = False) -> dict[str, float]:
    """How far the forecasts are from where the objects are.

    Args:
        name: beginning of the figures' names.
        forecasts: `[K, 3, S + 1, N, 2]` of the model and of the baselines, in pixels.
        reference: the objects to count and where they are.
        brief: leave out medians and numbers of objects.

    Returns:
        For every horizon N the mean distance in pixels over the objects still there, `NAME_N`, and the median,
        `NAME_median_N`; the same for the baselines, `NAME_still_N`, `NAME_still_median_N`, `NAME_velocity_N` and
        `NAME_velocity_median_N`; `NAME_objects_N`, the number of objects counted.
    """
    metrics: dict[str, float] = {}
    distance = (forecasts - reference.centres[:, None]).norm(dim=-1)
    for step in HORIZONS:
        counted = reference.chosen & reference.there[:, step]
        if not counted.any():
            continue
        metrics |= {} if brief else {f"{name}_objects_{step}": float(counted.sum())}
        for k, forecast in enumerate(FORECASTS):
            errors = distance[:, k, step][counted].double()
            metrics[f"{name}{forecast}_{step}"] = float(errors.mean())
            metrics |= {} if brief else {f"{name}{forecast}_median_{step}": float(torch.quantile(errors, 0.5))}
    return metrics


def picture_metrics(found: Futures) -> dict[str, float]:
    """Figures of every horizon N that are not about positions.

    Returns:
        `lost_N`: of the objects that are still there, the share that is missing in imagination; `invented_N`: of the
        imagined objects, the share that is not there; `image_error_N`, `image_error_still_N`,
        `image_error_velocity_N`: squared error of the foreground, as a share of its squared intensity.
    """
    metrics: dict[str, float] = {}
    for k, step in enumerate(HORIZONS):
        lost, stayed, invented, imagined = found.fates[:, k].sum(0).tolist()
        *errors, intensity = found.images[:, k].double().sum(0).tolist()
        metrics |= {f"lost_{step}": lost / stayed} if stayed else {}
        metrics |= {f"invented_{step}": invented / imagined} if imagined else {}
        if intensity:
            metrics |= {f"image_error{n}_{step}": e / intensity for n, e in zip(FORECASTS, errors, strict=True)}
    return metrics
