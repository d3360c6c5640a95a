"""Several recordings of one game, joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sqair_wm.common.files import PARTIAL
from sqair_wm.common.settings import ConfigError
from sqair_wm.data.atari import AtariSequences
from sqair_wm.data.stored import NOTE

SEEN = ("game", "size", "crop", "pool", "sticky", "frame_skip")
"""Settings that recordings must share to be joined: the game, and how it is shown."""


class Rows:
    """Concatenated arrays, whose rows are read when they are asked for.

    Args:
        arrays: each `[F, ...]`, such as memory-mapped files.
    """

    def __init__(self, arrays: Sequence[np.ndarray]):
        self._arrays = arrays
        self._first = np.cumsum([0, *(len(a) for a in arrays)])

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        """The rows with the numbers `index`, of any shape."""
        index = np.asarray(index)
        flat, like = index.ravel(), self._arrays[0]
        found = np.empty((len(flat), *like.shape[1:]), like.dtype)
        part = np.searchsorted(self._first, flat, "right") - 1
        for number in np.unique(part):
            rows = part == number
            found[rows] = self._arrays[number][flat[rows] - self._first[number]]
        return found.reshape(*index.shape, *like.shape[1:])


class JoinedSequences(AtariSequences):
    """Recordings of one game as one; everything else (such as the initial background) is that of the first.

    Args:
        parts: the recordings.

    Raises:
        ConfigError: if one is of another game, or shows it in another way.
    """

    def __init__(self, parts: Sequence[AtariSequences]):
        super().__init__(parts[0].folder)
        for part in parts:
            for name in SEEN:
                mine, its = getattr(self.recording, name), getattr(part.recording, name)
                if mine != its:
                    raise ConfigError(f"{part.folder} can't be added to {self.folder}: its {name} is {its}, not {mine}")
        self.parts = list(parts)
        for name in ("actions", "rewards", "ends", "truncations", "losses", "begins"):
            setattr(self, name, np.concatenate([getattr(p, name) for p in parts]))
        self.episodes = np.cumsum(self.begins)
        # They are indexed like arrays, by numbers of rows.
        frames, backgrounds = (Rows([getattr(p, n) for p in parts]) for n in ("pictures", "backgrounds"))
        self._frames, self._backgrounds = frames, backgrounds  # type: ignore[assignment]


def recording_folders(folder: Path) -> list[Path]:
    """The folders of all recordings in a folder: the folder itself, or those below it, as in the run of an agent.

    Raises:
        ConfigError: if there are none.
    """
    found = [note.parent for note in sorted(folder.rglob(NOTE)) if not note.parent.name.endswith(PARTIAL)]
    if not found:
        raise ConfigError(f"{folder} holds no recording ({NOTE}): name a recording, or a run that played with pictures")
    return found


def recordings_in(folder: Path) -> list[AtariSequences]:
    """The recordings of `recording_folders`, opened."""
    return [AtariSequences(path) for path in recording_folders(folder)]
