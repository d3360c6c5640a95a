"""The addition task: can the sum of a sequence's digits be told from a model's codes? (paper, section 4.1)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.common.frame import Frame
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.networks import mlp
from sqair_wm.world.world_model import WorldModel

HIDDEN = 256
"""Units of each of the classifier's two hidden layers, as published."""
DIGITS = 10


@dataclass(frozen=True)
class ProbeConfig:
    """How the classifier is trained.

    Attributes:
        iterations: training steps; the learning rate falls from `learning_rate` to 0 on a cosine.
        batch: frames a step.
        seed: of its weights and of the order of the frames.
    """

    iterations: int = 4000
    batch: int = 250
    learning_rate: float = 1e-3
    seed: int = 0


def code(model: WorldModel | SQAIR, slots: Any) -> Tensor:
    """The input of a classifier for each scene, `[B, F]`: as published, the concatenated appearance codes of all slots,
    zero where empty; for a VRNN its whole code.
    """
    if model.config.architecture == "vrnn":
        return slots.what.flatten(1)
    return (slots.what * slots.presence[..., None]).flatten(1)


@torch.no_grad()
def features(model: WorldModel, frames: Frame) -> Tensor:
    """`code` after each frame of sequences `[T, B, ...]`, inferred deterministically: `[T, B, F]`."""
    none = [None] * len(frames)
    return torch.stack([code(model, slots) for slots in model.filtered(frames, none, frames.batch)])


class Probe(nn.Module):
    """A classifier of sums: two hidden ELU layers on standardised features.

    Args:
        features: `[M, F]` training features, which give mean and scale.
        classes: number of sums; 19 for two digits.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: Tensor, classes: int):
        super().__init__()
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("scale", 1 / features.std(0).clamp(min=1e-3))
        self.net = mlp(features.shape[1], HIDDEN, HIDDEN, classes)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., F]` to logits `[..., classes]`."""
        return self.net((x - self.mean) * self.scale)


class ObjectProbe(Probe):
    """A classifier of single objects, learned from the sum alone: it predicts the probability of each digit, from which
    those of the sums follow if digits are independent. Unlike `Probe`, it can add pairs of digits it has never seen.

    Args:
        features: `[M, N * F]` training features of N slots, zero where empty.
        classes: number of sums.
        slots: N.
    """

    def __init__(self, features: Tensor, classes: int, slots: int):
        objects = features.unflatten(-1, (slots, -1)).flatten(0, 1)
        objects = objects[objects.any(-1)]
        if len(objects) < 2:
            raise ValueError("no objects to learn from: every slot of every frame is empty")
        super().__init__(objects, DIGITS)
        self.classes, self.slots = classes, slots

    def forward(self, x: Tensor) -> Tensor:
        """`[..., N * F]` to log probabilities `[..., classes]`."""
        objects = x.unflatten(-1, (self.slots, -1))
        nothing = F.one_hot(torch.zeros(objects.shape[:-1], dtype=torch.int64, device=x.device), DIGITS).float()
        digits = torch.where(objects.any(-1, keepdim=True), super().forward(objects).softmax(-1), nothing)
        sums = digits[..., 0, :]
        for slot in range(1, self.slots):
            sums = _sum_of(sums, digits[..., slot, :])
        width = max(self.classes - sums.shape[-1], 0)
        return F.pad(sums, (0, width))[..., : self.classes].clamp(min=1e-9).log()


def _sum_of(a: Tensor, b: Tensor) -> Tensor:
    """The distribution `[..., n + m - 1]` of the sum of two independent numbers, `[..., n]` and `[..., m]`."""
    size = b.shape[-1]
    return sum(F.pad(a * b[..., k, None], (k, size - 1 - k)) for k in range(size))  # type: ignore[return-value]


def train_probe(
    codes: Tensor, sums: Tensor, classes: int, config: ProbeConfig | None = None, slots: int | None = None
) -> Probe:
    """Fit a classifier to every frame of sequences; leaves the global random state alone.

    Args:
        codes: `[T, B, F]`, see `features`.
        sums: `[B]` int64, the sum of the digits of each sequence.
        classes: largest possible sum plus one.
        config: the schedule.
        slots: number of slots in the codes, for an `ObjectProbe`; None for a `Probe`.

    Raises:
        ValueError: if codes and sums do not belong together, a sum is out of range, or an `ObjectProbe` has no objects.
    """
    config = config or ProbeConfig()
    if codes.shape[1] != len(sums):
        raise ValueError(f"codes of {codes.shape[1]} sequences, but sums of {len(sums)}")
    if int(sums.min()) < 0 or int(sums.max()) >= classes:
        raise ValueError(f"sums must lie in 0..{classes - 1}, found {int(sums.min())} to {int(sums.max())}")
    x, y = codes.flatten(0, 1), sums.repeat(len(codes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        probe = Probe(x, classes) if slots is None else ObjectProbe(x, classes, slots)
    probe.to(x.device)
    order = torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.Adam(probe.parameters(), config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.iterations)
    with torch.enable_grad():
        for _ in range(config.iterations):
            rows = torch.randint(len(x), (config.batch,), generator=order).to(x.device)
            optimizer.zero_grad()
            F.cross_entropy(probe(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return probe.eval().requires_grad_(False)


def addition_metrics(probe: nn.Module, codes: Tensor, sums: Tensor) -> dict[str, float]:
    """How often the sum is right.

    Args:
        probe: trained on other sequences.
        codes: `[T, B, F]`.
        sums: `[B]`.

    Returns:
        `addition_accuracy`: share of frames, as published; `addition_accuracy_sequence`: share of sequences, when the
        log probabilities of their frames are added up.
    """
    log_probability = F.log_softmax(probe(codes), -1)
    return {
        "addition_accuracy": float((log_probability.argmax(-1) == sums).float().mean()),
        "addition_accuracy_sequence": float((log_probability.sum(0).argmax(-1) == sums).float().mean()),
    }
