"""Whole trainings to be killed, begun twice, damaged, mixed with others, or run out of disk space."""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from safetensors.torch import load_file

from tests.conftest import ROOT
from tests.faults.damage import one_bit
from tests.faults.forks import Count, begin, end
from tests.faults.trials import TRACE, Outcome, Trials, same
from tests.golden.commands import make_data

TINY = (
    "env=Bouncing", "device=cpu", "data.frames=200", "data.test_frames=130", "data.size=40", "model.hidden=32",
    "training.iterations=12", "training.batch=2", "training.particles=2", "training.lengths=[[0,2]]",
    "training.save_every=3", "training.minutes=0", "imagination.iterations=12", "imagination.save_every=3",
    "imagination.minutes=0", "imagination.steps=[[0,1]]", "imagination.batch=2", "imagination.rounds=[[6,80]]",
    "data.report.sequences=1", "data.report.frames=9",
)  # fmt: skip
"""A training with everything in it: two recordings, objects, imagination, a round of play, a report."""

SHORT = (
    "device=cpu", "model.hidden=32", "training.iterations=12", "training.batch=2", "training.particles=2",
    "training.save_every=3", "training.minutes=0", "training.warm_up=6", "training.lengths=[[0,1],[4,2]]",
    "data.report.sequences=1", "data.report.frames=6",
)  # fmt: skip
OTHERS = {
    "digits": ("data=moving_mnist", "data.size=32", "data.tested=100"),
    "video": ("data=video", "data.width=64", "data.size=32", "data.every=1", "data.length=3", "data.tested=20"),
}
"""The same for the other kinds of data."""


def train(folder: Path, *more: str, settings: tuple[str, ...] = TINY) -> None:
    """The command, in this process."""
    sys.argv = ["train_wm.py", *settings, f"runs={folder}/runs", f"data.folder={folder}/data", "name=a", *more]
    sys.path.insert(0, str(ROOT))
    sys.modules.pop("train_wm", None)
    importlib.import_module("train_wm").main()


def weights(folder: Path, name: str = "a") -> Outcome:
    """What a run has learned."""
    return load_file(folder / "runs" / name / "model.safetensors")


def games(folder: Path) -> Trials:
    """Trainings on a game."""
    return Trials(folder, train, weights)


def digits_and_video(folder: Path) -> Iterator[tuple[str, Trials]]:
    """Trainings on moving digits and on a video, by name; both drawn."""
    for name, place in make_data(folder).items():
        if name in OTHERS:
            settings = (*SHORT, *OTHERS[name], *place)
            yield name, Trials(folder / name, partial(train, settings=settings), weights)


def together(trials: Trials, each: int, seed: int = 0) -> Iterator[Count]:
    """Begin the same twice: other names share the recordings, one name is refused; and kill the first of two."""
    chance = random.Random(seed)
    names, killed = Count("two commands at once, other names"), Count("two commands at once, the first is killed")
    twice = Count("two commands at once, the same name")
    for trial in range(each):
        for count in (names, killed, twice):
            place = trials.folder / f"together-{trial}"
            place.mkdir()
            second = "a" if count is twice else "b"
            first = begin(lambda place=place: train(place), place / "first")
            time.sleep(chance.uniform(0, 0.4) * trials.seconds)
            other = begin(lambda place=place, second=second: train(place, f"name={second}"), place / "second")
            if count is killed:
                time.sleep(chance.uniform(0, 0.3) * trials.seconds)
                os.kill(first, signal.SIGKILL)
            ends = [end(first, place / "first"), end(other, place / "second")]
            count.tried += 1
            count.told += "in use by process" in ends[1].said
            if any(TRACE in e.said for e in ends):
                count.wrong.append(f"{count.what}: {[e.said[-200:] for e in ends]}")
            elif second == "b" and (ends[1].status or not same(weights(place, "b"), trials.outcome)):
                count.wrong.append(f"{count.what}: the second: {ends[1].said[-300:]}")
            elif second == "a" and ends[1].status == 0 and "is finished" not in ends[1].said:
                count.wrong.append(f"{count.what}: both trained")
            shutil.rmtree(place / "runs" / "b", ignore_errors=True)
            trials.go_on(count, count.what, place)
    yield from (names, killed, twice)


