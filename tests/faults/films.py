"""Damaged films, read by OpenCV under limits of time and memory."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2

from sqair_wm.data.footage import Footage
from sqair_wm.data.foreground import Extraction, subtract
from tests.data.films import walk, write_video
from tests.faults.damage import WAYS
from tests.faults.forks import Count, do

SECONDS, BYTES = 20, 8 << 30
"""Limits of a process that reads a film: of time, and of memory."""


def films(folder: Path, seeds: int = 20) -> Iterator[Count]:
    """Damage a film in every way, and extract its foreground in a fork, as the program does in a process of its own.

    OpenCV may crash there, which the program reports; it may not go on for ever.
    """
    count, film = Count("damaged: a film"), write_video(folder / "walk.avi", walk(12))
    whole = film.read_bytes()
    for way, damage in WAYS.items():
        for seed in range(seeds):
            film.write_bytes(damage(whole, seed))
            status = do(lambda: _read(film, folder / "out"), folder / "said").status
            count.tried += 1
            count.told += status != 0
            if status in (-signal.SIGALRM, -signal.SIGXCPU):
                count.wrong.append(f"{way} {seed}: takes more than {SECONDS} seconds")
            shutil.rmtree(folder / "out", ignore_errors=True)
    yield count


def _read(film: Path, out: Path) -> None:
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    out.mkdir()
    try:
        subtract(Footage((film,), "walk"), Extraction(width=64), out)
    except (ValueError, OSError, cv2.error):
        os._exit(3)
