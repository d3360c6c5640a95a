"""Checksums: whether the bytes of a file are those that were written.

A *sealed* file holds the CRC-32 of its own bytes, computed with zeros in the place of the checksum. It is a text such
as `crc32:5f3a90c1` in a JSON file or in the header of a safetensors file. Checkpoints and agents are zip archives,
which have checksums of their own. A folder of arrays has a list of checksums, see `notes`. Files of older versions have
none and are accepted.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

UNSEALED = "crc32:00000000"
"""Written in the place of the checksum before it is computed."""

MARK = re.compile(rb"crc32:([0-9a-f]{8})")
HEAD, CHUNK, LARGE = 1 << 20, 1 << 22, 1 << 24
"""Bytes at the start of a file in which its seal is searched for; bytes that are read at once; size in bytes from which
the checksum of a file is not computed again while its size and the time of its last change stay the same."""


class DamagedError(ValueError):
    """A stored file whose bytes have changed since it was written; the message names it and says what to do."""


def file_sum(path: Path, zeroed: tuple[int, int] | None = None) -> str:
    """The CRC-32 of a file, such as `crc32:5f3a90c1`; with `UNSEALED` in the place of the bytes from `zeroed` to
    `zeroed`, first and last excluded."""
    total = 0
    with path.open("rb") as file:
        if zeroed:
            total = zlib.crc32(UNSEALED.encode(), zlib.crc32(file.read(zeroed[0])))
            file.seek(zeroed[1])
        while data := file.read(CHUNK):
            total = zlib.crc32(data, total)
    return f"crc32:{total:08x}"


def seal(path: Path) -> None:
    """Write the checksum of a file in the place of `UNSEALED`, which the file has to contain."""
    head = _head(path)
    at = head.index(UNSEALED.encode())
    with path.open("r+b") as file:
        total = file_sum(path)
        file.seek(at)
        file.write(total.encode())


def check_seal(path: Path, remedy: str) -> bool:
    """Whether a file is sealed; its bytes are compared with the seal.

    Args:
        path: of the file.
        remedy: what to do if it is damaged, for the message.

    Raises:
        DamagedError: if its bytes have changed since it was sealed.
    """
    found = MARK.search(_head(path))
    if found is None or found[0] == UNSEALED.encode():
        return False
    if _known_sum(path, found.span()) != found[0].decode():
        raise DamagedError(f"{path} is damaged: its bytes are not those that were written ({remedy})")
    return True


def check_zip(path: Path, remedy: str) -> None:
    """Raise DamagedError unless a zip archive, such as a checkpoint or an agent, is as it was written."""
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error) as error:
        raise DamagedError(f"{path} is damaged: {error} ({remedy})") from error
    if bad is not None:
        raise DamagedError(f"{path} is damaged: {bad} in it is not what was written ({remedy})")


def check_sums(folder: Path, wanted: Mapping[str, str], remedy: str) -> None:
    """Raise DamagedError unless every file named in `wanted` is in the folder and has that checksum."""
    for name, total in wanted.items():
        path = folder / name
        if not path.exists():
            raise DamagedError(f"{path} is missing ({remedy})")
        if _known_sum(path) != total:
            raise DamagedError(f"{path} is damaged: its bytes are not those that were written ({remedy})")


def _known_sum(path: Path, zeroed: tuple[int, int] | None = None) -> str:
    """See `file_sum` and `LARGE`."""
    state = path.stat()
    known = _sum_of if state.st_size >= LARGE else _sum_of.__wrapped__
    return known(path, zeroed, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _sum_of(path: Path, zeroed: tuple[int, int] | None, size: int, changed: int) -> str:
    return file_sum(path, zeroed)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
