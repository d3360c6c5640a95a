"""Peak memory of a training step, with and without recomputation: `python -m benchmarks.memory`."""

from __future__ import annotations

import argparse
import multiprocessing
import resource

from benchmarks.scenes import ATARI, MNIST, certain_model, moving_sprites
from sqair_wm.common.cpu import use_cpu
from sqair_wm.model.config import ModelConfig
from sqair_wm.training.bound import Annealing, SequenceBound

SETTINGS = {
    "50x50, batch 32, 10 frames, width 256": (MNIST, 32, 10, 1),
    "50x50, batch 32, 24 frames, width 256": (MNIST, 32, 24, 1),
    "Atari, batch 16, 6 frames, width 128": (ATARI, 16, 6, 5),
    "Atari, batch 16, 30 frames, width 128": (ATARI, 16, 30, 5),
}


def growth(config: ModelConfig, batch: int, length: int, objects: int, recompute: bool) -> float:
    """MiB by which the largest resident size of this (fresh) process grows over two training steps."""
    use_cpu(1)
    bound = SequenceBound(certain_model(config), 5, recompute=recompute)
    frames = moving_sprites(config, batch, length, objects)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        loss, _ = bound(frames, None, Annealing())
        loss.backward()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    """Print one line for each setting."""
    argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__).parse_args()
    for name, setting in SETTINGS.items():
        for recompute in (False, True):
            with multiprocessing.get_context("spawn").Pool(1) as fresh:
                used = fresh.apply(growth, (*setting, recompute))
            print(f"{name}{', recomputing' if recompute else ''}: {used:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
