"""Sampled futures: `spread` scales how far they are from the likeliest one."""

import pytest
import torch

from sqair_wm.agents.dreaming.dream import DreamSettings
from sqair_wm.agents.imagined_returns import Sampled
from sqair_wm.model.slots import Noise
from sqair_wm.nn.where import to_where

BATCH = 64


def scenes(world):
    """One object in the middle of every scene."""
    slots = world.initial(BATCH)
    where, presence, identity = slots.where.clone(), slots.presence.clone(), slots.identity.clone()
    where[:, 0] = to_where(torch.full((BATCH, 2), 0.2), torch.zeros(BATCH, 2))
    presence[:, 0], identity[:, 0] = 1, 0
    return slots.replace(where=where, presence=presence, identity=identity)


def places(world, spread, seed=0):
    """Where the object of each scene is one step later."""
    drawn = Sampled(world, torch.Generator().manual_seed(seed), discover=False, spread=spread)
    with torch.no_grad():
        after, _ = drawn.step(scenes(world), torch.zeros(BATCH, dtype=torch.int64))
    return after.where[:, 0], after.presence[:, 0] > 0


def test_places_are_drawn_around_the_likeliest_as_widely_as_is_asked_for(world):
    with torch.no_grad():
        start = scenes(world)
        likeliest, _ = world.step(start, torch.zeros(BATCH, dtype=torch.int64), discover=False)
        noise = Noise.draw(start, generator=torch.Generator().manual_seed(0))
        whole, _ = world.step(start, torch.zeros(BATCH, dtype=torch.int64), noise, discover=False)
    none, there = places(world, 0.0)
    assert there.any() and torch.equal(none[there], likeliest.where[:, 0][there])
    assert torch.equal(places(world, 1.0)[0][there], whole.where[:, 0][there])
    quarter = (places(world, 0.25)[0] - none)[there]
    assert torch.allclose(quarter, (0.25 * (whole.where[:, 0] - none))[there], atol=1e-6)
    assert quarter.abs().max() > 0


def test_a_spread_is_a_share():
    with pytest.raises(ValueError, match="spread"):
        DreamSettings(spread=2.0)
