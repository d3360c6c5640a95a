"""Episodes inside the model: the one implementation of an imagined step that all environments share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import torch

from sqair_wm.common.finite import check_finite
from sqair_wm.games.background import compose
from sqair_wm.model.slots import Noise
from sqair_wm.world.scenes import Scenes, load_for_game
from sqair_wm.world.world_model import WorldModel

from .layout import Layout, Observation
from .starts import Collection, StatePool

ENDS = ("threshold", "sample")


@dataclass(frozen=True)
class Rules:
    """How imagined episodes go.

    Attributes:
        horizon: steps after which an episode is truncated, at least 2.
        start_states: number of states to collect from the real game, or the file of a saved `StatePool`.
        pool_seed: of the games that are played for start states.
        form: `array`, `flat` or `dict`; see `Layout`.
        units: `normalised` or `pixels`.
        device: where the model runs.
        stochastic: sample the future; otherwise the likeliest one.
        discover: whether new objects may appear.
        max_uncertainty: an episode is truncated where the model's ensemble disagrees more about where an object
            goes, in object sizes; None for never.
        ends: an episode terminates where its predicted probability exceeds one half (`threshold`), or is drawn with it
            (`sample`).
    """

    horizon: int = 15
    start_states: int | str = 256
    pool_seed: int = 0
    form: str = "array"
    units: str = "normalised"
    device: str = "cpu"
    stochastic: bool = True
    discover: bool = True
    max_uncertainty: float | None = None
    ends: str = "threshold"

    def __post_init__(self) -> None:
        if self.horizon < 2:
            raise ValueError(f"horizon has to be at least 2, got {self.horizon}: an episode needs a step to go on from")
        if self.ends not in ENDS:
            raise ValueError(f"ends is {self.ends!r}; choose one of {', '.join(ENDS)}")


class Step(NamedTuple):
    """What an imagined step brought; arrays `[B]`.

    Attributes:
        reward: float64, expected, unclipped, in the game's units.
        terminated: bool, the game is predicted to end.
        truncated: bool, the horizon was reached or the model is not sure enough; never where terminated.
        uncertainty: float64, see `Outcome.uncertainty`.
    """

    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    uncertainty: np.ndarray


class Rollout:
    """`number` scenes that go on inside the model.

    Args:
        model: folder of the saved model.
        number: of scenes, at least 1.
        rules: of the episodes.

    Attributes:
        scenes: where they are.
        running: `[B]` bool, whether an episode goes on.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model is damaged, was not trained on a game or knows no actions; if there are no scenes.
    """

    def __init__(self, model: str | Path, number: int, rules: Rules):
        self.model: WorldModel = load_for_game(model, rules.device)
        if not self.model.config.actions:
            raise ValueError(f"the model in {model} knows no actions and no rewards: it cannot be played in")
        if number < 1:
            raise ValueError(f"num_envs has to be at least 1, got {number}")
        self.number, self.rules = number, rules
        self.layout = Layout.of(self.model.config, rules.form, rules.units)
        self.action_space = gym.spaces.Discrete(self.model.config.actions)
        self.scenes = Scenes(self.model.initial(number))
        self.running = np.zeros(number, bool)
        self._folder, self._age = str(model), np.zeros(number, np.int64)
        self._backgrounds = list(torch.zeros(number, 3, *self.model.config.frame_size, dtype=torch.uint8))
        self._pool: StatePool | None = None

    @property
    def pool(self) -> StatePool:
        """The states that episodes start from; collected or read when first needed."""
        if self._pool is None:
            self._pool = self._fill()
        return self._pool

    @pool.setter
    def pool(self, pool: StatePool) -> None:
        self._pool = pool

    def _fill(self) -> StatePool:
        rules = self.rules
        if isinstance(rules.start_states, str):
            return StatePool.load(rules.start_states, self.model)
        how = Collection(
            self._folder,
            rules.start_states,
            rules.pool_seed,
            form=rules.form,
            units=rules.units,
            device=rules.device,
        )
        return StatePool.collect(how)

    def generator(self, random: np.random.Generator) -> torch.Generator:
        """A source of noise on the model's device, derived from an environment's `np_random`."""
        device = self.model.background.device
        return torch.Generator(device).manual_seed(int(random.integers(2**63)))

    def start(self, rows: np.ndarray, generator: torch.Generator, index: object = None) -> None:
        """Begin episodes where `rows` `[B]` is true: at random states of the pool, or at those of `index`.

        Raises:
            ValueError: if `index` does not name a state of the pool for every row that begins.
        """
        number, pool = int(rows.sum()), self.pool
        if index is None:
            states = pool.draw(number, generator)
        else:
            chosen = np.atleast_1d(np.asarray(index))
            good = chosen.shape == (number,) and chosen.dtype.kind in "iu"
            if not good or (chosen < 0).any() or (chosen >= len(pool)).any():
                raise ValueError(f"start has to name one of {len(pool)} states for {number} rows, got {index}")
            states = torch.from_numpy(chosen.astype(np.int64))
        self.scenes.restart(pool.slots.select(states.to(pool.backgrounds.device)), rows)
        for i, state in zip(np.flatnonzero(rows).tolist(), states.tolist(), strict=True):
            self._backgrounds[i] = pool.backgrounds[state]
        self._age[rows], self.running[rows] = 0, True

    def observe(self) -> Observation:
        """What agents see of all scenes, see `Layout.observe`."""
        return self.layout.observe(self.scenes.state, self.scenes.seating)

    def info(self) -> dict[str, np.ndarray]:
        """Who is where in all scenes, see `Layout.info`."""
        return self.layout.info(self.scenes.state, self.scenes.seating)

    @torch.inference_mode()
    def step(self, actions: np.ndarray, generator: torch.Generator) -> Step:
        """One step of every scene under `actions` `[B]`.

        Raises:
            ValueError: if an action is none of the game's.
            FloatingPointError: if the model's reward, ending or uncertainty is not finite.
        """
        before = self.scenes.state
        action = torch.from_numpy(self.check(actions)).to(before.step.device)
        noise = Noise.draw(before, generator=generator) if self.rules.stochastic else Noise.none(before)
        after = self.model.imagine(before, action, noise=noise, discover=self.rules.discover)
        outcome = self.model.outcome(before, action, after)
        self.scenes.advance(after)
        self._age += 1
        threshold = torch.full_like(outcome.ends, 0.5)
        if self.rules.ends == "sample":
            threshold = torch.rand(self.number, generator=generator, device=threshold.device)
        numbers = torch.stack([outcome.reward, outcome.ends, outcome.uncertainty, threshold]).double().cpu().numpy()
        check_finite(numbers.T, "an outcome")
        reward, ends, uncertainty, limit = numbers
        most = np.inf if self.rules.max_uncertainty is None else self.rules.max_uncertainty
        terminated = ends > limit
        truncated = ((self._age >= self.rules.horizon) | (uncertainty > most)) & ~terminated
        self.running &= ~(terminated | truncated)
        return Step(reward.copy(), terminated, truncated, uncertainty.copy())

    def pictures(self) -> list[np.ndarray]:
        """The imagined frame of every scene before the background it started with, `[H, W, 3]` uint8."""
        with torch.no_grad():
            painted = self.model.render(self.scenes.state).frame.cpu()
        behind = torch.stack([background.cpu() for background in self._backgrounds])
        return list(compose(painted, behind.float() / 255).numpy())

    def check(self, actions: np.ndarray) -> np.ndarray:
        """`actions` as int64 `[B]`; raises ValueError if one is none of the game's."""
        actions = np.asarray(actions)
        good = actions.shape == (self.number,) and actions.dtype.kind in "iu"
        if not good or (actions < 0).any() or (actions >= self.action_space.n).any():
            raise ValueError(
                f"actions have to be {self.number} whole numbers from 0 to {self.action_space.n - 1}, got {actions!r}"
            )
        return actions.astype(np.int64)
