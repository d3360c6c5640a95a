"""The action for every combination of pressed keys."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

KEYS = ("UP", "DOWN", "LEFT", "RIGHT", "FIRE")
"""Names of the arrows and the space bar, in the order in which the page names pressed keys."""

INSTEAD = {"UP": "RIGHT", "DOWN": "LEFT"}
"""What an arrow stands for in games that have only left and right, such as Pong, whose paddle goes up by RIGHT."""

SAMES = {"NOOP": ""}
"""Other spellings of names of actions."""


def key_actions(names: Sequence[str]) -> dict[str, int]:
    """The action of every combination of keys.

    A combination that is not an action stands for the action with most of its keys; of several, for the one whose keys
    come first in `KEYS`. No key stands for `NOOP`, or the first action if there is no `NOOP`.

    Args:
        names: of the game's actions, as `get_action_meanings` of an Atari game gives them.

    Returns:
        By pressed keys, joined by `+` in the order of `KEYS` (`UP+FIRE`; the empty string for none), the action.
    """
    known = {frozenset(_keys_of(name)): action for action, name in reversed(list(enumerate(names)))}
    given = set().union(*known)
    known.setdefault(frozenset(), 0)
    table: dict[str, int] = {}
    for number in range(len(KEYS) + 1):
        for pressed in itertools.combinations(KEYS, number):
            table["+".join(pressed)] = known[_nearest([_meant(key, given) for key in pressed], known)]
    return table


def _keys_of(name: str) -> set[str]:
    """The keys in the name of an action, such as `UPRIGHTFIRE`; the name itself if it contains anything else."""
    rest, found = SAMES.get(name.upper(), name.upper()), set()
    for key in KEYS:
        if key in rest:
            found.add(key)
            rest = rest.replace(key, "")
    return {name} if rest else found


def _meant(key: str, given: set[str]) -> str:
    return INSTEAD[key] if key in INSTEAD and key not in given and INSTEAD[key] in given else key


def _nearest(pressed: Sequence[str], known: dict[frozenset[str], int]) -> frozenset[str]:
    for number in range(len(pressed), 0, -1):
        for part in itertools.combinations(pressed, number):
            if frozenset(part) in known:
                return frozenset(part)
    return frozenset()
