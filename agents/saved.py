"""The files of an agent's run: the agent, read with errors that say what to do; and a folder for the last round."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch

from sqair_wm.common.checksums import DamagedError, check_zip
from sqair_wm.common.files import write_atomically

AGENT, STATE, POINT = "agent.zip", "state.pt", "checkpoint-"
"""Names of the agent's file, of that of the state of its training, and of a round's folder without the number."""


def read_agent(model: Any, folder: Path, device: torch.device | str, remedy: str) -> None:
    """Give `model`, made as the agent of a run was, the weights that were saved in `folder`.

    Raises:
        FileNotFoundError: if nothing was trained there.
        ValueError: if the file is damaged, or the weights are those of other networks.
    """
    path = folder / AGENT
    if not path.exists():
        raise FileNotFoundError(f"no trained agent in {folder}: {AGENT} is missing (python -m agents.train makes one)")
    check_zip(path, remedy)
    try:
        model.set_parameters(str(path), device=device)
    except Exception as error:  # of PyTorch or stable-baselines3, by what differs
        why = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} holds another agent than {folder} describes, or its world model is another one since ({why}): "
            f"{remedy}"
        ) from error


def steps_in(folder: Path) -> int:
    """The real steps that the agent of `folder` has learned from, as its file says; 0 if there is none.

    Raises:
        DamagedError: if it is damaged.
    """
    path = folder / AGENT
    if not path.exists():
        return 0
    remedy = "python -m sqair_wm.check says what can be recovered"
    check_zip(path, remedy)
    try:
        with zipfile.ZipFile(path) as archive:
            return int(json.loads(archive.read("data"))["num_timesteps"])
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedError(f"{path} is not the agent of a run: {error!r} ({remedy})") from error


def point(folder: Path, number: int) -> Path:
    """The folder of a round of the run in `folder`."""
    return folder / f"{POINT}{number:06d}"


def last_round(folder: Path) -> int:
    """The number of the last whole round of a run; 0 if there is none."""
    numbers = [int(p.name.removeprefix(POINT)) for p in folder.glob(f"{POINT}*") if not p.name.endswith(".partial")]
    return max(numbers, default=0)


def publish(folder: Path, number: int) -> None:
    """Make the agent of a round that of the run, and remove all other rounds."""
    target = point(folder, number)
    for path in folder.glob(f"{POINT}*"):
        if path != target:
            shutil.rmtree(path)
    write_atomically(folder / AGENT, lambda path: shutil.copyfile(target / AGENT, path))
