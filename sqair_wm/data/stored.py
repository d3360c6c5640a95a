"""A recording on disk: arrays with an entry for every frame, and checksums that show whether they have changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from sqair_wm.common.checksums import DamagedError
from sqair_wm.common.notes import check_listed, list_sums, read_array, read_json
from sqair_wm.games.legacy import completed
from sqair_wm.games.play import Recording

NOTE = "recording.json"
NOTES = {"actions": np.int64, "rewards": np.float32} | dict.fromkeys(("ends", "truncations", "starts", "losses"), bool)
"""The file with the settings of a recording; and its arrays with an entry for every frame, besides the pictures."""

NEWER = ("truncations", "losses")
"""Arrays that older recordings do not have: their `ends` include truncations."""


def write_notes(folder: Path, recording: Recording, notes: dict[str, np.ndarray]) -> None:
    """Write the arrays of `NOTES`.

    Raises:
        ValueError: if a reward is not finite.
    """
    if not np.isfinite(notes["rewards"]).all():
        at = int(np.flatnonzero(~np.isfinite(notes["rewards"]))[0])
        raise ValueError(
            f"{recording.game} gave a reward of {notes['rewards'][at]} with frame {at}: a model can learn only from "
            "rewards that are finite numbers"
        )
    for name, array in notes.items():
        np.save(folder / f"{name}.npy", array)


def note_recording(folder: Path, recording: Recording) -> None:
    """Write the settings of a recording and the checksums of all its files into its folder."""
    (folder / NOTE).write_text(json.dumps(asdict(recording), indent=1))
    list_sums(folder)


def remedy_of(folder: Path) -> str:
    """What to do if a recording is damaged."""
    return f"delete {folder} to record again"


def read_recording(folder: Path) -> Recording:
    """The settings of the recording in a folder, after checking that no byte of it has changed.

    Raises:
        FileNotFoundError: if it holds no complete recording.
        DamagedError: if a file is damaged.
    """
    path, remedy = folder / NOTE, remedy_of(folder)
    if not path.exists():
        raise FileNotFoundError(f"{folder} holds no complete recording (no {NOTE}): delete it to record again")
    check_listed(folder, remedy)
    try:
        return Recording(**completed(read_json(path, remedy)))
    except (TypeError, KeyError, AttributeError) as error:
        raise DamagedError(f"{path} is damaged or from another version: {error} ({remedy})") from error


def read_pictures(folder: Path, recording: Recording) -> tuple[np.ndarray, ...]:
    """Frames and backgrounds `[F, H, W, 3]` uint8, which stay on the disk, and the first background `[H, W, 3]`."""
    shape, remedy = (recording.size, recording.size, 3), remedy_of(folder)
    frames, backgrounds = (
        read_array(folder / f"{n}.npy", (recording.frames, *shape), np.uint8, remedy, mapped=True)
        for n in ("frames", "backgrounds")
    )
    return frames, backgrounds, read_array(folder / "background.npy", shape, np.uint8, remedy)


def read_notes(folder: Path, recording: Recording) -> dict[str, np.ndarray]:
    """The arrays of `NOTES`, each `[F]`, by name.

    Raises:
        DamagedError: if there is an action that the game does not have, or a reward that is not finite.
    """
    remedy, notes = remedy_of(folder), {}
    for name, kind in NOTES.items():
        path = folder / f"{name}.npy"
        older = name in NEWER and not path.exists()
        shape = (recording.frames,)
        notes[name] = np.zeros(shape, kind) if older else read_array(path, shape, kind, remedy)
    actions, rewards = notes["actions"], notes["rewards"]
    odd = np.flatnonzero((actions < 0) | (actions >= recording.actions) | ~np.isfinite(rewards))
    if len(odd):
        raise DamagedError(
            f"{folder} is damaged: frame {odd[0]} has action {actions[odd[0]]} and reward {rewards[odd[0]]}; there are "
            f"{recording.actions} actions ({remedy})"
        )
    return notes
