"""Estimates of log p(x), compared with the exact value for a linear-Gaussian random walk."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from sqair_wm.common.frame import Frame
from sqair_wm.evaluation.metrics.likelihood import Likelihood, estimate
from sqair_wm.model.slots import StepTerms

T, B, DRIFT, NOISE = 4, 6, 0.7, 0.5


def log_normal(x, mean, std):
    return -0.5 * ((x - mean) / std) ** 2 - math.log(std) - 0.5 * math.log(2 * math.pi)


@dataclass
class State:
    z: torch.Tensor
    step: int
    noise: torch.Tensor


class RandomWalk:
    """z_t = z_{t-1} + N(0, DRIFT^2), x_t = z_t + N(0, NOISE^2); q pulls half way to the frame. Noise from a table."""

    def __init__(self, noise):
        self.noise, self.used = noise, 0

    def initial(self, rows):
        k = rows // B
        noise = self.noise[:, :, self.used : self.used + k].reshape(T, rows)
        self.used += k
        return State(torch.zeros(rows, dtype=torch.float64), 0, noise)

    def propose(self, before, x):
        return before + 0.5 * (x - before), 0.6

    def observe(self, slots, frame, action=None):
        x = frame.foreground.flatten().double().repeat_interleave(len(slots.z) // len(frame))
        mean, std = self.propose(slots.z, x)
        z = mean + std * slots.noise[slots.step]
        none = torch.zeros_like(z)
        terms = StepTerms(
            log_normal(x, z, NOISE), log_normal(z, mean, std), log_normal(z, slots.z, DRIFT), none, none, none
        )
        return State(z, slots.step + 1, slots.noise), terms


class Exact(RandomWalk):
    """q is the true posterior of a walk of one step: every weight is p(x)."""

    def propose(self, before, x):
        gain = DRIFT**2 / (DRIFT**2 + NOISE**2)
        return before + gain * (x - before), math.sqrt(gain) * NOISE


def truth(frames):
    steps = np.arange(1, len(frames) + 1)
    covariance = DRIFT**2 * np.minimum.outer(steps, steps) + NOISE**2 * np.eye(len(frames))
    return torch.from_numpy(
        multivariate_normal(np.zeros(len(frames)), covariance).logpdf(frames.foreground.flatten(1).T.numpy())
    )


@pytest.fixture
def frames():
    return Frame(torch.randn(T, B, 1, 1, 1).cumsum(0))


def noise(k):
    return torch.randn(T, B, k, dtype=torch.float64)


def test_the_bound_reaches_the_true_likelihood(frames):
    found = estimate(RandomWalk(noise(20000)), frames, samples=20000, chunk=5000, rows=10**9)
    assert (found.log_px - truth(frames)).abs().max() < 0.05
    assert (found.reconstruction - found.kl < found.log_px).all()


def test_one_step_of_the_true_posterior_is_exact_with_one_sample(frames):
    found = estimate(Exact(noise(1)), frames[:1], samples=1)
    assert torch.allclose(found.log_px, truth(frames[:1]), atol=1e-9)
    assert torch.allclose(found.reconstruction - found.kl, found.log_px)


def test_chunks_change_nothing(frames):
    table = noise(110)
    whole, parts = (estimate(RandomWalk(table), frames, samples=110, chunk=c, rows=10**9) for c in (110, 25))
    for name in ("log_px", "reconstruction", "kl", "reconstruction_weighted", "kl_weighted"):
        assert torch.allclose(getattr(whole, name), getattr(parts, name), rtol=1e-12), name


def test_weighted_means_are_those_of_the_normalised_weights(frames):
    table, rec, kl = noise(9), [], []
    for k in range(9):
        one = estimate(RandomWalk(table[:, :, k : k + 1]), frames, samples=1)
        rec.append(one.reconstruction)
        kl.append(one.kl)
    rec, kl = torch.stack(rec, 1), torch.stack(kl, 1)
    share = torch.softmax(rec - kl, 1)
    found = estimate(RandomWalk(table), frames, samples=9, chunk=4, rows=10**9)
    assert torch.allclose(found.reconstruction_weighted, (share * rec).sum(1))
    assert torch.allclose(found.kl_weighted, (share * kl).sum(1))
    assert torch.allclose(found.reconstruction, rec.mean(1)) and torch.allclose(found.kl, kl.mean(1))


def test_more_samples_are_tighter(frames):
    def mean(k):
        return float(torch.stack([estimate(RandomWalk(noise(k)), frames, samples=k).log_px for _ in range(60)]).mean())

    one, ten, hundred = mean(1), mean(10), mean(100)
    assert one < ten < hundred < float(truth(frames).mean()) + 0.02


def test_independent_frames_are_estimated_one_by_one(frames):
    class Forgetful(Exact):
        independent_frames = True

        def initial(self, rows):
            return State(torch.zeros(rows, dtype=torch.float64), 0, torch.randn(1, rows, dtype=torch.float64))

    found = estimate(Forgetful(None), frames, samples=3)
    alone = sum(truth(frame[None]) for frame in frames)
    assert found.log_px.shape == (B,) and torch.allclose(found.log_px, alone, atol=1e-9)


def test_what_cannot_be_estimated_is_an_error(frames):
    with pytest.raises(ValueError, match="at least 1"):
        estimate(RandomWalk(noise(1)), frames, samples=0)
    with pytest.raises(ValueError, match="not finite"):
        estimate(RandomWalk(noise(2)), frames.map(lambda x: x * torch.nan), samples=2)


def test_balanced_figures_do_not_depend_on_how_often_a_group_was_drawn():
    group = torch.tensor([0] * 10 + [1] * 60 + [2] * 30)
    level = torch.tensor([7125.0, 6800.0, 6400.0], dtype=torch.float64)[group]
    scatter = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(50) * 10 * group
    found = Likelihood(*[level + scatter] * 5)
    figures, error = found.balanced(group, range(3)), math.sqrt(100 / 59 + 400 / 29) / 3
    assert figures == pytest.approx({"log_px_balanced": (7125 + 6800 + 6400) / 3, "log_px_balanced_error": error})
    assert error < found.means()["log_px_error"] / 10 and found.means()["log_px"] < 6720
    assert found.balanced(group, range(4)) == {}
