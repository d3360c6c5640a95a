"""Branching of running games: their state is saved and restored, so that many futures are played from one moment."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np

CHECKED = 8
"""Steps that are played twice, to see whether a state was restored."""

SETTLING = 30
"""Raw frames after which a game with sticky actions has almost certainly accepted an action."""

Moment = Any
"""A saved state of a game: only for `Branching.restore`."""


Stepped = tuple[float, bool, Any]
"""Raw reward of a step, whether the game is over, and an observation to compare with that of the same step again."""


class Done(NamedTuple):
    """An action that was taken, or None for a reset with `options`."""

    action: Any
    options: dict[str, Any] = {}  # noqa: RUF012 (never changed)


class Keeper(Protocol):
    """Saves and restores a game without its wrappers; `note` is told of every action and reset through the wrappers."""

    def note(self, done: Done) -> None: ...

    def save(self) -> Moment: ...

    def restore(self, moment: Moment) -> None: ...

    def step(self, action: int) -> Stepped: ...


class Branching(gym.Wrapper):
    """A running game from which futures branch off.

    The game's own state is saved and restored: of an Atari game by its emulator, of another environment by copying it,
    or else by playing it again from its seed. A branch bypasses the wrappers around the game (pooled frames, time
    limits): what they would change in actions or rewards is not in it. After `restore` of what was saved last, the game
    goes on through its wrappers as if nothing had been tried.
    """

    def __init__(self, env: gym.Env):
        super().__init__(env)
        self._keeper: Keeper | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; give the first one a seed, in case the game has to be played again.

        Raises:
            RuntimeError: if the game can be neither copied nor played again.
        """
        began, done = self.env.reset(seed=seed, options=options), Done(None, {"seed": seed, "options": options})
        if self._keeper is None:
            self._keeper = _choose(self.env, done)
        else:
            self._keeper.note(done)
        return began

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One step of the running game."""
        stepped = self.env.step(action)
        self._kept.note(Done(action))
        return stepped

    def save(self) -> Moment:
        """The state of the game now."""
        return self._kept.save()

    def restore(self, moment: Moment) -> None:
        """Restore what `save` returned in the same episode."""
        self._kept.restore(moment)

    def try_out(self, plans: np.ndarray) -> np.ndarray:
        """Play sequences of actions from now on, each from the same state; the game is left as it was.

        Args:
            plans: `[T, C]` int64, `C` sequences of `T` actions.

        Returns:
            `[T, C]` raw reward of every step; 0 after the end of the game.
        """
        keeper, rewards = self._kept, np.zeros(plans.shape)
        before = keeper.save()
        for c in range(plans.shape[1]):
            for t, action in enumerate(plans[:, c]):
                rewards[t, c], over, _ = keeper.step(int(action))
                if over:
                    break
            keeper.restore(before)
        return rewards

    @property
    def _kept(self) -> Keeper:
        if self._keeper is None:
            raise RuntimeError("no episode has begun, so there is nothing to branch: call reset(seed=...) first")
        return self._keeper


class EmulatorKeeper:
    """Saves an Atari game with its emulator, random numbers included.

    With sticky actions the emulator also remembers the last action, which is not in the state that it hands out. It is
    restored by playing that action for `SETTLING` raw frames: the last one asked for, though in 0.4 % of the cases (at
    0.25 and 4 raw frames an action) an earlier one still ran. `frame_skip` of a wrapper tells how long an action lasts.
    """

    def __init__(self, env: gym.Env):
        game: Any = env.unwrapped
        self._ale, self._actions = game.ale, game._action_set
        self._skip = env.get_wrapper_attr("frame_skip") if env.has_wrapper_attr("frame_skip") else 1
        self._sticky = self._ale.getFloat("repeat_action_probability") > 0
        self._last = 0

    def note(self, done: Done) -> None:
        """Remember the last action; a new episode begins with doing nothing."""
        self._last = 0 if done.action is None else int(done.action)

    def save(self) -> Moment:
        """The emulator's state, and the last action."""
        return self._ale.cloneState(include_rng=True), self._last

    def restore(self, moment: Moment) -> None:
        """Restore both."""
        state, self._last = moment
        self._ale.restoreState(state)
        if self._sticky:
            for _ in range(SETTLING):
                self._ale.act(self._actions[self._last])
            self._ale.restoreState(state)

    def step(self, action: int) -> Stepped:
        """`frame_skip` raw frames without pictures."""
        total, self._last = 0.0, action
        for _ in range(self._skip):
            total += self._ale.act(self._actions[action])
            if self._ale.game_over():
                return total, True, None
        return total, False, None


