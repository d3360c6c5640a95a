"""Rewards and endings that imagination calls some steps ahead, under the actions that were taken.

One step ahead, an ending can often be told from what is there already: in MsPacman everything stands still for a while
before a life is counted as lost. What decides is whether it is called while it can still be avoided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sqair_wm.data.sequences import PlaySequences
from sqair_wm.evaluation.games.held_out import HeldOut
from sqair_wm.evaluation.games.outcomes import Steps
from sqair_wm.model.outcome import Outcome
from sqair_wm.model.rollout import roll_out
from sqair_wm.model.slots import Slots
from sqair_wm.world.world_model import WorldModel

AHEAD = (1, 4, 8)
"""Steps from a scene to the event."""

AROUND = 1
"""Steps by which the call may be early or late."""

LENGTH = max(AHEAD) + AROUND
"""Imagined steps from each scene."""


@dataclass
class Calls:
    """What was imagined from `S` scenes of a recording.

    Attributes:
        number: `[S]`, the frame of each scene; the frames after it are numbered consecutively.
        reward, ending: `[S, LENGTH]`, probability of a reward, and of the end, in each imagined step.
    """

    number: np.ndarray
    reward: np.ndarray
    ending: np.ndarray


@torch.no_grad()
def call(model: WorldModel, sequences: PlaySequences, play: HeldOut, states: list[Slots]) -> Calls:
    """Imagine the likeliest future of every counted scene of `play` after which it goes on for `LENGTH` steps.

    Args:
        model: with heads for rewards and endings.
        sequences: the recording.
        play: rows of it.
        states: the scenes observed after each frame of the rows.
    """
    said = [(np.zeros(0, int), np.zeros((0, LENGTH)), np.zeros((0, LENGTH)))]
    for t in range(1, len(play.index) - LENGTH):
        rows = np.flatnonzero(play.counted[t] & play.real[t + LENGTH])
        if not len(rows):
            continue
        scenes = states[t].select(torch.from_numpy(rows).to(states[t].presence.device))
        actions = torch.from_numpy(sequences.actions[play.index[t + 1 : t + 1 + LENGTH, rows]]).to(scenes.step.device)
        said.append((play.index[t, rows], *_imagined(model, scenes, actions)))
    return Calls(*(np.concatenate(x) for x in zip(*said, strict=True)))


def _imagined(model: WorldModel, scenes: Slots, actions: Tensor) -> list[np.ndarray]:
    """The probabilities of rewards and of the end, `[B, T]` each, along the likeliest future under `actions` `[T, B]`
    of `B` scenes."""

    def step(number: int, before: Slots) -> tuple[Slots, Outcome]:
        return model.step(before, actions[number])

    outcomes = [step.said for step in roll_out(scenes, len(actions), step)]
    return [torch.stack([getattr(o, name) for o in outcomes], 1).double().cpu().numpy() for name in ("nonzero", "ends")]


def call_metrics(calls: Calls, steps: Steps) -> dict[str, float]:
    """Figures of events that are called ahead.

    Args:
        calls: what was imagined.
        steps: what happened, with the numbers of the frames.

    Returns:
        For `reward` and `ending` and every N of `AHEAD`, with `AROUND` steps of tolerance: `NAME_called_N`, the mean
        probability of an event that came N steps later; `NAME_called_elsewhere_N`, the same where none came; and
        `NAME_called_auc_N`, how often an event has the higher probability. Left out where there was no event.
    """
    metrics: dict[str, float] = {}
    frames = calls.number[:, None] + np.arange(LENGTH + 1)
    live = np.isin(frames, steps.number[~steps.late])
    for name, chance, events in (("reward", calls.reward, steps.rewarded), ("ending", calls.ending, steps.ended)):
        happened = np.isin(frames, steps.number[events])
        for ahead in AHEAD:
            window = np.arange(max(1, ahead - AROUND), ahead + AROUND + 1)
            said = 1 - (1 - chance[:, window - 1]).prod(1)
            there = happened[:, ahead] & live[:, :ahead].all(1)
            elsewhere = ~happened[:, window].any(1) & live[:, : ahead + 1].all(1)
            if there.any() and elsewhere.any():
                metrics[f"{name}_called_{ahead}"] = float(said[there].mean())
                metrics[f"{name}_called_elsewhere_{ahead}"] = float(said[elsewhere].mean())
                metrics[f"{name}_called_auc_{ahead}"] = _higher(said[there], said[elsewhere])
    return metrics


def _higher(some: np.ndarray, others: np.ndarray) -> float:
    """How often a value of `some` is higher than one of `others`; equal ones count half."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(some, others, method="asymptotic").statistic / (len(some) * len(others)))
