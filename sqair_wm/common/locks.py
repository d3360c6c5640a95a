"""Locks on folders: one process writes to a folder at a time; the others are told which one."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

MANY = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
"""Variables that number the processes of one training."""


class InUseError(ValueError):
    """A folder is in use by another process; the message says which."""


@contextmanager
def alone(folder: Path, doing: str, advice: str, wait: bool = False) -> Iterator[None]:
    """Lock a folder, which need not exist yet, against other processes that lock it.

    The lock is a hidden file beside the folder; the system releases it when its holder ends, however that happens. If
    files can't be locked or written there, nothing is locked.

    Args:
        folder: the folder to lock.
        doing: what this process does, for the messages of others, such as `training`.
        advice: what to do if the folder is in use, for the message.
        wait: print a message and wait until the folder is free, instead of raising an error.

    Raises:
        InUseError: if another process holds the lock and `wait` is false.
    """
    path = folder.with_name(f".{folder.name}.lock")
    lock = FileLock(path)
    if _taken(lock, path, folder, advice, wait):
        with suppress(OSError):
            path.write_text(json.dumps(_holder(doing)))
    try:
        yield
    finally:
        lock.release()


def first_of(processes: int) -> bool:
    """Whether this is the first of the processes of one training, which locks the folder for all of them."""
    return processes == 1 or all(os.environ.get(name, "0") in ("", "0") for name in MANY)


def _taken(lock: FileLock, path: Path, folder: Path, advice: str, wait: bool) -> bool:
    """Whether the lock is held now; False if files can't be locked there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        said = f"{folder} is in use by {_who(path)}"
        if not wait:
            raise InUseError(f"{said}: {advice}") from error
        print(f"{said}: {advice}", file=sys.stderr)
        lock.acquire()
    except (OSError, NotImplementedError):
        return False
    return True


def _holder(doing: str) -> dict[str, object]:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"process": os.getpid(), "machine": platform.node(), "since": since, "doing": doing}


def _who(path: Path) -> str:
    """The holder of a lock, in words."""
    try:
        note = json.loads(path.read_text())
        return f"process {note['process']} on {note['machine']} ({note['doing']} since {note['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
