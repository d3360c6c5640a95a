"""Checks whether every file of a run, a recording, a model or an agent is undamaged, and says what can be recovered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from sqair_wm.common.checksums import DamagedError, check_seal, check_zip
from sqair_wm.common.files import PARTIAL
from sqair_wm.common.named_folders import WEIGHTS, find_folder
from sqair_wm.common.notes import SUMS, check_listed, read_json
from sqair_wm.common.tensor_files import read_tensors
from sqair_wm.data.atari import AtariSequences
from sqair_wm.data.stored import NOTE
from sqair_wm.runs.older import complete, read_saved
from sqair_wm.training.checkpoint import load_checkpoint
from sqair_wm.training.rounds import PLAY, PLAYER
from sqair_wm.world.loading import load
from sqair_wm.world.world_model import DESCRIPTION

WHOLE, OLDER, DAMAGED, LEFT = "whole", "whole as far as can be told", "DAMAGED", "left over"
"""States of a file: as it was written; readable, but without a checksum (of an older version or another kind of file);
not what was written; half written by a process that was killed."""

AGAIN = "the command that began the run"
MODEL_AGAIN = (
    f"if the run's checkpoints are whole: delete it, metrics.json and report.html, and {AGAIN} writes it again"
)
REMEDIES = {
    "checkpoint.pt": f"training can't go on from it: delete it, and {AGAIN} trains anew; a whole model stays usable",
    "imagination.pt": f"delete it, and {AGAIN} learns imagination anew; the training of objects is not lost",
    WEIGHTS: MODEL_AGAIN,
    DESCRIPTION: MODEL_AGAIN,
    "config.yaml": "if it is a run's: write the settings that it was begun with into it, or use the model as it is",
    "metrics.json": f"delete it, and {AGAIN} measures again",
    "progress.jsonl": "only the curves of the report are affected: they leave out the rounds that are damaged",
    "training.jsonl": "only the curves of the report are affected: they leave out the records that are damaged",
    "imagination.jsonl": "only the curves of the report are affected: they leave out the records that are damaged",
    "state.pt": "delete the folder it is in, and the agent's run begins anew; agent.zip, if whole, plays as it is",
    "agent.zip": f"delete it: {AGAIN} writes that of agent=dream again, and trains other agents anew",
    "replay.npz": f"delete it, and {AGAIN} goes on with an empty replay buffer",
    "evaluation.json": "delete it, and python -m agents.evaluate plays again",
}
"""What can be done about a damaged file, by its name."""

OTHERWISE = "copy it again from where it came from, or delete it and have it made again"
PLAYED = f"delete its folder and imagination.pt, and {AGAIN} plays and learns imagination anew"
PLAYED_BY_AGENT = "the agent's run can't go on without it: begin another one; agent.zip plays as it is"
OF_PLAYER = f"delete its folder, and {AGAIN} goes on with the model as it is, though not to the bit"
SCENES = "scenes.safetensors"
"""The file by which a folder of an agent's play is told from others."""

RECORDED = "delete the folder: the same settings give the same recording, bit for bit"


@dataclass(frozen=True)
class Finding:
    """The state of a file or of a folder of arrays.

    Attributes:
        path: of the file or the folder.
        state: `WHOLE`, `OLDER`, `DAMAGED` or `LEFT`.
        why: what is wrong; empty if nothing is.
        remedy: what to do about it.
    """

    path: Path
    state: str
    why: str = ""
    remedy: str = ""


def check_path(path: Path) -> list[Finding]:
    """The state of a file, or of everything in a folder; of a folder the name is enough, see `find_folder`.

    Raises:
        FileNotFoundError: if there is no such file or folder.
    """
    return list(_walk(find_folder(path, missing="nothing to check")))


def _walk(path: Path) -> Iterator[Finding]:
    if path.name.endswith(PARTIAL):
        yield Finding(path, LEFT, "half written", "delete it, unless a process is writing to it now")
    elif path.is_file():
        yield _examine(path, _file, _remedy_of_file(path))
    elif (path / NOTE).exists() or (path / SUMS).exists():
        yield _examine(path, _arrays, _remedy(path))
    else:
        yield from _folder(path)


def _remedy_of_file(path: Path) -> str:
    """What to do about a damaged file; the model that played a round is not that of a run."""
    folder = path.parent
    of_player = folder.parent.name == PLAY and folder.name.startswith(PLAYER.format(""))
    return OF_PLAYER if of_player else REMEDIES.get(path.name, OTHERWISE)


def _remedy(path: Path) -> str:
    """What to do about a damaged folder of arrays: play of a model or an agent can't be recorded again as it was."""
    if path.parent.name == PLAY:
        return PLAYED_BY_AGENT if (path / SCENES).exists() else PLAYED
    return RECORDED if (path / NOTE).exists() else OTHERWISE


def _folder(path: Path) -> Iterator[Finding]:
    for part in sorted(path.iterdir()):
        if part.name not in ("tensorboard", "__pycache__") and not part.name.startswith("."):
            yield from _walk(part)
    if (path / WEIGHTS).exists() and (path / DESCRIPTION).exists():
        together = _examine(path, _model, _remedy_of_file(path / WEIGHTS))
        if together.state == DAMAGED:
            yield together


def _examine(path: Path, look: Callable[[Path], bool], remedy: str) -> Finding:
    """The finding of `look`, which returns whether there is a checksum or raises an error."""
    try:
        return Finding(path, WHOLE if look(path) else OLDER)
    except (DamagedError, ValueError, OSError, YAMLError, OmegaConfBaseException) as error:
        return Finding(path, DAMAGED, str(error).partition(" (")[0], remedy)


def _arrays(path: Path) -> bool:
    """Whether a folder of arrays has checksums; raises ValueError if it is damaged."""
    listed = check_listed(path, "")
    if (path / NOTE).exists() and (path / "starts.npy").exists():
        AtariSequences(path)
    return listed


def _model(path: Path) -> bool:
    """Raises ValueError unless weights and description of a model belong together, and all weights are finite."""
    for name, weight in load(path).state_dict().items():
        if weight.is_floating_point() and not torch.isfinite(weight).all():
            raise ValueError(f"{path / WEIGHTS}: {name} has numbers that are not finite; its training diverged")
    return True


def _file(path: Path) -> bool:
    """Whether a file has a checksum; raises an error if it is damaged."""
    if path.suffix == ".pt":
        load_checkpoint(path)
        return True
    if path.suffix in (".zip", ".npz"):
        check_zip(path, "")
        return True
    if path.suffix == ".safetensors":
        read_tensors(path, "")
        return check_seal(path, "")
    if path.suffix == ".json":
        read_json(path, "")
        return check_seal(path, "")
    if path.suffix == ".jsonl":
        _lines(path)
    if path.suffix == ".npy":
        np.load(path, mmap_mode="r", allow_pickle=False)
    if path.suffix in (".yaml", ".yml"):
        _settings(path)
    return False


def _lines(path: Path) -> None:
    bad = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            json.loads(line)
        except ValueError:
            bad.append(number)
    if bad:
        raise DamagedError(f"{path} is damaged: lines {', '.join(map(str, bad[:5]))} are not JSON")


def _settings(path: Path) -> None:
    """Raises an error unless a file is a configuration; every setting of a run's configuration has to be known."""
    if path.name == "config.yaml" and path.with_name("checkpoint.pt").exists():
        complete(read_saved(path), path)
    else:
        OmegaConf.load(path)
