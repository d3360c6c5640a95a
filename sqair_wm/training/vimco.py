"""The training bound: IWAE over particles, with VIMCO for the discrete latents (paper, section 3.3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def iwae(log_weight: Tensor) -> Tensor:
    """The importance-weighted bound log(1/K sum_k w_k) of each example: `[B, K]` to `[B]`."""
    return torch.logsumexp(log_weight, 1) - math.log(log_weight.shape[1])


def leave_one_out(log_weight: Tensor) -> Tensor:
    """VIMCO's baselines `[B, K]`: the bound with each log weight replaced by the mean of the others.

    Raises:
        ValueError: if there is only one particle.
    """
    k = log_weight.shape[1]
    if k < 2:
        raise ValueError("VIMCO compares particles: it needs at least two")
    mean_of_others = (log_weight.sum(1, keepdim=True) - log_weight) / (k - 1)
    own = torch.eye(k, dtype=torch.bool, device=log_weight.device)
    replaced = torch.where(own, mean_of_others[:, :, None], log_weight[:, None, :])
    return torch.logsumexp(replaced, 2) - math.log(k)


def vimco_objective(log_weight: Tensor, log_q_discrete: Tensor, estimator: str = "vimco") -> Tensor:
    """A quantity whose gradient estimates that of the bound, for each example.

    Args:
        log_weight: `[B, K]` log p(x, z) - log q(z | x).
        log_q_discrete: `[B, K]` log q of the discrete latents over the whole sequence.
        estimator: `vimco` (Mnih and Rezende 2016: sum over k of (bound - baseline_k) * log q_k) or `released` (as in
            the original code: mean over k of (log w_k - baseline_k) * log q_k).

    Returns:
        `[B]`; its value is not that of the bound.

    Raises:
        ValueError: if there is only one particle or no such estimator.
    """
    bound, detached = iwae(log_weight), log_weight.detach()
    baseline = leave_one_out(detached)
    if estimator == "vimco":
        return bound + ((iwae(detached)[:, None] - baseline) * log_q_discrete).sum(1)
    if estimator == "released":
        return bound + ((detached - baseline) * log_q_discrete).mean(1)
    raise ValueError(f"training.estimator is {estimator!r}; choose vimco or released")
