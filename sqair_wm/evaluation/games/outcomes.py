"""Predicted rewards and endings against recorded ones, and how uncertainty correlates with error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sqair_wm.data.sequences import PlaySequences, endings
from sqair_wm.evaluation.games.held_out import HeldOut
from sqair_wm.evaluation.metrics.positions import centres, same_objects
from sqair_wm.model.slots import Slots
from sqair_wm.training.pauses import beginnings, moving, nearby, pauses
from sqair_wm.world.world_model import WorldModel

BINS = 10

TOLERANCE = 2
"""Steps by which the prediction of an ending may be early or late."""


@dataclass
class Steps:
    """What the model predicted for `S` recorded steps, in their order, and what happened; arrays `[S]`.

    Attributes:
        number: int64, of the frame that each step led to.
        rewarded: bool, whether the recorded reward is not zero.
        ended: bool, whether the game or a life was over with it, but not before it, see `pauses`.
        late: bool, whether it was over before already; such a step does not count for endings.
        nonzero: predicted probability of a reward, from the observed scenes before and after the step.
        ends: predicted probability of the end, from the same scenes.
        nonzero_imagined, ends_imagined: the same with the scene after the step imagined.
        uncertainty: the model's, in object sizes, of the imagined step.
        error: distance in pixels between imagined and then observed objects, the mean over a scene; NaN without any.
    """

    number: np.ndarray
    rewarded: np.ndarray
    ended: np.ndarray
    late: np.ndarray
    nonzero: np.ndarray
    ends: np.ndarray
    nonzero_imagined: np.ndarray
    ends_imagined: np.ndarray
    uncertainty: np.ndarray
    error: np.ndarray


@torch.no_grad()
def foresee(model: WorldModel, sequences: PlaySequences, play: HeldOut, states: list[Slots]) -> Steps:
    """The model's predictions for every counted step of `play`.

    Args:
        model: with heads for rewards and endings.
        sequences: the recording.
        play: rows of it.
        states: the scenes observed after each frame of the rows.
    """
    found, moved, said = [], [], []
    for t in range(1, len(play.index)):
        rows = np.flatnonzero(play.counted[t])
        if not len(rows):
            continue
        numbers, select = play.index[t, rows], torch.from_numpy(rows).to(states[0].presence.device)
        before, after = states[t - 1].select(select), states[t].select(select)
        action = torch.from_numpy(sequences.actions[numbers]).to(select.device)
        imagined, foreseen = model.step(before, action)
        seen = model.outcome(before, action, after, imagined=False)
        error = scene_errors(imagined, after, model.config.frame_size)
        found.append(numbers)
        moved.append(moving(before, after, sum(model.config.object_share)))
        parts = seen.nonzero, seen.ends, foreseen.nonzero, foreseen.ends, foreseen.uncertainty, error
        said.append(torch.stack([x.double() for x in parts]))
    number = np.concatenate(found)
    order = np.argsort(number)
    number, values = number[order], _array(torch.cat(said, 1))[:, order]
    begins, late = _over(sequences, number, torch.cat(moved).cpu()[torch.from_numpy(order)])
    return Steps(number, sequences.rewards[number] != 0, begins, late, *values)


def _over(sequences: PlaySequences, number: np.ndarray, moved: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """With which of the frames `number` `[S]`, rising, the game or a life is over, and where it was before, both bool.

    Args:
        sequences: the recording.
        number: of the frames.
        moved: `[S]`, how many objects moved with each.
    """
    notes = (sequences.episodes, endings(sequences), sequences.rewards)
    part, over, rewards = (torch.from_numpy(x[number]) for x in notes)
    over = pauses(moved, part, over, rewards)
    begins = beginnings(over, part)
    return begins.numpy(), (over & ~begins).numpy()


def scene_errors(imagined: Slots, seen: Slots, size: tuple[int, int]) -> Tensor:
    """Mean distance in pixels of the same objects in two states of `B` scenes, `[B]`; NaN where none is in both."""
    place, there = same_objects(imagined.identity, seen, centres(seen, size))
    there = (there & (imagined.presence > 0)).to(place.dtype)
    return ((place - centres(imagined, size)).norm(dim=-1) * there).sum(1) / there.sum(1)


def detection(name: str, predicted: np.ndarray, happened: np.ndarray) -> dict[str, float]:
    """Precision, recall and F1 of a yes-or-no prediction.

    Args:
        name: of the event, the beginning of the figures' names.
        predicted: `[S]` bool.
        happened: `[S]` bool.

    Returns:
        `NAME_precision`, `NAME_recall`, `NAME_f1`; 0 where one of them is undefined, and nothing at all if the event
        neither happened nor was predicted.
    """
    hits, said, true = int((predicted & happened).sum()), int(predicted.sum()), int(happened.sum())
    if said + true == 0:
        return {}
    values = hits / max(said, 1), hits / max(true, 1), 2 * hits / (said + true)
    return {f"{name}_{kind}": value for kind, value in zip(("precision", "recall", "f1"), values, strict=True)}


def endings_found(name: str, predicted: np.ndarray, steps: Steps) -> dict[str, float]:
    """`detection` of endings, with `TOLERANCE` steps: the step in which play stops is known no better than that.

    Predictions that follow one another are one, and those after an ending do not count.
    """
    any_said, true, late = (torch.from_numpy(x) for x in (predicted, steps.ended, steps.late))
    said = any_said & ~nearby(any_said, -TOLERANCE, -1) & ~late
    if not (said | true).any():
        return {}
    precision = int((nearby(true, -TOLERANCE, TOLERANCE) & said).sum()) / max(int(said.sum()), 1)
    recall = int((nearby(any_said, -TOLERANCE, TOLERANCE) & true).sum()) / max(int(true.sum()), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {f"{name}_precision": precision, f"{name}_recall": recall, f"{name}_f1": f1}


def calibration_error(probability: np.ndarray, happened: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: over equally wide bins of the predicted probability, the mean distance between it
    and how often the event happened, weighted with the number of predictions in the bin.

    Args:
        probability: `[S]` in [0, 1], of the event.
        happened: `[S]` bool.
        bins: number of bins.
    """
    where = np.minimum((probability * bins).astype(int), bins - 1)
    said, true = (np.bincount(where, weights=x, minlength=bins) for x in (probability, happened.astype(float)))
    return float(np.abs(said - true).sum() / len(probability))


