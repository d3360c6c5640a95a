"""Agents on pixels see the same in evaluation as in training."""

import numpy as np

from sqair_wm.agents.games import RealGames
from sqair_wm.agents.pixels import SPACE, PixelPolicy, pixel_games
from tests.agents.worlds import Notes


def test_an_agent_sees_the_same_frames_in_evaluation_as_in_training(world, short):
    notes, games = Notes(), RealGames(world, 2)
    everyone, policy, state = np.ones(2, bool), PixelPolicy(notes, games), None
    training = pixel_games(world, 2)
    training.seed(7)
    expected = [training.reset()]
    assert training.observation_space == SPACE and expected[0].shape == (2, *SPACE.shape)
    for _ in range(2):  # games of seven steps; the second ones are not seeded again
        games.begin(everyone, [7, 8])
        for _ in range(6):
            actions, state = policy.predict(None, state, games.fresh.copy())
            games.step(actions)
    for n in range(1, 6):
        expected.append(training.step(np.array([n % 5] * 2))[0])
    assert all(np.array_equal(a, b) for a, b in zip(notes.shown[:6], expected, strict=True))
    assert np.array_equal(notes.shown[6], notes.shown[0]), "nothing is left of the game before"
    assert (notes.shown[3][:, -1] != notes.shown[3][:, -2]).any()
