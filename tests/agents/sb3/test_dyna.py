"""Imagined transitions: what they hold, where they are cut, and how they are mixed with real ones in a batch."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from sqair_wm.agents.imagined_returns import Counting, returns_of
from sqair_wm.agents.sb3.dyna import Branching, Imagining, MixedReplay, Transitions
from sqair_wm.envs.layout import Layout
from tests.agents.dreaming.test_experience import stretch

SETTINGS = Branching(reward="raw", discount=0.9, length=4, doubt=1e9, spread=0.0, branches=8)


@pytest.fixture
def scenes(world, short):
    from sqair_wm.training.encoded import restored

    seen = restored(stretch(world).scenes)
    memory = world.initial(1).temporal
    return seen.replace(temporal=memory.new_zeros(*seen.presence.shape, memory.shape[-1]))


def imagining(world, settings=SETTINGS):
    return Imagining(world, settings, lambda seen: torch.full((len(seen),), 2))


def test_a_branch_is_worth_what_a_plan_of_the_same_actions_is(world, scenes):
    made = imagining(world)
    made.drawn = world  # the likeliest future, which is the same every time
    before, first, reward, discount, after = made.imagine(scenes)
    plan = torch.cat([first[None], torch.full((3, len(first)), 2)])
    assert torch.allclose(reward, returns_of(world, scenes, plan, Counting("raw", 0.9)), atol=1e-5)
    assert torch.equal(before, Layout.of(world.config).features(scenes)) and len(set(first.tolist())) > 2
    later, outcomes = world.unroll(scenes, plan)
    assert torch.allclose(discount, 0.9**4 * (1 - outcomes.ends).prod(0), atol=1e-5)
    assert torch.allclose(after, Layout.of(world.config).features(later.map(lambda x: x[-1])), atol=1e-5)


def test_an_uncertain_branch_ends_where_it_is_still_trusted(world, scenes):
    made = imagining(world, Branching(reward="raw", discount=0.9, length=4, doubt=0.0))
    made.drawn = world
    _, first, reward, discount, after = made.imagine(scenes)
    later, outcome = world.step(scenes, first)
    assert torch.allclose(reward, outcome.reward, atol=1e-6) and torch.allclose(discount, 0.9 * (1 - outcome.ends))
    assert torch.allclose(after, Layout.of(world.config).features(later))


def test_a_batch_holds_as_many_imagined_transitions_as_asked_for():
    np.random.seed(0)
    space = gym.spaces.Box(-np.inf, np.inf, (2, 3), np.float32)
    buffer = MixedReplay(50, space, gym.spaces.Discrete(4), "cpu", share=0.25, room=10, n_steps=2, gamma=0.5)
    for t in range(20):
        seen = np.full((1, 2, 3), float(t), np.float32)
        buffer.add(seen, seen + 1, np.array([1]), np.array([1.0]), np.array([False]), [{}])
    assert len(buffer.sample(16).actions) == 16 and (buffer.sample(16).observations >= 0).all()
    number = torch.full((6,), -1.0)
    seen = torch.full((6, 2, 3), -5.0)
    buffer.imagined.add(seen, torch.full((6,), 3), number, torch.full((6,), 0.125), seen - 1)
    batch = buffer.sample(16)
    dreamt = batch.observations[:, 0, 0] < 0
    assert dreamt.tolist() == [False] * 12 + [True] * 4
    assert (batch.actions[dreamt] == 3).all() and (batch.rewards[dreamt] == -1).all() and not batch.dones.any()
    assert (batch.discounts[dreamt] == 0.125).all() and (batch.next_observations[dreamt] == -6).all()
    assert set(batch.discounts[~dreamt].flatten().tolist()) <= {0.25, 0.5}


def test_the_oldest_imagined_transitions_make_room():
    kept = Transitions(5, (1,))
    for n in range(4):
        one = torch.full((2,), float(n))
        kept.add(one[:, None], one, one, one, one[:, None])
    assert kept.held == 5 and sorted(kept.reward[:, 0].tolist()) == [1, 2, 2, 3, 3]


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="share"):
        Branching(share=1.0)
    with pytest.raises(ValueError, match="at least 1"):
        Branching(length=0)
