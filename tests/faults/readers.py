"""The damage table: every kind of file that is stored, damaged in several ways, and read."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

import sqair_wm
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.mnist import read_idx
from sqair_wm.envs.starts import StatePool
from sqair_wm.games.play import Recording
from sqair_wm.model.slots import Slots
from sqair_wm.runs.older import complete, read_saved
from sqair_wm.runs.run_folder import RunFolder
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint
from sqair_wm.world.world_model import WorldModel
from tests.conftest import ROOT, small
from tests.faults import agent_files
from tests.faults.damage import WAYS
from tests.faults.forks import Count

Read = Callable[[Path], Any]
RAN = ("config.yaml", "metrics.json", "training.jsonl", "progress.jsonl", "evaluation.json")
"""Files without a checksum, which users read and may edit: damage in them may go unnoticed."""


def store(folder: Path) -> dict[str, Read]:
    """Write a file of every kind; returns, by path, a function that reads it and returns what has to stay the same."""
    model = WorldModel(small())
    model.save(folder)
    slots: Slots = model.initial(2)
    StatePool(slots, torch.zeros(2, 3, 24, 24, dtype=torch.uint8)).save(folder / "pool.safetensors")
    save_checkpoint(folder / "checkpoint.pt", {"iteration": 3, "model": model.state_dict()})
    record(Recording("Bouncing", frames=12, size=24), folder / "play", np.zeros((24, 24, 3), np.uint8))
    digits = bytes([0, 0, 8, 3]) + np.array([2, 28, 28], ">i4").tobytes() + bytes(range(256)) * 6 + bytes(32)
    (folder / "digits.gz").write_bytes(gzip.compress(digits))
    shutil.copy(ROOT / "tests" / "runs" / "older" / "game.yaml", folder / "config.yaml")
    (folder / "metrics.json").write_text(json.dumps({"iterations": 40.0, "wall_minutes": 1.5}))
    (folder / "training.jsonl").write_text("\n".join(json.dumps({"iteration": i, "loss": 1.0}) for i in range(9)))
    run = RunFolder(folder, OmegaConf.create({}))
    recording: Read = lambda path: _recording(path.parent)  # noqa: E731
    parts = {f"play/{p.name}": recording for p in (folder / "play").iterdir() if p.suffix == ".npy"}
    return {
        "model.safetensors": lambda path: sqair_wm.load(path.parent).state_dict(),
        "model.json": lambda path: sqair_wm.load(path.parent).config,
        "pool.safetensors": lambda path: _pool(path, model),
        "checkpoint.pt": lambda path: load_checkpoint(path)["model"],
        "play/recording.json": recording,
        "play/sums.json": recording,
        **parts,
        "digits.gz": read_idx,
        "config.yaml": lambda path: complete(read_saved(path), path),
        "metrics.json": lambda path: run.metrics(),
        "training.jsonl": lambda path: run.records("training"),
    }


def _pool(path: Path, model: WorldModel) -> list[torch.Tensor]:
    pool = StatePool.load(path, model)
    return [pool.backgrounds, pool.slots.what, pool.slots.where]


def _recording(folder: Path) -> list[Any]:
    found = AtariSequences(folder)
    arrays = [found.pictures, found.backgrounds, found.actions, found.rewards, found.ends, found.begins, found.losses]
    return [*map(np.array, arrays), found.recording]


def equal(a: Any, b: Any) -> bool:
    """Whether two results of reading are the same, bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else bool(a == b)


def damages(folder: Path, seeds: int = 25) -> Iterator[Count]:
    """Damage every file in every way, as often as `seeds` says, and read it."""
    for name, read in (store(folder) | agent_files.store(folder)).items():
        path, count = folder / name, Count(f"damaged: {name}")
        whole, wanted = path.read_bytes(), read(path)
        for way, damage in WAYS.items():
            for seed in range(seeds):
                path.write_bytes(damage(whole, seed))
                count.tried += 1
                _look(count, f"{name} {way} {seed}", path, read, wanted)
        path.write_bytes(whole)
        yield count


def _look(count: Count, what: str, path: Path, read: Read, wanted: Any) -> None:
    try:
        found = read(path)
    except (ValueError, OSError) as error:
        count.told += 1
        if path.name not in str(error) and path.parent.name not in str(error):
            count.wrong.append(f"{what}: names no file: {error}")
        if "\n" in str(error):
            count.wrong.append(f"{what}: takes more than a line: {error}")
    except Exception as error:
        count.wrong.append(f"{what}: {type(error).__name__}: {error}")
    else:
        if path.name not in RAN and not equal(found, wanted):
            count.wrong.append(f"{what}: read as something else without a word")
