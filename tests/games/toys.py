"""A game as a user writes it, in a module of the user's own."""

from pathlib import Path

import pytest

MODULE, LIMIT, SPOT = "toy_games", 7, (200, 40, 40)
SOURCE = f'''
import gymnasium as gym
import numpy as np


class Walk(gym.Env):
    """A spot that the actions move to the left and to the right; the walk ends at the right."""

    def __init__(self):
        self.observation_space = gym.spaces.Box(0, 255, (40, 40, 3), np.uint8)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 16
        return self.look(), {{}}

    def step(self, action):
        self.place += 4 if action else -4
        self.place = max(self.place, 0)
        return self.look(), 1.0, self.place == 32, False, {{}}

    def look(self):
        picture = np.zeros((40, 40, 3), np.uint8)
        picture[16:24, self.place : self.place + 8] = {SPOT}
        return picture


gym.register("My/Walk-v0", Walk, max_episode_steps={LIMIT})
'''


def write_game(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write the module where Python finds it; returns what `env=` is to be."""
    (folder / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(folder)
    return f"{MODULE}:My/Walk-v0"
