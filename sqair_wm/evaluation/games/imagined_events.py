"""Are events imagined before they happen? Turns of objects, and positions of objects that met others on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sqair_wm.data.sequences import PlaySequences
from sqair_wm.evaluation.games.futures import FORECASTS, WARM_UP, forecast
from sqair_wm.evaluation.games.held_out import HeldOut, observe_play, rows_of
from sqair_wm.evaluation.games.true_events import SPAN, TURN, TrueEvents, centres_of, direction, ways
from sqair_wm.evaluation.metrics.positions import centres, match, reach
from sqair_wm.model.outlines import off_centre
from sqair_wm.model.slots import Slots
from sqair_wm.world.world_model import WorldModel

SPACING, AHEAD, FAR = 3, 5, 10
"""Frames between two starts in a row; steps within which turns are imagined, and after which positions are compared."""

ENOUGH = 5
"""Least number of turns of a class of objects for which the class has a figure of its own."""

ALIKE = np.cos(np.pi / 3)
"""Two directions are the same if their cosine is at least this."""


@dataclass
class Paths:
    """`K` objects in imagination, each matched with a true object that moves at the start.

    Attributes:
        frame: `[K]` number of the frame of the start.
        column: `[K]` column of the true object.
        positions: `[K, 3, FAR + 1, 2]` centres of the model and the baselines, in pixels, see `forecast`.
        gone: `[K]` bool, whether imagination removed the object within `AHEAD` steps.
    """

    frame: np.ndarray
    column: np.ndarray
    positions: np.ndarray
    gone: np.ndarray


def imagined_event_metrics(model: WorldModel, sequences: PlaySequences, events: TrueEvents) -> dict[str, float]:
    """Figures of rollouts from observed scenes, under the actions that were taken.

    Returns:
        `turn_recall_5`: of the `turns_seen` moving objects that have another direction `AHEAD` steps later, the share
        that is imagined to turn into that direction; `turn_precision_5`: of the objects imagined to turn, the share
        that does turn into that direction; `turn_recall_5_of_CLASS` of each class with `ENOUGH` turns.
        `position_error_event_10` and `position_error_quiet_10`: mean distance in pixels of imagined and true centres
        after `FAR` steps, of objects that touch another one or turn on the way (`events_10` of them) and of all others;
        those of the baselines have `_still` or `_velocity` before the number.
    """
    play, parts = rows_of(sequences.episodes), []
    for part in play.parts():
        paths = follow(model, sequences, part, observe_play(model, sequences, part), events)
        parts += [] if paths is None else [paths]
    if not parts:
        return {}
    paths = Paths(
        *(np.concatenate(x) for x in zip(*((p.frame, p.column, p.positions, p.gone) for p in parts), strict=True))
    )
    return turn_metrics(paths, events) | error_metrics(paths, events)


def follow(
    model: WorldModel, sequences: PlaySequences, play: HeldOut, states: list[Slots], events: TrueEvents
) -> Paths | None:
    """Imagine from every `SPACING`th scene of rows of play that is followed by `FAR` frames; None if there is none."""
    last, device, size = len(play.index) - FAR, states[0].presence.device, model.config.frame_size
    chosen = [(t, np.flatnonzero(play.real[t + FAR])) for t in range(WARM_UP - 1, last, SPACING)]
    chosen = [(t, rows) for t, rows in chosen if len(rows)]
    if not chosen:
        return None
    start = Slots.cat([states[t].select(torch.from_numpy(rows).to(device)) for t, rows in chosen])
    index = np.concatenate([play.index[t : t + FAR + 1, rows] for t, rows in chosen], 1)
    actions = torch.from_numpy(sequences.actions[index[1:]]).to(device)
    with torch.no_grad():
        imagined = list(model.imagined(start, actions))
        beside = off_centre(model.render(start).glimpses, start.where, model.config)
    true = torch.from_numpy(centres_of(events.truth.boxes[index[0]])).to(device)
    moving = torch.from_numpy(events.sets.moving[index[0]]).to(device)
    column = match(centres(start, size), reach(start, size), true, start.presence > 0, moving).cpu().numpy()
    positions = forecast(start, imagined, size) + beside[:, None, None]
    gone = ~_there(start, imagined[AHEAD - 1])
    scene, slot = np.nonzero(column >= 0)
    return Paths(
        frame=index[0][scene],
        column=column[scene, slot],
        positions=positions.movedim(3, 1).cpu().numpy()[scene, slot],
        gone=gone.cpu().numpy()[scene, slot],
    )


def turn_metrics(paths: Paths, events: TrueEvents) -> dict[str, float]:
    """See `imagined_event_metrics`; objects that have no direction, before or after, do not turn."""
    boxes, identity = events.truth.boxes, events.truth.identity
    # The true direction at the start serves both, so that truth and imagination are compared on the same turns.
    before = direction(ways(boxes, identity, -SPAN, 0))[paths.frame, paths.column]
    after = direction(ways(boxes, identity, AHEAD - SPAN, AHEAD))[paths.frame, paths.column]
    guess = direction(paths.positions[:, 0, AHEAD] - paths.positions[:, 0, AHEAD - SPAN])
    guess[paths.gone] = np.nan
    known = ~np.isnan(before).any(1) & ~np.isnan(ways(boxes, identity, 0, AHEAD)[paths.frame, paths.column]).any(1)
    turned, foreseen = ((before * x).sum(1) < TURN for x in (after, guess))
    right = known & turned & foreseen & ((after * guess).sum(1) >= ALIKE)
    asked, figures = known & turned, {"turns_seen": float((known & turned).sum())}
    if (known & foreseen).any():
        figures = {"turn_precision_5": float(right.sum() / (known & foreseen).sum())} | figures
    if asked.any():
        figures = {"turn_recall_5": float(right[asked].mean())} | figures
    labels = events.truth.labels[paths.column]
    for label, kind in enumerate(events.truth.classes):
        mine = asked & (labels == label)
        figures |= {f"turn_recall_5_of_{kind}": float(right[mine].mean())} if mine.sum() >= ENOUGH else {}
    return figures


def error_metrics(paths: Paths, events: TrueEvents) -> dict[str, float]:
    """See `imagined_event_metrics`; for the objects that are there in all frames."""
    boxes, identity = events.truth.boxes, events.truth.identity
    way = ways(boxes, identity, 0, FAR)[paths.frame, paths.column]
    position = centres_of(boxes)[paths.frame, paths.column] + way
    error = np.linalg.norm(paths.positions[:, :, FAR] - position[:, None], axis=-1)
    happens = events.contacts | events.turns
    eventful = np.stack([happens[paths.frame + s, paths.column] for s in range(FAR)]).any(0)
    there, figures = ~np.isnan(way).any(1), {"events_10": 0.0}
    for name, asked in (("event", there & eventful), ("quiet", there & ~eventful)):
        if asked.any():
            for k, baseline in enumerate(FORECASTS):
                figures[f"position_error_{name}{baseline}_{FAR}"] = float(error[asked, k].mean())
    return figures | {"events_10": float((there & eventful).sum())}


def _there(start: Slots, later: Slots) -> torch.Tensor:
    """Whether the objects of `start` are in a later state, `[K, N]`."""
    same = start.identity[:, :, None] == later.identity[:, None, :]
    return (same & (later.presence > 0)[:, None, :]).any(2)
