import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import sqair_wm
from sqair_wm.common.frame import Frame
from sqair_wm.envs.imagination import ImaginationEnv
from sqair_wm.envs.slots import make_slots
from sqair_wm.games.background import compose
from sqair_wm.model.outlines import outlines
from sqair_wm.model.row_assignment import keep_rows
from sqair_wm.model.slots import Noise
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small
from tests.envs.conftest import EXPLAINED, only_explained, same


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
    """Compared with imagine, outcome, keep_rows and render called directly."""
    env = ImaginationEnv(**imagined, stochastic=False, discover=False, render_mode="rgb_array")
    model, slots = sqair_wm.load(imagined["model"]), env.pool.slots.select(torch.tensor([7]))
    observation, info = env.reset(options={"start": 7})
    previous, objects = slots.identity, 0
    assert info["identities"].tolist() == previous[0].tolist()
    for action in (2, 3, 5):
        at = torch.tensor([action])
        after = model.imagine(slots, at, noise=Noise.none(slots), discover=False)
        outcome = model.outcome(slots, at, after)
        arranged, slots = keep_rows(after, previous), after
        previous = arranged.identity
        observation, reward, terminated, _, info = env.step(action)
        assert type(reward) is float and type(terminated) is bool
        assert reward == pytest.approx(outcome.reward.item(), rel=1e-4)
        assert terminated == (outcome.ends.item() > 0.5)
        assert info["uncertainty"] == pytest.approx(outcome.uncertainty.item(), abs=1e-6)
        assert info["identities"].tolist() == previous[0].tolist()
        assert observation[:, 0].tolist() == arranged.presence[0].tolist()
        objects += int(arranged.count)
        picture = compose(Frame(model.render(after).frame[0], env.pool.backgrounds[7].float() / 255))
        assert (env.render() == picture.numpy()).all()
        if terminated:
            break
    assert objects


def test_boxes_are_those_of_what_is_painted_if_they_are_asked_for(imagined):
    env = ImaginationEnv(**imagined, boxes=True)
    _, info = env.reset(seed=0)
    model, slots = env.games.model, env.slots
    expected = outlines(model.render(slots).glimpses, slots.where, model.config)[0]
    there = info["identities"] >= 0
    np.testing.assert_allclose(info["boxes"][there], expected[torch.from_numpy(there)], atol=1e-4)
    assert there.any() and "boxes" not in ImaginationEnv(**imagined).reset(seed=0)[1]


def test_new_objects_appear_only_if_they_may(imagined):
    found = []
    for discover in (True, False):
        env = ImaginationEnv(**imagined, stochastic=False, discover=discover)
        env.games.model.sqair.births.birth.bias.data.fill_(30.0)
        start = int((env.pool.slots.count < env.pool.slots.presence.shape[1]).nonzero()[0])
        before = env.reset(options={"start": start})[1]["identities"].max()
        found.append(env.step(0)[4]["identities"].max() > before)
    assert found == [True, False]


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
    ends = imagined | {"model": ending(imagined["model"], tmp_path, 0.1)}
    for limits in ({}, {"max_uncertainty": -1.0}):
        env = ImaginationEnv(**ends | limits)
        env.reset(seed=0)
        assert env.step(0)[2:4] == (True, False)
    with pytest.raises(ResetNeeded):
        env.step(0)


def test_it_is_made_by_gymnasium_and_from_its_spec(imagined):
    env = gym.make("sqair_wm:sqair_wm/Imagination-v0", **imagined)
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
    env.games.model.heads.heads[0][-1].bias.data.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="an outcome"):
        env.step(0)


def test_models_that_cannot_be_played_in_are_errors(tmp_path):
    WorldModel(small()).save(tmp_path)
    with pytest.raises(ValueError, match="not trained on a game"):
        ImaginationEnv(str(tmp_path))
    WorldModel(small(channels=4, scenery=3), sqair_wm.world.world_model.Source("Pong", 24)).save(tmp_path)
    with pytest.raises(ValueError, match="no actions and no rewards"):
        ImaginationEnv(str(tmp_path))
