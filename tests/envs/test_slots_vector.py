import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorWrapper

import sqair_wm
from sqair_wm.envs import layout
from sqair_wm.envs.slots import make_slots
from sqair_wm.envs.slots_vector import SlotVectorObservation, make_slots_vector
from sqair_wm.games.atari import make_atari
from tests.envs.conftest import SIZE, same

LIMIT, ROWS = 5, 2


def actions(t):
    return np.array([t % 5, (3 * t + 1) % 5])


@pytest.fixture(scope="module")
def expected(bouncing):
    """What each row has to observe in episodes of `LIMIT` steps: what the single wrapper returns.

    A list for each row: (observation, identities, whether it is the first of an episode).
    """
    env, histories = make_slots(bouncing), []
    for row in range(ROWS):
        history, t = [], 0
        observation, info = env.reset(seed=row)
        while t < 8:
            history.append((observation, info["identities"], True))
            for _ in range(LIMIT):
                observation, _, _, _, info = env.step(actions(t)[row])
                history.append((observation, info["identities"], False))
                t += 1
            observation, info = env.reset()
        histories.append(history)
    return histories


def vector(bouncing, mode, **options):
    return make_slots_vector(bouncing, ROWS, autoreset_mode=mode, max_episode_steps=LIMIT, **options)


@pytest.mark.parametrize("form", ["array", "dict"])
def test_restarting_within_the_step_equals_the_single_wrapper(bouncing, expected, form):
    env = vector(bouncing, "SameStep", form=form)
    observation, infos = env.reset(seed=0)
    assert infos["identities"].shape == (ROWS, 3)
    at = [0, 0]
    for t in range(8):
        check_rows(observation, infos, expected, at)
        observation, _, _, truncated, infos = env.step(actions(t))
        assert env.observation_space.contains(observation)
        assert truncated.all() == ((t + 1) % LIMIT == 0) and infos.get("_final_obs", truncated).all() == truncated.all()
        for row in range(ROWS):
            at[row] += 1
            if truncated[row]:
                last, identities, first = expected[row][at[row]]
                assert not first
                close(infos["final_obs"][row], last)
                assert same(infos["final_info"]["identities"][row], identities)
                at[row] += 1
    assert infos["_identities"].all()


def test_restarting_with_the_next_step_equals_the_single_wrapper(bouncing, expected):
    env = vector(bouncing, AutoresetMode.NEXT_STEP)
    observation, infos = env.reset(seed=0)
    played = 0
    for t in range(9):
        check_rows(observation, infos, expected, [t, t])
        restarts = t % (LIMIT + 1) == LIMIT
        observation, rewards, _, truncated, infos = env.step(np.array([3, 3]) if restarts else actions(played))
        played += not restarts
        assert truncated.all() == ((t + 1) % (LIMIT + 1) == LIMIT)
        assert not restarts or not rewards.any()


def test_rows_can_be_restarted_by_hand(bouncing, expected):
    env = vector(bouncing, "Disabled")
    observation, infos = env.reset(seed=0)
    for t in range(LIMIT):
        observation, _, _, truncated, infos = env.step(actions(t))
        check_rows(observation, infos, expected, [t + 1, t + 1])
    assert truncated.all()
    for mask, at in (([True, False], [6, 5]), ([False, True], [6, 6])):
        observation, infos = env.reset(options={"reset_mask": np.array(mask)})
        check_rows(observation, infos, expected, at)
    observation, *_, infos = env.step(actions(LIMIT))
    check_rows(observation, infos, expected, [7, 7])


def check_rows(observation, infos, expected, at):
    for row in range(ROWS):
        wanted, identities, _ = expected[row][at[row]]
        close(layout.row(observation, row), wanted)
        assert same(infos["identities"][row], identities)


def close(seen, wanted):
    """Whether an observation of any form shows the rows `wanted`."""
    if isinstance(seen, dict):
        assert same(seen["presence"], seen["slots"][:, 0])
        seen = seen["slots"]
    np.testing.assert_allclose(seen, wanted, rtol=1e-4, atol=1e-5)


def test_gymnasium_makes_it(bouncing):
    env = gym.make_vec("sqair_wm/Slots-v0", num_envs=2, model=bouncing, form="flat", max_episode_steps=3)
    assert isinstance(env, SlotVectorObservation) and env.observation_space.shape == (2, 30)
    env.reset(seed=0)
    assert [env.step([0, 0])[3].all() for _ in range(3)] == [False, False, True]
    assert gym.make_vec(env.spec).observation_space == env.observation_space


def test_games_can_run_in_processes_of_their_own(bouncing):
    plain, parallel = vector(bouncing, "SameStep"), vector(bouncing, "SameStep", processes=True)
    assert same(plain.reset(seed=3)[0], parallel.reset(seed=3)[0])
    for t in range(LIMIT + 1):
        ours, theirs = plain.step(actions(t)), parallel.step(actions(t))
        assert same(ours[0], theirs[0]) and same(ours[3], theirs[3])
    parallel.close()


def test_vectors_that_cannot_be_are_errors(bouncing, folder):
    games = SyncVectorEnv([sqair_wm.load(bouncing).make_env])
    with pytest.raises(ValueError, match="trained on Bouncing, the game is Pong"):
        SlotVectorObservation(SyncVectorEnv([sqair_wm.load(folder).make_env]), bouncing)
    cropped = SyncVectorEnv([lambda: make_atari("Pong", size=SIZE)])
    with pytest.raises(ValueError, match=r"raw rows \(34, 194\), the game shows \(0, 210\)"):
        SlotVectorObservation(cropped, folder)
    silent = VectorWrapper(games)
    silent.metadata = {}
    with pytest.raises(ValueError, match="AutoresetMode, not None"):
        SlotVectorObservation(silent, bouncing)
    with pytest.raises(ValueError, match="Sometimes"):
        make_slots_vector(bouncing, 1, autoreset_mode="Sometimes")
