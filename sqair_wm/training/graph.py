"""Training steps as CUDA graphs: the thousands of small kernels of a step are launched together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

BEFORE = 3
"""Steps of a kind that run without a graph before one is recorded, so that all set-up on first use is done."""

Compute = Callable[..., dict[str, Tensor]]


def can_record(fabric: Fabric) -> bool:
    """Whether steps can be recorded: on one GPU, without loss scaling, which waits for the device."""
    alone = fabric.device.type == "cuda" and fabric.world_size == 1
    return alone and fabric.strategy.precision.precision in ("32-true", "bf16-mixed")


class GraphedSteps:
    """Computes gradients as `compute` does; on a GPU each kind of step is recorded once and replayed from then on.

    Steps are of one kind if their tensors have the same shapes and all other arguments are equal: the values of tensors
    may change from step to step, other values are part of the recording. Random numbers go on as they would without
    graphs. Recordings share memory, and the gradients of a step are valid until the next one.

    Args:
        compute: given arguments (tensors, dataclasses and tuples of them, or hashable values), it leaves gradients in
            `.grad` of the parameters, which was None before, and returns statistics, tensors by name.
        parameters: whose gradients it computes.
    """

    def __init__(self, compute: Compute, parameters: Sequence[nn.Parameter]):
        self._compute, self._parameters = compute, parameters
        self._seen: Counter[Hashable] = Counter()
        self._recorded: dict[Hashable, _Recording] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, *arguments: Any) -> dict[str, Tensor]:
        """The statistics of a step."""
        kind = kind_of(arguments)
        self._seen[kind] += 1
        if self._seen[kind] <= BEFORE:
            return self._compute(*arguments)
        if kind not in self._recorded:
            self._recorded[kind] = _Recording(self._compute, arguments, self._parameters, self._pool)
        return self._recorded[kind].replay(arguments)


class _Recording:
    """One kind of step."""

    def __init__(self, compute: Compute, arguments: tuple, parameters: Sequence[nn.Parameter], pool: Any):
        self._parameters, self._inputs = parameters, cloned(arguments)
        self._graph = torch.cuda.CUDAGraph()
        for parameter in parameters:
            parameter.grad = None
        try:
            # other threads go on sending data to the device while this one records
            with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
                statistics = compute(*self._inputs)
                self._values = torch.cat([x.flatten() for x in statistics.values()])
        except RuntimeError as error:
            raise RuntimeError(
                f"the step cannot be recorded as a CUDA graph ({error}); to run without CUDA graphs, set "
                "training.graphs=false imagination.graphs=false"
            ) from error
        self._shapes = {name: x.shape for name, x in statistics.items()}
        self._gradients = [p.grad for p in parameters]

    def replay(self, arguments: tuple) -> dict[str, Tensor]:
        for here, given in zip(tensors_in(self._inputs), tensors_in(arguments), strict=True):
            here.copy_(given)
        self._graph.replay()
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        values = self._values.clone().split([shape.numel() for shape in self._shapes.values()])
        return {name: x.view(shape) for x, (name, shape) in zip(values, self._shapes.items(), strict=True)}


def tensors_in(x: Any) -> Iterator[Tensor]:
    """The tensors of nested tuples, lists and dataclasses, always in the same order."""
    if isinstance(x, Tensor):
        yield x
    else:
        for part in _parts(x) or ():
            yield from tensors_in(part)


def kind_of(x: Any) -> Hashable:
    """A key that two arguments share if one recording serves both: shapes, dtypes, and values that are not tensors."""
    if isinstance(x, Tensor):
        return Tensor, tuple(x.shape), x.dtype
    parts = _parts(x)
    return (type(x), x) if parts is None else (type(x), *map(kind_of, parts))


def cloned(x: Any) -> Any:
    """A copy whose tensors are copies too."""
    if isinstance(x, Tensor):
        return x.clone()
    if isinstance(x, tuple | list):
        return type(x)(map(cloned, x))
    if is_dataclass(x) and not isinstance(x, type):
        return replace(x, **{f.name: cloned(getattr(x, f.name)) for f in fields(x)})
    return x


def _parts(x: Any) -> list[Any] | None:
    if isinstance(x, tuple | list):
        return list(x)
    return [getattr(x, f.name) for f in fields(x)] if is_dataclass(x) else None
