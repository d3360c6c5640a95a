import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import sqair_wm
from envs.imagination import ImaginationEnv
from envs.slots import make_slots
from sqair_wm.background import compose
from sqair_wm.seating import seat
from sqair_wm.slots import Noise
from sqair_wm.world_model import WorldModel
from tests.conftest import small
from tests.envs.conftest import ACTIONS, same
from tests.envs.test_slots import EXPLAINED, only_explained


@pytest.mark.parametrize(("form", "units"), [("array", "pixels"), ("flat", "normalised"), ("dict", "normalised")])
def test_both_checkers_accept_it(imagined, form, units):
    settings = imagined | {"form": form, "units": units, "render_mode": "rgb_array"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(gym.make("sqair_wm/Imagination-v0", **settings).unwrapped)
        only_explained(caught, EXPLAINED[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sb3_check_env(ImaginationEnv(**settings))
        only_explained(caught, *(() if form == "flat" else EXPLAINED[2:]))


def test_spaces_are_those_of_the_real_game(imagined):
    real, dream = (make(imagined["model"], units="pixels") for make in (make_slots, ImaginationEnv))
    assert real.observation_space == dream.observation_space and real.action_space == dream.action_space


def test_a_step_is_what_the_model_says(imagined):
    """Against the contract itself: imagine, outcome, seats, render."""
    env = ImaginationEnv(**imagined, stochastic=False, discover=False, render_mode="rgb_array")
    model, (slots, background) = sqair_wm.load(imagined["model"]), env.pool.take(torch.tensor([7]))
    observation, info = env.reset(options={"start": 7})
    seats, objects = slots.identity, 0
    assert info["identities"].tolist() == seats[0].tolist()
    for action in (2, 3, 5):
        at = torch.tensor([action])
        after = model.imagine(slots, at, noise=Noise.none(slots), discover=False)
        outcome = model.outcome(slots, at, after)
        seated, slots = seat(after, seats), after
        seats = seated.identity
        observation, reward, terminated, _, info = env.step(action)
        assert type(reward) is float and type(terminated) is bool
        assert reward == pytest.approx(outcome.reward.item(), rel=1e-4)
        assert terminated == (outcome.ends.item() > 0.5)
        assert info["uncertainty"] == pytest.approx(outcome.uncertainty.item(), abs=1e-6)
        assert info["identities"].tolist() == seats[0].tolist()
        assert observation[:, 0].tolist() == seated.presence[0].tolist()
        objects += int(seated.count)
        picture = compose(model.render(after).frame[0], background[0].float() / 255)
        assert (env.render() == picture.numpy()).all()
        if terminated:
            break
    assert objects


@pytest.mark.parametrize("stochastic", [True, False])
def test_seeds_decide_everything(imagined, stochastic):
    def play(seed):
        env, observations = ImaginationEnv(**imagined, stochastic=stochastic, horizon=9), []
        torch.manual_seed(len(histories))
        observations.append(env.reset(seed=seed)[0])
        for _ in range(3):
            for action in (1, 2, 3):
                observation, *_, terminated, truncated, _ = env.step(action)
                observations.append(observation)
                if terminated or truncated:
                    observations.append(env.reset()[0])
        return np.stack(observations)

    imagined.pop("horizon")
    histories = []
    for seed in (0, 0, 1):
        histories.append(play(seed))
    assert same(histories[0], histories[1]) and not same(histories[0], histories[2])


def test_noise_changes_the_future_and_means_do_not(imagined):
    for stochastic in (True, False):
        env, futures = ImaginationEnv(**imagined, stochastic=stochastic), []
        for seed in (0, 1):
            env.reset(seed=seed, options={"start": 3})
            futures.append(env.step(0)[0])
        assert same(*futures) != stochastic


def ending(folder, tmp_path, logit):
    """The model with one logit for the ending of every step."""
    model = sqair_wm.load(folder)
    for head in model.heads.heads:
        head[-1].weight.data[-1] = 0.0
        head[-1].bias.data[-1] = logit
    model.save(tmp_path)
    return str(tmp_path)


def test_horizons_truncate_and_predicted_endings_terminate(imagined, tmp_path):
    env = ImaginationEnv(**imagined)
    for _ in range(2):
        env.reset(seed=0)
        assert [env.step(0)[2:4] for _ in range(4)] == [(False, False)] * 3 + [(False, True)]
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step(0)
    env = ImaginationEnv(**imagined | {"model": ending(imagined["model"], tmp_path, 0.1), "horizon": 2})
    env.reset(seed=0)
    assert env.step(0)[2:4] == (True, False)
    with pytest.raises(ResetNeeded):
        env.step(0)


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
    """One row, noise and all, in each way of restarting."""
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
            assert rewards[row] == pytest.approx(reward, rel=1e-4) and ends == [terminated[row], truncated[row]]
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
    assert same(after[1], env.unwrapped.rollout.layout.observe(env.unwrapped.pool.slots)[2])
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


def test_it_is_made_by_gymnasium_and_from_its_spec(imagined):
    env = gym.make("envs:sqair_wm/Imagination-v0", **imagined)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert same(env.reset(seed=2)[0], again.reset(seed=2)[0])
    vector = gym.make_vec(
        "sqair_wm/Imagination-v0", num_envs=4, max_episode_steps=2, render_mode="rgb_array", **imagined
    )
    vector.reset(seed=0)
    ends = [np.logical_or(*vector.step(np.zeros(4, int))[2:4]) for _ in range(2)]
    assert np.logical_or(*ends).all()
    pictures = vector.render()
    assert len(pictures) == 4 and pictures[0].shape == (24, 24, 3) and pictures[0].dtype == np.uint8
    assert gym.make_vec(vector.spec).num_envs == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 1}, "at least 2"),
        ({"ends": "never"}, "threshold, sample"),
        ({"form": "image"}, "array, flat, dict"),
        ({"render_mode": "human"}, "rgb_array"),
    ],
)
def test_settings_that_cannot_be_are_errors(imagined, changes, message):
    with pytest.raises(ValueError, match=message):
        ImaginationEnv(**imagined | changes)


def test_misuse_is_an_error(imagined, tmp_path):
    env, vector = ImaginationEnv(**imagined), gym.make_vec("sqair_wm/Imagination-v0", num_envs=2, **imagined)
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset(seed=0), vector.reset(seed=0)
    for action in (6, -1, 1.0, [1]):
        with pytest.raises(ValueError, match="from 0 to 5"):
            env.step(action)
    with pytest.raises(ValueError, match="2 whole numbers"):
        vector.step(np.zeros(3, int))
    with pytest.raises(ValueError, match="one of 12 states"):
        env.reset(options={"start": 12})
    with pytest.raises(ValueError, match="one for each of 2"):
        vector.reset(seed=[1, 2, 3])
    with pytest.raises(TypeError, match="horizen"):
        ImaginationEnv(imagined["model"], horizen=3)
    env.rollout.model.heads.heads[0][-1].bias.data.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="an outcome"):
        env.step(0)


def test_models_that_cannot_be_played_in_are_errors(tmp_path):
    WorldModel(small()).save(tmp_path)
    with pytest.raises(ValueError, match="not trained on a game"):
        ImaginationEnv(str(tmp_path))
    WorldModel(small(channels=4, scenery=3), sqair_wm.world_model.Source("Pong", 24)).save(tmp_path)
    with pytest.raises(ValueError, match="no actions and no rewards"):
        ImaginationEnv(str(tmp_path))
