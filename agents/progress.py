"""The figures of an agent's rounds: a file in its run with one line of JSON for each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sqair_wm.common.files import write_atomically

PROGRESS = "progress.jsonl"
"""Name of the file."""

NEEDED = ("real_steps", "imagined_steps", "minutes")
"""Figures that every line has, besides the number of its `round`."""


def read_progress(folder: Path) -> list[dict[str, float]]:
    """The figures of every round of a run, in order; of a repeated round the last. Damaged lines are left out."""
    path, found = folder / PROGRESS, dict[int, dict[str, float]]()
    for line in path.read_bytes().splitlines() if path.exists() else ():
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            record = {str(name): float(value) for name, value in json.loads(line).items()}
            if all(name in record for name in NEEDED):
                found[int(record["round"])] = record
    return [found[number] for number in sorted(found)]


def write_progress(folder: Path, records: Iterable[dict[str, float]]) -> None:
    """Write the figures of all rounds of a run, atomically."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    write_atomically(folder / PROGRESS, lambda path: path.write_text(text))
