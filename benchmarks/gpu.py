"""The training step and the contract on a GPU, and how much of their time the GPU waits: `python -m benchmarks.gpu`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.cases import training_step
from benchmarks.scenes import ATARI, MNIST, certain_model, moving_sprites, settled
from sqair_wm.slots import Noise
from sqair_wm.training.graph import BEFORE


@dataclass
class GpuRow:
    """One line: `rate` units a second, and the share of the time in which no kernel ran (`launch_bound`)."""

    name: str
    rate: float
    unit: str
    launch_bound: float


def time_on_gpu(function: Callable[[], object], least: float = 1.0) -> tuple[float, float]:
    """Seconds a call, and the share of them in which no kernel ran."""
    for _ in range(BEFORE + 2):
        function()
    torch.cuda.synchronize()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < least:
        function()
        torch.cuda.synchronize()
        calls += 1
    seconds = (time.perf_counter() - start) / calls
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        function()
        torch.cuda.synchronize()
    busy = sum(event.self_device_time_total for event in profile.key_averages()) * 1e-6
    return seconds, max(0.0, 1 - busy / seconds)


def contract_calls(batch: int) -> dict[str, Callable[[], object]]:
    """`observe`, `imagine` and `render` of the Atari model on known scenes."""
    model = certain_model(ATARI, dense=True).requires_grad_(False).to("cuda")
    frames = moving_sprites(ATARI, batch, 3, 5).to("cuda")
    slots = settled(model, frames)
    return {
        f"observe_{batch}": lambda: model.observe(slots, frames[2], noise=Noise.none(slots)),
        f"imagine_{batch}": lambda: model.imagine(slots),
        f"render_{batch}": lambda: model.render(slots),
    }


def rows(compiled: bool) -> list[GpuRow]:
    """All measurements."""
    found = []
    for name, config, batch, length, objects in (
        ("train_step", MNIST, 32, 10, 1),
        ("train_step_batch256", MNIST, 256, 10, 1),
        ("train_step_atari", ATARI, 64, 8, 5),
    ):
        for kind, low, graphs in (("", False, True), ("_bf16", True, True), ("_no_graphs", False, False)):
            step = training_step(config, batch, length, objects, True, "cuda", compiled, low, graphs)
            seconds, waiting = time_on_gpu(step)
            found.append(GpuRow(name + kind, batch * length / seconds, "frames/s", waiting))
    for batch in (1, 64, 1024):
        for name, call in contract_calls(batch).items():
            seconds, waiting = time_on_gpu(call)
            found.append(GpuRow(name, batch / seconds, "steps/s" if "imagine" in name else "frames/s", waiting))
    return found


def main() -> None:
    """Measure, print, and write JSON on request."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--compile", action="store_true", help="compile the training step")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("error: PyTorch sees no CUDA device here; python -m benchmarks measures the CPU")
    found = rows(options.compile)
    table = Table(title=torch.cuda.get_device_name(), title_justify="left")
    for column in ("name", "rate", "unit", "GPU waits"):
        table.add_column(column, justify="left" if column in ("name", "unit") else "right")
    for row in found:
        table.add_row(row.name, f"{row.rate:,.0f}", row.unit, f"{row.launch_bound:.0%}")
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
