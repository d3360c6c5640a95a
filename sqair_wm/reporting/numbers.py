"""The five numbers at the top of a report, each with a sentence that says what it means."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from sqair_wm.evaluation.games.decisions import DecisionSettings
from sqair_wm.evaluation.metrics.summary import SURVIVAL
from sqair_wm.reporting.trust import Trust

UNKNOWN = "–"
"""The text for a value that was not measured."""

MEASURE = "python -m sqair_wm.evaluate measures it."
PER_CENT = "\N{NO-BREAK SPACE}%"
SHARES = re.compile(r"decision_share(_\d+)?")
"""Names of the shares of the possible gain, on a random player's play."""


class Number(NamedTuple):
    """A figure of a report: its title, its value as text, and a sentence that says what it means."""

    title: str
    value: str
    sentence: str


def five_numbers(metrics: Mapping[str, float], trust: Trust | None, plays: bool) -> list[Number]:
    """Objects found, identities kept, decisions, imagined steps that can be trusted, time.

    Args:
        metrics: the figures of a run; they may be incomplete.
        trust: see `sqair_wm.reporting.trust`; None if it is not known.
        plays: whether the data have actions and rewards.
    """
    return [
        objects_found(metrics, plays),
        identities_kept(metrics),
        decisions(metrics) if plays else counted(metrics),
        trusted_steps(trust),
        time_taken(metrics),
    ]


def objects_found(metrics: Mapping[str, float], plays: bool) -> Number:
    """How well objects are found, or how many the model sees if the true ones are not known."""
    title = "Objects found"
    if "f_moving" in metrics:
        found, real = metrics.get("recall_moving", math.nan), metrics.get("precision_moving", math.nan)
        said = (
            f"The model finds {share(found)} of the moving objects, and {share(real)} of what it finds is real. "
            "The figure is F, the harmonic mean of the two, against the game's true boxes."
        )
        return Number(title, share(metrics["f_moving"]), said)
    if "mota" in metrics:
        said = "Tracking accuracy (MOTA): 100 % minus missed objects, false objects and identity switches."
        return Number(title, share(metrics["mota"]), said.replace(" %", PER_CENT))
    if number := metrics.get("objects_per_frame"):
        said = "Mean number of objects that the model sees in a frame."
        known = f" Whether they are the true ones is not measured yet: {MEASURE}" if plays else ""
        return Number(title, f"{number:.1f} a frame", said + known)
    said = "The model sees no object in these frames." if "objects_per_frame" in metrics else f"Not measured: {MEASURE}"
    return Number(title, UNKNOWN, said)


def identities_kept(metrics: Mapping[str, float]) -> Number:
    """How well objects are followed."""
    title = "Identities kept"
    if "idf1" in metrics:
        said = "Share of the objects in all frames that are found and followed under one identity (IDF1)."
        return Number(title, share(metrics["idf1"]), said)
    if metrics.get("objects_per_frame") and (kept := metrics.get(f"identity_survival_{SURVIVAL}")) is not None:
        said = (
            f"Share of the objects that still have the same identity {SURVIVAL} frames later. "
            "An object that leaves the picture counts as lost."
        )
        return Number(title, share(kept), said)
    return Number(title, UNKNOWN, "There was no object to follow, or it was not measured.")


def decisions(metrics: Mapping[str, float]) -> Number:
    """The share of the possible gain that choosing by imagination achieves."""
    title = "Decisions"
    for name in sorted(filter(SHARES.fullmatch, metrics), key=len):
        number = name.rpartition("_")[2]
        steps = int(number) if number.isdigit() else DecisionSettings().main
        low, high = metrics.get(f"{name}_low", math.nan), metrics.get(f"{name}_high", math.nan)
        said = (
            f"Share of the possible gain: {share(0)} is a random choice among many plans, {share(1)} the plan that "
            f"brings most in the real game after {steps} steps. The model chooses in imagination. "
            f"95{PER_CENT} interval: {share(low)} to {share(high)}."
        )
        return Number(title, share(metrics[name]), said)
    if any(name.startswith("decision_states") for name in metrics):
        return Number(
            title, UNKNOWN, "The choice of a plan made no difference to the reward in any state that was tried."
        )
    said = f"Not measured: {MEASURE.rstrip('.')}, in games that can be played from one state again and again."
    if metrics.get("rewards_seen") and "reward_recall" in metrics:
        said += f" One step ahead, the model predicts {share(metrics['reward_recall'])} of the rewards."
    return Number(title, UNKNOWN, said)


def counted(metrics: Mapping[str, float]) -> Number:
    """How often objects are counted right; if the true number is not known, how much of a frame they explain."""
    if "counting_accuracy" in metrics:
        said = "Share of the frames in which the model sees the true number of objects."
        if "counting_constant" in metrics:
            said += f" Always guessing the most frequent number: {share(metrics['counting_constant'])}."
        return Number("Counted right", share(metrics["counting_accuracy"]), said)
    if (rest := metrics.get("unexplained_energy")) is not None:
        said = "Share of the foreground that the objects explain (squared intensity)."
        return Number("Explained", share(1 - rest), said)
    return Number("Counted right", UNKNOWN, f"Not measured: {MEASURE}")


def trusted_steps(trust: Trust | None) -> Number:
    """For how many imagined steps positions can be trusted."""
    title = "Imagined steps to trust"
    if trust is None:
        said = "Not known: no object was followed long enough to compare its imagined position with a later one."
        return Number(title, UNKNOWN, said)
    said = (
        f"Steps for which imagined objects stay, on average, within {trust.bound:.1f} pixels of where {trust.where}: "
        "half the diagonal of a typical object."
    )
    if trust.others:
        said += " For comparison: " + ", ".join(f"{name} {steps}" for name, steps in trust.others.items()) + "."
    return Number(title, trust.steps, said)


def time_taken(metrics: Mapping[str, float]) -> Number:
    """How long training took."""
    wall, busy = metrics.get("wall_minutes"), metrics.get("computing_minutes")
    if wall is None:
        return Number("Time", UNKNOWN, "It is not known how long training took.")
    said = "Training by the clock, without recording and evaluation"
    said += "." if busy is None else f"; the machine computed for {duration(busy)} of it."
    steps = [f"{metrics[name]:,.0f} steps of {what}" for name, what in STEPS.items() if name in metrics]
    return Number("Time", duration(wall), said + (f" {' and '.join(steps)}." if steps else ""))


STEPS = {"iterations": "object training", "imagination_iterations": "imagination training"}


def share(value: float) -> str:
    """A share in per cent; with one decimal if it is nearly 100 %."""
    if not math.isfinite(value):
        return UNKNOWN
    return f"{100 * value:.{1 if 0.985 <= value < 0.9995 else 0}f}{PER_CENT}"


def duration(minutes: float) -> str:
    """A duration as text, in seconds, minutes or hours, whichever is easiest to read."""
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
