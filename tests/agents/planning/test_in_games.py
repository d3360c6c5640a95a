"""Planners in the environments of this project and of stable-baselines3."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from sqair_wm.agents.planning.cem import CEM, CEMSettings
from sqair_wm.agents.planning.planner import slots_of
from sqair_wm.agents.planning.shooting import Shooting, ShootingSettings
from sqair_wm.envs.sb3 import as_sb3

SETTINGS = CEMSettings(horizon=2, hold=2, plans=4, elite=2, iterations=2)


def games(model, number=2):
    return as_sb3(gym.make_vec("sqair_wm/Slots-v0", num_envs=number, model=model, autoreset_mode="SameStep"))


def test_stable_baselines3_evaluates_a_planner(world, model, short):
    played = games(model)
    returns, lengths = evaluate_policy(
        CEM(world, 5, SETTINGS, scenes=played), played, 3, return_episode_rewards=True, warn=False
    )
    assert lengths == [7, 7, 7] and len(returns) == 3


def test_one_environment_gets_one_action(world, model):
    env = gym.make("sqair_wm/Slots-v0", model=model)
    planner = CEM(world, 5, SETTINGS, scenes=env)
    seen, _ = env.reset(seed=0)
    action, state = planner.predict(seen)
    assert np.shape(action) == () and state.shape == (1, 4, 5)
    assert planner.predict(seen[None], state, np.ones(1, bool))[0].shape == (1,)


def test_a_world_model_draws_the_futures_of_a_plan_unless_they_have_no_spread(world, model):
    env = gym.make("sqair_wm/Slots-v0", model=model)
    env.reset(seed=0)
    plans = torch.zeros(1, 3, 2, dtype=torch.int64)  # three times the same plan
    for spread, same in ((0.0, True), (1.0, False)):
        settings = ShootingSettings(horizon=2, plans=3, samples=2, spread=spread)
        planner = Shooting(world, 5, settings, value=lambda scenes: scenes.where.sum((1, 2)), scenes=env)
        with torch.no_grad():
            worth = planner.worth(planner.copies(slots_of(env)), plans)
        assert worth.shape == (1, 3) and (float(worth.max() - worth.min()) < 1e-3) == same


def test_scenes_are_found_behind_wrappers_of_others(model):
    apart = DummyVecEnv([lambda: gym.make("sqair_wm/Slots-v0", model=model)] * 3)
    apart.reset()
    together = games(model, 3)
    together.reset()
    assert slots_of(apart).presence.shape[0] == slots_of(together).presence.shape[0] == 3
    with pytest.raises(ValueError, match="has no slots"):
        slots_of(gym.make("sqair_wm/Bouncing-v0"))
