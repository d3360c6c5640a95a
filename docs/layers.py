"""Draws the layers of the code and their imports into docs/architecture.md: `python docs/layers.py`.

The arrows come from the imports. One that others imply (a to c where there are a to b and b to c) is left out.
"""

from __future__ import annotations

import itertools
import sys
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- layers -->", "<!-- /layers -->"


def layers() -> list[str]:
    """The layers from the top down, as the configuration of import-linter names them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return settings["contracts"][0]["layers"]


def arrows(names: list[str]) -> set[tuple[str, str]]:
    """Pairs (from, to) of layers of which the first imports the second, directly or not."""
    graph = grimp.build_graph(*sorted({name.split(".")[0] for name in names}))

    def imports(a: str, b: str) -> bool:
        return bool(graph.find_illegal_dependencies_for_layers(layers=(b, a))) if a != b else False

    return {(a, b) for a, b in itertools.permutations(names, 2) if imports(a, b)}


def direct(found: set[tuple[str, str]], names: list[str]) -> set[tuple[str, str]]:
    """Without the arrows that others imply."""
    return {(a, b) for a, b in found if not any((a, m) in found and (m, b) in found for m in names)}


def drawing() -> str:
    """The layers as a Mermaid flow chart."""
    names = layers()
    found = direct(arrows(names), names)
    arrows_found = sorted(found, key=_order(names))
    lines = [f"    {a.replace('.', '_')}[{a}] --> {b.replace('.', '_')}[{b}]" for a, b in arrows_found]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def _order(names: list[str]):
    return lambda arrow: (names.index(arrow[0]), names.index(arrow[1]))


def main() -> None:
    """Write the drawing into the page, or with `--check` fail if it is not up to date."""
    sys.path.insert(0, str(ROOT))
    text = PAGE.read_text()
    before, rest = text.split(START)
    _, after = rest.split(END)
    fresh = f"{before}{START}\n{drawing()}\n{END}{after}"
    if "--check" in sys.argv:
        sys.exit(0 if fresh == text else "docs/architecture.md is not up to date: run python docs/layers.py")
    PAGE.write_text(fresh)


if __name__ == "__main__":
    main()
