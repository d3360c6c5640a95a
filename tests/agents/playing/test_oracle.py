"""The oracle sees the true objects, and the same ones in training and in evaluation."""

import numpy as np
import pytest

from sqair_wm.agents.playing.games import RealGames
from sqair_wm.agents.playing.oracle import BEFORE_CODE, SPACE, TruthSight, code_of
from sqair_wm.agents.sb3.sb3_games import SB3Games
from sqair_wm.agents.sb3.sights import SightPolicy
from tests.agents.worlds import Notes


def test_it_is_shown_where_the_objects_are_and_how_they_move(world):
    games, sight = RealGames(world, 1, tracked=False), TruthSight(world)
    sight.follow(games)
    games.begin(np.ones(1, bool), [3])
    first = sight.see(games)[0]
    assert SPACE.contains(first)
    seen, infos = [first], [games.infos[0]]
    for action in (1, 4):
        games.step(np.array([action]))
        seen.append(sight.see(games)[0])
        infos.append(games.infos[0])
    size = games.envs[0].unwrapped.observation_space.shape[0]
    for rows, info in zip(seen, infos, strict=True):
        boxes = np.asarray(info["boxes"], float)
        there = rows[: len(boxes)]
        assert (there[:, 0] == 1).all() and not rows[len(boxes) :].any()
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        assert there[:, 1:3] == pytest.approx(2 * centres / size - 1, abs=1e-5)
        assert there[:, 3:5] == pytest.approx(boxes[:, 2:] / size, abs=1e-5)
        assert there[:, BEFORE_CODE:] == pytest.approx(np.tile(code_of("object"), (len(boxes), 1)))
    moved = seen[2][:, 1:3] - seen[1][:, 1:3]
    assert moved.any() and seen[2][:, 5:BEFORE_CODE] == pytest.approx(moved, abs=1e-5)
    assert not first[:, 5:BEFORE_CODE].any(), "nothing has moved yet"


def test_it_sees_the_same_in_evaluation_as_in_training(world, short):
    notes, games = Notes(), RealGames(world, 2)
    policy = SightPolicy(notes, games, TruthSight(world))
    training = SB3Games(RealGames(world, 2, tracked=False), TruthSight(world))
    assert training.observation_space == SPACE
    for seed in (7, 11):  # the second games are begun before the first are over
        games.begin(np.ones(2, bool), [seed, seed + 1])
        training.seed(seed)
        expected = [training.reset()]
        notes.shown.clear()
        for _ in range(4):
            actions, _ = policy.predict(None)
            games.step(actions)
            expected.append(training.step(actions)[0])
        policy.predict(None)
        assert all(np.array_equal(a, b) for a, b in zip(notes.shown, expected, strict=True))


def test_a_class_has_one_code():
    assert np.array_equal(code_of("Ball"), code_of("Ball"))
    assert np.abs(code_of("Ball") - code_of("Player")).max() > 0.5
