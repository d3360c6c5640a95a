"""Where the future forks, imagination takes one way or the other, and never the middle."""

import torch

from sqair_wm.model.dynamics import Dynamics
from sqair_wm.model.fork import Fork
from sqair_wm.model.interaction import Surroundings
from sqair_wm.nn.where import to_where, window
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small

CONFIG = small(actions=1, dynamics="interactive", smooth=True, inertia="kept", forks=True)
BATCH, SPEED, BACK, UNIT = 32, 0.15, 0.3, torch.tensor(0.2)


def scenes(world, places, speed):
    """One object in each scene, at `places` `[B]` from left to right, moving at `speed` `[B]`."""
    states = world.initial(BATCH)
    where, velocity = torch.zeros(BATCH, 3, 4), torch.zeros(BATCH, 3, 2)
    where[:, 0] = to_where(torch.full((BATCH, 2), 0.2), torch.stack([torch.zeros(BATCH), places], -1))
    velocity[:, 0, 1] = speed
    presence, identity = torch.zeros(BATCH, 3), torch.full((BATCH, 3), -1)
    presence[:, 0], identity[:, 0] = 1, 4
    return states.replace(where=where, velocity=velocity, presence=presence, identity=identity)


def test_an_object_that_may_turn_back_or_go_on_does_one_or_the_other():
    torch.manual_seed(0)
    world, dynamics = WorldModel(CONFIG), Dynamics(CONFIG, Surroundings(CONFIG))
    optimizer = torch.optim.Adam(dynamics.parameters(), 5e-3)
    now, nothing = scenes(world, torch.zeros(BATCH), torch.full((BATCH,), SPEED)), torch.zeros(BATCH).long()
    seen = now.presence > 0
    for _ in range(250):
        goes = torch.where(torch.rand(BATCH) < BACK, -SPEED, SPEED)
        target = scenes(world, goes, goes)
        prediction = dynamics(now, nothing, False)
        first, fork = prediction.where.mean, prediction.fork
        second = fork.nearer(first, target, seen, UNIT)
        lost = fork.loss(first, second, target, UNIT, torch.ones(BATCH, 1))
        error = (window(prediction.along(second).where.mean)[1] - window(target.where)[1]).abs().sum(-1) / UNIT
        optimizer.zero_grad()
        (error + lost)[seen].mean().backward()
        optimizer.step()
    with torch.no_grad():
        prediction = dynamics(now, nothing, False)
        drawn, _ = prediction.drawn(torch.rand(BATCH, 3))
    ends = window(drawn.where.mean)[1][:, 0, 1] / SPEED
    assert ((ends.abs() - 1).abs() < 0.15).all()
    assert 0.1 < (ends < 0).float().mean() < 0.5
    likeliest = window(prediction.likeliest.where.mean)[1][:, 0, 1] / SPEED
    assert ((likeliest - 1).abs() < 0.15).all(), "most go on"
    # The memory of an object goes the way that it does.
    moved = drawn.memory[:, 0, -4:].unique(dim=0)
    assert len(moved) == 2


def test_the_second_way_is_drawn_as_often_as_it_is_likely_among_those_that_remain():
    chance = torch.rand(1, 20000, generator=torch.Generator().manual_seed(0))
    logit, remains = torch.full_like(chance, -1.0), torch.full_like(chance, 0.6)
    fork = Fork(logit, torch.zeros(1, 20000, 4), torch.zeros(1, 20000, 4))
    second = fork.drawn(chance, remains)[chance < remains].float().mean()
    assert abs(second - torch.sigmoid(torch.tensor(-1.0))) < 0.01
    assert not Fork(logit, *fork[1:]).likelier.any() and Fork(-logit, *fork[1:]).likelier.all()
