"""Files and folders that are complete or absent, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

PARTIAL = ".partial"
"""Suffix of files and folders that are still being written."""

ABANDONED = 3600.0
"""Seconds without change after which a partial file is taken to be abandoned. That of a process of this machine is
abandoned as soon as the process is gone."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_IN_WORDS = re.compile(
    rf"os error ({'|'.join(map(str, FULL))})\b|PytorchStreamWriter|inline_container|iostream error"
)
"""Errors that report a full disk: of Python, safetensors and PyTorch."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write(temporary_path)` and rename the result to `path`.

    Afterwards the file is on the disk, not only in memory. Partial files of it that earlier processes left are removed.
    The file has the usual permissions of this user's files, whatever `write` sets (safetensors: only for the owner).

    Raises:
        OSError: if there is no room, or the folder cannot be written to; `path` is then unchanged, and no other file is
            left.
    """
    sweep(path)
    temporary = _scratch(path)
    try:
        with _explained(path):
            temporary.touch()
            mode = temporary.stat().st_mode
            write(temporary)
            temporary.chmod(mode)
            to_disk(temporary)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    to_disk(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill, which is renamed to `path` at the end, or removed if an error was raised.

    Raises:
        FileExistsError: if another process has made `path` meanwhile.
        OSError: if there is no room, or the folder cannot be written to.
    """
    sweep(path)
    temporary = _scratch(path)
    try:
        with _explained(path):
            temporary.mkdir(parents=True)
            yield temporary
            for file in (*temporary.rglob("*"), temporary):
                to_disk(file)
            _move(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    to_disk(path.parent)


def sweep(path: Path) -> None:
    """Remove partial files and folders of `path` that are abandoned, see `ABANDONED`."""
    older = path.with_name(path.name + PARTIAL)  # the name for a recording in versions before 0.6.0
    for left in (*path.parent.glob(f"{_literal(path.name)}.*{PARTIAL}"), older):
        with suppress(OSError):
            if _abandoned(left):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def new_array(path: Path, shape: tuple[int, ...], kind: type) -> np.memmap:
    """A new memory-mapped `.npy` file of zeros; the room on the disk is reserved, so that writing cannot fail later.

    Raises:
        OSError: if there is no room.
    """
    array = np.lib.format.open_memmap(path, "w+", kind, shape)
    take_room(path)
    return array


def take_room(path: Path) -> None:
    """Reserve the room on the disk for the whole size of a file.

    Raises:
        OSError: if there is no room.
    """
    size = path.stat().st_size
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    elif shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def to_disk(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk; do nothing if the system can't."""
    with suppress(OSError):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _scratch(path: Path) -> Path:
    """A unique name in the folder of `path`, with the machine and the process in it."""
    return path.with_name(f"{path.name}.{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}{PARTIAL}")


def _machine() -> str:
    return re.sub(r"\W+", "_", platform.node()) or "unknown"


def _abandoned(partial: Path) -> bool:
    """Whether no process writes to a partial file any more, see `ABANDONED`."""
    match = re.search(r"\.(\w+)-(\d+)-[0-9a-f]{8}\.partial$", partial.name)
    if match and match[1] == _machine() and not _alive(int(match[2])):
        return True
    newest = max(file.stat().st_mtime for file in (partial, *partial.rglob("*")))
    return time.time() - newest > ABANDONED


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _move(folder: Path, path: Path) -> None:
    try:
        folder.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(errno.EEXIST, "another process has written it meanwhile", str(path)) from error
        raise


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise errors of writing as OSError; if the disk is full, say what is free and what to do."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        full = isinstance(error, OSError) and error.errno in FULL
        if full or FULL_IN_WORDS.search(str(error)):
            raise OSError(
                f"no room on the disk for {path} ({_free(path.parent)}): make room, then give the same command again"
            ) from error
        if isinstance(error, SafetensorError):
            raise OSError(f"{path} could not be written: {error}") from error
        raise


def _free(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are free there"
    except OSError as error:
        return str(error)


def _literal(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)
