"""Makes `sqair_wm.envs` and `sqair_wm.agents` importable in a checkout, where their folders are beside this package.

In an installation they are inside this package. Adding the checkout to `sqair_wm.__path__` would be shorter than this
module, but it would also offer `sqair_wm.setup`, `sqair_wm.tests` and a second `sqair_wm.sqair_wm` to tools that walk a
package.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
PACKAGES = {f"sqair_wm.{name}": ROOT / name / "__init__.py" for name in ("envs", "agents")}


class Beside(MetaPathFinder):
    """Finds the packages of `PACKAGES` and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where the package is, or None for any other name."""
        return spec_from_file_location(fullname, PACKAGES[fullname]) if fullname in PACKAGES else None


def find_packages_beside() -> None:
    """In a checkout, let Python find the packages of `PACKAGES`; a second call does nothing.

    This finder comes first. An editable installation of another checkout has a finder for the same names, which would
    mix its `envs` with this `sqair_wm`.
    """
    checkout = (ROOT / "pyproject.toml").exists() and all(path.exists() for path in PACKAGES.values())
    if checkout and not any(isinstance(finder, Beside) for finder in sys.meta_path):
        sys.meta_path.insert(0, Beside())
