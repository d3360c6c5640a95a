"""Models and runs by name: the folders in which a name such as `Pong` is searched for."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

MODELS = "SQAIR_WM_MODELS"
"""The environment variable that names the folder of installed models."""

WEIGHTS, CONFIG = "model.safetensors", "config.yaml"
"""The file by which the folder of a model is recognised, and that of a run."""

ANY = (WEIGHTS, CONFIG)


def installed_models() -> Path:
    """The folder of models that were installed for this user: that of `SQAIR_WM_MODELS`, else ~/.sqair-wm/models."""
    return Path(os.environ.get(MODELS) or Path.home() / ".sqair-wm" / "models").expanduser()


def searched_folders() -> list[Path]:
    """The folders in which a name is searched for, in this order."""
    checkout = Path(__file__).parents[2]
    found = [Path("runs")]
    if (checkout / "pyproject.toml").exists():
        found += [_short(checkout / name) for name in ("runs", "pretrained")]
    return list(dict.fromkeys([*found, installed_models()]))


def names(holding: Collection[str] = ANY) -> list[str]:
    """All known names, sorted: folders in `searched_folders` that hold one of these files."""
    folders = [folder for parent in searched_folders() if parent.is_dir() for folder in parent.iterdir()]
    return sorted({folder.name for folder in folders if _holds(folder, holding)})


def find_folder(given: str | Path, holding: Collection[str] = ANY, missing: str = "nothing") -> Path:
    """The folder that a path or a name means.

    Args:
        given: a path, which is used as it is if it exists; or a plain name such as `Pong`, see `searched_folders`.
        holding: files of which the folder of a name has to hold at least one.
        missing: for the message if it holds none, such as `no run`.

    Returns:
        The folder. A folder that was given as a path may lack those files.

    Raises:
        FileNotFoundError: if there is no such path and no such name; the message lists the known names.
    """
    path = Path(given)
    if path.exists():
        return path
    return _named(given, holding) or _fail(given, holding, missing)


def is_name(given: str | Path) -> bool:
    """Whether this is a plain name, not a path with folders in it."""
    text = str(given)
    return text not in ("", ".", "..") and not {"/", os.sep, os.altsep or os.sep} & set(text)


def _named(given: str | Path, holding: Collection[str]) -> Path | None:
    if not is_name(given):
        return None
    folders = (parent / given for parent in searched_folders())
    return next((folder for folder in folders if _holds(folder, holding)), None)


def _holds(folder: Path, holding: Collection[str]) -> bool:
    return any((folder / file).exists() for file in holding)


def _short(path: Path) -> Path:
    """The path relative to the current folder, if it is inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _fail(given: str | Path, holding: Collection[str], missing: str) -> NoReturn:
    """Raise FileNotFoundError that says what was searched for, and which names are known."""
    other = _named(given, ANY)
    if other is not None:
        raise FileNotFoundError(f"{other} holds {missing}: {' or '.join(holding)} is missing")
    said = f"{given} holds {missing}: there is no such folder{' and no such name' if is_name(given) else ''}"
    known, looked = names(holding), ", ".join(map(str, searched_folders()))
    if known:
        near = difflib.get_close_matches(Path(given).name, known, 1, 0.6)
        hint = f"did you mean {near[0]}? " if near else ""
        raise FileNotFoundError(f"{said}; {hint}names that can be given: {', '.join(known)} (looked in {looked})")
    raise FileNotFoundError(
        f"{said}; nothing was found in {looked}. Models are not a part of the installed package: train one "
        "(sqair-wm env=Pong), clone the repository, whose pretrained/ has some, import one (python -m sqair_wm.share "
        f"import FOLDER NAME), or name a folder of models with {MODELS}=FOLDER"
    )
