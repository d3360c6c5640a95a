"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write(temporary_path)` and put the result in the place of `path` in one move.

    Whoever may read what this user usually writes may read it, whatever `write` makes of it (safetensors: the owner).

    Raises:
        OSError: if the folder cannot be written to; `path` is then as it was.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    temporary.touch()
    mode = temporary.stat().st_mode
    write(temporary)
    temporary.chmod(mode)
    os.replace(temporary, path)
