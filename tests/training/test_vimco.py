import itertools
import math

import pytest
import torch

from sqair_wm.nn.distributions import MOST_STD, bounded
from sqair_wm.training.vimco import iwae, leave_one_out, vimco_objective

REGIMES = {
    "a useless object costs 50 nats": (0.0, -60.0, -10.0),
    "an object explains 8 nats": (-1.0, -2.0, -10.0),
    "nearly decided": (3.0, -5.0, -7.5),
}


def toy(logit, log_joint_one, log_joint_zero, k=5):
    """All configurations of k particles of one Bernoulli latent: log weights, log q and their probabilities."""
    values = torch.tensor(list(itertools.product((0.0, 1.0), repeat=k)), dtype=torch.float64)
    log_q = torch.where(values > 0, torch.nn.functional.logsigmoid(logit), torch.nn.functional.logsigmoid(-logit))
    log_p = torch.where(values > 0, log_joint_one, log_joint_zero)
    return log_p - log_q, log_q, log_q.sum(1).exp()


def gradient(function, logit):
    (result,) = torch.autograd.grad(function(logit), logit)
    return float(result)


@pytest.mark.parametrize("regime", REGIMES)
def test_vimco_is_the_exact_gradient_of_the_bound(regime):
    start, one, zero = REGIMES[regime]
    logit = torch.tensor(start, dtype=torch.float64, requires_grad=True)

    def bound(x):
        log_weight, _, probability = toy(x, one, zero)
        return (probability * iwae(log_weight)).sum()

    def estimate(x):
        log_weight, log_q, probability = toy(x, one, zero)
        return (probability.detach() * vimco_objective(log_weight, log_q)).sum()

    assert gradient(estimate, logit) == pytest.approx(gradient(bound, logit), rel=1e-9, abs=1e-9)


def test_the_released_form_differs_from_the_exact_gradient():
    start, one, zero = REGIMES["a useless object costs 50 nats"]
    logit = torch.tensor(start, dtype=torch.float64, requires_grad=True)

    def estimate(x, form):
        log_weight, log_q, probability = toy(x, one, zero)
        return (probability.detach() * vimco_objective(log_weight, log_q, form)).sum()

    exact = gradient(lambda x: estimate(x, "vimco"), logit)
    released = gradient(lambda x: estimate(x, "released"), logit)
    assert exact < 0 and released < 0 and released == pytest.approx(3 * exact, rel=0.3)


def test_baseline_replaces_one_weight_by_the_mean_of_the_others():
    log_weight = torch.tensor([[1.0, 2.0, 6.0]])
    expected = math.log((math.exp(4.0) + math.exp(2.0) + math.exp(6.0)) / 3)
    assert float(leave_one_out(log_weight)[0, 0]) == pytest.approx(expected, rel=1e-6)


def test_one_particle_and_unknown_estimators_are_errors():
    with pytest.raises(ValueError, match="at least two"):
        leave_one_out(torch.zeros(1, 1))
    with pytest.raises(ValueError, match="choose vimco or released"):
        vimco_objective(torch.zeros(1, 2), torch.zeros(1, 2), "nvil")


def test_a_bounded_deviation_is_what_it_was_where_it_is_small():
    std = torch.tensor([0.003, 0.05, 5.0, 1e6])
    torch.testing.assert_close(bounded(std)[:2], std[:2], rtol=0.005, atol=0)
    assert (bounded(std)[2:] <= MOST_STD).all() and (bounded(std).diff() > 0)[:2].all()
