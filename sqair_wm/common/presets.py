"""The folder of the presets: the YAML files from which the command composes its configuration."""

from __future__ import annotations

from pathlib import Path


def presets_folder() -> Path:
    """The folder of `config.yaml`: installed `sqair_wm/configs`, in a checkout `configs/` beside the package."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"
