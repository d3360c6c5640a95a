"""Computes only rows that hold an object: they are gathered, processed and scattered back."""

from __future__ import annotations

import torch
from torch import Tensor


class Rows:
    """The `R` rows of a batch of `M` that are computed.

    Packed (CPU): `take` gathers the rows that count and `put` scatters the results, so that other rows cost nothing.
    Dense (GPU): all rows are computed and `put` masks the results; shapes are static and nothing waits for the device.
    Both give the same numbers.

    Args:
        mask: `[M]` bool, the rows that count.
        dense: compute all rows and mask the results.
    """

    def __init__(self, mask: Tensor, dense: bool):
        self.mask, self.dense = mask, dense
        self._index = None if dense else mask.nonzero().squeeze(1)
        if self._index is not None and self._index.numel() == mask.numel():
            self._index = None
        self._all = not dense and self._index is None
        self._numbers = self._index

    @property
    def empty(self) -> bool:
        """Whether nothing has to be computed; always False when dense."""
        return self._index is not None and self._index.numel() == 0

    def take(self, x: Tensor) -> Tensor:
        """`[M, ...]` to `[R, ...]`."""
        return x if self._index is None else x.index_select(0, self._index)

    def put(self, x: Tensor, fill: float = 0.0) -> Tensor:
        """`[R, ...]` to `[M, ...]` with `fill` in the rows that do not count."""
        m = self.mask.shape[0]
        if self._all:
            return x
        if self._index is None:
            return torch.where(self.mask.reshape((m,) + (1,) * (x.dim() - 1)), x, x.new_full((), fill))
        return x.new_full((m, *x.shape[1:]), fill).index_copy(0, self._index, x)

    def put_all(self, *tensors: Tensor) -> list[Tensor]:
        """`put` for several tensors `[R]` or `[R, D]` of one dtype at once."""
        if self._all:
            return list(tensors)
        columns = [x[:, None] if x.dim() == 1 else x for x in tensors]
        whole = self.put(torch.cat(columns, 1)).split([c.shape[1] for c in columns], 1)
        return [w.squeeze(1) if x.dim() == 1 else w for w, x in zip(whole, tensors, strict=True)]

    def numbers(self) -> Tensor:
        """The numbers of the `R` rows in the batch, `[R]` int64."""
        if self._numbers is None:
            self._numbers = torch.arange(self.mask.shape[0], device=self.mask.device)
        return self._numbers


def flat_rows(index: Tensor, number: int) -> Tensor:
    """Indices into a flattened `[B, number]` of the entries `index` `[B, M]` of each row: `[B * M]`."""
    first = torch.arange(0, index.shape[0] * number, number, device=index.device)
    return (index + first[:, None]).flatten()


def take_rows(x: Tensor, rows: Tensor, shape: torch.Size) -> Tensor:
    """The `rows` (see `flat_rows`) of `x` `[B, N, ...]`, as `[*shape, ...]`; faster than `gather`: rows are whole."""
    return x.flatten(0, 1).index_select(0, rows).unflatten(0, shape)
