"""Predicted rewards and endings against recorded ones, and how uncertainty correlates with error."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from sqair_wm.data.sequences import PlaySequences, endings
from sqair_wm.evaluation.games.held_out import HeldOut
from sqair_wm.evaluation.metrics.positions import centres, same_objects
from sqair_wm.model.slots import Slots
from sqair_wm.training.pauses import moving, pauses
from sqair_wm.world.world_model import WorldModel

BINS = 10


@dataclass
class Steps:
    """What the model predicted for `S` recorded steps, and what happened; arrays `[S]`.

    Attributes:
        rewarded: bool, whether the recorded reward is not zero.
        ended: bool, whether the game or a life was over with it, see `pauses`.
        late: bool, whether it was over before already; such a step does not count for endings.
        nonzero: predicted probability of a reward, from the observed scenes before and after the step.
        ends: predicted probability of the end, from the same scenes.
        nonzero_imagined, ends_imagined: the same with the scene after the step imagined.
        uncertainty: the model's, in object sizes, of the imagined step.
        error: distance in pixels between imagined and then observed objects, the mean over a scene; NaN without any.
    """

    rewarded: np.ndarray
    ended: np.ndarray
    late: np.ndarray
    nonzero: np.ndarray
    ends: np.ndarray
    nonzero_imagined: np.ndarray
    ends_imagined: np.ndarray
    uncertainty: np.ndarray
    error: np.ndarray

    @staticmethod
    def join(parts: list[Steps]) -> Steps:
        """All steps of several parts."""
        return Steps(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Steps)})


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
        seen = model.outcome(before, action, after)
        error = scene_errors(imagined, after, model.config.frame_size)
        found.append(numbers)
        moved.append(moving(before, after, sum(model.config.object_share)))
        parts = seen.nonzero, seen.ends, foreseen.nonzero, foreseen.ends, foreseen.uncertainty, error
        said.append(torch.stack([x.double() for x in parts]))
    number, values = np.concatenate(found), _array(torch.cat(said, 1))
    ended, late = _over(sequences, number, torch.cat(moved).cpu())
    return Steps(sequences.rewards[number] != 0, ended, late, *values)


def _over(sequences: PlaySequences, number: np.ndarray, moved: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Whether the game or a life is over with the frames `number` `[S]`, and whether it was before, both `[S]` bool.

    Args:
        sequences: the recording.
        number: of the frames.
        moved: `[S]`, how many objects moved with each.
    """
    order = np.argsort(number)
    rising = number[order]
    notes = (sequences.episodes, endings(sequences), sequences.rewards)
    part, over, rewards = (torch.from_numpy(x[rising]) for x in notes)
    over = pauses(moved[torch.from_numpy(order)], part, over, rewards)
    late = torch.zeros_like(over)
    late[1:] = over[:-1] & over[1:] & (part[1:] == part[:-1])
    back = np.argsort(order)
    return over.numpy()[back], late.numpy()[back]


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
        `reward_` and `ending_` `precision`, `recall` and `f1` at a probability of one half, and `ece`, the calibration
        error; with `_imagined` the same from scenes imagined one step ahead. `rewards_seen` and `endings_seen`, how
        many there were. `uncertainty_correlation`, Spearman's rank correlation of the model's uncertainty and its error
        in the same step. Undefined figures are left out.
    """
    from scipy.stats import spearmanr

    metrics = {"rewards_seen": float(steps.rewarded.sum()), "endings_seen": float((steps.ended & ~steps.late).sum())}
    for suffix, nonzero, ends in (
        ("", steps.nonzero, steps.ends),
        ("_imagined", steps.nonzero_imagined, steps.ends_imagined),
    ):
        live = ~steps.late
        outcomes = (("reward", nonzero, steps.rewarded), ("ending", ends[live], steps.ended[live]))
        for name, chance, happened in outcomes:
            found = detection(name, chance > 0.5, happened) | {f"{name}_ece": calibration_error(chance, happened)}
            metrics |= {key + suffix: value for key, value in found.items()}
    known = np.isfinite(steps.error)
    error, uncertainty = steps.error[known], steps.uncertainty[known]
    if len(error) > 2 and np.ptp(error) > 0 and np.ptp(uncertainty) > 0:
        metrics["uncertainty_correlation"] = float(spearmanr(uncertainty, error).statistic)
    return metrics


def _array(x: Tensor) -> np.ndarray:
    return x.double().cpu().numpy()
