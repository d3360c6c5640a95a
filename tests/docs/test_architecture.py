"""docs/architecture.md agrees with the code."""

import ast
import re
import subprocess
import sys

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
BOOKKEEPING = {
    "appearance.py", "merging.py", "scoring.py", "row_assignment.py", "slots.py", "discovery.py",
    "paper.py", "air.py", "sqair.py", "loop.py", "bound.py",
}  # fmt: skip
"""Files in which masks, counts and statistics are taken off the graph, and nothing else."""


def stops() -> list[tuple[str, list[str]]]:
    """(file, functions or classes) of every row of the table of stop-gradients."""
    rows = re.findall(r"^\| (`(?:model|nn|training)/.*?) \|", PAGE, re.M)
    found = []
    for row in rows:
        for file, names in re.findall(r"`([\w/]+\.py): (\w+)`((?:, `\w+`)*)", row) and re.findall(
            r"`([\w/]+\.py): (\w+`(?:, `\w+`)*)", row
        ):
            found.append((file, re.findall(r"\w+", names)))
    return found


def source_of(file: str, name: str) -> str:
    text = (ROOT / "sqair_wm" / file).read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise AssertionError(f"{file} has no {name}")


def test_every_stop_of_the_table_is_there_and_every_file_with_one_is_in_the_table():
    listed = stops()
    assert len(listed) > 15
    for file, names in listed:
        for name in names:
            source = source_of(file, name)
            searched = "Peak" in source or "peak" in source  # of the residual, cut in `forward`
            assert re.search(r"detach|no_grad", source) or searched, (file, name)
    with_stops = {
        str(p.relative_to(ROOT / "sqair_wm"))
        for room in ("model", "nn", "training")
        for p in (ROOT / "sqair_wm" / room).rglob("*.py")
        if re.search(r"detach\b|no_grad", p.read_text()) and p.name not in BOOKKEEPING
    }
    assert with_stops == {file for file, _ in listed}


def test_the_picture_of_the_layers_is_that_of_the_imports():
    done = subprocess.run([sys.executable, "docs/layers.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere():
    for page in (ROOT / "docs").rglob("*.md"):
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), (page.name, link)
