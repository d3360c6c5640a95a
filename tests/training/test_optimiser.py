"""The optimiser of imagination: Muon for layers, AdamW for the rest, as one optimiser that can be saved."""

import copy

import pytest
import torch
from torch import nn

from sqair_wm.training.optimiser import MuonAdamW


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 9), nn.Linear(9, 2))


def groups(net):
    """The first two layers and the table of two rows are one group, the biases another one, which learns faster."""
    weights = [net[0].weight, net[2].weight, net[3].weight]
    biases = [net[0].bias, net[2].bias, net[3].bias]
    return [
        {"params": weights, "layers": True, "weight_decay": 0.6},
        {"params": biases, "factor": 5.0, "weight_decay": 0.1},
    ]


def learn(net, optimizers, seed=0):
    net.zero_grad()
    net(torch.randn(8, 10, generator=torch.Generator().manual_seed(seed))).square().mean().backward()
    for optimizer in optimizers:
        optimizer.step()


def weights(net):
    return torch.cat([w.detach().flatten() for w in net.parameters()])


def test_layers_move_as_with_muon_and_everything_else_as_with_adamw():
    mine, other = network(), network()
    one = MuonAdamW(groups(mine), 0.01, 3.0)
    for group in one.param_groups:
        group["lr"] = 0.01 * group.get("factor", 1.0)
    muon = torch.optim.Muon([other[0].weight, other[2].weight], 0.03, weight_decay=0.2, adjust_lr_fn="match_rms_adamw")
    biases = {"params": [other[n].bias for n in (0, 2, 3)], "lr": 0.05, "weight_decay": 0.1}
    adam = torch.optim.AdamW([{"params": [other[3].weight], "weight_decay": 0.6}, biases], 0.01, weight_decay=0.0)
    for seed in range(4):
        learn(mine, [one], seed)
        learn(other, [muon, adam], seed)
    torch.testing.assert_close(weights(mine), weights(other))


def test_without_muon_it_is_adamw():
    mine, other = network(), network()
    one = MuonAdamW(groups(mine), 0.01, 0.0)
    adam = torch.optim.AdamW(
        [{k: x for k, x in g.items() if k != "layers"} for g in groups(other)], 0.01, weight_decay=0.0
    )
    for seed in range(4):
        learn(mine, [one], seed)
        learn(other, [adam], seed)
    torch.testing.assert_close(weights(mine), weights(other))
    assert len(one.param_groups) == 2, "states of runs that began with AdamW fit"


def test_an_update_is_about_as_large_in_every_direction():
    net = nn.Linear(16, 16, bias=False)
    nn.init.zeros_(net.weight)
    optimizer = MuonAdamW([{"params": [net.weight], "layers": True}], 0.1, 2.0)
    (net.weight * torch.diag(torch.logspace(0, -2, 16))).sum().backward()
    optimizer.param_groups[0]["lr"] = 0.2
    optimizer.step()
    # 0.2 is what the root mean square of AdamW's updates usually is, as a share of its learning rate.
    sizes = torch.linalg.svdvals(net.weight.detach()) / (0.2 * 0.2 * 16**0.5)
    assert sizes.max() < 1.3 and sizes.min() > 0.3, "the gradients differ by a factor of 100"


def test_it_goes_on_from_a_saved_state_to_the_bit():
    net = network()
    first = MuonAdamW(groups(net), 0.01, 3.0)
    learn(net, [first])
    again = copy.deepcopy(net)
    second = MuonAdamW(groups(again), 0.01, 3.0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for optimizer in (first, second):
        for group in optimizer.param_groups:
            group["lr"] = 0.02
    learn(net, [first], 1)
    learn(again, [second], 1)
    assert torch.equal(weights(net), weights(again))


def test_the_state_of_adamw_does_not_fit():
    net = network()
    adam = MuonAdamW(groups(net), 0.01, 0.0)
    learn(net, [adam])
    with pytest.raises(ValueError, match="different number of parameter groups"):
        MuonAdamW(groups(net), 0.01, 3.0).load_state_dict(adam.state_dict())


def test_a_closure_is_called_once():
    net = network()
    optimizer, calls = MuonAdamW(groups(net), 0.01, 3.0), []

    def closure():
        optimizer.zero_grad()
        loss = net(torch.ones(1, 10)).square().sum()
        loss.backward()
        calls.append(loss)
        return loss

    assert optimizer.step(closure) is calls[0] and len(calls) == 1
