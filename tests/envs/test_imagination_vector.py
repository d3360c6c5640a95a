import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from sqair_wm.envs.imagination import ImaginationEnv
from tests.envs.conftest import ACTIONS, same


def test_endings_can_be_drawn(imagined):
    env = gym.make_vec("sqair_wm/Imagination-v0", num_envs=400, ends="sample", **imagined)
    env.reset(seed=0)
    share = env.step(np.zeros(400, int))[2].mean()
    assert 0.19 < share < 0.35


def test_too_much_uncertainty_truncates(imagined):
    settings = imagined | {"stochastic": False}
    env = gym.make_vec("sqair_wm/Imagination-v0", num_envs=12, **settings)
    env.reset(seed=0, options={"start": range(12)})
    uncertainty = env.step(np.zeros(12, int))[4]["uncertainty"]
    limit = float(np.median(uncertainty))
    env = gym.make_vec("sqair_wm/Imagination-v0", num_envs=12, max_uncertainty=limit, **settings)
    env.reset(seed=0, options={"start": range(12)})
    truncated = env.step(np.zeros(12, int))[3]
    assert truncated.any() and not truncated.all() and (truncated == (uncertainty > limit)).all()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_row_equals_the_single_environment(imagined, mode):
    """One row is the same as a single environment, with the same noise, in each autoreset mode."""
    single = ImaginationEnv(**imagined, ends="sample")
    vector = gym.make_vec("sqair_wm/Imagination-v0", num_envs=1, autoreset_mode=mode, ends="sample", **imagined)
    assert vector.metadata["autoreset_mode"] is mode
    (observation, _), (batch, _) = single.reset(seed=8), vector.reset(seed=8)
    endings = []
    for t in range(20):
        assert same(batch[0], observation) and vector.observation_space.contains(batch)
        action = t % ACTIONS
        observation, reward, terminated, truncated, info = single.step(action)
        batch, rewards, *ends, infos = vector.step(np.array([action]))
        assert rewards[0] == reward and [e[0] for e in ends] == [terminated, truncated]
        if terminated or truncated:
            endings.append(terminated)
            last = infos["final_obs"][0] if mode is AutoresetMode.SAME_STEP else batch[0]
            assert same(last, observation)
            if mode is AutoresetMode.SAME_STEP:
                assert infos["final_info"]["uncertainty"][0] == info["uncertainty"]
            observation, info = single.reset()
            if mode is AutoresetMode.DISABLED:
                with pytest.raises(ResetNeeded, match=r"rows \[0\]"):
                    vector.step(np.array([0]))
                batch, infos = vector.reset(options={"reset_mask": np.array([True])})
            elif mode is AutoresetMode.NEXT_STEP:
                batch, rewards, *ends, infos = vector.step(np.array([action]))
                assert rewards[0] == 0 and not any(e[0] for e in ends)
        assert same(infos["identities"][0], info["identities"])
    assert True in endings and False in endings


def test_rows_do_not_depend_on_each_other(imagined):
    settings = imagined | {"stochastic": False}
    vector = gym.make_vec("sqair_wm/Imagination-v0", num_envs=5, **settings)
    starts, singles = [3, 1, 4, 11, 5], [ImaginationEnv(**settings) for _ in range(5)]
    batch, _ = vector.reset(options={"start": starts})
    observations = [env.reset(options={"start": start})[0] for env, start in zip(singles, starts, strict=True)]
    running = np.ones(5, bool)
    for t in range(4):
        for row in np.flatnonzero(running):
            np.testing.assert_allclose(batch[row], observations[row], rtol=1e-4, atol=1e-5)
        actions = np.array([(t + row) % ACTIONS for row in range(5)])
        batch, rewards, terminated, truncated, _ = vector.step(actions)
        for row in np.flatnonzero(running):
            observations[row], reward, *ends, _ = singles[row].step(actions[row])
            assert rewards[row] == pytest.approx(reward, rel=1e-4, abs=1e-2) and ends == [
                terminated[row],
                truncated[row],
            ]
        running &= ~(terminated | truncated)
    assert truncated.any()


def test_the_restarting_step_of_next_step_mode_ignores_action_and_reward(imagined):
    env = gym.make_vec("sqair_wm/Imagination-v0", num_envs=6, ends="sample", **imagined)
    env.reset(seed=0)
    ended = np.zeros(6, bool)
    while not ended.any():
        ended = np.logical_or(*env.step(np.zeros(6, int))[2:4])
    assert not ended.all()
    _, rewards, terminated, truncated, infos = env.step(np.zeros(6, int))
    assert not rewards[ended].any() and not (terminated | truncated)[ended].any()
    assert not infos["_uncertainty"][ended].any()
    assert env.unwrapped.slots.step[torch.from_numpy(ended)].max() <= env.unwrapped.pool.slots.step.max()


def test_a_mask_restarts_only_its_rows(imagined):
    env = gym.make_vec("sqair_wm/Imagination-v0", num_envs=3, autoreset_mode="Disabled", **imagined)
    before, _ = env.reset(seed=0)
    after, infos = env.reset(options={"reset_mask": np.array([False, True, False]), "start": [2]})
    assert same(before[[0, 2]], after[[0, 2]]) and infos["_identities"].tolist() == [False, True, False]
    assert same(after[1], env.unwrapped.games.layout.observe(env.unwrapped.pool.slots)[2])
    for mask in (np.zeros(3, bool), np.ones(2, bool), np.ones(3)):
        with pytest.raises(ValueError, match="3 booleans"):
            env.reset(options={"reset_mask": mask})


def test_what_is_given_out_is_never_changed_again(imagined):
    env = gym.make_vec("sqair_wm/Imagination-v0", num_envs=3, autoreset_mode="SameStep", **imagined)
    given = [env.reset(seed=0)]
    copies = [given[0][0].copy()]
    for _ in range(6):
        given.append(env.step(np.zeros(3, int)))
        copies.append(given[-1][0].copy())
    assert all(same(g[0], c) for g, c in zip(given, copies, strict=True))
    arrays = [g[0] for g in given] + [x for g in given[1:] for x in g[1:4]]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_gymnasiums_own_wrappers_go_around_it(imagined):
    env = gym.make_vec("sqair_wm/Imagination-v0", num_envs=3, **imagined)
    env = gym.wrappers.vector.NormalizeObservation(gym.wrappers.vector.RecordEpisodeStatistics(env))
    env.reset(seed=0)
    for _ in range(4):
        *_, infos = env.step(env.action_space.sample())
    assert infos["episode"]["l"].tolist() == [4, 4, 4]


def test_static_shapes_give_the_same_numbers(imagined):
    """With dense computation, as on a GPU: all slots, with masks."""
    histories = []
    for dense in (False, True):
        env = gym.make_vec("sqair_wm/Imagination-v0", num_envs=6, **imagined)
        env.unwrapped.games.model.sqair._dense = dense
        env.reset(seed=4)
        histories.append([env.step(np.full(6, t))[:2] for t in range(3)])
    for (a, reward), (b, other) in zip(*histories, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(reward, other, rtol=1e-3, atol=1e-4)
