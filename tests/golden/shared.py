"""The golden trainings as finished runs that tests of numbers and tests of commands share, each made once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

from filelock import FileLock

from tests.conftest import ROOT, in_this_process
from tests.data.films import write_boxes
from tests.golden.commands import CASES, SHORT, TESTED, make_data, train

PROGRAM = """
import pkgutil, sys
import train_wm, sqair_wm.data, sqair_wm.training
for room in (sqair_wm.data, sqair_wm.training):
    for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
        __import__(module.name)
train_wm.main()
print("imported:", *sorted({"ocatari", "trackeval", "sklearn"} & set(sys.modules)), file=sys.stderr)
"""
"""The command. At the end of stderr it lists imported packages that only the evaluation may import."""


class Run(NamedTuple):
    """A finished run, which no test may change.

    Attributes:
        folder: holds its input, the recordings (`data`) and `runs`.
        name: see `CASES`.
        data: the settings that give the path of its data.
        found: its losses and fingerprints, see `train`.
        stdout, stderr: what the command wrote.
    """

    folder: Path
    name: str
    data: list[str]
    found: dict[str, Any]
    stdout: str
    stderr: str

    @property
    def settings(self) -> tuple[str, ...]:
        """What the command was told, but for where runs and recordings are."""
        return (*SHORT, *CASES[self.name], f"name={self.name}", *self.data, *TESTED.get(self.name, ()))

    def copy(self, runs: Path) -> Path:
        """A copy of the run in the folder `runs`, which may be changed."""
        return shutil.copytree(self.folder / "runs" / self.name, runs / self.name)


def run_once(folder: Path, name: str) -> Run:
    """Train one of `CASES` in a folder of its own in `folder`, unless a process of these tests has done so."""
    place = folder / f"golden_{name}"
    with FileLock(f"{place}.lock"):
        if not (place / "ended.json").exists():
            shutil.rmtree(place, ignore_errors=True)
            ended = _run(place, name)
            (place / "ended.json").write_text(json.dumps(ended))
    return Run(place, name, **json.loads((place / "ended.json").read_text()))


def _run(place: Path, name: str) -> dict[str, Any]:
    ended: list[CompletedProcess] = []
    call = by_program if name == "pong" else in_process

    def keep(settings: list[str]) -> CompletedProcess:
        ended.append(call(settings))
        return ended[0]

    data = [*make_data(place / "given")[name]]
    if name == "video":
        data.append(f"data.boxes={write_boxes(place / 'given' / 'walk.xml')}")
    found = train(name, place, (*data, *TESTED.get(name, ())), keep)
    return {"data": data, "found": found, "stdout": ended[0].stdout, "stderr": ended[0].stderr}


def by_program(settings: list[str]) -> CompletedProcess:
    """Train in a process that imported nothing before; see `PROGRAM`."""
    return subprocess.run([sys.executable, "-c", PROGRAM, *settings], capture_output=True, text=True, cwd=ROOT)


def in_process(settings: list[str]) -> CompletedProcess:
    """Train in this process, which spares the start of another one."""
    return in_this_process(["train_wm.py", *settings])
