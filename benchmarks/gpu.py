"""Times training steps, `observe`, `imagine` and `render` on a GPU, with and without CUDA graphs.

`python -m benchmarks.gpu`
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks.cases import training_step
from benchmarks.scenes import ATARI, MNIST, certain_model, moving_sprites, settled
from sqair_wm.model.slots import Noise
from sqair_wm.training.graph import BEFORE


@dataclass
class GpuRow:
    """One line of the table.

    Attributes:
        name: of the benchmark.
        unit: what is counted.
        launched: units a second with kernels launched one by one.
        graph: units a second with a recorded CUDA graph.
    """

    name: str
    unit: str
    launched: float
    graph: float

    @property
    def waiting(self) -> float:
        """Share of the time in which the GPU waits for launches."""
        return max(0.0, 1 - self.launched / self.graph)


def seconds_on_gpu(function: Callable[[], object], least: float = 1.0) -> float:
    """Mean seconds of a call until the GPU has finished, over at least `least` seconds."""
    for _ in range(BEFORE + 1):
        function()
    torch.cuda.synchronize()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < least:
        function()
        torch.cuda.synchronize()
        calls += 1
    return (time.perf_counter() - start) / calls


def recorded(function: Callable[[], object]) -> Callable[[], object]:
    """Record the calls of `function` as a CUDA graph, and return what replays it."""
    for _ in range(BEFORE):
        function()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay


def contract_calls(batch: int) -> dict[str, Callable[[], object]]:
    """`observe`, `imagine` and `render` of the Atari model, on scenes whose objects have been found already."""
    model = certain_model(ATARI, dense=True).requires_grad_(False).to("cuda")
    frames = moving_sprites(ATARI, batch, 3, 5).to("cuda")
    slots = settled(model, frames)
    return {
        f"observe_{batch}": lambda: model.observe(slots, frames[2], noise=Noise.none(slots)),
        f"imagine_{batch}": lambda: model.imagine(slots),
        f"render_{batch}": lambda: model.render(slots),
    }


def rows() -> Iterator[GpuRow]:
    """All measurements, one after the other."""
    for name, config, batch, length, objects in (
        ("train_step", MNIST, 32, 10, 1),
        ("train_step_batch256", MNIST, 256, 10, 1),
        ("train_step_atari", ATARI, 16, 6, 5),
        ("train_step_atari_batch128", ATARI, 128, 6, 5),
    ):
        for low in (False, True):
            steps = [training_step(config, batch, length, objects, True, "cuda", low, g) for g in (False, True)]
            rates = [batch * length / seconds_on_gpu(step) for step in steps]
            yield GpuRow(f"{name}{'_bf16' if low else ''}", "frames/s", *rates)
    for batch in (1, 64, 1024):
        for name, call in contract_calls(batch).items():
            rates = [batch / seconds_on_gpu(kind, 0.5) for kind in (call, recorded(call))]
            yield GpuRow(name, "steps/s" if "imagine" in name else "frames/s", *rates)


def main() -> None:
    """Measure, print, and write JSON on request."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("error: PyTorch sees no CUDA device here; python -m benchmarks measures the CPU")
    found: list[GpuRow] = []
    for row in tqdm(rows(), total=17, unit="row"):
        found.append(row)
        if options.json:
            options.json.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    table = Table(title=torch.cuda.get_device_name(), title_justify="left")
    for column in ("name", "unit", "launched", "as a graph", "GPU waits"):
        table.add_column(column, justify="left" if column in ("name", "unit") else "right")
    for row in found:
        table.add_row(row.name, row.unit, f"{row.launched:,.0f}", f"{row.graph:,.0f}", f"{row.waiting:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
