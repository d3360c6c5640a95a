"""Decisions that are held for some steps."""

import numpy as np

from sqair_wm.agents.playing.held import Held


class Counter:
    """Its actions number its decisions, 10 apart in each game; it remembers how often it was asked."""

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        asked = (state or 0) + 1
        return asked + 10 * np.arange(len(observation)), asked


def test_a_decision_is_held_and_a_new_episode_begins_with_a_new_one():
    policy, memory, taken = Held(Counter(), 3), None, []
    for step in range(8):
        fresh = np.array([step == 0, step in (0, 4)])
        action, memory = policy.predict(np.zeros((2, 5)), memory, fresh)
        taken.append(action.tolist())
    first, second = zip(*taken, strict=True)
    assert first == (1, 1, 1, 4, 4, 4, 7, 7)
    assert second == (11, 11, 11, 14, 15, 15, 15, 18)


def test_without_memory_it_decides_anew():
    policy = Held(Counter(), 3)
    assert policy.predict(np.zeros((1, 5)))[0].tolist() == [1]
    assert policy.predict(np.zeros((1, 5)), None, np.array([True]))[0].tolist() == [1]
