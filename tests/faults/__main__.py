"""`make fault-test`: everything in `tests/faults`, as a table of what was tried and what went wrong."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import torch

from tests.faults.agents import agents
from tests.faults.commands import digits_and_video, games, mixtures, recoveries, small_disks, together
from tests.faults.films import films
from tests.faults.forks import Count
from tests.faults.fuzz import agent_settings, descriptions, settings
from tests.faults.kills import full_disks, kills
from tests.faults.long_use import long_use
from tests.faults.readers import damages
from tests.faults.trials import signals

Part = Callable[[Path], Iterator[Count]]

KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
GAMES, OTHERS, AGENTS = {KILL: 24, TERM: 4, INT: 4}, {KILL: 18, TERM: 3, INT: 3}, {KILL: 6, TERM: 2, INT: 2}
"""How often a training, or an agent's run, is sent each signal."""


def game_signals(folder: Path) -> Iterator[Count]:
    """Trainings on a game that are stopped."""
    trials = games(folder)
    yield from (signals(trials, number, times, "training on a game") for number, times in GAMES.items())


def other_signals(folder: Path) -> Iterator[Count]:
    """Trainings on digits and on a video that are stopped."""
    for name, trials in digits_and_video(folder):
        yield from (signals(trials, number, times, f"training on {name}") for number, times in OTHERS.items())


def agent_signals(folder: Path) -> Iterator[Count]:
    """Agents that are stopped."""
    for name, trials in agents(folder):
        yield from (signals(trials, number, times, name) for number, times in AGENTS.items())


def runs(folder: Path) -> Iterator[Count]:
    """What else happens to trainings on a game."""
    trials = games(folder)
    yield from mixtures(trials)
    yield from recoveries(trials)
    yield from small_disks(trials, (0.5, 1.5, 2.5, 3.5))
    yield from together(trials, 1)


PARTS: dict[str, Part] = {
    "games": game_signals,
    "others": other_signals,
    "agents": agent_signals,
    "runs": runs,
    "settings": lambda folder: settings(100),
    "damages": partial(damages, seeds=45),
    "agent settings": lambda folder: agent_settings(),
    "descriptions": descriptions,
    "films": films,
    "kills": kills,
    "disks": full_disks,
    "long use": long_use,
}
"""By name, the long ones first."""


def do(name: str, folder: Path) -> list[Count]:
    """All counts of a part, in a process of its own."""
    torch.set_num_threads(1)
    place = folder / name
    place.mkdir()
    return list(PARTS[name](place))


def main() -> None:
    """Do the parts, two at a time; print the table, and end with status 1 if anything went wrong."""
    names = sys.argv[1:] or list(PARTS)
    begun, wrong, tried = time.monotonic(), 0, 0
    print("| what was done | times | told in a message | wrong |\n|---|---|---|---|", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as folder,
        ProcessPoolExecutor(2, multiprocessing.get_context("fork"), max_tasks_per_child=None) as pool,
    ):
        for done in as_completed(map(partial(pool.submit, do, folder=Path(folder)), names)):
            for count in done.result():
                print(count.row(), flush=True)
                wrong, tried = wrong + len(count.wrong), tried + count.tried
                for line in count.wrong[:5]:
                    print(f"    {line}", file=sys.stderr)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    minutes = sum(u.ru_utime + u.ru_stime for u in used) / 60
    print(
        f"\n{tried} times, {wrong} wrong, in {(time.monotonic() - begun) / 60:.1f} minutes; {minutes:.1f} of processors"
    )
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()
