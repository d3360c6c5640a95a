"""Records of tensors that are mapped, joined and moved as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any, Self

import torch
from torch import Tensor


@cache
def field_names(kind: Any) -> tuple[str, ...]:
    """Names of the fields of a dataclass, in order."""
    return tuple(f.name for f in fields(kind))


class TensorRecord:
    """Base of dataclasses whose fields are all tensors, or records of tensors, with the same leading axes."""

    __slots__ = ()

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same record with `function` applied to every tensor."""
        kind: Any = type(self)
        return kind(**{n: _apply(function, getattr(self, n)) for n in field_names(kind)})

    def to(self, device: torch.device | str) -> Self:
        """The same record on a device."""
        return self.map(lambda x: x.to(device))

    @classmethod
    def cat(cls, parts: Sequence[Self], axis: int = 0) -> Self:
        """Several records concatenated along an axis.

        Raises:
            TypeError: if a field is not of one dtype in all of them.
        """
        return cls._joined(torch.cat, parts, axis)

    @classmethod
    def stack(cls, parts: Sequence[Self], axis: int = 0) -> Self:
        """Several records stacked along a new axis; see `cat`."""
        return cls._joined(torch.stack, parts, axis)

    @classmethod
    def _joined(cls, join: Callable[..., Tensor], parts: Sequence[Self], axis: int) -> Self:
        def joined(values: list[Any]) -> Any:
            first = values[0]
            if isinstance(first, TensorRecord):
                return type(first)._joined(join, values, axis)
            if any(x.dtype != first.dtype for x in values):  # joining would convert bytes without scaling them
                raise TypeError(f"tensors of different dtypes can't be joined: {[str(x.dtype) for x in values]}")
            return join(values, axis)

        return cls(**{n: joined([getattr(p, n) for p in parts]) for n in field_names(cls)})  # type: ignore[arg-type]

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[type-var]


def _apply(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    return value.map(function) if isinstance(value, TensorRecord) else function(value)
