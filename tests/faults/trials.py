"""Whole commands that are stopped or killed at random moments, and given again: what comes out has to be the same."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.faults.forks import Count, Ended, begin, do, end

STOPPED, TRACE = "the same command continues", "Traceback"
Outcome = dict[str, torch.Tensor]
"""What a command left, by name."""


def same(a: Outcome, b: Outcome) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


class Trials:
    """A command in separate folders, compared with an undisturbed one.

    Args:
        folder: for the trials.
        command: does the work of the command in a folder, with further settings.
        outcome: reads from that folder what has to be the same.

    Attributes:
        seconds: duration of the undisturbed one.
        outcome: that it had.
    """

    def __init__(self, folder: Path, command: Callable[..., None], outcome: Callable[[Path], Outcome]):
        self.folder, self.command, self.read, begun = folder, command, outcome, time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        whole = self.run(folder / "whole")
        assert whole.status == 0, whole.said
        self.seconds, self.outcome = time.monotonic() - begun, outcome(folder / "whole")

    def run(self, place: Path, *more: str) -> Ended:
        """The command to its end."""
        place.mkdir(exist_ok=True)
        return do(lambda: self.command(place, *more), place / "said")

    def go_on(self, count: Count, what: str, place: Path) -> None:
        """Give the command again: it has to end well, with the outcome of the undisturbed one, and leave nothing."""
        ended = self.run(place)
        if ended.status or TRACE in ended.said:
            count.wrong.append(f"{what}: {ended.said[-400:]}")
        elif not same(found := self.read(place), self.outcome):
            other = [k for k in found.keys() | self.outcome if not same(_only(found, k), _only(self.outcome, k))]
            count.wrong.append(f"{what}: other {', '.join(sorted(other)[:5])}")
        elif left := [str(p) for p in place.rglob("*.partial")]:
            count.wrong.append(f"{what}: left {left}")
        shutil.rmtree(place)


def _only(outcome: Outcome, name: str) -> Outcome:
    return {k: v for k, v in outcome.items() if k == name}


def signals(trials: Trials, number: int, each: int, what: str = "training", seed: int = 0) -> Count:
    """Send a signal at random moments, and give the command again."""
    name, chance = signal.Signals(number).name, random.Random(f"{what} {seed}")
    count = Count(f"{name} at a random moment of {what}, then the same command")
    for trial in range(each):
        place = trials.folder / f"{name}-{trial}"
        place.mkdir()
        moment = trials.seconds * chance.uniform(0.02, 0.98)
        child = begin(lambda place=place: trials.command(place), place / "said")
        time.sleep(moment)
        os.kill(child, number)
        ended, when = end(child, place / "said"), f"{name} after {moment:.1f} s"
        count.tried += 1
        told = STOPPED in ended.said
        count.told += told
        early = moment < 0.5  # the command may not have started yet
        if (number != signal.SIGKILL and not (told or early or ended.status == 0)) or TRACE in ended.said:
            count.wrong.append(f"{when}: status {ended.status}, {ended.said[-300:]}")
        trials.go_on(count, when, place)
    return count
