"""Found objects against the true ones on held-out play: detection, tracking and classes, beside two cheap baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sqair_wm.data.objects import OBJECT_ENERGY
from sqair_wm.data.sequences import PicturedPlay, PlaySequences
from sqair_wm.evaluation.games.held_out import HeldOut, filter_play, whole_episodes
from sqair_wm.evaluation.games.object_sets import object_sets
from sqair_wm.evaluation.games.truth import JUMP, GameTruth
from sqair_wm.evaluation.metrics.codes import code_metrics
from sqair_wm.evaluation.metrics.components import Settings, components
from sqair_wm.evaluation.metrics.detection import Detections, Judged, detection_metrics, judge
from sqair_wm.evaluation.metrics.tracks import Tracks, tracking_metrics, tracking_possible
from sqair_wm.games.background import separate
from sqair_wm.model.outlines import outlines
from sqair_wm.world.world_model import WorldModel

BASELINE_FIGURES = ("f_moving", "f_relevant", "ap_moving", "exact_count", "mota", "idf1", "hota", "switches_per_100")


@dataclass(frozen=True)
class Targets:
    """The true objects of rows of play, without scenery, in `T` frames of `B` rows.

    Attributes:
        play: the rows.
        boxes: `[T, B, M, 4]`, see `GameTruth`.
        identity: `[T, B, M]`.
        labels: `[M]`.
        moving, relevant, other: `[T, B, M]` bool, see `ObjectSets`; false where the episode is over.
    """

    play: HeldOut
    boxes: np.ndarray
    identity: np.ndarray
    labels: np.ndarray
    moving: np.ndarray
    relevant: np.ndarray
    other: np.ndarray


def object_metrics(model: WorldModel, sequences: PicturedPlay, truth: GameTruth) -> dict[str, float]:
    """How well a model finds, follows and tells apart the objects of held-out play; whole episodes are followed.

    Args:
        model: trained, in evaluation mode.
        sequences: a recording that was not trained on.
        truth: where its objects really are.

    Returns:
        `precision_SET`, `recall_SET`, `f_SET`, `ap_SET` of the sets `moving` and `relevant`, and `exact_count` of
        moving objects (`exact_count_relevant` of the others), see `detection_metrics`; `mota`, `idf1`, `hota` and
        `switches_per_100` of moving objects by the centre rule, and by overlap with `_iou`, see `tracking_metrics`;
        `fewshot_N` and `ami` of the relevant objects that were found, see `code_metrics`. The model keeps objects that
        are hidden for a while; an object that it does not see in a frame is not a detection there (`f_moving_kept` is
        F if it were). `BASELINE_FIGURES` also of connected components of the foreground, `components_...`, and of the
        difference of two frames, `difference_...`. A figure without any objects or classes is left out,
        and so are those of tracking if TrackEval is not installed, see `tracking_possible`.
    """
    targets = targets_of(sequences, truth)
    kept, seen, codes = tracked_objects(model, sequences, targets.play)
    found, tracking = kept.only(seen), tracking_possible()
    metrics = found_metrics(targets, found, tracking) | class_metrics(targets, found, codes)
    if "f_moving" in metrics:
        metrics["f_moving_kept"] = detection_figures(targets, kept, "moving")[0]["f"]
    settings = baseline_settings(model)
    for name, mask in (("components", foreground), ("difference", change)):
        figures = found_metrics(targets, components(mask(sequences, targets.play), settings), tracking)
        metrics |= {f"{name}_{k}": figures[k] for k in BASELINE_FIGURES if k in figures}
    return metrics


def targets_of(sequences: PicturedPlay, truth: GameTruth) -> Targets:
    """Whole episodes of a recording and their true objects."""
    play, sets = whole_episodes(sequences.episodes), object_sets(truth, sequences)
    columns = np.flatnonzero((sets.relevant | sets.other).any(0))
    moving, relevant, other = (
        x[:, columns][play.index] & play.real[..., None] for x in (sets.moving, sets.relevant, sets.other)
    )
    placed, identity = truth.boxes[:, columns][play.index], truth.identity[:, columns][play.index]
    return Targets(play, placed, identity, truth.labels[columns], moving, relevant, other)


@torch.no_grad()
def tracked_objects(
    model: WorldModel, sequences: PlaySequences, play: HeldOut
) -> tuple[Tracks, np.ndarray, np.ndarray]:
    """The model's objects after each frame of some rows, filtered deterministically; boxes are those of what it paints.

    Returns:
        All objects; which of them it sees in the frame itself, `[T, B, N]` bool; their appearance codes,
        `[T, B, N, W]`.
    """
    placed, names, seen, codes = [], [], [], []
    for state, real in zip(filter_play(model, sequences, play), play.real, strict=True):
        placed.append(outlines(model.render(state).glimpses, state.where, model.config).cpu().numpy())
        seen.append(state.unseen.cpu().numpy() == 0)
        names.append(np.where(real[:, None] & (placed[-1][..., 2:] > 0).all(2), state.identity.cpu().numpy(), -1))
        codes.append(state.what.cpu().numpy())
    return Tracks(np.stack(placed), np.stack(names)), np.stack(seen), np.stack(codes)


def found_metrics(targets: Targets, found: Tracks, tracking: bool) -> dict[str, float]:
    """The figures of detection and, if wanted, of `tracking`, see `object_metrics`."""
    metrics: dict[str, float] = {}
    if targets.moving.any():
        figures, judged = detection_figures(targets, found, "moving")
        metrics = {"exact_count": figures.pop("exact_count")}
        metrics |= _tracking(targets, found, judged) if tracking else {}
        metrics |= {f"{figure}_moving": value for figure, value in figures.items()}
    if targets.relevant.any():
        figures, _ = detection_figures(targets, found, "relevant")
        metrics |= {f"{figure}_relevant": value for figure, value in figures.items()}
    return metrics


def detection_figures(targets: Targets, found: Tracks, name: str) -> tuple[dict[str, float], Judged]:
    """`detection_metrics` of the set called `name`, and how each detection of a real frame was judged."""
    real, counted = targets.play.real, getattr(targets, name)
    others = (targets.relevant | targets.other) & ~counted
    detections, boxes = detected(found, real), targets.boxes[real]
    judged = judge(boxes, counted[real], others[real], detections)
    return detection_metrics(boxes, counted[real], detections, judged), judged


def _tracking(targets: Targets, found: Tracks, judged: Judged) -> dict[str, float]:
    """Figures of tracking moving objects; what is ignored in detection is ignored here too."""
    asked = np.zeros(found.identity.shape, bool)
    asked[targets.play.real] = ~judged.ignored
    truth, judged_tracks = Tracks(targets.boxes, targets.identity).only(targets.moving), found.only(asked)
    metrics = tracking_metrics(truth, judged_tracks, "centre")
    by_overlap = tracking_metrics(truth, judged_tracks, "iou")
    return metrics | {f"{figure}_iou": value for figure, value in by_overlap.items()}


def class_metrics(targets: Targets, found: Tracks, codes: np.ndarray) -> dict[str, float]:
    """The figures of the codes `[T, B, N, W]` of relevant objects that were found, see `code_metrics`."""
    real, detections = targets.play.real, detected(found, targets.play.real)
    match = judge(targets.boxes[real], targets.relevant[real], targets.other[real], detections).match
    hit, frame = match >= 0, targets.play.index[real]
    early = np.broadcast_to((frame < (frame.max() + 1) / 2)[:, None], hit.shape)
    order = np.argsort(frame, kind="stable")
    codes, match, early, hit = codes[real][order], match[order], early[order], hit[order]
    return code_metrics(codes[hit], targets.labels[match[hit]], early[hit])


def detected(found: Tracks, real: np.ndarray) -> Detections:
    """The objects of the frames `real` `[T, B]` as detections; their confidence is the age of their identity.

    Presence is 0 or 1 and cannot rank them.
    """
    return Detections(found.boxes[real], found.there[real], _ages(found.identity)[real])


def _ages(identity: np.ndarray) -> np.ndarray:
    """In how many frames so far an object was there, `[T, B, N]`; 0 where there is none."""
    ages = np.zeros(identity.shape)
    for b in range(identity.shape[1]):
        count: dict[int, int] = {}
        for t, row in enumerate(identity[:, b]):
            for n in np.flatnonzero(row >= 0):
                count[row[n]] = ages[t, b, n] = count.get(row[n], 0) + 1
    return ages


def baseline_settings(model: WorldModel) -> Settings:
    """Settings of the baselines, from the object size that was measured for the model on its training frames.

    The gap over which parts are joined and the gate of linking were chosen on 1,200 training frames of Pong,
    MsPacman and Freeway.
    """
    height, width = model.config.object_size
    return Settings(least_area=model.config.speck * height * width, gate=JUMP * max(model.config.frame_size))


def foreground(sequences: PicturedPlay, play: HeldOut) -> np.ndarray:
    """Where frames differ from the recorded background, `[T, B, 1, H, W]` bool: what the model sees, without colour."""
    return _masks(sequences, play, sequences.backgrounds, play.index)


def change(sequences: PicturedPlay, play: HeldOut) -> np.ndarray:
    """Where frames differ from those before them, `[T, B, 1, H, W]` bool; nowhere in the first of an episode."""
    return _masks(sequences, play, sequences.pictures, np.concatenate([play.index[:1], play.index[:-1]]))


def _masks(sequences: PicturedPlay, play: HeldOut, others: np.ndarray, index: np.ndarray) -> np.ndarray:
    masks = []
    for numbers, beside, real in zip(play.index, index, play.real, strict=True):
        both = (torch.from_numpy(x) for x in (sequences.pictures[numbers], others[beside]))
        differs = separate(*both).foreground.square().sum(1) > OBJECT_ENERGY
        masks.append((differs.numpy() & real[:, None, None])[:, None])
    return np.stack(masks)
