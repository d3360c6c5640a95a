"""Log densities without checks of arguments: torch.distributions would wait for the device in every call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_STD = 0.5
"""Bound of the standard deviation of q of positions and sizes. Without this bound, the uncertainty of unseen objects
grows without limit: networks that are shown uncertain positions predict the next one to be even more uncertain."""


class Normal(NamedTuple):
    """Independent Gaussians over the last axis; `mean` and `std` are `[..., D]`."""

    mean: Tensor
    std: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """The reparametrised sample for standard normal `noise` `[..., D]`."""
        return torch.addcmul(self.mean, self.std, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of `value` `[..., D]`, summed over the last axis: `[...]`."""
        z = (value - self.mean) / self.std
        return -(0.5 * z * z + self.std.log()).sum(-1) - 0.5 * value.shape[-1] * math.log(2 * math.pi)


def sample_log_prob(gaussians: Sequence[Normal], noise: Sequence[Tensor]) -> Tensor:
    """Joint log density `[...]` of the samples that independent Gaussians give for their `noise`."""
    constant = math.log(2 * math.pi) * sum(n.shape[-1] for n in noise)
    squares = torch.stack([torch.linalg.vecdot(n, n) for n in noise]).sum(0)
    return -0.5 * (squares + constant) - torch.cat([g.std for g in gaussians], -1).log().sum(-1)


def positive(raw: Tensor, least: float | Tensor = 0.01) -> Tensor:
    """A standard deviation from an unconstrained number: softplus plus a floor."""
    return F.softplus(raw) + least


def bounded(std: Tensor) -> Tensor:
    """A standard deviation bent so that it stays below `MOST_STD`; one that is much smaller hardly changes."""
    return MOST_STD * torch.tanh(std / MOST_STD)


def bernoulli_log_prob(value: Tensor, logit: Tensor) -> Tensor:
    """Log probability of `value` (0 or 1) under a Bernoulli with that logit, elementwise."""
    return F.logsigmoid(torch.where(value > 0, logit, -logit))


def clamp_probability(logit: Tensor, margin: float) -> Tensor:
    """Keep sigmoid(logit) in [margin, 1 - margin] with a straight-through gradient."""
    if margin <= 0:
        return logit
    limit = math.log((1 - margin) / margin)
    return logit + (logit.clamp(-limit, limit) - logit).detach()
