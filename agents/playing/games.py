"""Several real games in parallel, filtered by a world model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch

from sqair_wm.envs.layout import Layout, Observation
from sqair_wm.games.lives import Lives
from sqair_wm.model.slots import Slots
from sqair_wm.world.scenes import Tracker
from sqair_wm.world.world_model import WorldModel

LEARNT_SEEDS = 1_000_000
"""Games for training agents have seeds below this one, games for evaluation above."""


class Tick(NamedTuple):
    """The result of one step of all games; arrays `[B]`. A game that had ended begins anew instead of taking a step.

    Attributes:
        action: int64, the action that was taken; 0 where a game began.
        reward: float64, unclipped; 0 where a game began.
        ended: bool, the game is over.
        truncated: bool, a limit on its length cut the game off.
        began: bool, a game began instead of a step.
        lost: bool, a life was lost.
    """

    action: np.ndarray
    reward: np.ndarray
    ended: np.ndarray
    truncated: np.ndarray
    began: np.ndarray
    lost: np.ndarray


class RealGames:
    """`number` real games in parallel; the world model that filters them may be trained further between steps.

    Args:
        world: the model whose game is played, and that finds its objects.
        number: number of games.
        seed: of the first game; the next ones have `seed + 1`, ... Seeds of later games are derived from these.
        layout: of the observations; None for objects alone.
        tracked: whether the world model finds the objects in each frame; without it there are no `slots`, no
            `observation` and no `backgrounds`.
        options: passed on to `WorldModel.make_env`.

    Attributes:
        frames: `[B, H, W, 3]` uint8, the current pictures of the games.
        fresh: `[B]` bool, whether a game has just begun.
        over: `[B]` bool, whether it has ended, or was cut off.
        infos: the info of each game with its last frame.
        watch: is told of every new frame: the number of the game, and whether the frame begins it.
    """

    def __init__(
        self,
        world: WorldModel,
        number: int,
        seed: int = 0,
        layout: Layout | None = None,
        tracked: bool = True,
        **options: Any,
    ):
        self.world, self.number = world, number
        self.envs = [world.make_env(**options) for _ in range(number)]
        space = self.envs[0].action_space
        assert isinstance(space, gym.spaces.Discrete)
        self.action_space, self.layout = space, layout or Layout.for_agents(world)
        self.frames = np.zeros((number, *world.config.frame_size, 3), np.uint8)
        self.fresh, self.over = np.ones(number, bool), np.ones(number, bool)
        self.infos: list[dict[str, Any]] = [{} for _ in range(number)]
        self.watch: Callable[[int, bool], None] | None = None
        self._tracked, self._tracker = tracked, Tracker(world, number)
        self._first, self._begun, self._seed = seed, [0] * number, [0] * number
        self._taken: list[list[int]] = [[] for _ in range(number)]
        self._lives = [Lives() for _ in range(number)]

    @property
    def slots(self) -> Slots:
        """The scenes, rows as in the observation."""
        return self._tracker.scenes.slots

    @property
    def observation(self) -> Observation:
        """The observations of agents, `[B, N, D]`."""
        seen = self._tracker.scenes
        return self.layout.observe(seen.state, seen.assignment)

    @property
    def backgrounds(self) -> np.ndarray:
        """The background behind the objects, `[B, H, W, 3]` uint8."""
        return np.stack([p.background for p in self._tracker.preprocessors])

    def begin(self, rows: np.ndarray, seeds: Sequence[int] | None = None) -> None:
        """Begin games where `rows` `[B]` is true; `seeds` holds one for each of these."""
        chosen = np.flatnonzero(rows)
        if not len(chosen):
            return
        for i, seed in zip(chosen.tolist(), seeds or [self._next(i) for i in chosen.tolist()], strict=True):
            self._reset(i, seed)
            self._begun[i] += 1
        if self._tracked:
            self._tracker.begin(rows)
            self._tracker.see(self.frames, None, None if rows.all() else rows)
        self.fresh, self.over = self.fresh | rows, self.over & ~rows

    def step(self, actions: np.ndarray, rows: np.ndarray | None = None) -> Tick:
        """Take a step in every game, or where `rows` `[B]` is true; games that have ended stay as they are."""
        rows = ~self.over if rows is None else rows & ~self.over
        reward, no = np.zeros(self.number), np.zeros(self.number, bool)
        ended, truncated, lost, taken = no.copy(), no.copy(), no.copy(), np.where(rows, actions, 0).astype(np.int64)
        for i in np.flatnonzero(rows):
            reward[i], ended[i], truncated[i], lost[i] = self._act(int(i), int(taken[i]))
        if self._tracked and rows.any():
            self._tracker.see(self.frames, taken, None if rows.all() else rows, lost)
        self.fresh = self.fresh & ~rows
        self.over = self.over | ended | truncated
        return Tick(taken, reward, ended, truncated & ~ended, no, lost)

    def advance(self, actions: np.ndarray) -> Tick:
        """Take a step in every game that runs; those that have ended begin anew."""
        over = self.over.copy()
        tick = self.step(actions)
        self.begin(over)
        return tick._replace(began=over)

    def _next(self, i: int) -> int:
        """The seed of the next game in row `i`."""
        begun = self._begun[i]
        return int(np.random.default_rng([self._first, i, begun]).integers(LEARNT_SEEDS)) if begun else self._first + i

    def _reset(self, i: int, seed: int) -> None:
        """Begin game `i`."""
        self.frames[i], info = self.envs[i].reset(seed=seed)
        self._seed[i], self._taken[i], self.infos[i] = seed, [], info
        self._lives[i].begin(info)
        if self.watch is not None:
            self.watch(i, True)

    def _act(self, i: int, action: int) -> tuple[float, bool, bool, bool]:
        """Take a step of game `i`; returns its reward, and whether the game ended, was cut off, or lost a life."""
        self.frames[i], reward, ended, truncated, info = self.envs[i].step(action)
        self._taken[i].append(action)
        self.infos[i] = info
        if self.watch is not None:
            self.watch(i, False)
        return float(reward), ended, truncated, self._lives[i].lost(info)

    def state_dict(self) -> dict[str, Any]:
        """The state of the games in tensors and plain data: the seed of each, and its actions since it began."""
        return {
            "seed": list(self._seed),
            "first": self._first,
            "begun": list(self._begun),
            "frames": torch.from_numpy(self.frames.copy()),
            "taken": [torch.tensor(x, dtype=torch.int16) for x in self._taken],
            "flags": torch.from_numpy(np.stack([self.fresh, self.over])),
            "tracker": self._tracker.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned: every game is replayed from its seed, without the model.

        `watch` is told of the frames that are played again. A game whose replay does not reach the same frame begins
        anew, with a warning.
        """
        begun = np.array(state["begun"]) > 0
        for i, (seed, taken) in enumerate(zip(state["seed"], state["taken"], strict=True)):
            if not begun[i]:  # an agent that began with recorded play has not played yet
                continue
            self._reset(i, seed)
            for action in taken.tolist():
                self._act(i, action)
        self._first, self._begun = state["first"], list(state["begun"])
        self.fresh, self.over = state["flags"].numpy().copy()
        self._tracker.load_state_dict(state["tracker"])
        other = (self.frames != state["frames"].numpy()).any((1, 2, 3)) & begun
        if other.any():
            warnings.warn(
                f"{int(other.sum())} of {self.number} games went differently when played again from their seeds: "
                "new games begin instead, so the run does not continue bit for bit",
                stacklevel=2,
            )
            self.begin(other)

    def close(self) -> None:
        """Close all games."""
        for env in self.envs:
            env.close()
