"""Requests to stop (Ctrl-C, or a terminating machine) take effect after the current step, so that none is half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Handling:
    """Inside this context `_ask` handles SIGINT and SIGTERM; afterwards the earlier handlers do."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Any:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._ask)
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


class Interruptible(_Handling):
    """SIGTERM raises a KeyboardInterrupt, as Ctrl-C does.

    Python drops an exception that is raised in a finaliser. `StopRequests` and `stop_if_asked` therefore read `asked`
    of this class.
    """

    asked = False

    def __enter__(self) -> Interruptible:
        Interruptible.asked = False
        super().__enter__()
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        Interruptible.asked = True
        raise KeyboardInterrupt

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        Interruptible.asked = False
        super().__exit__(kind, error, traceback)


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt if one is due that Python dropped, see `Interruptible`; for loops of whole rounds."""
    if Interruptible.asked:
        raise KeyboardInterrupt


class StopRequests(_Handling):
    """The first SIGINT or SIGTERM sets `asked`; a second one interrupts at once.

    Attributes:
        asked: whether to stop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = Interruptible.asked

    def __enter__(self) -> StopRequests:
        super().__enter__()
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
