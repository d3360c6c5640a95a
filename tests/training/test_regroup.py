"""Training goes on from an optimiser's state of a version that had one group of parameters."""

import copy

import pytest
import torch
from torch import nn

from sqair_wm.training.regroup import fitting, regrouped


def groups(net):
    return [{"params": list(net[1].parameters())}, {"params": list(net[0].parameters()), "factor": 5.0}]


def step(net, optimizer, seed):
    optimizer.zero_grad()
    net(torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))).square().mean().backward()
    optimizer.step()


def test_the_moments_of_each_parameter_are_kept():
    torch.manual_seed(0)
    one = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    before = torch.optim.Adam(one.parameters(), 0.1)
    step(one, before, 0)
    two = copy.deepcopy(one)
    after = torch.optim.Adam(groups(two), 0.1)
    after.load_state_dict(regrouped(copy.deepcopy(before.state_dict()), after, two))
    assert [g.get("factor") for g in after.param_groups] == [None, 5.0]
    step(one, before, 1)
    step(two, after, 1)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_states_with_these_groups_are_left_alone():
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    optimizer = torch.optim.Adam(groups(net), 0.1)
    step(net, optimizer, 0)
    state = optimizer.state_dict()
    assert regrouped(state, optimizer, net) is state


def test_a_state_of_other_shapes_is_refused():
    small, large, both = (
        torch.nn.Sequential(*(torch.nn.Linear(n, 1) for n in sizes)) for sizes in ((2,), (3,), (2, 2))
    )
    optimizers = [torch.optim.Adam(net.parameters()) for net in (small, large, both)]
    small(torch.ones(1, 2)).sum().backward()
    optimizers[0].step()
    state = optimizers[0].state_dict()
    assert fitting(state, optimizers[0]) is state
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 .* \[1, 2\], the parameter \[1, 3\]"):
        fitting(state, optimizers[1])
    with pytest.raises(ValueError, match="4 parameters, its saved state 2"):
        fitting(state, optimizers[2])
