"""The next batch is cut and sent to the device while the current one is trained on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from sqair_wm.data.sequences import Batch

Sample = Callable[[int, torch.Generator], Batch]


class Prefetcher:
    """Samples one batch ahead in a thread; the batches are the same as without it.

    Args:
        sample: draws the batch of an iteration from a generator.
        generator: of the draws.
        ahead: whether to work ahead; otherwise `next` draws the batch when it is called.
    """

    def __init__(self, sample: Sample, generator: torch.Generator, ahead: bool):
        self._sample, self._generator = sample, generator
        self._thread = ThreadPoolExecutor(1) if ahead else None
        self._pending: tuple[int, Future[Batch]] | None = None
        self._state = generator.get_state()

    @property
    def state(self) -> torch.Tensor:
        """State of the generator before it drew the batch that was not handed out yet."""
        return self._state if self._pending else self._generator.get_state()

    def set_state(self, state: torch.Tensor) -> None:
        """Continue from a `state`; a batch drawn ahead is dropped."""
        if self._pending:
            self._pending[1].result()
        self._pending = None
        self._generator.set_state(state)

    def next(self, iteration: int) -> Batch:
        """The batch of `iteration`; iterations must follow one another."""
        if self._thread is None:
            return self._sample(iteration, self._generator)
        if self._pending is not None and self._pending[0] != iteration:
            self.set_state(self.state)
        if self._pending is None:
            self._start(iteration)
        assert self._pending is not None
        batch, self._pending = self._pending[1].result(), None
        self._start(iteration + 1)
        return batch

    def _start(self, iteration: int) -> None:
        assert self._thread is not None
        self._state = self._generator.get_state()
        self._pending = (iteration, self._thread.submit(self._sample, iteration, self._generator))
