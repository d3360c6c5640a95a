import builtins
import importlib
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecCheckNan, VecFrameStack, VecMonitor, VecNormalize

from sqair_wm.envs.imagination import ImaginationVectorEnv
from sqair_wm.envs.sb3 import ImaginationVecEnv, RestartEachRollout, as_sb3, split
from sqair_wm.envs.slots_vector import make_slots_vector
from sqair_wm.envs.starts import Collection, StatePool
from tests.envs.conftest import same

QUICK = {"policy_kwargs": {"net_arch": [8]}, "seed": 0, "device": "cpu"}


def dreams(imagined, rows=4, **changes):
    return ImaginationVecEnv(num_envs=rows, **imagined | {"ends": "sample"} | changes)


@pytest.mark.parametrize("form", ["array", "flat", "dict"])
def test_ppo_learns_in_it_and_seeds_decide(imagined, form):
    weights = []
    for _ in range(2):
        policy = "MultiInputPolicy" if form == "dict" else "MlpPolicy"
        env = VecMonitor(VecCheckNan(dreams(imagined, form=form), raise_exception=True))
        agent = PPO(policy, env, n_steps=8, batch_size=16, n_epochs=1, **QUICK).learn(64)
        weights.append(torch.cat([p.flatten() for p in agent.policy.parameters()]))
        assert len(agent.ep_info_buffer) > 0 and max(e["l"] for e in agent.ep_info_buffer) <= 4
    assert torch.equal(*weights)


