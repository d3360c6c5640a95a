"""Events in held-out play against the true boxes: identities at contacts, births, deaths, objects that stand still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sqair_wm.data.sequences import PicturedPlay
from sqair_wm.evaluation.games.held_out import HeldOut
from sqair_wm.evaluation.games.imagined_events import imagined_event_metrics
from sqair_wm.evaluation.games.objects import baseline_settings, detected, foreground, tracked_objects, whole_episodes
from sqair_wm.evaluation.games.true_events import TrueEvents, later, lives, true_events
from sqair_wm.evaluation.games.truth import GameTruth
from sqair_wm.evaluation.metrics.components import components
from sqair_wm.evaluation.metrics.detection import judge
from sqair_wm.evaluation.metrics.tracks import HIT, Tracks, centre_similarity
from sqair_wm.world.world_model import WorldModel

BEFORE, AFTER = 1, 4
"""Frames before and after two objects begin to touch, between which identities are compared."""

TOLERANCE = 2
"""Most frames between a true birth or death and the found one. As many at both ends of an episode are ignored."""

ENOUGH = 20
"""Frames in which a class of objects has to move to have a recall of its own."""


@dataclass(frozen=True)
class FoundObjects:
    """Found objects in each frame of a recording, in its order.

    Attributes:
        boxes: `[F, N, 4]` (top, left, height, width) in pixels.
        identity: `[F, N]`, -1 for none, unique within an episode.
        named: `[F, M]` the found identity of each true object, -1 where it is not found.
    """

    boxes: np.ndarray
    identity: np.ndarray
    named: np.ndarray


def event_metrics(model: WorldModel, sequences: PicturedPlay, truth: GameTruth) -> dict[str, float]:
    """How well a model tracks objects in the events that decide a game.

    Args:
        model: trained, in evaluation mode.
        sequences: a recording that was not trained on.
        truth: where its objects really are.

    Returns:
        See `found_event_metrics`, also for connected components of the foreground (`components_...`), and
        `imagined_event_metrics`.
    """
    events, play = true_events(truth, sequences), whole_episodes(sequences.episodes)
    kept, seen, _ = tracked_objects(model, sequences, play)
    figures = found_event_metrics(events, find(kept.only(seen), play, events), sequences.episodes)
    parts = find(components(foreground(sequences, play), baseline_settings(model)), play, events)
    beside = found_event_metrics(events, parts, sequences.episodes)
    compared = ("contact_identity", "birth_f1", "death_f1", "standing_seen", "recall_worst_class")
    figures |= {f"components_{name}": beside[name] for name in compared if name in beside}
    return figures | imagined_event_metrics(model, sequences, events)


def find(found: Tracks, play: HeldOut, events: TrueEvents) -> FoundObjects:
    """Which true objects the tracks of whole episodes are, by the rule of `judge`."""
    frames = play.index[play.real]
    order = np.argsort(frames)
    detections = detected(found, play.real)
    truth, sets = events.truth, events.sets
    match = judge(truth.boxes[frames], sets.relevant[frames], sets.other[frames], detections).match[order]
    identity = found.identity[play.real][order]
    named = np.full(truth.identity.shape, -1, np.int64)
    frame, n = np.nonzero(match >= 0)
    named[frame, match[frame, n]] = identity[frame, n]
    return FoundObjects(detections.boxes[order], identity, named)


def found_event_metrics(events: TrueEvents, found: FoundObjects, episodes: np.ndarray) -> dict[str, float]:
    """The figures of found objects.

    Args:
        events: of the true objects.
        found: the objects to judge.
        episodes: `[F]` number of the episode of each frame.

    Returns:
        `contact_identity`, of `contacts_seen` moving objects that begin to touch another one: the share that has the
        same found identity `AFTER` frames later as `BEFORE` it; `birth_f1` and `death_f1`, of `births_seen` and
        `deaths_seen`; `standing_seen`, of `standing_frames` in which an object that moved before stands still: the
        share in which it is found; `recall_of_CLASS` of the moving objects of each class with `ENOUGH` frames, and
        `recall_worst_class`. A figure without any such event is left out.
    """
    sets = events.sets
    asked = events.contacts & lives(events.truth.identity, -BEFORE, AFTER)
    before, after = later(found.named, -BEFORE), later(found.named, AFTER)
    figures = share("contact_identity", "contacts_seen", (before == after) & (before >= 0), asked)
    figures |= share("standing_seen", "standing_frames", found.named >= 0, events.standing)
    for name, at in (("birth", 0), ("death", 1)):
        figures |= change_metrics(name, at, events, found, episodes)
    recalls = {}
    for label, kind in enumerate(events.truth.classes):
        asked = sets.moving & (events.truth.labels == label)
        if asked.sum() >= ENOUGH:
            recalls[f"recall_of_{kind}"] = float((found.named >= 0)[asked].mean())
    return figures | recalls | ({"recall_worst_class": min(recalls.values())} if recalls else {})


def share(name: str, count: str, right: np.ndarray, asked: np.ndarray) -> dict[str, float]:
    """The share of `right` where `asked`, under `name`, and how many are asked, under `count`; nothing if none is."""
    return {name: float(right[asked].mean()), count: float(asked.sum())} if asked.any() else {}


def change_metrics(
    name: str, at: int, events: TrueEvents, found: FoundObjects, episodes: np.ndarray
) -> dict[str, float]:
    """`birth_f1` and `births_seen`, or `death_f1` and `deaths_seen`.

    Args:
        name: birth or death.
        at: 0 for the first frames of objects, 1 for the last.
        events: of the true objects.
        found: the objects to judge.
        episodes: `[F]` number of the episode of each frame.
    """
    number = np.where(events.sets.relevant, events.truth.identity, -1)
    true = spans(number, episodes, at)
    mine = spans(found.identity, episodes, at)
    if not len(true):
        return {}
    right = pairs(true, mine, events, found)
    return {f"{name}_f1": 2 * right / (len(true) + len(mine)), f"{name}s_seen": float(len(true))}


def spans(identity: np.ndarray, episodes: np.ndarray, at: int) -> np.ndarray:
    """(frame, column) where every object of `identity` `[F, N]` is first (`at` 0) or last (`at` 1), `[K, 2]`.

    Those in the first and last `TOLERANCE` frames of an episode are left out: there nothing appears or vanishes.
    """
    frame, column = np.nonzero(identity >= 0)
    keys = np.stack([episodes[frame], identity[frame, column]], 1)
    order = np.arange(len(keys)) if at == 0 else np.arange(len(keys))[::-1]
    _, first = np.unique(keys[order], axis=0, return_index=True)
    ends = np.stack([frame, column], 1)[order[first]]
    begin = np.searchsorted(episodes, episodes[ends[:, 0]])
    behind = np.searchsorted(episodes, episodes[ends[:, 0]], "right")
    inside = (ends[:, 0] > begin + TOLERANCE) & (ends[:, 0] < behind - 1 - TOLERANCE)
    return ends[inside]


def pairs(true: np.ndarray, mine: np.ndarray, events: TrueEvents, found: FoundObjects) -> int:
    """How many true changes `[K, 2]` match one of `mine` `[L, 2]`, near in time and by the centre rule; each once."""
    from scipy.optimize import linear_sum_assignment

    if not len(mine):
        return 0
    (frame, column), (when, which) = true.T, mine.T
    identity = events.truth.identity
    # The true box at the time of the found change, or where the object was last or first.
    there = identity[when[None], column[:, None]] == identity[frame, column][:, None]
    boxes = events.truth.boxes[np.where(there, when[None], frame[:, None]), column[:, None]]
    likeness = centre_similarity(boxes[..., None, :], found.boxes[when, which][None, :, None])[..., 0, 0]
    near = (np.abs(frame[:, None] - when[None]) <= TOLERANCE) & (likeness > HIT)
    return int(near[linear_sum_assignment(-near.astype(float))].sum())
