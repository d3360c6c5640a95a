"""The real games as pixels for the `CnnPolicy` of stable-baselines3: grey, 84 x 84, the last four frames."""

from __future__ import annotations

from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium.wrappers import FrameStackObservation
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from sqair_wm.world.world_model import WorldModel

from .games import RealGames

SIDE, STACK = 84, 4
SPACE = gym.spaces.Box(0, 255, (STACK, SIDE, SIDE), np.uint8)
"""The observation of one game, the newest frame last."""


def grey(frame: np.ndarray) -> np.ndarray:
    """An RGB picture `[H, W, 3]` uint8 as grey `[84, 84]` uint8 (Mnih et al. 2015)."""
    return cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


class GreyFrames(gym.ObservationWrapper):
    """A game whose pictures are grey and 84 x 84.

    Args:
        env: a game with observations `[H, W, 3]` uint8.
    """

    def __init__(self, env: gym.Env):
        super().__init__(env)
        self.observation_space = gym.spaces.Box(0, 255, (SIDE, SIDE), np.uint8)

    def observation(self, observation: np.ndarray) -> np.ndarray:
        """See `grey`."""
        return grey(observation)


def pixel_games(world: WorldModel, number: int) -> VecEnv:
    """`number` environments of the game of a world model, as pixels, with the model's frame skip and pooling."""
    return DummyVecEnv([lambda: FrameStackObservation(GreyFrames(world.make_env()), STACK)] * number)


class PixelPolicy:
    """Plays `RealGames` with an agent that was trained on pixels; a `Policy`.

    Args:
        agent: of stable-baselines3, on observations in `SPACE`.
        games: the games that are played.
    """

    def __init__(self, agent: BaseAlgorithm, games: RealGames):
        self.agent, self.games = agent, games

    def predict(
        self, observation: Any, state: Any = None, episode_start: np.ndarray | None = None, deterministic: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Actions for the current frames of `games`, not for `observation`. State: the last frames `[B, 4, 84, 84]`."""
        now = np.stack([grey(frame) for frame in self.games.frames])[:, None]
        last = now.repeat(STACK, 1)
        if state is not None:
            begun = np.zeros(len(now), bool) if episode_start is None else episode_start
            last = np.where(begun[:, None, None, None], last, np.concatenate([state[:, 1:], now], 1))
        return self.agent.predict(last, deterministic=deterministic)[0], last
