"""Hooks of mkdocs, which make two pages of the site from other files.

`models.md` holds the model cards of pretrained/; `tour.md` is the notebook with the outputs of its last run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

CARDS, NOTEBOOK = "pretrained/README.md", "tour.ipynb"


def on_files(files: Files, config: Any) -> Files:
    """Add the model cards, with their links rewritten for their place in the site, and the notebook."""
    root = Path(config.config_file_path).parent
    text = (root / CARDS).read_text()
    files.append(File.generated(config, "models.md", content=text.replace("](../docs/", "](")))
    notebook = json.loads((root / "docs" / NOTEBOOK).read_text())
    files.append(File.generated(config, "tour.md", content=page_of(notebook)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links to the model cards and to the notebook at their pages."""
    return markdown.replace(f"](../{CARDS}", "](models.md").replace(f"]({NOTEBOOK})", "](tour.md)")


def page_of(notebook: dict[str, Any]) -> str:
    """The cells of a notebook as Markdown, with what each of them showed."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                parts.append(f"![What the cell above shows](data:image/png;base64,{picture})")
            else:
                said = output.get("text") or output["data"]["text/plain"]
                parts.append(f"```text\n{''.join(said)}\n```")
    download = f'Run it yourself: <a href="{NOTEBOOK}" download>{NOTEBOOK}</a>.'
    return "\n\n".join([*parts, download])
