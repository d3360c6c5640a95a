"""Time and arithmetic of a function, and the speed of the machine at matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode


@dataclass
class Row:
    """One line of the table.

    Attributes:
        name: of the benchmark.
        rate: units a second, from the median time.
        unit: what is counted.
        peak_share: matrix-product arithmetic a second, as a share of the machine's peak; None if it is not measured.
        vs_dense: rate divided by that of the dense computation in the same run; None if there is no dense one.
    """

    name: str
    rate: float
    unit: str
    peak_share: float | None = None
    vs_dense: float | None = None


def seconds(function: Callable[[], object], least: float = 0.8) -> float:
    """Median seconds of a call, measured for at least `least` seconds after one call to warm up."""
    function()
    timer = Timer("function()", globals={"function": function}, num_threads=torch.get_num_threads())
    return timer.blocked_autorange(min_run_time=least).median


def _in_place(total: Sequence[int], a: Sequence[int], b: Sequence[int], *rest: object, **options: object) -> int:
    """Operations of `total.addmm_(a, b)` or `baddbmm_` from the shapes, which the counter does not know."""
    return 2 * math.prod(a) * b[-1]


IN_PLACE = {torch.ops.aten.addmm_: _in_place, torch.ops.aten.baddbmm_: _in_place}


def arithmetic(function: Callable[[], object]) -> int:
    """Floating point operations of the matrix products of one call, backward included."""
    with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
        function()
    return counter.get_total_flops()


def saved_bytes(function: Callable[[], object]) -> int:
    """Memory that `function` keeps for its backward pass, in bytes; tensors that share memory count once."""
    storages: dict[int, int] = {}
    kept: list[torch.Tensor] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = function()
    del result
    return sum(storages.values())


@cache
def peak(threads: int, device: str = "cpu") -> float:
    """Operations a second of a large float32 matrix product with that many threads."""
    a, b = torch.randn(2, 1024, 1024, device=device).unbind(0)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return max(2 * 1024**3 / seconds(lambda: a @ b, 0.5) for _ in range(3))
    finally:
        torch.set_num_threads(before)


def compare(name: str, unit: str, count: int, packed: Callable[[], object], dense: Callable[[], object] | None) -> Row:
    """The row of `packed`, which does `count` units a call, compared with `dense`."""
    time = seconds(packed)
    share = arithmetic(packed) / time / peak(torch.get_num_threads())
    return Row(name, count / time, unit, share, None if dense is None else seconds(dense) / time)
