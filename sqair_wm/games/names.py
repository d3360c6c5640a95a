"""Games by name: every spelling of a game leads to one name, and to what the spelling asks for."""

from __future__ import annotations

import difflib
import importlib
import re
from dataclasses import dataclass
from typing import Any

import ale_py
import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

gym.register_envs(ale_py)

BOUNCING, BOUNCING_ID = "Bouncing", "sqair_wm/Bouncing-v0"
FRAME_SKIP, STICKY = 4, 0.0
"""Defaults: raw frames an action lasts, and the probability that an Atari game repeats the last action."""

ALE_STICKY = 0.25
"""The probability that ale-py uses for an Atari id that does not set it."""

KEPT = {"game", "frameskip", "repeat_action_probability"}
USUAL = {"full_action_space": False, "max_num_frames_per_episode": 108_000, "obs_type": "rgb"}
"""Settings of an Atari id that a `Game` has; and those that it lacks, with the only value that they may have."""


@dataclass(frozen=True)
class Game:
    """A game, and what the spelling it was called by asks for.

    Attributes:
        name: the one that is saved and compared: `Pong`, `Bouncing`, or an id of Gymnasium such as `My/Game-v0`, after
            the module that registers it if that has to be imported (`mygame:My/Game-v0`).
        atari: whether it is an Atari game, with raw frames to skip, rows to crop, and actions to repeat.
        sticky: probability that the game repeats the last action; None if the spelling does not say.
        frame_skip: raw frames an action lasts; None if the spelling does not say.
    """

    name: str
    atari: bool
    sticky: float | None = None
    frame_skip: int | None = None

    @property
    def id(self) -> str:
        """Gymnasium's id of the game, without a module."""
        if self.atari:
            return f"ALE/{self.name}-v5"
        return BOUNCING_ID if self.name == BOUNCING else self.name.rpartition(":")[2]


def games() -> list[str]:
    """Names of all Atari games that can be played."""
    return sorted(i[4:-3] for i in gym.registry if i.startswith("ALE/") and i.endswith("-v5"))


def find_game(text: str) -> Game:
    """The game that `text` means, whatever its spelling.

    `Pong`, `pong`, `ALE/Pong-v5`, `PongNoFrameskip-v4` and `PongDeterministic-v4` are one game; the ids differ in the
    frame skip and stickiness that they ask for. `mygame:My/Game-v0` imports `mygame`, which registers the game.

    Raises:
        ValueError: if there is no such game (the nearest are named), its module can't be imported, or an id asks for
            something that a model can't be trained with.
    """
    module, _, name = text.rpartition(":")
    if module:
        _import(module, text)
    elif plain := _plain(name):
        return plain
    if name in gym.registry:
        return game_of(gym.registry[name], module)
    match = re.fullmatch(r"(\w+)Deterministic-v([04])", name)
    if match and match[1] in games():
        # How these ids were registered before ale-py 0.12: an action of Space Invaders lasted three frames.
        return Game(match[1], True, 0.25 if match[2] == "0" else 0.0, 3 if match[1] == "SpaceInvaders" else 4)
    raise ValueError(_unknown(text, name, module))


def game_of(spec: EnvSpec, module: str = "") -> Game:
    """The game of a registered environment, which may need `module` imported.

    Raises:
        ValueError: for an Atari game with settings that a model can't be trained with.
    """
    name = name_of(spec)
    if name not in games():
        return Game(f"{module}:{name}" if module and name != BOUNCING else name, False)
    settings: dict[str, Any] = spec.kwargs
    skip = settings.get("frameskip", FRAME_SKIP)
    if not isinstance(skip, int):
        raise ValueError(
            f"an action of {spec.id} lasts a random number of raw frames (frameskip={skip}), a model needs a fixed "
            f"one: use {name} or ALE/{name}-v5 (4 frames), or {name}NoFrameskip-v4 (1 frame)"
        )
    odd = {k: v for k, v in settings.items() if k not in KEPT and v != USUAL.get(k)}
    if odd:
        raise ValueError(f"{spec.id} asks for {odd}, which a model can't be trained with: use {name}")
    return Game(name, True, float(settings.get("repeat_action_probability", ALE_STICKY)), skip)


def name_of(spec: EnvSpec) -> str:
    """The name of a registered or running game, whatever settings it has, without a module."""
    if spec.entry_point == gym.registry[BOUNCING_ID].entry_point:
        return BOUNCING
    rom = spec.kwargs.get("game") if str(spec.entry_point).startswith("ale_py") else None
    return next((n for n in games() if gym.registry[f"ALE/{n}-v5"].kwargs["game"] == rom), spec.id)


def settle(game: Game, sticky: float | None, frame_skip: int | None = None) -> tuple[float, int | None]:
    """Stickiness and frame skip of a game: what its spelling asks for, else what the user asks for, else the default.

    Args:
        game: the game, with what its spelling asks for.
        sticky: what the user asks for; None for nothing.
        frame_skip: what the user asks for; None for nothing.

    Raises:
        ValueError: if spelling and user ask for different values, or the user asks for something that only Atari games
            have.
    """
    if not game.atari:
        if sticky or frame_skip:
            wish = f"sticky={sticky}" if sticky else f"frame_skip={frame_skip}"
            raise ValueError(f"{wish} is for Atari games; {game.name} plays as it is: leave it out")
        return 0.0, None
    pairs = {"sticky": (game.sticky, sticky), "frame_skip": (game.frame_skip, frame_skip)}
    for name, (asked, given) in pairs.items():
        if None not in (asked, given) and asked != given:
            raise ValueError(
                f"{name}={given} contradicts the game's id, which asks for {asked}: leave {name} out, or call the game "
                f"{game.name}"
            )
    stickiness = next(x for x in (game.sticky, sticky, STICKY) if x is not None)
    return stickiness, game.frame_skip or frame_skip or FRAME_SKIP


def _plain(name: str) -> Game | None:
    """The game of this bare name, in any case and with or without underscores."""
    wanted = name.replace("_", "").lower()
    found = next((n for n in [*games(), BOUNCING] if n.lower() == wanted), None)
    return found and Game(found, found != BOUNCING)  # type: ignore[return-value]


def _import(module: str, text: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"{module!r}, which is to register the game {text!r}, can't be imported ({error}): install it, or put its "
            "folder on PYTHONPATH"
        ) from error


def _unknown(text: str, name: str, module: str) -> str:
    """The error message for a game that does not exist."""
    if module:
        near = difflib.get_close_matches(name, list(gym.registry), 3, 0.6)
        hint = f"did you mean {' or '.join(f'{module}:{n}' for n in near)}?" if near else "look for gym.register in it"
        return f"there is no game {text!r}: {module} was imported and does not register {name!r}; {hint}"
    core = re.sub(r"^ALE/|((-ram)?(NoFrameskip|Deterministic)?-v\d+)$", "", name)
    known = {n.lower(): n for n in [*games(), BOUNCING]}
    near = [known[n] for n in difflib.get_close_matches(core.lower(), list(known), 3, 0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else "names are written like MsPacman or SpaceInvaders"
    if "/" in name and not name.startswith("ALE/"):
        hint = f"if a module registers it, name that too: env=module:{name}"
    return f"there is no Atari game {text!r}: {hint}"
