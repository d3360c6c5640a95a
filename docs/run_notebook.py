"""Run a notebook without Jupyter, and save what its cells show: `python docs/run_notebook.py docs/tour.ipynb`.

Outputs are those that Jupyter shows: what a cell prints, and its last expression as a picture (PNG) or as text.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def run(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    """Run the code of a notebook in one namespace, which is returned; outputs are replaced.

    Args:
        notebook: the parsed JSON of the notebook; changed in place.
        name: of the notebook, for tracebacks.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, 1):
        printed = io.StringIO()
        with redirect_stdout(printed):
            value = execute("".join(cell["source"]), f"{name}, cell {number}", names)
        cell["execution_count"] = number
        cell["outputs"] = outputs(printed.getvalue(), value, number)
    return names


def execute(source: str, name: str, names: dict[str, Any]) -> Any:
    """Run the source of a cell; the value of its last line if that is an expression, or else None."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), name, "eval"), names)


def outputs(printed: str, value: Any, number: int) -> list[dict[str, Any]]:
    """The outputs of a cell in the format of notebooks."""
    found: list[dict[str, Any]] = []
    if printed:
        found.append({"output_type": "stream", "name": "stdout", "text": printed.splitlines(keepends=True)})
    if value is not None:
        data: dict[str, Any] = {"text/plain": [repr(value).split(" at 0x")[0]]}
        if hasattr(value, "_repr_png_"):
            data["image/png"] = base64.b64encode(value._repr_png_()).decode()
        found.append({"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": number})
    return found


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        whole = json.loads(path.read_text())
        run(whole, path.name)
        path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
