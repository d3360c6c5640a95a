"""The card (`README.md`) of a shared model: what it is, its figures and limits, and a header that model hubs read."""

from __future__ import annotations

from typing import Any

import yaml  # type: ignore[import-untyped]

from sqair_wm.common.version import VERSION
from sqair_wm.games.names import games
from sqair_wm.reporting.page import PAGES
from sqair_wm.reporting.questions import COMMON, QUESTIONS, Question
from sqair_wm.reporting.subjects import DIGITS, GAME, VIDEO, Subject
from sqair_wm.reporting.table import number

TEXTS = PAGES.overlay(autoescape=False)
"""Templates of plain text, without the escaping of HTML."""

DATA = {
    GAME: ("{game}, held-out random play", "gymnasium"),
    DIGITS: ("Moving MNIST, digits of the test set", "moving-mnist"),
    VIDEO: ("the part of a video that was not trained on", "video"),
}
"""The data on which figures were measured: name and type."""

VIEW = {
    "size": "height and width of a frame (pixels)",
    "crop": "first and last raw row shown",
    "pool": "raw frames a frame is the maximum of",
    "sticky": "probability that the game repeats an action",
    "frame_skip": "raw frames an action lasts",
}
"""The settings of how a game is shown to its model, and their titles."""


def model_card(subject: Subject, licence: str) -> str:
    """The `README.md` of a world model.

    Args:
        subject: the model, with its figures.
        licence: of the weights, as the hub calls it, such as `mit`.
    """
    questions = [q for q in QUESTIONS.get(subject.kind, COMMON) if q.figure in subject.figures]
    game = subject.described.get("data.game")
    text = TEXTS.get_template("card.md").render(
        header=yaml.safe_dump(_header(subject, licence, questions), sort_keys=False, allow_unicode=True).strip(),
        name=subject.name,
        about=subject.about,
        game=game,
        view={title: subject.described.get(f"data.{name}") for name, title in VIEW.items()} if game else {},
        objects=subject.described.get("model.architecture") != "vrnn",
        version=subject.settings.get("version"),
        written=VERSION,
        seed=subject.settings.get("seed"),
        figures=[(q.figure, number(subject.figures[q.figure]), q.title) for q in questions],
        data=_data(subject)[0],
        licence=licence,
    )
    return f"{text}\n"


def _header(subject: Subject, licence: str, questions: list[Question]) -> dict[str, Any]:
    """The header of a card, which hubs read."""
    game = subject.described.get("data.game")
    tags = ["world-model", "object-centric", "sqair", *(["reinforcement-learning", str(game)] if game else [])]
    if game in games():
        tags.append("atari")
    header: dict[str, Any] = {"license": licence, "library_name": "sqair-wm", "tags": tags}
    if game:
        header["pipeline_tag"] = "reinforcement-learning"
    name, kind = _data(subject)
    metrics = [
        {"type": q.figure, "name": f"{q.title}; {q.better} is better", "value": round(subject.figures[q.figure], 6)}
        for q in questions
        if q.better
    ]
    if metrics:
        task = {"type": "reinforcement-learning" if game else "other", "name": "object-centric world model"}
        results = {"task": task, "dataset": {"name": name, "type": kind}, "metrics": metrics}
        header["model-index"] = [{"name": subject.name, "results": [results]}]
    return header


def _data(subject: Subject) -> tuple[str, str]:
    """Name and type of the data on which the figures were measured."""
    name, kind = DATA.get(subject.kind, ("held-out data", "other"))
    return name.format(game=subject.described.get("data.game")), kind
