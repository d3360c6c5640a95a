"""SIGKILL at every point of a write, and a disk that is full at every byte of it."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from sqair_wm.common.files import new_array, new_folder
from sqair_wm.common.notes import list_sums, read_note, write_note
from sqair_wm.common.tensor_files import read_tensors, save_tensors
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.games.play import Recording
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint
from tests.faults.forks import Count, do

POINTS = ("open", "fsync", "replace", "rename", "chmod", "mkdir", "unlink", "posix_fallocate", "close")
"""Functions of `os` before and after which a write is killed."""

SIZE = 3000
RECORDING = Recording("Bouncing", frames=6, size=24)
BLACK = np.zeros((24, 24, 3), np.uint8)
Writer = tuple[Callable[[Path, int], object], Callable[[Path], int]]


def _folder(path: Path, value: int) -> None:
    if not path.exists():
        with new_folder(path) as partial:
            new_array(partial / "a.npy", (SIZE,), np.int64)[:] = value
            list_sums(partial)


WRITERS: dict[str, Writer] = {
    "checkpoint": (
        lambda path, value: save_checkpoint(path, {"iteration": value, "weights": torch.full((SIZE,), float(value))}),
        lambda path: int(load_checkpoint(path)["weights"][-1]),
    ),
    "weights": (
        lambda path, value: save_tensors(path, {"x": torch.full((SIZE,), float(value))}),
        lambda path: int(read_tensors(path, "")[0]["x"][-1]),
    ),
    "note": (
        lambda path, value: write_note(path, {"value": value, "more": [value] * SIZE}),
        lambda path: int(read_note(path, "")["more"][-1]),
    ),
    "folder of arrays": (_folder, lambda path: int(np.load(path / "a.npy")[-1])),
    "recording": (
        lambda path, value: record(RECORDING, path, BLACK),
        lambda path: len(AtariSequences(path)) - RECORDING.frames + 1,
    ),
}
"""What writes a value to a place, and what reads it; the last two write only what is not there yet."""

ONCE = ("folder of arrays", "recording")


def kill_at(number: int, work: Callable[[], object]) -> None:
    """Do `work`, and be killed at one of the points; the first half of the numbers is before calls, the other after."""
    calls = 0

    def watched(function: Callable) -> Callable:
        def call(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 2
            if calls - 1 == number:
                os.kill(os.getpid(), signal.SIGKILL)
            mine = calls
            try:
                return function(*arguments, **named)
            finally:
                if mine == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        return call

    for name in POINTS:
        setattr(os, name, watched(getattr(os, name)))
    work()


def kills(folder: Path, every: int = 1) -> Iterator[Count]:
    """Kill every writer at every point, or one of so many; what is there has to be whole, and the next write good."""
    for name, (write, _) in WRITERS.items():
        count, number, done = Count(f"SIGKILL while writing: {name}"), 1, False
        while not done:
            path = folder / f"{name}-{number}" / "x"
            path.parent.mkdir()
            if name not in ONCE:
                write(path, 1)
            ended = do(lambda n=number, p=path, w=write: kill_at(n, lambda: w(p, 2)), folder / "said")
            done = ended.status == 0
            count.tried += 1
            _judge(count, path, name, "" if ended.status in (0, -signal.SIGKILL) else ended.said, number)
            number += every
        yield count


def _judge(count: Count, path: Path, name: str, said: str, number: object) -> None:
    """Read what is there, write once more, and look at what is left."""
    write, read = WRITERS[name]
    try:
        if path.exists() and read(path) not in (1, 2):
            count.wrong.append(f"{name} at {number}: holds {read(path)}")
        write(path, 1 if name in ONCE else 2)
        if read(path) not in (1, 2):
            count.wrong.append(f"{name} at {number}: holds {read(path)} after the next write")
    except Exception as error:
        count.wrong.append(f"{name} at {number}: {type(error).__name__} {error}")
    left = [p.name for p in path.parent.iterdir() if p != path and not p.name.endswith(".lock")]
    if left:
        count.wrong.append(f"{name} at {number}: left {left}")
    if said:
        count.wrong.append(f"{name} at {number}: {said}")


def full_disks(folder: Path, steps: int = 40) -> Iterator[Count]:
    """Write where no file may grow beyond so many bytes; what was there has to stay, and the error to say so."""
    for name, (write, _) in WRITERS.items():
        count = Count(f"full disk while writing: {name}")
        for room in range(0, 8 * SIZE, max(1, 8 * SIZE // steps)):
            path = folder / f"{name}-full-{room}" / "x"
            path.parent.mkdir()
            if name not in ONCE:
                write(path, 1)

            def work(path: Path = path, room: int = room, write: Callable = write) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
                try:
                    write(path, 2)
                except OSError as error:
                    os._exit(3 if "no room on the disk" in str(error) else 4)
                os._exit(0)

            status = do(work, folder / "said").status
            count.tried += 1
            count.told += status == 3
            bad = "" if status in (0, 3) else f"ended with {status}: {(folder / 'said').read_text()[-300:]}"
            _judge(count, path, name, bad, f"{room} bytes")
        yield count
