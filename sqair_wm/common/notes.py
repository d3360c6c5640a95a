"""Notes: small sealed JSON files that describe the files beside them, see `checksums`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sqair_wm.common.checksums import UNSEALED, DamagedError, check_seal, check_sums, file_sum, seal
from sqair_wm.common.files import write_atomically

SEAL, SUMS = "checksum", "sums.json"
"""Entry of a note that holds its checksum; the note that lists the checksums of a folder."""


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Write a note atomically; its first entry is its checksum."""

    def write(target: Path) -> None:
        target.write_text(json.dumps({SEAL: UNSEALED} | dict(note), indent=1))
        seal(target)

    write_atomically(path, write)


def read_note(path: Path, remedy: str) -> dict[str, Any]:
    """The note that `write_note` wrote, without its checksum; older files have none.

    Args:
        path: of the file.
        remedy: what to do if it is damaged, for the message.

    Raises:
        DamagedError: if it has changed since it was written.
    """
    check_seal(path, f"{remedy}; whoever edits it by hand takes its {SEAL} out")
    note = read_json(path, remedy)
    if not isinstance(note, dict):
        raise DamagedError(f"{path} is damaged: it holds {type(note).__name__}, not a note ({remedy})")
    note.pop(SEAL, None)
    return note


def read_json(path: Path, remedy: str) -> Any:
    """The contents of a JSON file.

    Raises:
        DamagedError: if it is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: {error} ({remedy})") from error


def list_sums(folder: Path) -> None:
    """Write the checksums of all files of a complete folder into its `sums.json`."""
    write_note(folder / SUMS, {path.name: file_sum(path) for path in sorted(folder.iterdir()) if path.is_file()})


def check_listed(folder: Path, remedy: str) -> bool:
    """Whether a folder has a list of checksums, which older folders have not; its files are compared with the list.

    Raises:
        DamagedError: if a file is missing or has changed.
    """
    path = folder / SUMS
    if not path.exists():
        return False
    check_sums(folder, read_note(path, remedy), remedy)
    return True


def read_array(path: Path, shape: tuple[int, ...], kind: type, remedy: str, *, mapped: bool = False) -> np.ndarray:
    """The array of a `.npy` file; its shape is checked before memory is allocated.

    Args:
        path: of the file.
        shape: the shape that it must have, -1 for any length of an axis.
        kind: the type that its numbers must have.
        remedy: what to do if it is damaged, for the message.
        mapped: leave it on the disk until it is indexed.

    Raises:
        DamagedError: if it is missing, damaged, or of another shape or type.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise DamagedError(f"{path} is damaged or missing: {error} ({remedy})") from error
    fits = len(array.shape) == len(shape) and all(n in (-1, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != np.dtype(kind):
        wanted = f"{list(shape)} {np.dtype(kind)}"
        raise DamagedError(f"{path} is {list(array.shape)} {array.dtype}, it has to be {wanted} ({remedy})")
    return array if mapped else np.array(array)
