"""Counting and tracking of people in front of a static camera, on the part of the video not used for training.

A person is in a crop if at least half of the true box lies in it (`sqair_wm.data.video.SHARE_IN_CROP`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sqair_wm.data.crops import Crops
from sqair_wm.data.sequences import Batch
from sqair_wm.data.video import SHARE_IN_CROP, VideoSequences
from sqair_wm.evaluation.digits.digits import PARTICLES, count_weighted
from sqair_wm.evaluation.metrics.components import Settings, components
from sqair_wm.evaluation.metrics.summary import Watched, watch
from sqair_wm.evaluation.metrics.tracks import HIT, Tracks, iou, tracking_metrics, tracking_possible
from sqair_wm.model.config import SPECK
from sqair_wm.world.world_model import WorldModel

SEQUENCES, LONG, LONG_SEQUENCES = 500, 20, 60
"""Sequences of `data.length` frames (the paper: 350), frames of longer ones, and how many of these."""

QUARTER = 0.25
"""The share of a box that has to lie in the crop by the wider rule."""

LITTLE, NEARLY_ALL = 0.1, 0.9
"""A person of whom a share between these lies in the crop is cut off."""

BLACK, REACH = 0.02, 0.5
"""Settings of the baseline: the least squared intensity of foreground, and the furthest that an object moves in a frame
as a share of its height."""


@dataclass(frozen=True)
class Crowd:
    """Everybody in `T` frames of `B` crops; see `VideoSequences.people`."""

    boxes: np.ndarray
    identity: np.ndarray
    share: np.ndarray

    def present(self, least: float = SHARE_IN_CROP) -> np.ndarray:
        """`[T, B, M]` bool, of whom at least this share lies in the crop."""
        return (self.identity >= 0) & (self.share >= least)

    def tracks(self) -> Tracks:
        """Those that are present."""
        return Tracks(self.boxes, np.where(self.present(), self.identity, -1))

    def uncut(self) -> np.ndarray:
        """`[T, B]` bool, where nobody is cut off by the edge of the crop."""
        cut = (self.identity >= 0) & (self.share > LITTLE) & (self.share < NEARLY_ALL)
        return ~np.any(cut, axis=2)


@torch.no_grad()
def pedestrian_metrics(
    model: WorldModel, sequences: VideoSequences, number: int = SEQUENCES, long_number: int = LONG_SEQUENCES
) -> dict[str, float]:
    """Figures of a model of people, and those of connected components for comparison.

    Args:
        model: in evaluation mode.
        sequences: of the test part.
        number: sequences of `data.length` frames.
        long_number: sequences of `LONG` frames, if the test part has so many frames.

    Returns:
        `unexplained_energy`, and `camera_shift` in pixels of the video. With true boxes also the figures of
        `counting_weighted`, `counting` and `following`, the last once more with `_long` on the longer sequences;
        `counting_half_once`, the accuracy if found objects count as `half_there` says; `components_...`, the figures of
        the baseline; `counting_constant`, the accuracy of always saying the most frequent number; `uncut_frames`, the
        share of frames in which nobody is cut off.
    """
    length = sequences.settings.length
    crops = sequences.places(number, length)
    watched = see(model, sequences, crops, length)
    error = (watched.reconstructions - watched.frames).square().sum() / watched.frames.square().sum()
    shift = max(clip.camera_shift for clip in sequences.clips)
    metrics = {"unexplained_energy": float(error), "camera_shift": shift}
    if not sequences.has_people or model.config.architecture == "vrnn":
        return metrics
    crowd = Crowd(*sequences.people(crops, length))
    metrics |= counting_weighted(model, sequences.cut(crops, length, model.background.device), crowd)
    found = {"": tracks(watched), "components_": cut_out(model, watched)}
    for prefix, those in found.items():
        figures = counting(crowd, those) | following(crowd, those)
        half = half_there(model, those).sum(2) == crowd.present().sum(2)
        figures["counting_half_once"] = float(half.mean())
        metrics |= {prefix + name: value for name, value in figures.items()}
    metrics["counting_constant"] = float(np.bincount(crowd.present().sum(2).ravel()).max() / crowd.share[..., 0].size)
    metrics["uncut_frames"] = float(crowd.uncut().mean())
    return metrics | long_tracks(model, sequences, long_number)


def long_tracks(model: WorldModel, sequences: VideoSequences, number: int) -> dict[str, float]:
    """`following` of the model and the baseline on `number` sequences of `LONG` frames; nothing if there is none."""
    try:
        crops = sequences.places(number, LONG)
    except ValueError:
        return {}
    watched, crowd = see(model, sequences, crops, LONG), Crowd(*sequences.people(crops, LONG))
    found = {"": tracks(watched), "components_": cut_out(model, watched)}
    return {f"{p}{k}_long": v for p, those in found.items() for k, v in following(crowd, those).items()}


def see(model: WorldModel, sequences: VideoSequences, crops: Crops, length: int) -> Watched:
    """The crops seen through the model; see `watch`."""
    return watch(model, sequences.cut(crops, length, model.background.device))


def tracks(watched: Watched) -> Tracks:
    """The model's objects, their boxes cut off at the edges of the crop."""
    return Tracks(watched.boxes.cpu().numpy(), watched.identities().cpu().numpy())


