"""Short trainings whose every figure is known: drawn digits, a drawn film, and Pong, 40 iterations each."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import cv2
import numpy as np
from safetensors.numpy import load_file

from tests.data.films import walk, write_video
from tests.golden.play import digest

SHORT = (
    "device=cpu", "training.iterations=40", "training.minutes=0", "training.batch=2", "training.particles=2",
    "training.warm_up=20", "training.keep=[10,25]", "training.log_every=1", "model.hidden=32",
    "training.lengths=[[0,1],[5,2],[15,3],[25,4]]", "data.report.sequences=2", "data.report.frames=10",
)  # fmt: skip
CASES = {
    "pong": (
        "env=Pong", "data.frames=250", "data.test_frames=60", "data.crop=[34,194]", "data.pool=2", "data.memory=45",
        "data.size=40", "imagination.iterations=40", "imagination.minutes=0", "imagination.batch=4",
        "imagination.log_every=1", "imagination.singles=16", "imagination.steps=[[0,2],[10,5]]",
    ),
    "digits": ("data=moving_mnist", "data.size=32"),
    "video": ("data=video", "data.width=64", "data.size=32", "data.every=1", "data.length=3"),
}  # fmt: skip
TESTED = {"digits": ("data.tested=20",), "video": ("data.tested=50",)}
"""Less to measure at the end, which 0.1.0 could not be told and which changes nothing that is compared."""

TIMES = ("frames_per_second",)


def make_data(folder: Path) -> dict[str, tuple[str, ...]]:
    """Write the digits and the film; returns what each command needs to find them."""
    mnist = folder / "mnist"
    mnist.mkdir(parents=True)
    for prefix in ("train", "t10k"):
        images = np.zeros((10, 28, 28), np.uint8)
        for number, image in enumerate(images):
            cv2.putText(image, str(number), (4, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2)
        for name, array in (("images-idx3", images), ("labels-idx1", np.arange(10, dtype=np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            (mnist / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    film = write_video(folder / "walk.avi", walk())
    return {"pong": (), "digits": (f"data.mnist={mnist}",), "video": (f"data.path={film}",)}


def train(
    name: str, folder: Path, extra: tuple[str, ...], run: Callable[[list[str]], CompletedProcess]
) -> dict[str, Any]:
    """Train one of `CASES` with `run`, which is given the settings; its losses, and fingerprints of its weights."""
    done = run([*SHORT, *CASES[name], f"name={name}", f"runs={folder}/runs", f"data.folder={folder}/data", *extra])
    assert done.returncode == 0, done.stdout + done.stderr
    place = folder / "runs" / name
    found: dict[str, Any] = {}
    for kind in ("training", "imagination"):
        if (place / f"{kind}.jsonl").exists():
            records = [json.loads(line) for line in (place / f"{kind}.jsonl").read_text().splitlines()]
            lines = [json.dumps({k: v for k, v in sorted(r.items()) if k not in TIMES}) for r in records]
            found[f"{kind}_loss"] = [r["loss"] for r in records][:3]
            found[f"{kind}_records"] = digest([np.frombuffer(line.encode(), np.uint8) for line in lines])
    weights = load_file(place / "model.safetensors")
    return found | {"weights": digest([weights[n] for n in sorted(weights)]), "tensors": len(weights)}
