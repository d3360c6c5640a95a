"""Draws where the time of a training step goes: `python -m benchmarks.where --out docs/where.png`."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from benchmarks.cases import training_step
from benchmarks.scenes import ATARI, MNIST
from sqair_wm.common.cpu import use_cpu

KINDS = {
    "matrix products": ("mm", "addmm", "bmm", "linear", "matmul", "baddbmm"),
    "gather and scatter": ("index", "index_select", "index_add", "index_add_", "index_copy", "gather", "scatter_add_"),
    "copies and views": (
        "copy_",
        "cat",
        "clone",
        "view",
        "slice",
        "as_strided",
        "empty",
        "fill_",
        "zero_",
        "t",
        "expand",
    ),
    "optimiser": ("_fused_adam_", "_foreach_norm", "_foreach_mul_"),
}


def kind(operation: str) -> str:
    """The group that an operation of the profile belongs to."""
    name = operation.removeprefix("aten::")
    for group, names in KINDS.items():
        if name in names:
            return group
    return "elementwise and reductions" if operation.startswith("aten::") else "autograd and the rest of PyTorch"


def shares(step: object, repeats: int = 3) -> dict[str, float]:
    """Share of each group of operations in the wall time of a step; time outside the profile counts as Python."""
    assert callable(step)
    step()
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    plain = (time.perf_counter() - start) / repeats
    with profile(activities=[ProfilerActivity.CPU]) as record:
        step()
    spent: Counter[str] = Counter()
    for event in record.key_averages():
        spent[kind(event.key)] += event.self_cpu_time_total * 1e-6
    total = sum(spent.values())
    scale = min(1.0, plain / total)
    found = {group: seconds * scale / plain for group, seconds in spent.items()}
    return found | {"Python": max(0.0, 1 - sum(found.values()))}


def main() -> None:
    """Measure three settings and draw them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.where", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/where.png"))
    options = parser.parse_args()
    use_cpu(1)
    steps = {
        "batch 32, 10 frames, 50x50": training_step(MNIST, 32, 10, 1, False),
        "batch 8, 5 frames, 50x50": training_step(MNIST, 8, 5, 1, False),
        "batch 16, 6 frames, Atari": training_step(ATARI, 16, 6, 5, False),
    }
    found = {name: shares(step) for name, step in steps.items()}
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.4), layout="constrained")
    axes, left = figure.subplots(), [0.0] * len(found)
    for group in sorted(
        {g for s in found.values() for g in s}, key=lambda g: -sum(s.get(g, 0) for s in found.values())
    ):
        widths = [100 * s.get(group, 0.0) for s in found.values()]
        axes.barh(list(found), widths, left=left, label=group)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_xlabel("share of the time of a training step, %")
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(options.out, dpi=110)
    for name, parts in found.items():
        print(name, {g: round(s, 3) for g, s in sorted(parts.items(), key=lambda p: -p[1])})


if __name__ == "__main__":
    main()