def cut_out(model: WorldModel, watched: Watched) -> Tracks:
    """The baseline: connected components of the same foreground, given the model's typical size of objects."""
    height, width = model.config.object_size
    settings = Settings(BLACK, least_area=SPECK * height * width, gate=REACH * height)
    return components(watched.frames, settings)


def counting_weighted(model: WorldModel, batch: Batch, crowd: Crowd, particles: int = PARTICLES) -> dict[str, float]:
    """Counting by sampled explanations and their importance weights, as the paper does.

    Returns:
        `counting_accuracy`, the share of frames with the true number of people; `counting_quarter`, the same if a
        quarter of a box in the crop is enough.
    """
    torch.manual_seed(0)
    counts, weights = count_weighted(model, batch, particles)

    def accuracy(least: float) -> float:
        true = torch.from_numpy(crowd.present(least).sum(2)).to(counts.device)
        return float(((counts == true[..., None]) * weights).sum(2).mean())

    return {"counting_accuracy": accuracy(SHARE_IN_CROP), "counting_quarter": accuracy(QUARTER)}


def half_there(model: WorldModel, found: Tracks) -> np.ndarray:
    """Which found objects count if they, too, have to lie in the crop by half, `[T, B, N]` bool: all but those that
    touch its edge and cover less than half of a typical object."""
    (height, width), size = model.config.object_size, np.array(model.config.frame_size)
    low, high = found.boxes[..., :2], found.boxes[..., :2] + found.boxes[..., 2:]
    touches = ((low < 1) | (high > size - 1)).any(-1)
    return found.there & (~touches | (found.boxes[..., 2:].prod(-1) >= SHARE_IN_CROP * height * width))


def counting(crowd: Crowd, found: Tracks) -> dict[str, float]:
    """How well the people in each crop are counted in a single deterministic pass, which knows no later frames.

    Returns:
        `counting_accuracy_once` and `counting_quarter_once`, as in `counting_weighted`; `counting_uncut`, of the frames
        that cut nobody off; `counting_error`, the mean absolute error; `counting_bias`, the mean of found less true.
    """
    number = found.there.sum(2)
    error = number - crowd.present().sum(2)
    uncut = (error == 0)[crowd.uncut()]
    return {
        "counting_accuracy_once": float((error == 0).mean()),
        "counting_quarter_once": float((number == crowd.present(QUARTER).sum(2)).mean()),
        **({"counting_uncut": float(uncut.mean())} if len(uncut) else {}),
        "counting_error": float(np.abs(error).mean()),
        "counting_bias": float(error.mean()),
    }


def following(crowd: Crowd, found: Tracks) -> dict[str, float]:
    """Figures of tracking, see `tracking_metrics`; empty if there are no people, or TrackEval is not installed.

    An object found on a person of whom less than half is in the crop is neither right nor wrong.
    """
    if not (crowd.present().any() and tracking_possible()):
        return {}
    return tracking_metrics(crowd.tracks(), found.only(~on_bystanders(crowd, found)))


def on_bystanders(crowd: Crowd, found: Tracks) -> np.ndarray:
    """Which found objects overlap a person who does not count more than any who does, `[T, B, N]` bool."""
    likeness = iou(crowd.boxes, found.boxes)
    counts = crowd.present()[..., None]
    others = (crowd.identity >= 0)[..., None] & ~counts
    best = np.where(counts, likeness, 0).max(2)
    other = np.where(others, likeness, 0).max(2)
    return (other >= HIT) & (other > best)
