"""One tiny run on Pong that all tests of commands share, whichever process they run in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import ROOT

TINY = (
    "env=Pong", "name=tiny", "device=cpu", "data.frames=250", "data.test_frames=80", "data.size=40", "model.hidden=32",
    "data.crop=[34,194]", "data.pool=2", "data.memory=45",
    "training.iterations=6", "training.batch=2", "training.particles=2", "training.log_every=2",
    "training.save_every=2", "training.lengths=[[0,1],[2,2],[4,3]]", "imagination.iterations=4",
    "imagination.steps=[[0,1],[2,2]]", "imagination.batch=2", "imagination.log_every=2", "imagination.save_every=2",
)  # fmt: skip

TRAIN = """
import pkgutil, sys
import train_wm, sqair_wm.data, sqair_wm.training
for room in (sqair_wm.data, sqair_wm.training):
    for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
        __import__(module.name)
train_wm.main()
found = {"ocatari", "trackeval", "sklearn"} & set(sys.modules)
sys.exit(f"training imported {found}" if found else 0)
"""
"""The command, and whether it imported what only the evaluation may."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The folder of `runs` and `data`, and how the command ended: `returncode`, `stdout` and `stderr`."""
    shared = tmp_path_factory.getbasetemp()
    shared = (shared.parent if "popen-gw" in shared.name else shared) / "tiny_pong"
    with FileLock(f"{shared}.lock"):
        if not (shared / "ended.json").exists():
            command = [sys.executable, "-c", TRAIN, f"runs={shared}/runs", f"data.folder={shared}/data", *TINY]
            done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
            shared.mkdir(exist_ok=True)
            ended = {name: getattr(done, name) for name in ("returncode", "stdout", "stderr")}
            (shared / "ended.json").write_text(json.dumps(ended))
    return shared, json.loads((shared / "ended.json").read_text())


def copy_run(trained: tuple[Path, dict], folder: Path) -> Path:
    """A copy of the run and its recordings in a folder where they may be changed."""
    shutil.copytree(trained[0] / "runs" / "tiny", folder / "runs" / "tiny", dirs_exist_ok=True)
    shutil.copytree(trained[0] / "data", folder / "data", dirs_exist_ok=True)
    return folder / "runs" / "tiny"
