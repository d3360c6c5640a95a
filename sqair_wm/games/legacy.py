"""Preprocessing of games in versions that did not measure playing fields, to read their models and recordings."""

from __future__ import annotations

from typing import Any

from sqair_wm.games.names import FRAME_SKIP, find_game

FIELDS = {
    "Breakout": (32, 196),
    "Freeway": (14, 196),
    "MsPacman": (0, 172),
    "Pong": (34, 194),
    "SpaceInvaders": (20, 196),
}
"""(first, last) raw row of the playing field of a game."""

OWN = ("", "ale_py", "gymnasium", "sqair_wm")
"""Modules in the id of a game (`module:game`) that are imported anyway."""

WHOLE = (0, 210)
"""(first, last) raw row of the games that are not in `FIELDS`."""

FLICKERING = ("MsPacman", "SpaceInvaders", "Pacman", "Asteroids")
"""Games of which a frame was the maximum of four raw frames; of other games it was that of two."""


def completed(description: dict[str, Any]) -> dict[str, Any]:
    """The settings of a `Source` or a `Recording`, read from JSON, with those added that older versions did not write.

    Descriptions without a frame skip are older: a `crop` or `pool` of None then meant what the tables here say.
    """
    settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in description.items()}
    if "frame_skip" in settings:
        return settings
    if str(settings["game"]).rpartition(":")[0] not in OWN:  # reading a description imports no module
        return settings | {"frame_skip": None, "crop": None, "pool": None}
    game = find_game(settings["game"])
    settings |= {"game": game.name, "frame_skip": None}
    if not game.atari:
        return settings | {"crop": None, "pool": None}
    plain = description["game"] == game.name
    crop = settings.get("crop") or (FIELDS.get(game.name, WHOLE) if plain else WHOLE)
    pool = settings.get("pool") or ((4 if game.name in FLICKERING else 2) if plain else 1)
    sticky = game.sticky if game.sticky is not None else settings.get("sticky", 0.0)
    return settings | {"crop": crop, "pool": pool, "sticky": sticky, "frame_skip": game.frame_skip or FRAME_SKIP}
