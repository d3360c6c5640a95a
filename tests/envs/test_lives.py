"""A model is told of lost lives: the time in its scenes begins anew."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import SyncVectorEnv

import sqair_wm
from sqair_wm.common.frame import Frame
from sqair_wm.envs.slots import SlotObservation
from sqair_wm.envs.slots_vector import SlotVectorObservation
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small
from tests.envs.conftest import Mortal


def loses_one(steps):
    """Of three lives the first is lost with the second step."""
    return 3 - (steps >= 2)


def test_time_begins_anew_with_a_lost_life(bouncing):
    model = sqair_wm.load(bouncing)
    env = SlotObservation(Mortal(model.make_env(), loses_one), bouncing)
    for _ in range(2):
        env.reset(seed=0)
        times = [env.slots.step.item()]
        for _ in range(4):
            env.step(0)
            times.append(env.slots.step.item())
        assert times == [1, 2, 1, 2, 3]


@pytest.mark.parametrize("mode", list(gym.vector.AutoresetMode)[:2])
def test_each_game_of_a_vector_has_its_own_lives(bouncing, mode):
    model = sqair_wm.load(bouncing)
    games = [
        lambda: model.make_env(max_episode_steps=5),
        lambda: Mortal(model.make_env(max_episode_steps=5), loses_one),
    ]
    env = SlotVectorObservation(SyncVectorEnv(games, autoreset_mode=mode), bouncing)
    env.reset(seed=0)
    times = [env.slots.step.tolist()]
    for _ in range(4):
        env.step(np.zeros(2, np.int64))
        times.append(env.slots.step.tolist())
    assert times == [[1, 1], [2, 2], [3, 1], [4, 2], [5, 3]]


@pytest.mark.parametrize("timing", [True, False])
def test_only_models_that_use_it_are_told(timing):
    model = WorldModel(small(timing=timing))
    lost, frames = torch.tensor([False, True]), Frame(torch.rand(3, 2, 1, 24, 24))
    scenes = list(model.filtered(frames, [None] * 3, 2, lost=[None, lost, ~lost]))
    times = [[1, 1], [2, 1], [1, 2]] if timing else [[1, 1], [2, 2], [3, 3]]
    assert [s.step.tolist() for s in scenes] == times