def small_disks(trials: Trials, megabytes: tuple[float, ...]) -> Iterator[Count]:
    """Train on a file system that is too small, then on a large one. Skipped where nothing can be mounted."""
    count = Count("a file system that is full, then the same command with room")
    for size in megabytes:
        place, disk = trials.folder / f"disk-{size}", trials.folder / f"mounted-{size}"
        disk.mkdir()
        settings = [*TINY, f"runs={disk}/runs", f"data.folder={disk}/data", "name=a"]
        mount = f"mount -t tmpfs -o size={int(size * 1024)}k none {disk} && "
        script = mount + f'"$@"; status=$?; cp -r {disk} {place}; exit $status'
        command = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, str(ROOT / "train_wm.py"), *settings]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(command, capture_output=True, text=True, env=environment)
        if not place.exists():
            break
        said = ended.stdout + ended.stderr
        count.tried += 1
        count.told += "no room" in said or "No space" in said
        if ended.returncode and (("no room" not in said and "No space" not in said) or TRACE in said):
            count.wrong.append(f"{size} MB: status {ended.returncode}: {said[-300:]}")
        trials.go_on(count, f"{size} MB", place)
    yield count


def recoveries(trials: Trials, seed: int = 0) -> Iterator[Count]:
    """Damage parts of a run, and do what the messages advise: the run has to come out as it was."""
    count = Count("a part of a run is damaged, its remedy applied, then the same command")
    last = ("metrics.json", "report.html")
    for name, remove in (
        ("checkpoint.pt", ("checkpoint.pt", *last)),
        ("imagination.pt", ("imagination.pt", *last)),
        ("model.safetensors", ("model.safetensors", *last)),
        ("model.json", ("model.json", *last)),
        ("metrics.json", last),
        ("play/1/frames.npy", ("play/1", "imagination.pt", *last)),
    ):
        place = trials.folder / f"recover-{name.replace('/', '-')}"
        shutil.copytree(trials.folder / "whole", place)
        run = place / "runs" / "a"
        text = (run / "config.yaml").read_text().replace(f"{trials.folder}/whole", str(place))
        (run / "config.yaml").write_text(text)
        path = run / name
        path.write_bytes(one_bit(path.read_bytes(), seed))
        said = subprocess.run(
            [sys.executable, "-m", "sqair_wm.check", str(run)], capture_output=True, text=True, cwd=ROOT
        )
        count.tried += 1
        count.told += said.returncode == 1 and path.name in said.stdout
        for part in remove:
            shutil.rmtree(run / part) if (run / part).is_dir() else (run / part).unlink()
        trials.go_on(count, name, place)
    yield count


def mixtures(trials: Trials) -> Iterator[Count]:
    """Delete the checkpoint of a run and change a setting: nothing of the old run may be taken for the new one's."""
    count = Count("the checkpoint deleted, a setting changed: as a fresh run")
    fresh, mixed = trials.folder / "fresh", trials.folder / "mixed"
    changed = ("training.learning_rate=0.002",)
    shutil.copytree(trials.folder / "whole", mixed)
    for name in ("checkpoint.pt", "metrics.json", "report.html"):
        (mixed / "runs" / "a" / name).unlink()
    ends = [trials.run(place, *changed) for place in (fresh, mixed)]
    count.tried, count.told = 1, int("they are in" in ends[1].said)
    if any(e.status for e in ends) or not same(weights(fresh), weights(mixed)):
        count.wrong.append(f"other weights than a fresh run: {ends[1].said[-300:]}")
    metrics = json.loads((mixed / "runs" / "a" / "metrics.json").read_text())
    if metrics["iterations"] != 12:
        count.wrong.append(f"{metrics['iterations']} iterations")
    yield count
