"""log p(x) of test sequences by the importance-weighted bound, with any number of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from sqair_wm.common.frame import Frame
from sqair_wm.common.tensors import TensorRecord, field_names
from sqair_wm.model.slots import StepTerms

SAMPLES, CHUNK, ROWS = 1000, 50, 1000
"""Samples of the paper's table; particles computed together; rows (sequences times particles) computed together."""


class Observer(Protocol):
    """The methods of a model that `estimate` calls; SQAIR, AIR and VRNN have them."""

    def initial(self, batch: int) -> Any:
        """The state before the first frame."""

    def observe(self, slots: Any, frame: Frame, action: Tensor | None = None) -> tuple[Any, StepTerms]:
        """One sampled step; neighbouring rows of the state share a frame, see `SQAIR.observe`."""


@dataclass(frozen=True)
class Likelihood(TensorRecord):
    """Estimates for each sequence, `[B]` float64, in nats, summed over its frames (as in the paper's Table 1).

    Attributes:
        log_px: the bound log(1/K sum_k w_k) on log p(x); it rises with K.
        reconstruction: log p(x | z), mean over the particles.
        kl: log q(z | x) - log p(z), mean over the particles.
        reconstruction_weighted: log p(x | z), mean under the normalised importance weights.
        kl_weighted: the same of log q(z | x) - log p(z).
    """

    log_px: Tensor
    reconstruction: Tensor
    kl: Tensor
    reconstruction_weighted: Tensor
    kl_weighted: Tensor

    def means(self) -> dict[str, float]:
        """Means over the sequences, and `log_px_error`, the standard error of the first (0 for one sequence)."""
        number = len(self.log_px)
        error = float(self.log_px.std() / math.sqrt(number)) if number > 1 else 0.0
        return {n: float(getattr(self, n).mean()) for n in field_names(Likelihood)} | {"log_px_error": error}

    def balanced(self, group: Tensor, groups: range) -> dict[str, float]:
        """The bound with every group weighted equally, however many sequences it happens to have.

        Args:
            group: `[B]`, the group of each sequence, such as its number of digits.
            groups: all groups.

        Returns:
            `log_px_balanced`, the mean of the groups' means, and `log_px_balanced_error`, its standard error; nothing
            if a group has fewer than two sequences.
        """
        parts = [self.log_px[group == g] for g in groups]
        if min(len(p) for p in parts) < 2:
            return {}
        error = math.sqrt(sum(float(p.var()) / len(p) for p in parts)) / len(parts)
        return {"log_px_balanced": float(sum(p.mean() for p in parts)) / len(parts), "log_px_balanced_error": error}


class Running:
    """Running sums over particles that are added in chunks; memory does not grow with their number."""

    def __init__(self) -> None:
        self.particles = 0
        self._plain: list[Tensor] = []
        self._weighted: list[Tensor] = []
        self._log_sum: Tensor | None = None

    def add(self, log_likelihood: Tensor, kl: Tensor) -> None:
        """Take in log p(x | z) and log q - log p of whole sequences, each `[B, k]`."""
        values = [log_likelihood.double(), kl.double()]
        log_weight = values[0] - values[1]
        chunk = torch.logsumexp(log_weight, 1)
        log_sum = chunk if self._log_sum is None else torch.logaddexp(self._log_sum, chunk)
        share = (log_weight - log_sum[:, None]).exp()
        plain, weighted = [v.sum(1) for v in values], [(share * v).sum(1) for v in values]
        if self._log_sum is not None:
            fade = (self._log_sum - log_sum).exp()
            plain = [a + b for a, b in zip(self._plain, plain, strict=True)]
            weighted = [fade * a + b for a, b in zip(self._weighted, weighted, strict=True)]
        self.particles += log_weight.shape[1]
        self._log_sum, self._plain, self._weighted = log_sum, plain, weighted

    def result(self) -> Likelihood:
        """The estimates from all particles so far.

        Raises:
            ValueError: if there were none.
        """
        if self._log_sum is None:
            raise ValueError("no particle yet: the likelihood needs at least one sample")
        k = self.particles
        return Likelihood(self._log_sum - math.log(k), *(v / k for v in self._plain), *self._weighted)


@torch.no_grad()
def estimate(
    model: Observer,
    frames: Frame,
    actions: Tensor | None = None,
    *,
    samples: int = SAMPLES,
    chunk: int = CHUNK,
    rows: int = ROWS,
) -> Likelihood:
    """The likelihood of sequences; particles are whole sequences of latents, without resampling (paper, section 4.1).

    A model whose `independent_frames` is true (AIR) has no dynamics: its bound is computed for every frame by itself
    and summed over the sequence.

    Args:
        model: trained, in evaluation mode.
        frames: `[T, B, ...]`.
        actions: `[T, B]` or None.
        samples: K.
        chunk: how many particles of a sequence are computed together.
        rows: how many particles of all sequences are computed together; more needs more memory.

    Raises:
        ValueError: if `samples`, `chunk` or `rows` is not positive, or a weight is not finite.
    """
    if min(samples, chunk, rows) < 1:
        raise ValueError(f"samples ({samples}), chunk ({chunk}) and rows ({rows}) must be at least 1")
    length, number = len(frames), frames.batch
    if getattr(model, "independent_frames", False) and length > 1:
        flat = frames.map(lambda x: x.flatten(0, 1)[None])
        single = estimate(model, flat, None, samples=samples, chunk=chunk, rows=rows)
        return single.map(lambda x: x.view(length, number).sum(0))
    together, parts = max(1, rows // min(chunk, samples)), []
    for part in torch.arange(number, device=frames.foreground.device).split(together):
        running = Running()
        while running.particles < samples:
            particles = min(chunk, samples - running.particles)
            running.add(*_particles(model, frames[:, part], None if actions is None else actions[:, part], particles))
        parts.append(running.result())
    found = Likelihood.cat(parts)
    if not found.log_px.isfinite().all():
        raise ValueError("an importance weight is not finite: the model diverged, or the frames are not in [0, 1]")
    return found


def _particles(model: Observer, frames: Frame, actions: Tensor | None, particles: int) -> tuple[Tensor, Tensor]:
    """log p(x | z) and log q - log p, `[B, particles]` each, of whole sequences."""
    slots, steps = model.initial(frames.batch * particles), []
    for t, frame in enumerate(frames):
        action = None if actions is None else actions[t].repeat_interleave(particles, 0)
        slots, terms = model.observe(slots, frame, action)
        steps.append(torch.stack([terms.log_likelihood, terms.log_q - terms.log_p]))
    log_likelihood, kl = torch.stack(steps).double().sum(0).view(2, -1, particles)
    return log_likelihood, kl
