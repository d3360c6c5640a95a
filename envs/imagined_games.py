"""The common part of the imagination environments: start states, observations and pictures of `Episodes`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.games.background import compose
from sqair_wm.world.episodes import EpisodeRules, Episodes, EpisodeStep
from sqair_wm.world.scenes import Scenes, load_for_game
from sqair_wm.world.world_model import WorldModel

from .actions import checked
from .layout import Layout, Observation
from .starts import Collection, StatePool

USUAL_FPS = 15
"""Pictures a second of a game without a frame skip: as many as an Atari game shows with a frame skip of 4."""


@dataclass(frozen=True)
class Rules(EpisodeRules):
    """Settings of imagined games: start states, observations, and the rules of episodes (see `EpisodeRules`).

    Attributes:
        start_states: number of states to collect from the real game, or the file of a saved `StatePool`.
        pool_seed: seed of the games that are played to collect start states.
        form: `array`, `flat` or `dict`; see `Layout`.
        units: `normalised` or `pixels`.
        around: whether rows also hold the background around each object, see `Around`.
        device: of the model, such as `cpu` or `cuda`.
        boxes: whether infos hold `boxes`; they cost the decoding of every object in every step.
    """

    start_states: int | str = 256
    pool_seed: int = 0
    form: str = "array"
    units: str = "normalised"
    around: bool = False
    device: str = "cpu"
    boxes: bool = False


class ImaginedGames:
    """`number` imagined games: episodes that start from states of the real game, and their observations.

    Args:
        model: folder of the saved model.
        number: number of games, at least 1.
        rules: see `Rules`.

    Attributes:
        episodes: the running episodes, one for each game.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model is damaged, was not trained on a game or knows no actions; if `number` is less than 1.
    """

    def __init__(self, model: str | Path, number: int, rules: Rules):
        self.model: WorldModel = load_for_game(model, rules.device)
        if not self.model.config.actions:
            raise ValueError(f"the model in {model} knows no actions and no rewards: train one on a game to play in it")
        if number < 1:
            raise ValueError(f"num_envs has to be at least 1, got {number}")
        self.number, self.rules = number, rules
        self.layout = Layout.for_agents(self.model, rules.around, rules.form, rules.units)
        self.action_space = gym.spaces.Discrete(self.model.config.actions)
        self.episodes = Episodes(self.model, number, rules)
        self._folder = str(model)
        self._backgrounds = list(torch.zeros(number, 3, *self.model.config.frame_size, dtype=torch.uint8))
        self._pool: StatePool | None = None

    @property
    def fps(self) -> int:
        """Pictures a second of `render`, as many as the real game shows."""
        source = self.model.source
        skip = None if source is None else source.settings["frame_skip"]
        return USUAL_FPS if skip is None else round(60 / skip)

    @property
    def scenes(self) -> Scenes:
        """The current scenes of all games."""
        return self.episodes.scenes

    @property
    def running(self) -> np.ndarray:
        """`[B]` bool, whether an episode goes on."""
        return self.episodes.running

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
            around=rules.around,
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
        self.episodes.start(pool.slots.select(states.to(pool.backgrounds.device)), rows)
        for i, state in zip(np.flatnonzero(rows).tolist(), states.tolist(), strict=True):
            self._backgrounds[i] = pool.backgrounds[state]

    def observe(self) -> Observation:
        """What agents see of all scenes, see `Layout.observe`."""
        return self.layout.observe(self.scenes.state, self.scenes.assignment)

    def info(self) -> dict[str, np.ndarray]:
        """Identities, and boxes if `rules.boxes`, in all scenes, see `Layout.info`."""
        model = self.model if self.rules.boxes else None
        return self.layout.info(self.scenes.state, self.scenes.assignment, model)

    def step(self, actions: np.ndarray, generator: torch.Generator) -> EpisodeStep:
        """One step of every game under `actions` `[B]`.

        Raises:
            ValueError: if an action is not one of the game's.
            FloatingPointError: if the model's reward, ending or uncertainty is not finite.
        """
        return self.episodes.step(self.check(actions), generator)

    def pictures(self) -> list[np.ndarray]:
        """The imagined objects of every scene on the background of its start state, `[H, W, 3]` uint8 each."""
        with torch.no_grad():
            painted = self.model.render(self.scenes.state).frame.cpu()
        behind = torch.stack([background.cpu() for background in self._backgrounds])
        return list(compose(Frame(painted, behind.float() / 255)).numpy())

    def check(self, actions: np.ndarray) -> np.ndarray:
        """`actions` as int64 `[B]`; raises ValueError if one is not one of the game's."""
        return checked(actions, self.number, int(self.action_space.n))
