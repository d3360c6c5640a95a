import json
import random
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import ResizeObservation
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import sqair_wm
from sqair_wm.envs.slots import SlotObservation, make_slots
from sqair_wm.games.atari import AtariFrames, make_atari
from sqair_wm.model.outlines import outlines
from sqair_wm.model.slots import Noise
from sqair_wm.nn.where import boxes
from tests.envs.conftest import EXPLAINED, FIELD, SIZE, only_explained, same, save_model
from tests.games.toys import write_game


@pytest.mark.parametrize(("form", "units"), [("array", "normalised"), ("flat", "pixels")])
def test_both_checkers_accept_it(folder, form, units):
    env = gym.make("sqair_wm/Slots-v0", model=folder, form=form, units=units, render_mode="rgb_array")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env, skip_render_check=True)
        only_explained(caught, *EXPLAINED[:2])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sb3_check_env(gym.make(env.spec))
        only_explained(caught, *(() if form == "flat" else EXPLAINED[2:]))


@pytest.mark.parametrize("game", ["folder", "bouncing"])
def test_it_shows_what_the_model_sees(game, request):
    """Compared with `preprocessor` and `observe` called directly; every row keeps its object."""
    folder = request.getfixturevalue(game)
    env, model = make_slots(folder), sqair_wm.load(folder)
    game, preprocess = model.make_env(), model.preprocessor()
    slots, rows, rows_before, seen = model.initial(1), {}, {}, 0
    frame, observation, info = game.reset(seed=3)[0], *env.reset(seed=3)
    action = 0
    for t in range(25):
        slots, _ = model.observe(slots, preprocess(frame), torch.tensor([action]), noise=Noise.none(slots))
        there = slots.presence[0] > 0
        identities = set(slots.identity[0][there].tolist())
        rows = {int(i): n for n, i in enumerate(info["identities"]) if i >= 0}
        assert set(rows) == identities and (observation[:, 0] > 0).sum() == len(identities)
        assert all(rows[i] == rows_before[i] for i in rows.keys() & rows_before.keys())
        for i, n in rows.items():
            what = slots.what[0][slots.identity[0] == i][0]
            np.testing.assert_allclose(observation[n, 7:], what, rtol=1e-5)
        seen, rows_before, action = seen + len(rows), rows, t % 5
        frame, observation, info = game.step(action)[0], *env.step(action)[::4]
    assert seen > 25


def test_an_episode_begins_with_nothing_of_the_last(folder):
    env, histories = make_slots(folder), []
    for _ in range(2):
        env.reset(seed=1)
        histories.append(np.stack([env.step(t % 6)[0] for t in range(12)]))
    assert histories[0][-1].any() and (histories[0] == histories[1]).all()


def test_it_can_be_rebuilt_from_its_spec(folder):
    env = gym.make("sqair_wm/Slots-v0", model=folder, form="flat", units="pixels")
    wrapped = SlotObservation(make_atari("Pong", size=SIZE, crop=FIELD), folder, form="flat", units="pixels")
    assert env.spec.id == "sqair_wm/Slots-v0"
    for spec in (env.spec, EnvSpec.from_json(env.spec.to_json()), wrapped.spec):
        again = gym.make(spec)
        assert again.observation_space == env.observation_space
        assert same(again.reset(seed=5)[0], env.reset(seed=5)[0])
        assert sum(isinstance(layer, SlotObservation) for layer in layers(again)) == 1
    assert json.loads(wrapped.spec.to_json())["additional_wrappers"][-1]["kwargs"]["model"] == folder


def layers(env):
    while True:
        yield env
        if env is env.unwrapped:
            return
        env = env.env


def test_a_planner_finds_the_state_and_can_go_on_from_it(folder):
    env = gym.make("sqair_wm:sqair_wm/Slots-v0", model=folder)
    env.reset(seed=0)
    observation, *_, info = env.step(0)
    slots, model = env.get_wrapper_attr("slots"), env.get_wrapper_attr("model")
    assert slots.identity[0].tolist() == info["identities"].tolist()
    assert slots.presence[0].tolist() == observation[:, 0].tolist()
    assert model.imagine(slots, torch.tensor([2])).step.item() == slots.step.item() + 1


def test_boxes_are_drawn_into_the_games_picture(folder):
    plain, boxed = (make_slots(folder, render_mode="rgb_array", draw=draw) for draw in (False, True))
    for env in (plain, boxed):
        env.reset(seed=0)
        info = env.step(0)[4]
    assert plain.render().shape == boxed.render().shape == (210, 160, 3)
    changed = (plain.render() != boxed.render()).any(-1)
    top, left = info["boxes"][info["identities"] >= 0].min(0)[:2]
    rows, columns = np.nonzero(changed)
    assert abs(rows.min() - (34 + top * 160 / SIZE)) < 2
    assert abs(columns.min() - left * 160 / SIZE) < 2


