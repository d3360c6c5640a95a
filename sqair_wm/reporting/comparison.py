"""Comparison of runs: their figures, which is better, and the settings that differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqair_wm.common.settings import ConfigError
from sqair_wm.reporting.meaning import meaning
from sqair_wm.reporting.questions import COMMON, HIGHER, LOWER, QUESTIONS, Question
from sqair_wm.reporting.subjects import AGENT, Subject
from sqair_wm.reporting.table import number

SIGMAS = 1.96
"""Standard errors from a mean to the limits of its 95 % confidence interval."""

PLACES = ("name", "runs", "data.name", "data.folder", "data.mnist", "device", "threads")
"""Settings that do not change the results of a run."""

Limits = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One figure of all runs that are compared.

    Attributes:
        figure: its name in the files.
        title: its meaning, with its unit.
        better: `HIGHER`, `LOWER` or `NEITHER`.
        values: of each run; None where it was not measured.
        limits: of the 95 % confidence interval, of each run; None where there is none.
        best: index of the run that is better than all others; None if that can't be told.
    """

    figure: str
    title: str
    better: str
    values: list[float | None]
    limits: list[Limits | None]
    best: int | None

    def text(self, index: int) -> str:
        """A value with its limits; empty where there is none."""
        value, limits = self.values[index], self.limits[index]
        if value is None:
            return ""
        return number(value) + (f" ({number(limits[0])} to {number(limits[1])})" if limits else "")


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        subjects: the runs that are compared.
        lines: their figures.
        differences: (setting, value in each run as text) of settings that differ; an empty text where a run lacks it.
        notes: sentences for the reader about what can be compared.
    """

    subjects: list[Subject]
    lines: list[Line]
    differences: list[tuple[str, list[str]]]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """The comparison in plain numbers and text."""
        runs = [{"name": s.name, "folder": str(s.path), "about": s.about, "data": s.data} for s in self.subjects]
        settings = {key: values for key, values in self.differences}
        return {"runs": runs, "figures": list(map(asdict, self.lines)), "settings": settings, "notes": self.notes}


def compare(subjects: Sequence[Subject], everything: bool = False) -> Comparison:
    """The runs side by side.

    Args:
        subjects: two or more.
        everything: compare all figures that at least two of them have; otherwise those of `QUESTIONS`.

    Raises:
        ConfigError: if they have no figure in common.
    """
    kinds = {subject.kind for subject in subjects}
    if AGENT in kinds and len(kinds) > 1:
        listed = ", ".join(f"{s.path} is {_article(s.about)}" for s in subjects)
        raise ConfigError(f"{listed}: agents and world models have no figure in common; compare agents with agents")
    asked = QUESTIONS.get(next(iter(kinds)), COMMON) if len(kinds) == 1 else COMMON
    alike = len({subject.data for subject in subjects}) == 1 and subjects[0].data is not None
    others = _others(subjects, asked) if everything else []
    lines = [_line(question, subjects, alike) for question in [*asked, *others]]
    shown = [line for line in lines if any(value is not None for value in line.values)]
    if not any(sum(value is not None for value in line.values) > 1 for line in shown) and AGENT not in kinds:
        raise ConfigError(f"{', '.join(s.name for s in subjects)} have no figure in common: measure them the same way")
    return Comparison(list(subjects), shown, _differences(subjects), _notes(subjects, shown, kinds, alike))


def _line(question: Question, subjects: Sequence[Subject], alike: bool) -> Line:
    values = [subject.figures.get(question.figure) for subject in subjects]
    limits = [_limits(question, subject.figures) for subject in subjects]
    fair = alike and all(len({s.figures.get(name) for s in subjects}) == 1 for name in question.alike)
    best = _best(values, limits, question.better) if fair else None
    return Line(question.figure, question.title, question.better, values, limits, best)


def _limits(question: Question, figures: dict[str, float]) -> Limits | None:
    if question.low in figures and question.high in figures:
        return figures[question.low], figures[question.high]
    if question.error in figures and question.figure in figures:
        middle, width = figures[question.figure], SIGMAS * figures[question.error]
        return middle - width, middle + width
    return None


def _best(values: list[float | None], limits: list[Limits | None], better: str) -> int | None:
    """The index of the run that is better than all others that have the figure, without overlapping limits."""
    if better not in (HIGHER, LOWER):
        return None
    sign = 1 if better == HIGHER else -1
    scores = {i: sign * value for i, value in enumerate(values) if value is not None and not math.isnan(value)}
    first, *others = sorted(scores, key=lambda i: -scores[i]) or [0]
    if not others or scores[first] == scores[others[0]]:
        return None
    for i in others:
        mine, its = limits[first], limits[i]
        if mine and its and (mine[0] <= its[1] if sign > 0 else mine[1] >= its[0]):
            return None
    return first


def _others(subjects: Sequence[Subject], asked: Sequence[Question]) -> list[Question]:
    """All other figures that at least two runs have, with their meanings."""
    known = {name for q in asked for name in (q.figure, q.low, q.high, q.error)}
    names = dict.fromkeys(name for subject in subjects for name in subject.figures if name not in known)
    shared = [name for name in names if sum(name in subject.figures for subject in subjects) > 1]
    return [Question(name, f"{name}: {said}" if (said := meaning(name)) else name) for name in shared]


def _differences(subjects: Sequence[Subject]) -> list[tuple[str, list[str]]]:
    """The settings that differ; of the runs, or only of the models if one of them has no settings of its run."""
    whole = all(subject.settings for subject in subjects)
    told = [subject.settings if whole else subject.described for subject in subjects]
    if not all(told):
        return []
    keys = dict.fromkeys(key for settings in told for key in settings if key not in PLACES)
    rows = [(key, [str(settings[key]) if key in settings else "" for settings in told]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _notes(subjects: Sequence[Subject], lines: Sequence[Line], kinds: set[str], alike: bool) -> list[str]:
    notes = [note for subject in subjects for note in subject.notes]
    if len(kinds) > 1:
        notes.append("These runs are of different kinds; only the figures that they share are shown.")
    if not alike:
        notes.append("Nothing is marked as better: the figures were not measured on the same data.")
        return notes
    if any(line.best is not None and line.limits[line.best] is None for line in lines):
        notes.append("Figures without limits are of one run each: a small difference may be chance.")
    if any(line.better and line.best is None and sum(x is not None for x in line.limits) > 1 for line in lines):
        notes.append("Where limits of 95 % overlap, nothing is marked as better.")
    return notes


def _article(about: str) -> str:
    return ("an " if about[0] in "aeiou" else "a ") + about
