"""What mkdocs is told beside mkdocs.yml: the model cards of pretrained/ are a page of the site, `models.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

CARDS = "pretrained/README.md"


def on_files(files: Files, config: Any) -> Files:
    """Add the model cards, with their links rewritten for their place in the site."""
    text = (Path(config.config_file_path).parent / CARDS).read_text()
    files.append(File.generated(config, "models.md", content=text.replace("](../docs/", "](")))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to the model cards to their page."""
    return markdown.replace(f"](../{CARDS}", "](models.md")
