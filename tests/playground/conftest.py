"""The model of Pong with its game, which all tests here share; and a film that a small model watches."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.playground.playables import Playable, open_playable
from sqair_wm.playground.realities import FilmReality
from sqair_wm.playground.session import Session
from sqair_wm.world.world_model import WorldModel
from tests.conftest import ROOT, MovingSquares, small

CODE = ROOT / "sqair_wm" / "playground"


@pytest.fixture(scope="session")
def pong() -> Playable:
    return open_playable(ROOT / "pretrained" / "Pong")


@pytest.fixture
def session(pong: Playable) -> Session:
    return Session(pong)


@pytest.fixture(scope="session")
def film() -> Playable:
    """A model of grey frames that knows no actions, and three films of four frames."""
    torch.manual_seed(0)
    world = WorldModel(small()).eval().requires_grad_(False)
    frames: Frame = MovingSquares().first(3, 4, torch.device("cpu")).frames
    return Playable("squares", world, lambda seed: FilmReality(world, frames))


OFFLINE = """
import sys

def refuse(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "127.0.0.1", "localhost"):
        raise OSError(f"the network is asked for {arguments[0]}")
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] != "127.0.0.1":
        raise OSError(f"a connection to {arguments[1]}")

sys.addaudithook(refuse)
"""


class Running(NamedTuple):
    """A server in a separate process: its command, its address, and when it was started."""

    command: str
    port: int
    address: str
    started: float


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The playground of Pong, whose process may not reach the network."""
    folder = tmp_path_factory.mktemp("offline")
    (folder / "sitecustomize.py").write_text(OFFLINE)
    command, started = "-m sqair_wm.playground pretrained/Pong", time.monotonic()
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, *command.split(), "--no-browser", "--port", "0"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.match(r"playground: (http://127\.0\.0\.1:(\d+)) ", said)
        assert found, said
        yield Running(command, int(found[2]), found[1], started)
    finally:
        process.terminate()
        process.wait(20)
