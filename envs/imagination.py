"""The model as an environment: episodes start at states of the real game and go on inside the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from sqair_wm.model.slots import Slots

from .imagined_games import USUAL_FPS, ImaginedGames, Rules
from .layout import Observation, row
from .slots_vector import final_observations, with_masks
from .starts import StatePool

Info = dict[str, Any]
METADATA = {"render_modes": ["rgb_array"], "render_fps": USUAL_FPS}


class _Imagined:
    """What a single imagined game and a vector of them have in common."""

    games: ImaginedGames

    @property
    def slots(self) -> Slots:
        """The scenes after the last step; objects are in the rows that they have in the observation."""
        return self.games.scenes.slots

    @property
    def pool(self) -> StatePool:
        """The states that episodes start from; `pool.refresh(policy)` plays the real game for new ones."""
        return self.games.pool

    @pool.setter
    def pool(self, pool: StatePool) -> None:
        self.games.pool = pool


class ImaginationEnv(_Imagined, gym.Env):
    """One imagined game; observations and actions are those of `SlotObservation`, so the same policy works in both.

    Rewards are the model's expected rewards, unclipped. The end of the horizon truncates an episode, a predicted ending
    terminates it. `reset(options={"start": 3})` begins at that state of the pool instead of a random one. `info` has
    `identities` and, after a step, the model's `uncertainty`; with `boxes=True` also `boxes` as in the real game.

    Args:
        model: folder of the saved model.
        render_mode: None or `rgb_array`.
        rules: see `Rules`: horizon, start_states, pool_seed, form, units, around, device, stochastic, discover,
            max_uncertainty, ends, boxes.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model or a setting cannot be used; the message says why.
    """

    metadata = METADATA

    def __init__(self, model: str | Path, *, render_mode: str | None = None, **rules: Any):
        self.render_mode = _checked(render_mode)
        self.games = ImaginedGames(model, 1, Rules(**rules))
        self.metadata = METADATA | {"render_fps": self.games.fps}
        self.observation_space = self.games.layout.space
        self.action_space: gym.spaces.Discrete = self.games.action_space
        self._generator: torch.Generator | None = None

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Observation, Info]:
        """Begin at a state of the pool."""
        super().reset(seed=seed)
        if seed is not None or self._generator is None:
            self._generator = self.games.generator(self.np_random)
        self.games.start(np.ones(1, bool), self._generator, (options or {}).get("start"))
        return self._see(), row(self.games.info(), 0)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, Info]:
        """Take an imagined step under `action`.

        Raises:
            ValueError: if the game has no such action.
            ResetNeeded: if no episode is running.
        """
        if self._generator is None or not self.games.running[0]:
            raise ResetNeeded("no imagined episode is running: call reset() first")
        step = self.games.step(np.asarray(action)[None], self._generator)
        info = row(self.games.info(), 0) | {"uncertainty": float(step.uncertainty[0])}
        return self._see(), float(step.reward[0]), bool(step.terminated[0]), bool(step.truncated[0]), info

    def render(self) -> np.ndarray | None:
        """The imagined objects on the background of the start state, `[H, W, 3]` uint8; None without a render mode."""
        return None if self.render_mode is None else self.games.pictures()[0]

    def _see(self) -> Observation:
        return row(self.games.observe(), 0)


class ImaginationVectorEnv(_Imagined, VectorEnv):
    """Many imagined games, computed as one batch on the model's device; each is an `ImaginationEnv`.

    All rows share one stream of random numbers, seeded with the first seed; with one row, everything is as in
    `ImaginationEnv` with that seed. `reset(options={"reset_mask": ...})` chooses the rows that begin a new episode, and
    `options={"start": [...]}` a state of the pool for each of them.

    Args:
        model: folder of the saved model.
        num_envs: number of rows.
        render_mode: None or `rgb_array`.
        autoreset_mode: when the next episode starts: `NextStep`, `SameStep` (what stable-baselines3 needs) or
            `Disabled` (only by `reset` with a mask).
        max_episode_steps: limit on the length of an episode beside the horizon; the shorter one counts.
        rules: see `Rules`.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model or a setting cannot be used; the message says why.
    """

    def __init__(
        self,
        model: str | Path,
        num_envs: int = 1,
        *,
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **rules: Any,
    ):
        self.render_mode, self.autoreset_mode = _checked(render_mode), AutoresetMode(autoreset_mode)
        if max_episode_steps is not None:
            rules["horizon"] = min(max_episode_steps, rules.get("horizon", Rules.horizon))
        self.games, self.num_envs = ImaginedGames(model, num_envs, Rules(**rules)), num_envs
        self.metadata = METADATA | {"render_fps": self.games.fps, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space = self.games.layout.space
        self.single_action_space = self.games.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._generator: torch.Generator | None = None

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: Info | None = None
    ) -> tuple[Observation, Info]:
        """Begin every row, or those in `options["reset_mask"]`, at states of the pool; the others stay as they are.

        Raises:
            ValueError: if a mask or a list of seeds is not one for every row, or a start is not in the pool.
        """
        options = options or {}
        rows = np.asarray(options.get("reset_mask", np.ones(self.num_envs, bool)))
        if rows.shape != (self.num_envs,) or rows.dtype != bool or not rows.any():
            raise ValueError(f"reset_mask has to be {self.num_envs} booleans, at least one true, got {rows!r}")
        first = self._first(seed)
        super().reset(seed=first)
        if first is not None or self._generator is None:
            self._generator = self.games.generator(self.np_random)
        self.games.start(rows, self._generator, options.get("start"))
        return self._see(), with_masks(self.games.info(), rows)

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, Info]:
        """Take an imagined step in every row under `actions` `[num_envs]`.

        Raises:
            ValueError: if the game has no such action.
            ResetNeeded: if a row has no running episode, and the autoreset mode does not begin one.
        """
        idle = ~self.games.running
        if self._generator is None or (idle.any() and self.autoreset_mode is not AutoresetMode.NEXT_STEP):
            raise ResetNeeded(f"no episode is running in rows {np.flatnonzero(idle).tolist()}: reset them first")
        if idle.all():
            return self._begin_all(actions, self._generator)
        reward, terminated, truncated, uncertainty = self.games.step(actions, self._generator)
        fresh: np.ndarray = idle
        infos: Info = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            fresh = terminated | truncated
            infos = self._finish(fresh, uncertainty)
        elif idle.any():
            reward[idle], terminated[idle], truncated[idle] = 0.0, False, False
        if fresh.any():
            self.games.start(fresh, self._generator)
        infos |= with_masks(self.games.info(), np.ones(self.num_envs, bool))
        infos |= with_masks({"uncertainty": np.where(fresh, 0.0, uncertainty)}, ~fresh)
        return self._see(), reward, terminated, truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The imagined frame of every row, `[H, W, 3]` uint8 each; None without a render mode."""
        return None if self.render_mode is None else tuple(self.games.pictures())

    def _begin_all(
        self, actions: np.ndarray, generator: torch.Generator
    ) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, Info]:
        """The step after all rows ended together, as at a common horizon: they only begin anew, without the model."""
        self.games.check(actions)
        rows, no = np.ones(self.num_envs, bool), np.zeros(self.num_envs, bool)
        self.games.start(rows, generator)
        infos = with_masks(self.games.info(), rows)
        return self._see(), np.zeros(self.num_envs), no, no.copy(), infos

    def _finish(self, ended: np.ndarray, uncertainty: np.ndarray) -> Info:
        """The last observations and infos of the rows that ended."""
        if not ended.any():
            return {}
        who = self.games.info() | {"uncertainty": uncertainty}
        return {
            "final_obs": final_observations(self._see(), ended),
            "final_info": with_masks(who, ended),
        } | {name: ended.copy() for name in ("_final_obs", "_final_info")}

    def _first(self, seed: int | list[int | None] | None) -> int | None:
        if not isinstance(seed, (list, tuple)):
            return seed
        if len(seed) != self.num_envs:
            raise ValueError(f"seed has to hold one for each of {self.num_envs} rows, got {len(seed)}")
        return seed[0]

    def _see(self) -> Observation:
        return self.games.observe()


def _checked(render_mode: str | None) -> str | None:
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode is {render_mode!r}; choose None or 'rgb_array'")
    return render_mode
