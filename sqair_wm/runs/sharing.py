"""Sharing models: exports them to folders that model hubs take, and installs shared models on this machine.

Files that run code when they are read are neither written nor accepted: weights are safetensors, everything else is
JSON or text.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from sqair_wm.common.checksums import DamagedError
from sqair_wm.common.files import new_folder, write_atomically
from sqair_wm.common.named_folders import WEIGHTS, installed_models
from sqair_wm.common.notes import SUMS, check_listed, list_sums, read_note
from sqair_wm.common.settings import ConfigError
from sqair_wm.runs.run_folder import METRICS, RunFolder
from sqair_wm.world.loading import load
from sqair_wm.world.world_model import DESCRIPTION

CARD = "README.md"
SUMMED = (WEIGHTS, DESCRIPTION, METRICS)
SHARED = (*SUMMED, SUMS, CARD)
"""The files of a shared model whose checksums are listed, and all its files; other files are ignored."""

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".zip", ".npz")
"""Suffixes of files that may hold pickles, which run code when they are read."""

HUB = re.compile(r"hf://([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?")
NAME = re.compile(r"\w[\w.-]*")
AGAIN = "get it again from where it came from"


def export_model(path: Path, target: Path, card: str) -> None:
    """Write a model into a new folder that a hub takes: weights, description, figures, checksums and the card.

    Args:
        path: folder of the model, with its `metrics.json`.
        target: the new folder.
        card: text of its `README.md`.

    Raises:
        ConfigError: if there is something at `target` already.
        ValueError: if the model is damaged, or its weights are not finite.
        OSError: if it can't be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target} is there already and not empty: choose another folder")
    model, figures = load(path), RunFolder(path, DictConfig({})).metrics()
    if not all(x.isfinite().all() for x in model.state_dict().values() if torch.is_floating_point(x)):
        raise ValueError(f"the model in {path} has weights that are not finite: its training diverged, train it again")
    with new_folder(target) as folder:
        model.save(folder)
        text = json.dumps(figures, indent=1) + "\n"
        write_atomically(folder / METRICS, lambda file: file.write_text(text))
        list_sums(folder)
        write_atomically(folder / CARD, lambda file: file.write_text(card))


def import_model(source: str, name: str) -> Path:
    """Check a shared model and install it, so that it is found by its name, see `common.named_folders`.

    Args:
        source: a folder that `export_model` wrote, or `hf://owner/name`, `hf://owner/name@revision` on the Hugging
            Face hub, the only case that uses the network.
        name: of the model on this machine.

    Returns:
        The folder of the model.

    Raises:
        ConfigError: if the name is not valid or is taken, or the hub can't be reached.
        FileNotFoundError: if there is no shared model.
        ValueError: if a file is not what was exported.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} can't be the name of a model: use letters, digits, '-', '_' and '.'")
    target = installed_models() / name
    if target.exists():
        raise ConfigError(f"there is a model called {name} already, in {target}: choose another name, or delete it")
    folder = _fetch(source) if source.startswith("hf:") else Path(source)
    check_shared(folder)
    with new_folder(target) as scratch:
        for file in SHARED:
            if (folder / file).exists():
                shutil.copyfile(folder / file, scratch / file)
    return target


def check_shared(folder: Path) -> None:
    """Raise an error unless a folder holds a complete shared model, unchanged since its export; see `import_model`."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: name one, or a repository as hf://owner/name")
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles and not (folder / WEIGHTS).exists():
        raise ConfigError(
            f"{folder} has no {WEIGHTS}, only {', '.join(pickles)}: such files may run code when they are read and are "
            "not accepted; ask for a model that was written by python -m sqair_wm.share export"
        )
    for file in (WEIGHTS, DESCRIPTION, SUMS):
        if not (folder / file).exists():
            why = "python -m sqair_wm.share export RUN FOLDER writes a folder that can be imported"
            raise FileNotFoundError(f"{folder} holds no shared model: {file} is missing ({why})")
    listed = read_note(folder / SUMS, AGAIN)
    if not {WEIGHTS, DESCRIPTION} <= listed.keys() <= set(SUMMED):
        raise DamagedError(f"{folder / SUMS} is damaged: it lists {', '.join(listed) or 'nothing'} ({AGAIN})")
    check_listed(folder, AGAIN)
    load(folder)
    if (folder / METRICS).exists():
        RunFolder(folder, DictConfig({})).metrics()


def _fetch(source: str) -> Path:
    """The folder into which the hub's client downloaded the files of a repository that are in `SHARED`."""
    match = HUB.fullmatch(source)
    if match is None:
        raise ConfigError(f"{source} names no repository: write hf://owner/name or hf://owner/name@revision")
    try:
        hub: Any = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise ConfigError(f"{source} needs the hub's client: pip install huggingface_hub") from error
    try:
        return Path(hub.snapshot_download(repo_id=match[1], revision=match[2], allow_patterns=list(SHARED)))
    except Exception as error:  # errors of many libraries: no network, no such repository, no access
        why = " ".join(str(error).split())[:300]
        raise ConfigError(f"{source} could not be fetched: {type(error).__name__}: {why}") from error
