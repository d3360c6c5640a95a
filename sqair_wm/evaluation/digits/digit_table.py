"""Every column of the paper's Table 1 for a model of moving digits, and how well it tracks them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from sqair_wm.data.moving_mnist import CHUNK, MovingMNIST
from sqair_wm.data.sequences import Truth
from sqair_wm.evaluation.digits.addition import ProbeConfig, addition_metrics, train_probe
from sqair_wm.evaluation.digits.digit_scenes import TOGETHER, Seen, watch_digits
from sqair_wm.evaluation.digits.digit_tracks import component_tracks, judged, true_tracks
from sqair_wm.evaluation.digits.digits import LENGTH, counting, weighted_counting
from sqair_wm.evaluation.metrics.likelihood import SAMPLES, Likelihood, estimate
from sqair_wm.evaluation.metrics.tracks import Tracks, tracking_metrics, tracking_possible
from sqair_wm.world.world_model import WorldModel

MANY = 50
"""Particles of a second figure of counting: it shows what more sampled explanations are worth."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the defaults take about ten minutes on one core.

    Attributes:
        sequences: number of sequences of test digits for counting, tracking and the addition task.
        likelihood: how many of them have their likelihood estimated.
        samples: K of that estimate.
        probe: sequences of training digits from which the classifier of the addition task learns.
        length: frames of a sequence.
        steps: of the training of that classifier.
    """

    sequences: int = 1000
    likelihood: int = 50
    samples: int = SAMPLES
    probe: int = 60_000
    length: int = LENGTH
    steps: int = 20_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"the evaluation needs at least one of {name}, got {value}")


PAPER = Sizes(sequences=10_000, likelihood=10_000, probe=60_000, steps=50_000)
"""What Table 1 was measured on."""


def table_metrics(
    model: WorldModel,
    sequences: MovingMNIST,
    training: MovingMNIST,
    sizes: Sizes | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, float]:
    """All figures of a model of moving digits.

    Args:
        model: trained, in evaluation mode.
        sequences: of test digits.
        training: of training digits, for the classifier of the addition task.
        sizes: how much is measured.
        say: called with a line of text after each part, with its computing time.

    Returns:
        `log_px`, `reconstruction`, `kl`, `reconstruction_weighted`, `kl_weighted` (nats a sequence, see `Likelihood`)
        and `log_px_error`, the standard error of the first; `log_px_balanced`, see `likelihood_figures`;
        `addition_accuracy`, ..., see `addition_figures`; `milliseconds_per_frame`; of models with objects
        `counting_accuracy`, ..., see `counting`, and `mota`, `idf1`, `hota`, `switches_per_100`, see
        `tracking_figures`; `components_...`: the last two for connected components.
    """
    sizes, objects, clock = sizes or Sizes(), model.config.architecture != "vrnn", _Clock(say)
    torch.manual_seed(0)
    seen = watch_digits(model, sequences, sizes.sequences, sizes.length, boxes=objects)
    metrics = {"milliseconds_per_frame": seen.milliseconds}
    if objects:
        metrics |= tracking_figures(seen.tracks, seen.truth, sequences.frame_size)
    clock.lap(f"tracking, {sizes.sequences} sequences")
    if objects:
        metrics |= counting(model, sequences, sizes.sequences, sizes.length)
        metrics[f"counting_accuracy_{MANY}"] = weighted_counting(model, sequences, sizes.sequences, sizes.length, MANY)
        clock.lap(f"counting, {sizes.sequences} sequences")
    metrics |= component_figures(sequences, sizes)
    clock.lap("the same by connected components")
    if not sequences.lively:
        metrics |= addition_figures(model, seen, training, sizes)
        clock.lap(f"addition, {sizes.probe} sequences to learn from")
    metrics |= likelihood_figures(model, sequences, sizes)
    clock.lap(f"likelihood, {sizes.likelihood} sequences, {sizes.samples} samples")
    return metrics


def tracking_figures(tracks: Tracks, truth: Truth, size: tuple[int, int]) -> dict[str, float]:
    """MOTA, IDF1, HOTA and identity switches per 100 digits in frames; see `digit_tracks` for what is judged."""
    if not tracking_possible():
        return {}
    return tracking_metrics(true_tracks(truth, size), judged(tracks, truth, size))


def likelihood_figures(model: WorldModel, sequences: MovingMNIST, sizes: Sizes) -> dict[str, float]:
    """`log_px`, `reconstruction` and `kl` in both forms, in nats a sequence, see `Likelihood`; `log_px_balanced`, in
    which every number of digits counts equally, as it does in the data on average.
    """
    parts, digits = [], []
    for start in range(0, sizes.likelihood, CHUNK):
        number = min(CHUNK, sizes.likelihood - start)
        batch = sequences.first(number, sizes.length, model.background.device, start)
        assert batch.truth is not None
        parts.append(estimate(model.sqair, batch.frames, samples=sizes.samples))
        digits.append(batch.truth.presence.any(0).sum(1))
    found, numbers = Likelihood.cat(parts), range(sequences.least, sequences.most + 1)
    return found.means() | found.balanced(torch.cat(digits), numbers)


def addition_figures(model: WorldModel, seen: Seen, training: MovingMNIST, sizes: Sizes) -> dict[str, float]:
    """Accuracy of classifiers of the sum of a sequence's digits, trained on the model's codes of training digits.

    Returns:
        See `addition_metrics`; `addition_accuracy_learned`: the accuracy on the first of the training sequences, as
        many as there are test sequences; of models with objects `addition_accuracy_objects`: of an `ObjectProbe`
        trained for a quarter of the steps.
    """
    lesson = watch_digits(model, training, sizes.probe, sizes.length, boxes=False)
    sums, true_sums = lesson.truth.labels.sum(1), seen.truth.labels.sum(1)
    classes, known = 9 * training.most + 1, slice(len(true_sums))
    probe = train_probe(lesson.codes, sums, classes, ProbeConfig(sizes.steps))
    figures = addition_metrics(probe, seen.codes, true_sums)
    learned = addition_metrics(probe, lesson.codes[:, known], sums[known])
    figures["addition_accuracy_learned"] = learned["addition_accuracy"]
    if model.config.architecture != "vrnn" and lesson.codes.any():
        slots = lesson.codes.shape[2] // model.config.what
        probe = train_probe(lesson.codes, sums, classes, ProbeConfig(max(sizes.steps // 4, 1)), slots)
        figures["addition_accuracy_objects"] = addition_metrics(probe, seen.codes, true_sums)["addition_accuracy"]
    return figures


def component_figures(sequences: MovingMNIST, sizes: Sizes) -> dict[str, float]:
    """Counting and tracking by linked connected components, the baseline without a model; `components_...`."""
    parts, truths = [], []
    for batch in sequences.parts(sizes.sequences, sizes.length, torch.device("cpu"), TOGETHER):
        assert batch.truth is not None
        parts.append(component_tracks(batch.frames.foreground))
        truths.append(batch.truth)
    tracks, truth = _join_tracks(parts), Truth.join(truths)
    error = np.abs(tracks.there.sum(2) - truth.presence.sum(2).numpy())
    figures = {"counting_accuracy": float((error == 0).mean()), "counting_error": float(error.mean())}
    figures |= tracking_figures(tracks, truth, sequences.frame_size)
    return {f"components_{name}": value for name, value in figures.items()}


def _join_tracks(parts: list[Tracks]) -> Tracks:
    """Sequences of equal length side by side."""
    most = max(p.identity.shape[2] for p in parts)
    spare = [(0, most - p.identity.shape[2]) for p in parts]
    boxes = [np.pad(p.boxes, ((0, 0), (0, 0), s, (0, 0))) for p, s in zip(parts, spare, strict=True)]
    identity = [np.pad(p.identity, ((0, 0), (0, 0), s), constant_values=-1) for p, s in zip(parts, spare, strict=True)]
    return Tracks(np.concatenate(boxes, 1), np.concatenate(identity, 1))


class _Clock:
    """Reports the computing time of each part of an evaluation."""

    def __init__(self, say: Callable[[str], None]):
        self._say, self._last = say, time.process_time()

    def lap(self, what: str) -> None:
        """The end of a part."""
        now = time.process_time()
        self._say(f"{what}: {now - self._last:.1f} s of computing")
        self._last = now
