"""Training time until digits of two-frame moving MNIST are counted right: `python -m benchmarks.counting`."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.scenes import MNIST
from sqair_wm.common.cpu import use_cpu
from sqair_wm.data.mnist import load_mnist
from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.data.objects import measure_objects
from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.bound import SequenceBound
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.trainer import make_optimizer

CPU = torch.device("cpu")
SCHEDULE = TrainingConfig(
    iterations=3000,
    minutes=0,
    batch=32,
    decay=[],
    learning_rate=5e-4,
    lengths=[[0, 1], [150, 2]],
    kl_start=0.2,
    warm_up=300,
    presence_margin=0.1,
    discovery_dropout=0.5,
    keep=[0, 0],
)


@torch.no_grad()
def counting_accuracy(model: SQAIR, data: MovingMNIST, sequences: int = 1000, length: int = 2) -> float:
    """Share of the frames of `sequences` fixed sequences in which the number of objects is right."""
    batch = data.first(sequences, length, CPU)
    assert batch.truth is not None
    slots, right = model.initial(sequences), []
    for frame, there in zip(batch.frames, batch.truth.presence, strict=True):
        slots = model.filter(slots, frame)
        right.append((slots.count == there.sum(1)).float().mean())
    return float(torch.stack(right).mean())


def seconds_to(target: float, folder: Path, seed: int, every: int = 50, limit: float = 600) -> dict[str, float]:
    """Train until the accuracy on test digits reaches `target`, or for `limit` seconds; evaluation is not timed."""
    train, test = (MovingMNIST(*load_mnist(folder, train=part)) for part in (True, False))
    measured = measure_objects(train.first(400, 1, CPU).frames.foreground[0])
    torch.manual_seed(seed)
    model = SQAIR(replace(MNIST, object_size=measured.size, slots=measured.slots))
    bound, generator = SequenceBound(model, SCHEDULE.particles), torch.Generator().manual_seed(seed)
    optimizer = make_optimizer(model, SCHEDULE)
    spent, iteration, accuracy = 0.0, 0, 0.0
    while accuracy < target and spent < limit:
        start = time.perf_counter()
        for _ in range(every):
            batch = train.sample(SCHEDULE.batch, SCHEDULE.length(iteration), generator, CPU)
            loss, _ = bound(batch.frames, None, SCHEDULE.annealing(iteration))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), SCHEDULE.clip)
            optimizer.step()
            iteration += 1
        spent += time.perf_counter() - start
        accuracy = counting_accuracy(model, test)
    return {"seed": seed, "seconds": round(spent, 1), "iterations": iteration, "counting_accuracy": round(accuracy, 4)}


def main() -> None:
    """Print one line of JSON for each seed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counting", description=__doc__)
    parser.add_argument("--mnist", type=Path, default=Path("data/mnist"), help="folder with the IDX files (data/mnist)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of training (0 1 2)")
    parser.add_argument("--target", type=float, default=0.95, help="share of frames counted right (0.95)")
    options = parser.parse_args()
    use_cpu(1)
    for seed in options.seeds:
        print(json.dumps(seconds_to(options.target, options.mnist, seed)), flush=True)


if __name__ == "__main__":
    main()