def test_dqn_learns_in_it_with_everything_around_it(imagined):
    env = VecNormalize(VecFrameStack(VecMonitor(dreams(imagined, form="flat")), 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent = DQN("MlpPolicy", env, learning_starts=8, buffer_size=200, batch_size=8, train_freq=2, **QUICK).learn(48)
        mean, std = evaluate_policy(agent, env, n_eval_episodes=4)
    assert np.isfinite([mean, std]).all() and agent.num_timesteps >= 48


def test_terminal_observations_are_the_true_last_ones(imagined):
    """Compared with a vector environment that is restarted by hand, in which nothing can be overwritten."""
    settings = imagined | {"stochastic": False, "discover": False}
    env, truth = (
        ImaginationVecEnv(num_envs=6, **settings),
        ImaginationVectorEnv(num_envs=6, autoreset_mode="Disabled", **settings),
    )
    env.set_options({"start": list(range(6))})
    seen, last = env.reset(), truth.reset(options={"start": range(6)})[0]
    assert same(seen, last)
    for t in range(4):
        seen, rewards, dones, infos = env.step(np.full(6, t))
        last, true_rewards, terminated, truncated, _ = truth.step(np.full(6, t))
        assert rewards.dtype == np.float32 and dones.dtype == bool
        np.testing.assert_array_equal(rewards, true_rewards.astype(np.float32))
        assert same(dones, terminated | truncated)
    assert dones.all() and not same(seen, last)
    for row, info in enumerate(infos):
        assert same(info["terminal_observation"], last[row]) and info["TimeLimit.truncated"] is True
        assert "uncertainty" in info
        assert same(env.reset_infos[row]["identities"] >= 0, seen[row, :, 0] > 0)


def test_predicted_endings_are_no_time_limits(imagined):
    env = dreams(imagined, 64)
    env.seed(0)
    env.reset()
    _, _, dones, infos = env.step(np.zeros(64, int))
    assert 0 < dones.sum() < 64
    for done, info in zip(dones, infos, strict=True):
        assert info["TimeLimit.truncated"] is False and ("terminal_observation" in info) == done


class EndsAtTheHorizon(ImaginationVectorEnv):
    """The last step terminates the episode and truncates it."""

    def step(self, actions):
        observation, rewards, _, truncated, infos = super().step(actions)
        return observation, rewards, truncated, truncated, infos


def test_what_ends_and_is_cut_off_at_once_has_ended(imagined):
    env = as_sb3(EndsAtTheHorizon(num_envs=2, autoreset_mode="SameStep", **imagined | {"horizon": 2}))
    env.reset()
    for last in (False, True):
        _, _, dones, infos = env.step(np.zeros(2, int))
        assert dones.tolist() == [last, last] and not any(info["TimeLimit.truncated"] for info in infos)


def test_seeds_last_for_one_reset_and_nothing_given_out_changes(imagined):
    histories = []
    for seed in (5, 5, 6):
        env = dreams(imagined)
        assert env.seed(seed) == [seed + row for row in range(4)]
        given = [env.reset(), *(env.step(np.full(4, t))[0] for t in range(6)), env.reset()]
        histories.append([x.copy() for x in given])
        given[0][:] = 9.0
        assert same(given[1], histories[-1][1])
    assert all(map(same, histories[0], histories[1])) and not all(map(same, histories[0], histories[2]))
    assert not same(histories[0][0], histories[0][-1])


def test_attributes_and_methods(imagined):
    env = dreams(imagined, render_mode="rgb_array")
    assert env.render_mode == "rgb_array" and env.get_attr("render_mode") == ["rgb_array"] * 4
    assert env.get_attr("single_action_space", [1]) == [env.action_space] and not env.has_attr("nothing")
    assert env.get_attr("action_space") == [env.action_space] * 4
    assert env.env_is_wrapped(Monitor) == [False] * 4 and env.env_is_wrapped(Monitor, 0) == [False]
    env.reset()
    assert env.render().shape == (48, 48, 3) and len(env.env_method("render")) == 4
    env.set_attr("render_mode", None)
    assert env.get_attr("render_mode", [0, 2]) == [None] * 2
    with pytest.raises(ValueError, match="leave indices out"):
        env.set_attr("render_mode", "rgb_array", indices=[0])
    with pytest.raises(AttributeError, match="nothing"):
        env.set_attr("nothing", 4)
    env.set_options([{"start": [0]}, {}, {}, {}])
    with pytest.raises(ValueError, match="same options"):
        env.reset()


def test_real_games_come_through_the_same_door(folder):
    vector = make_slots_vector(folder, 2, autoreset_mode="SameStep", max_episode_steps=5, render_mode="rgb_array")
    env = VecMonitor(as_sb3(vector))
    env.seed(0)
    agent = PPO("MlpPolicy", env, n_steps=6, batch_size=12, n_epochs=1, **QUICK).learn(12)
    mean, _ = evaluate_policy(agent, env, n_eval_episodes=2)
    assert mean == 0.0 and [e["l"] for e in agent.ep_info_buffer] == [5, 5]
    assert env.get_attr("crop") == [(34, 194)] * 2 and env.get_images()[0].shape == (210, 160, 3)
    assert env.env_method("get_wrapper_attr", "size", indices=[1]) == [24]
    assert env.env_is_wrapped(gym.wrappers.TimeLimit) == [True, True]
    env.set_attr("pool", 4, indices=[1])
    assert env.get_attr("pool") == [2, 4]
    with pytest.raises(ValueError, match=r"autoreset_mode=AutoresetMode\.SAME_STEP"):
        as_sb3(make_slots_vector(folder, 1))


def test_a_policy_of_imagination_plays_the_real_game_and_fills_the_pool(imagined):
    env = VecMonitor(dreams(imagined))
    agent = PPO("MlpPolicy", env, n_steps=4, batch_size=16, n_epochs=1, **QUICK).learn(16)
    pool = StatePool.collect(Collection(imagined["model"], 3, games=1), agent)
    env.set_attr("pool", pool)
    assert env.get_attr("pool", [0]) == [pool]
    real = as_sb3(make_slots_vector(imagined["model"], 1, autoreset_mode="SameStep", max_episode_steps=3))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Evaluation environment is not wrapped with a ``Monitor``")
        assert evaluate_policy(agent, real, n_eval_episodes=1, return_episode_rewards=True)[1] == [3]


def test_every_rollout_can_begin_afresh(imagined):
    env = dreams(imagined, horizon=100, ends="threshold", start_states=imagined["start_states"])
    resets, reset = [], env.reset
    env.reset = lambda: resets.append(1) or reset()
    agent = PPO("MlpPolicy", env, n_steps=4, batch_size=16, n_epochs=1, **QUICK)
    agent.learn(48, RestartEachRollout())
    assert len(resets) == 4
    assert agent.rollout_buffer.episode_starts[0].all() and not agent.rollout_buffer.episode_starts[1:].any()


def test_infos_are_split_by_their_masks():
    mask = np.array([True, False])
    infos = {"a": np.array([1, 2]), "_a": mask, "b": {"c": np.array([3, 4]), "_c": ~mask}, "_private": np.array([5, 6])}
    assert split(infos, 2) == [{"a": 1, "b": {}, "_private": 5}, {"b": {"c": 4}, "_private": 6}]


def test_without_stable_baselines_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name.startswith("stable_baselines3"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.delitem(sys.modules, "sqair_wm.envs.sb3")
    with pytest.raises(ImportError, match="pip install 'sqair-wm"):
        importlib.import_module("sqair_wm.envs.sb3")
