"""The questions of a page to a session, as JSON: one answer for every question."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqair_wm.playground.pictures import TYPES, data_url
from sqair_wm.playground.session import Session

Message = dict[str, Any]
LONGEST = 4096
"""Most characters of a question."""

FARTHEST = 1e9
"""Largest number that a question may hold."""


def answer(session: Session, text: str) -> str:
    """The answer to a question, both JSON objects.

    A question names one of `COMMANDS` as `do`, with the values that it needs. The answer has a `type`: `state` (see
    `Session.snapshot`), `futures`, `file`, or `error` with a `message` to show.
    """
    try:
        message = _read(text)
        said = COMMANDS[message["do"]](session, message)
        return json.dumps({"type": "state"} | (session.snapshot() if said is None else said), allow_nan=False)
    except (ValueError, FloatingPointError, OSError) as error:
        return json.dumps({"type": "error", "message": str(error)})


def _read(text: str) -> Message:
    if len(text) > LONGEST:
        raise ValueError(f"a question of {len(text)} characters is too long: the longest has {LONGEST}")
    try:
        message = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"that is not JSON ({error}): ask for example {{'do': 'look'}}") from error
    name = message.get("do") if isinstance(message, dict) else None
    if not isinstance(name, str) or name not in COMMANDS:
        raise ValueError(f"there is nothing to do called {name!r}: choose one of {', '.join(COMMANDS)}")
    return message


def _act(session: Session, message: Message) -> None:
    session.act(None if message.get("action") is None else _whole(message, "action"))


def _new(session: Session, message: Message) -> None:
    seed = None if message.get("seed") is None else _whole(message, "seed")
    if seed is not None and seed < 0:
        raise ValueError(f"seed is {seed}: a game begins from a seed of 0 or above")
    session.new_game(seed)


def _move(session: Session, message: Message) -> None:
    session.move_object(_whole(message, "identity"), _number(message, "y"), _number(message, "x"))


def _futures(session: Session, message: Message) -> Message:
    return {"type": "futures", "frame": session.now.number, "futures": session.futures(_whole(message, "steps"))}


def _save(session: Session, message: Message) -> Message:
    kind, first, last = str(message.get("kind")), _whole(message, "first"), _whole(message, "last")
    film, name = session.film(first, last, kind), f"{session.playable.name}-{first}-{last}.{kind}"
    return {"type": "file", "name": name, "url": data_url(film, TYPES[kind])}


COMMANDS: dict[str, Callable[[Session, Message], Message | None]] = {
    "look": lambda session, message: None,
    "act": _act,
    "dream": lambda session, message: session.toggle_dream(),
    "seek": lambda session, message: session.seek(_whole(message, "frame")),
    "branch": lambda session, message: session.branch(),
    "select": lambda session, message: session.select(_whole(message, "branch")),
    "move": _move,
    "new": _new,
    "play": lambda session, message: session.play(str(message.get("name"))),
    "draw": lambda session, message: session.draw(bool(message.get("drawn"))),
    "futures": _futures,
    "save": _save,
}
"""Questions, and the functions that answer them; None: the answer is the state afterwards."""


def _whole(message: Message, name: str) -> int:
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 2**31 - 1:
        raise ValueError(f"{name} is {value!r}: {message['do']} needs a whole number there")
    return value


def _number(message: Message, name: str) -> float:
    value = message.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > FARTHEST:
        raise ValueError(f"{name} is {str(value)[:20]!r}: {message['do']} needs a number there")
    return float(value)
