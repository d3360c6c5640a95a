"""Parts of this process that may be killed: forks of it, which need not import anything again."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Count:
    """How often something was tried, and what went wrong.

    Attributes:
        what: description of what was tried.
        tried: how often it was tried.
        told: how often it ended with a message.
        wrong: descriptions of the failures.
    """

    what: str
    tried: int = 0
    told: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self) -> str:
        """A row of the table."""
        return f"| {self.what} | {self.tried} | {self.told} | {len(self.wrong)} |"


@dataclass(frozen=True)
class Ended:
    """How a fork ended.

    Attributes:
        status: its exit status, or minus the number of the signal that killed it.
        said: its standard output and standard error, together.
    """

    status: int
    said: str


def begin(work: Callable[[], object], out: Path) -> int:
    """Start a fork that does `work` and writes to the file `out`; returns its process id.

    Exit status, as of a program: 0; 1 and a line for SystemExit with a message; 1 and a traceback for an error.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        with out.open("ab", buffering=0) as file:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
        status = _do(work)
    finally:
        os._exit(status)


def _do(work: Callable[[], object]) -> int:
    sys.stdout = os.fdopen(os.dup(1), "w", buffering=1)
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        work()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def end(child: int, out: Path) -> Ended:
    """Wait for a fork."""
    _, status = os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), out.read_text(errors="replace"))


def do(work: Callable[[], object], out: Path) -> Ended:
    """Do `work` in a fork, and wait for it."""
    out.unlink(missing_ok=True)
    return end(begin(work, out), out)
