"""Agents on pixels see the last four frames, in training and in evaluation."""

import numpy as np

from sqair_wm.agents.playing.games import RealGames
from sqair_wm.agents.playing.pixels import SPACE, STACK, PixelSight, grey
from sqair_wm.agents.sb3.sb3_games import SB3Games
from sqair_wm.agents.sb3.sights import SightPolicy
from tests.agents.worlds import Notes


def test_an_agent_sees_the_same_frames_in_evaluation_as_in_training(world, short):
    notes, games = Notes(), RealGames(world, 2)
    everyone, policy = np.ones(2, bool), SightPolicy(notes, games, PixelSight())
    training = SB3Games(RealGames(world, 2, tracked=False), PixelSight())
    training.seed(7)
    expected = [training.reset()]
    assert training.observation_space == SPACE and expected[0].shape == (2, *SPACE.shape)
    for _ in range(2):  # games of seven steps; the second ones are not seeded again
        games.begin(everyone, [7, 8])
        for _ in range(6):
            actions, _ = policy.predict(None)
            games.step(actions)
    for n in range(1, 6):
        expected.append(training.step(np.array([n % 5] * 2))[0])
    assert all(np.array_equal(a, b) for a, b in zip(notes.shown[:6], expected, strict=True))
    assert np.array_equal(notes.shown[6], notes.shown[0]), "nothing is left of the game before"
    assert (notes.shown[3][:, -1] != notes.shown[3][:, -2]).any()


def test_only_the_games_with_a_new_frame_move_on(world):
    games, sight = RealGames(world, 2, tracked=False), PixelSight()
    games.begin(np.ones(2, bool), [7, 8])
    shown = [sight.see(games)]
    assert (shown[0] == shown[0][:, :1]).all(), "the first frame four times"
    games.step(np.array([1, 1]))
    shown.append(sight.see(games))
    games.begin(np.array([True, False]), [9])
    shown.append(sight.see(games, np.array([True, False])))
    first = grey(games.frames[0])
    assert np.array_equal(shown[2][0], np.stack([first] * STACK)) and np.array_equal(shown[2][1], shown[1][1])
    assert np.array_equal(shown[1][1, :-1], shown[0][1, 1:])