class CopyKeeper:
    """Saves an environment as copies of all its attributes, and restores them in the same environment."""

    def __init__(self, game: gym.Env):
        self._game = game

    def note(self, done: Done) -> None:
        """Nothing has to be remembered."""

    def save(self) -> Moment:
        """A deep copy of the attributes, in which references to the environment itself stay as they are."""
        return copy.deepcopy(vars(self._game), {id(self._game): self._game})

    def restore(self, moment: Moment) -> None:
        """Restore a copy of the copy, since one moment may be restored many times."""
        fresh = copy.deepcopy(moment, {id(self._game): self._game})
        vars(self._game).clear()
        vars(self._game).update(fresh)

    def step(self, action: int) -> Stepped:
        """One step of the environment."""
        return _step(self._game, action)


class ReplayKeeper:
    """Saves an environment as the list of all resets and actions since it was seeded (`began`), and repeats them."""

    def __init__(self, game: gym.Env, began: Done):
        self._game, self._done = game, [began]

    def note(self, done: Done) -> None:
        """Remember it; what was done before a reset with a seed is dropped."""
        if done.action is None and done.options["seed"] is not None:
            self._done.clear()
        self._done.append(done)

    def save(self) -> Moment:
        """All that was done so far."""
        return list(self._done)

    def restore(self, moment: Moment) -> None:
        """Do it again."""
        self._done = list(moment)
        for action, options in moment:
            if action is None:
                self._game.reset(**options)
            else:
                self._game.step(action)

    def step(self, action: int) -> Stepped:
        """One step of the environment."""
        self._done.append(Done(action))
        return _step(self._game, action)


def _choose(env: gym.Env, began: Done) -> Keeper:
    """A keeper that can restore the game of `env`, whose episode just began; RuntimeError if there is none."""
    game = env.unwrapped
    if hasattr(game, "ale"):
        return EmulatorKeeper(env)
    keepers: tuple[Keeper, ...] = CopyKeeper(game), ReplayKeeper(game, began)
    for keeper in keepers:
        if _faithful(keeper, env):
            return keeper
    raise RuntimeError(
        f"{game} can't be branched: it can't be copied, and when played again from its seed it goes differently (was "
        "the first reset without a seed? does it use random numbers other than self.np_random?)"
    )


def _step(game: gym.Env, action: int) -> Stepped:
    seen, reward, terminated, truncated, _ = game.step(action)
    return float(reward), terminated or truncated, seen


def _faithful(keeper: Keeper, env: gym.Env) -> bool:
    """Whether the same steps after `restore` have the same results; the game is left as it was."""
    space = env.action_space
    assert isinstance(space, gym.spaces.Discrete)
    try:
        before = keeper.save()
        tries = []
        for _ in range(2):
            tries.append(_walk(keeper, int(space.n)))
            keeper.restore(before)
    except Exception:  # an environment that can't be copied or replayed may raise anything
        return False
    same = [a[:2] == b[:2] and np.array_equal(a[2], b[2]) for a, b in zip(*tries, strict=False)]
    return len(tries[0]) == len(tries[1]) and all(same)


def _walk(keeper: Keeper, actions: int) -> list[Stepped]:
    """The results of `CHECKED` steps, or of fewer if the game ends."""
    steps: list[Stepped] = []
    while len(steps) < CHECKED and not (steps and steps[-1][1]):
        steps.append(keeper.step(len(steps) % actions))
    return steps
