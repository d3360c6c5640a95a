"""Real and imagined games refuse bad input before anything happens; and what a copied environment can do."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded

from sqair_wm.envs.sb3 import as_sb3

ODD = (-1, 6, 0.5, np.array([1]))


@pytest.fixture(params=["Slots", "Imagination"])
def make(request, folder, imagined):
    """Makes environments of one of the two kinds."""
    settings = imagined if request.param == "Imagination" else {"model": folder}
    return lambda many=0: (
        gym.make_vec(f"sqair_wm/{request.param}-v0", many, **settings)
        if many
        else gym.make(f"sqair_wm/{request.param}-v0", **settings)
    )


def test_an_action_that_is_none_changes_nothing(make):
    runs = []
    for odd in ((), ODD):
        env = make()
        env.reset(seed=1)
        for action in odd:
            with pytest.raises(ValueError, match="whole numbers from 0 to 5"):
                env.step(action)
        runs.append([env.step(2)[0] for _ in range(3)])
    assert np.array_equal(*runs)
    env = make(2)
    env.reset(seed=1)
    for wrong in ([0, 6], [0], [[0, 1]]):
        with pytest.raises(ValueError, match="actions have to be 2 whole numbers from 0 to 5"):
            env.step(np.array(wrong))


def test_the_random_numbers_of_others_are_left_alone(make):
    before, theirs = torch.get_rng_state(), np.random.get_state()[1].copy()
    env = make()
    env.reset(seed=1)
    env.step(2)
    assert torch.equal(before, torch.get_rng_state()) and np.array_equal(theirs, np.random.get_state()[1])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_of_a_game_that_begins_anew_has_to_be_reset(folder, duplicate):
    """Else its frames would be those of a new game, and its objects those of the original."""
    env = gym.make("sqair_wm/Slots-v0", model=folder)
    env.reset(seed=1)
    env.step(2)
    other = duplicate(env)
    with pytest.raises(ResetNeeded, match="begins anew in a copy"):
        other.step(2)
    assert np.array_equal(other.reset(seed=3)[0], env.reset(seed=3)[0])
    assert np.array_equal(other.step(2)[0], env.step(2)[0])


def test_a_single_environment_is_no_vector(folder):
    with pytest.raises(TypeError, match=r"make many with gym\.make_vec"):
        as_sb3(gym.make("sqair_wm/Slots-v0", model=folder))
