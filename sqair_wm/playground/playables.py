"""What can be played: world models, and agents with the world model that finds their objects."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.common.named_folders import WEIGHTS, find_folder
from sqair_wm.envs.layout import Layout
from sqair_wm.games.policies import Policy, RandomPolicy
from sqair_wm.playground.realities import FilmReality, GameReality, Reality
from sqair_wm.world.loading import load
from sqair_wm.world.scenes import Scenes
from sqair_wm.world.world_model import WorldModel

SAMPLED, LENGTH = 8, 30
"""Number of films that a model without data samples itself, and their length in frames."""

FILM = 100
"""Most frames of a film of held-out data."""


class LiveGame:
    """The current state of the game or the dream, for agents that need more than observations; stands for `RealGames`.

    Attributes:
        number: number of games.
        world: the model that filters the game.
        slots: the scene from which a planner plans.
        picture: returns the picture `[H, W, 3]` uint8 that an agent on pixels sees.
    """

    number = 1
    world: WorldModel
    slots: Any = None
    picture: Callable[[], np.ndarray]

    def __init__(self, world: WorldModel):
        self.world = world

    @property
    def frames(self) -> np.ndarray:
        """The picture as a batch of one, `[1, H, W, 3]` uint8."""
        return self.picture()[None]


Policies = dict[str, Callable[[LiveGame], Policy]]


@dataclass(frozen=True)
class Playable:
    """A model that can be played with.

    Attributes:
        name: shown on the page.
        world: the model.
        reality: makes the `Reality` that is played beside the dream, given a seed.
        policies: policies that can play instead of the user, by name.
        drawn: names of the policies whose actions are sampled, as in training; the others take the likeliest action.
        layouts: of what policies see, by name; the others see the objects alone.
    """

    name: str
    world: WorldModel
    reality: Callable[[int], Reality]
    policies: Policies = field(default_factory=dict)
    drawn: frozenset[str] = frozenset()
    layouts: dict[str, Layout] = field(default_factory=dict)

    def player(self, name: str) -> Player:
        """The player with this name.

        Raises:
            ValueError: if there is none.
        """
        if name not in self.policies:
            raise ValueError(f"there is no player {name!r}: choose one of {', '.join(self.policies)}")
        game = LiveGame(self.world)
        layout = self.layouts.get(name) or Layout.for_agents(self.world)
        return Player(self.policies[name](game), game, layout, name not in self.drawn)


class Player:
    """Plays in one game or in one dream, from what a model sees or imagines there."""

    def __init__(self, policy: Policy, game: LiveGame, layout: Layout, deterministic: bool):
        self._policy, self._game, self._layout, self._deterministic = policy, game, layout, deterministic
        self._memory: Any = None
        self._fresh = True

    def forget(self) -> None:
        """Forget the past: the next scene does not follow the last one."""
        self._memory, self._fresh = None, True

    def act(self, scenes: Scenes, picture: Callable[[], np.ndarray]) -> int:
        """The next action.

        Args:
            scenes: a batch of one.
            picture: returns the present picture, `[H, W, 3]` uint8.
        """
        self._game.slots, self._game.picture = scenes.slots, picture
        seen = self._layout.observe(scenes.state, scenes.assignment)
        action, self._memory = self._policy.predict(seen, self._memory, np.array([self._fresh]), self._deterministic)
        self._fresh = False
        return int(np.asarray(action).reshape(-1)[0])


def open_playable(folder: Path) -> Playable:
    """A trained model, by its folder or its name, with its game, its held-out data, or films that it samples itself.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model is damaged, or has no objects.
    """
    folder = find_folder(folder, (WEIGHTS,), "no trained model")
    world = load(folder)
    if world.config.architecture == "vrnn":
        raise ValueError(f"the model in {folder} is a VRNN, which has no objects: there is nothing to play with")
    if world.source is not None:
        return game_playable(folder.name, world)
    frames = _films(folder, world)
    return Playable(folder.name, world, lambda seed: FilmReality(world, frames))


def game_playable(name: str, world: WorldModel) -> Playable:
    """A model of a game, with a random player."""
    actions = world.config.actions
    policies: Policies = {"random": lambda game: RandomPolicy(1, actions, 0)} if actions else {}
    return Playable(name, world, lambda seed: GameReality(world, seed), policies)


def open_agent(folder: Path) -> Playable:
    """The run of an agent, by its folder or its name, with the world model that finds its objects.

    Raises:
        ValueError: if there is no such run, or it cannot be used.
        FileNotFoundError: if it was not trained.
        ImportError: if the libraries of agents are not installed.
    """
    kinds: Any = importlib.import_module("sqair_wm.agents.kinds")
    run = kinds.open_run(folder)
    world, kind = run.world(), kinds.KINDS[run.settings.kind]
    plain = game_playable(folder.name, world)
    kind.policy(run, world, LiveGame(world))  # fails here, not during play, if anything is missing
    policies: Policies = {folder.name: lambda game: kind.policy(run, world, game), **plain.policies}
    drawn = frozenset() if kind.deterministic else frozenset([folder.name])
    layouts = {folder.name: run.layout(world)}
    return Playable(folder.name, world, plain.reality, policies, drawn, layouts)


def _films(folder: Path, world: WorldModel) -> Frame:
    """Held-out data of a run; if they can't be read, films that the model samples."""
    # imported here, because games do not need it and start twice as fast without
    from sqair_wm.reporting.gallery import long_batch, open_model

    try:
        sequences = open_model(folder)[1]
        return long_batch(sequences, FILM, world.background.device).frames
    except (ValueError, OSError) as error:
        print(f"{folder}: its held-out data can't be read ({error}); it shows films that the model samples instead")
        return drawn_films(world)


@torch.no_grad()
def drawn_films(world: WorldModel, seed: int = 0) -> Frame:
    """Films from the prior, `[T, B, ...]`: objects are discovered in the first frame only (paper, figure 5)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = world.imagine(world.initial(SAMPLED))
        others = world.imagined(first, [None] * (LENGTH - 1), sample=True)
        return Frame(torch.stack([world.render(slots).frame for slots in (first, *others)]))