def outcome_metrics(steps: Steps) -> dict[str, float]:
    """Figures of rewards and endings.

    Returns:
        `reward_` and `ending_` `precision`, `recall` and `f1` at a probability of one half (endings with `TOLERANCE`),
        and `ece`, the calibration error; with `_imagined` the same from scenes imagined one step ahead. `rewards_seen`
        and `endings_seen`, how many there were. `uncertainty_correlation`, Spearman's rank correlation of the model's
        uncertainty and its error in the same step. Undefined figures are left out.
    """
    from scipy.stats import spearmanr

    metrics = {"rewards_seen": float(steps.rewarded.sum()), "endings_seen": float(steps.ended.sum())}
    live = ~steps.late
    for suffix, nonzero, ends in (
        ("", steps.nonzero, steps.ends),
        ("_imagined", steps.nonzero_imagined, steps.ends_imagined),
    ):
        metrics |= _named(suffix, detection("reward", nonzero > 0.5, steps.rewarded))
        metrics |= _named(suffix, endings_found("ending", ends > 0.5, steps))
        metrics["reward_ece" + suffix] = calibration_error(nonzero, steps.rewarded)
        metrics["ending_ece" + suffix] = calibration_error(ends[live], steps.ended[live])
    known = np.isfinite(steps.error)
    error, uncertainty = steps.error[known], steps.uncertainty[known]
    if len(error) > 2 and np.ptp(error) > 0 and np.ptp(uncertainty) > 0:
        metrics["uncertainty_correlation"] = float(spearmanr(uncertainty, error).statistic)
    return metrics


def _named(suffix: str, figures: dict[str, float]) -> dict[str, float]:
    return {name + suffix: value for name, value in figures.items()}


def _array(x: Tensor) -> np.ndarray:
    return x.double().cpu().numpy()
