"""Does imagination rank action sequences as the game does? `python -m sqair_wm.evaluation.games.decisions MODEL`.

From one state, many sequences of actions are played in the game itself, which is restored each time, and imagined by
the model from the scene it sees. The figures say how much an agent gains by the choice that imagination would make.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from sqair_wm.common.cpu import use_cpu
from sqair_wm.evaluation.games.choices import Choice, Decisions
from sqair_wm.evaluation.games.foresight import Foresight, Imagination
from sqair_wm.evaluation.games.players import LookaheadPlayer, sequences
from sqair_wm.games.branches import Branching
from sqair_wm.games.lives import Lives
from sqair_wm.games.policies import RepeatingAgent
from sqair_wm.world.scenes import load_for_game
from sqair_wm.world.world_model import WorldModel

PLAYERS = {"": False, "_better": True}
"""Suffixes of the figures' names, and whether the player is the better one (True) or the random one."""

TOGETHER = 4
"""States from which is imagined at once."""

PATIENCE = 20
"""Play ends after this many times `every` steps for each state to be tried: episodes may be too short for any."""


@dataclass(frozen=True)
class DecisionSettings:
    """How decisions are compared.

    Attributes:
        states: number of states to find in which the returns of the sequences differ at the middle one of `horizons`.
        tries: most states that are tried for each of them.
        count: sequences that are compared in a state, at least 2.
        hold: steps for which a random sequence holds an action.
        horizons: steps after which returns are compared, rising; the middle one is the main horizon.
        every: steps of play between two states.
        seen: frames of an episode that the model sees before the first state.
        seed: of the game, the player and the sequences. Recordings use seeds from 0 and from 1,000,000 on.
        discover: whether new objects may appear in imagination.
    """

    states: int = 25
    tries: int = 2
    count: int = 48
    hold: int = 4
    horizons: tuple[int, ...] = (8, 24, 48)
    every: int = 11
    seen: int = 10
    seed: int = 2_000_000
    discover: bool = True

    def __post_init__(self) -> None:
        if self.states < 1 or self.tries < 1 or self.count < 2 or self.every < 1 or self.hold < 1:
            raise ValueError(f"states, tries, every and hold must be at least 1, and count at least 2, got {self}")
        if not self.horizons or sorted(set(self.horizons)) != list(self.horizons) or self.horizons[0] < 1:
            raise ValueError(f"horizons are rising numbers of steps, at least 1, got {self.horizons}")

    @property
    def main(self) -> int:
        """The main horizon, see `Decisions`."""
        return self.horizons[len(self.horizons) // 2]


def decide(model: WorldModel, settings: DecisionSettings | None = None, *, better: bool = False) -> Decisions:
    """Compare the choices of a model's imagination with the game itself.

    Args:
        model: of a game, in evaluation mode.
        settings: how; by default those of `DecisionSettings`.
        better: whether the better player plays (short plans tried in the emulator) instead of the random one.

    Raises:
        ValueError: if the model was not trained on a game.
        RuntimeError: if the game can't be branched.
    """
    settings = settings or DecisionSettings()
    return compare(model.make_env(), Imagination(model, settings.discover), settings, better=better)


def compare(env: gym.Env, foresight: Foresight, settings: DecisionSettings, *, better: bool = False) -> Decisions:
    """`decide` for any foresight and any game; `env` is closed at the end."""
    main, tried, found = settings.horizons.index(settings.main), [], 0
    for state in try_states(Branching(env), foresight, settings, better):
        tried.append(state)
        found += np.ptp(state.truth[main]) > 0
        if found == settings.states:
            break
    telling = [state for state in tried if (np.ptp(state.truth, axis=1) > 0).any()]
    choices: list[Choice] = []
    for first in range(0, len(telling), TOGETHER):
        part = telling[first : first + TOGETHER]
        rewards = foresight.rewards([s.scene for s in part], np.stack([s.plans for s in part], 1))
        choices += [Choice(s.truth, returns(rewards[:, k], settings)) for k, s in enumerate(part)]
    env.close()
    return Decisions(choices, settings.horizons, settings.main)


class Tried(NamedTuple):
    """A state in which sequences were tried: its `Foresight.scene`, the `plans` `[T, C]`, and true returns `[H, C]`."""

    scene: Any
    plans: np.ndarray
    truth: np.ndarray


def try_states(game: Branching, foresight: Foresight, settings: DecisionSettings, better: bool) -> Iterator[Tried]:
    """States of play, which foresight follows, with the true returns of random sequences from each."""
    space = game.action_space
    assert isinstance(space, gym.spaces.Discrete)
    actions, random, age, lives = int(space.n), np.random.default_rng(settings.seed), 1, Lives()
    player = LookaheadPlayer(game, actions, settings.seed) if better else RepeatingAgent(actions, settings.seed)
    frame, info = game.reset(seed=settings.seed)
    foresight.begin(frame)
    lives.begin(info)
    tried, most = 0, settings.states * settings.tries
    for t in range(1, PATIENCE * settings.every * most):
        action = player.act()
        frame, _, terminated, truncated, info = game.step(action)
        if terminated or truncated:
            frame, info = game.reset()
            lives.begin(info)
            foresight.begin(frame)
            age = 1
            continue
        foresight.see(frame, action, lives.lost(info))
        age += 1
        if t % settings.every or age <= settings.seen:
            continue
        plans = sequences(random, actions, settings.count, settings.horizons[-1], settings.hold)
        yield Tried(foresight.scene(), plans, returns(game.try_out(plans), settings))
        tried += 1
        if tried == most:
            return


def returns(rewards: np.ndarray, settings: DecisionSettings) -> np.ndarray:
    """Returns `[H, C]` at each horizon, from rewards `[T, C]`."""
    return rewards.cumsum(0)[np.array(settings.horizons) - 1]


def decision_metrics(model: WorldModel, settings: DecisionSettings | None = None) -> dict[str, float]:
    """The figures of a model on play of the random player and of the better one (`..._better`), `Decisions.figures`."""
    figures: dict[str, float] = {}
    for suffix, better in PLAYERS.items():
        figures |= decide(model, settings, better=better).figures(suffix)
    return figures


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    default = DecisionSettings()
    parser = argparse.ArgumentParser(
        prog="python -m sqair_wm.evaluation.games.decisions", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("model", type=Path, help="folder of a trained model, such as runs/Pong or pretrained/Pong")
    for name, meaning in {
        "states": "states to look for in which the choice matters",
        "count": "sequences of actions that are compared in each",
        "seed": "of the game, the player and the sequences",
    }.items():
        value = getattr(default, name)
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{meaning} ({value})")
    parser.add_argument(
        "--discover",
        action=argparse.BooleanOptionalAction,
        default=default.discover,
        help="let new objects appear in imagination (yes)",
    )
    parser.add_argument("--player", choices=["random", "better", "both"], default="both", help="who plays (both)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    options = parser.parse_args(arguments)
    use_cpu(1)
    try:
        chosen = {name: getattr(options, name) for name in ("states", "count", "seed", "discover")}
        model, settings = load_for_game(options.model, options.device), DecisionSettings(**chosen)
        for suffix, better in PLAYERS.items():
            if options.player in ("both", "better" if better else "random"):
                began = time.perf_counter()
                figures = decide(model, settings, better=better).figures(suffix)
                figures[f"decision_seconds{suffix}"] = time.perf_counter() - began
                print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=1))
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
