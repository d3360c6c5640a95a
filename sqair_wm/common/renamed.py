"""Commands that have a new name and still answer to the old one."""

from __future__ import annotations

import runpy
import sys


def run_as(module: str, before: str) -> None:
    """Run `python -m module` with this process's arguments, and say on stderr that it was called `before`."""
    print(f"python -m {before} is now python -m {module}", file=sys.stderr)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
