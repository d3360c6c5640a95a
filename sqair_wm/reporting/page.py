"""The common part of all reports: the template with its style sheet and script; pages need no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from sqair_wm.common.files import write_atomically
from sqair_wm.reporting.charts import Chart
from sqair_wm.reporting.films import Film, album
from sqair_wm.reporting.meaning import horizon_meaning, meaning
from sqair_wm.reporting.numbers import Number

PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("sqair_wm.reporting"), autoescape=True, undefined=jinja2.StrictUndefined
)
"""The templates of pages, in the folder `templates` beside this file; reports extend `base.html`."""

PAGES.filters |= {"meaning": meaning, "horizon_meaning": horizon_meaning}


@dataclass(frozen=True)
class Page:
    """The contents of every report.

    Attributes:
        name: of the run.
        films: the first is shown at the top.
        numbers: the numbers at the top, with their meanings.
        charts: by the heading above them; groups without a chart are left out.
        configuration: as text.
        machine: the machine on which the run was trained; empty if it was not noted.
    """

    name: str
    films: Sequence[Film]
    numbers: Sequence[Number]
    charts: dict[str, list[Chart]]
    configuration: str
    machine: str = ""


def write_page(path: Path, page: Page, template: jinja2.Template, **more: Any) -> Path:
    """Render a template that extends `base.html` to `path`, with its own variables as `more`; returns `path`."""
    films = album(page.films) if page.films else {"strips": [], "films": []}
    charts = {heading: charts for heading, charts in page.charts.items() if charts}
    text = template.render(page=page, album=films, charts=charts, **more)
    write_atomically(path, lambda target: target.write_text(text))
    return path
