"""All that is measured on held-out play: the world model, and the objects it finds where the true ones are known."""

from __future__ import annotations

import sys

import numpy as np
import torch

from sqair_wm.data.atari import AtariSequences
from sqair_wm.data.sequences import PicturedPlay, PlaySequences
from sqair_wm.evaluation.games.decisions import DecisionSettings, decision_metrics
from sqair_wm.evaluation.games.events import event_metrics
from sqair_wm.evaluation.games.found import NoTruth
from sqair_wm.evaluation.games.objects import object_metrics
from sqair_wm.evaluation.games.truth import GameTruth, true_boxes
from sqair_wm.evaluation.games.world import world_metrics
from sqair_wm.world.world_model import WorldModel


def play_metrics(model: WorldModel, play: PlaySequences, truth: GameTruth | None) -> dict[str, float]:
    """See `world_metrics`, `object_metrics` and `event_metrics`; without a truth, errors are against its own tracks."""
    return world_metrics(model, play, truth) | objects_if_any(model, play, truth)


def decisions_if_any(model: WorldModel, settings: DecisionSettings | None) -> dict[str, float]:
    """See `decision_metrics`; empty without a game or `settings`, and, with a message, if it can't be branched."""
    if settings is None or model.source is None:
        return {}
    try:
        return decision_metrics(model, settings)
    except RuntimeError as reason:
        print(f"no figures of decisions: {reason}", file=sys.stderr)
        return {}


def truth_of(play: PlaySequences) -> GameTruth | None:
    """The true boxes that come with the frames of a data set; None if there are none."""
    truth = play.take(np.arange(len(play))[:, None], torch.device("cpu")).truth
    if truth is None:
        return None
    labels = truth.labels[0].numpy()
    classes = tuple(str(label) for label in range(labels.max(initial=0) + 1))
    return GameTruth(truth.boxes[:, 0].numpy(), truth.identity[:, 0].numpy(), labels, classes)


def objects_if_any(model: WorldModel, play: PlaySequences, truth: GameTruth | None) -> dict[str, float]:
    """The figures of the objects found, see `event_metrics` and `object_metrics`; empty without a truth."""
    if truth is None or not isinstance(play, PicturedPlay):
        return {}
    return event_metrics(model, play, truth) | object_metrics(model, play, truth)


def truth_if_any(sequences: AtariSequences) -> GameTruth | None:
    """The true boxes of a recording; if there are none, None, and standard error says why."""
    try:
        return true_boxes(sequences)
    except NoTruth as reason:
        print(f"no true boxes, errors are against the model's own tracks: {reason}", file=sys.stderr)
        return None