def test_models_that_do_not_fit_are_errors(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="no trained model"):
        make_slots(tmp_path)
    with pytest.raises(ValueError, match=r"takes frames \(24, 24, 3\)"):
        SlotObservation(make_atari("Pong", size=32), folder)
    with pytest.raises(ValueError, match="trained on Pong, the game is SpaceInvaders"):
        SlotObservation(make_atari("SpaceInvaders", size=SIZE), folder)
    with pytest.raises(ValueError, match="knows 6 actions"):
        make_slots(folder, full_action_space=True)
    for how, message in ({}, "raw rows"), ({"pool": 4}, "maximum over"), ({"frame_skip": 2}, "raw frames an action: 4"):
        with pytest.raises(ValueError, match=message):
            SlotObservation(make_atari("Pong", size=SIZE, **({"crop": FIELD} if how else {}), **how), folder)
    with pytest.raises(TypeError, match="folder of a saved model"):
        SlotObservation(make_atari("Pong", size=SIZE, crop=FIELD), sqair_wm.load(folder))


@pytest.mark.parametrize(
    "asked", [{"sticky": 0.25}, {"repeat_action_probability": 0.25}, {"frameskip": 2}, {"pool": 4}]
)
def test_what_the_model_was_not_trained_with_is_refused(folder, asked):
    (name,) = asked
    with pytest.raises(ValueError, match=rf"{name}=.* is not what the model was trained with, \w+="):
        gym.make("sqair_wm/Slots-v0", model=folder, **asked)
    with pytest.raises(ValueError, match=rf"{name}=.* is not what"):
        gym.make_vec("sqair_wm/Slots-v0", model=folder, **asked)


def test_what_the_model_was_trained_with_may_be_said(folder):
    said = make_slots(folder, sticky=0.0, frameskip=4, repeat_action_probability=0.0, crop=FIELD, size=SIZE)
    assert same(said.reset(seed=1)[0], make_slots(folder).reset(seed=1)[0])


def test_a_users_own_game_is_played(tmp_path, monkeypatch):
    name, black = write_game(tmp_path, monkeypatch), np.zeros((SIZE, SIZE, 3), np.uint8)
    folder = save_model(name, 2, black, tmp_path)
    env = make_slots(folder)
    env.reset(seed=0)
    assert env.step(1)[4]["boxes"].any() and env.unwrapped.spec.id == "My/Walk-v0"
    SlotObservation(ResizeObservation(gym.make("My/Walk-v0"), (SIZE, SIZE)), folder)
    with pytest.raises(ValueError, match=f"trained on {name}, the game is Pong"):
        SlotObservation(make_atari("Pong", size=SIZE), folder)


def test_every_id_of_a_game_fits_its_model(folder):
    for name in ("PongNoFrameskip-v4", "ALE/Pong-v5"):
        raw = gym.make(name, frameskip=1, repeat_action_probability=0.0)
        SlotObservation(AtariFrames(raw, size=SIZE, crop=FIELD), folder)


def test_boxes_enclose_what_is_painted(folder):
    env = make_slots(folder)
    env.reset(seed=0)
    *_, info = env.step(0)
    slots, model = env.slots, env.model
    expected = outlines(model.render(slots).glimpses, slots.where, model.config)[0]
    np.testing.assert_allclose(info["boxes"], expected, atol=1e-4)
    assert not np.allclose(info["boxes"], boxes(slots.where, (SIZE, SIZE))[0], atol=0.1)


@pytest.mark.parametrize("name", ["sqair_wm/Slots-v0", "sqair_wm/Imagination-v0"])
def test_making_one_leaves_the_global_random_numbers_alone(folder, name):
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    gym.make(name, model=folder)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all() and before[2] == random.getstate()


def test_films_of_the_game_and_of_imagination_run_at_the_same_speed(folder):
    names = ("sqair_wm/Slots-v0", "sqair_wm/Imagination-v0")
    speeds = [gym.make(n, model=folder, render_mode="rgb_array").metadata["render_fps"] for n in names]
    assert speeds == [15, 15]


def test_broken_models_are_errors_not_empty_scenes(folder, tmp_path):
    model = sqair_wm.load(folder)
    model.sqair.dynamics.readout.bias.data[0] = torch.nan
    model.save(tmp_path)
    with pytest.raises(ValueError, match=r"not finite \(sqair.dynamics.readout.bias"):
        make_slots(tmp_path)
    env = make_slots(folder)
    env.reset(seed=0)
    env.step(0)
    env.model.sqair.inference.tracking.presence[-1].bias.data.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="log density"):
        env.step(0)


def test_the_scenes_handed_out_may_be_trained_on(folder):
    env = make_slots(folder)
    env.reset(seed=0)
    env.step(0)
    slots, model = env.slots, env.model.requires_grad_(True)
    assert not any(x.is_inference() for x in vars(slots).values() if torch.is_tensor(x)) and env.slots is slots
    after = model.imagine(slots, torch.zeros(1, dtype=torch.int64), noise=Noise.none(slots))
    after.what.sum().backward()
    assert any(p.grad is not None for p in model.parameters())
