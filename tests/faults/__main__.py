"""`make fault-test`: everything in `tests/faults`, as a table of what was tried and what went wrong."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from tests.faults.commands import Trials, mixtures, recoveries, signals, small_disks, together
from tests.faults.forks import Count
from tests.faults.fuzz import descriptions, settings
from tests.faults.kills import full_disks, kills
from tests.faults.readers import damages


def everything(folder: Path) -> Iterator[Count]:
    """All parts, the quick ones first."""
    for name, part in (("kills", kills), ("disks", full_disks), ("damages", damages), ("notes", descriptions)):
        (folder / name).mkdir()
        yield from part(folder / name)
    yield from settings(80)
    trials = Trials(folder / "trials")
    yield from mixtures(trials)
    yield from recoveries(trials)
    yield from small_disks(trials, (0.5, 1.5, 2.5, 3.5))
    yield from together(trials, 1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        yield signals(trials, number, 4)


def main() -> None:
    """Print the table, and end with status 1 if anything went wrong."""
    torch.set_num_threads(1)
    begun, wrong = time.monotonic(), 0
    print("| what was done | times | told in a message | wrong |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for count in everything(Path(folder)):
            print(count.row(), flush=True)
            wrong += len(count.wrong)
            for line in count.wrong[:5]:
                print(f"    {line}", file=sys.stderr)
    print(f"\n{wrong} wrong, in {(time.monotonic() - begun) / 60:.1f} minutes")
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()
