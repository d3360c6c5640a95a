"""A comparison to read: tables on the terminal, and one self-contained page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sqair_wm.common.files import write_atomically
from sqair_wm.reporting.comparison import Comparison
from sqair_wm.reporting.page import PAGES
from sqair_wm.reporting.subjects import Subject

MARK = "*"
"""Marks the better value without colour."""

CURVES = {
    ("training", "loss"): ("loss a frame (nats)", "iteration"),
    ("imagination", "distance"): ("error of an imagined position (object sizes)", "iteration of imagination"),
    ("agent", "reward_a_step"): ("real reward a step", "real steps"),
    ("agent", "dream_return"): ("imagined return (discounted)", "real steps"),
}
"""(kind of training, statistic): title and axis."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", ":", "-.")
"""Colours that colour-blind people can tell apart (Okabe and Ito 2008), and line styles that differ without colour."""


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print the figures, then the settings that differ, then the notes."""
    console = console or Console()
    table = _table("", comparison.subjects)
    table.add_row("", *(s.about for s in comparison.subjects), style="dim")
    for line in comparison.lines:
        cells = [line.text(i) + (f" {MARK}" if line.best == i else "") for i in range(len(line.values))]
        table.add_row(line.title, *cells)
    console.print(table)
    if comparison.differences:
        console.print()
        table = _table("settings that differ", comparison.subjects)
        for key, values in comparison.differences:
            table.add_row(key, *values)
        console.print(table)
    marked = any(line.best is not None for line in comparison.lines)
    legend = [f"{MARK} better than all others here, measured on the same data"] if marked else []
    if said := [*legend, *comparison.notes]:
        console.print()
        console.print("\n".join(said), highlight=False)


def write_page(comparison: Comparison, path: Path) -> None:
    """Write the comparison as one HTML file that needs no network.

    Raises:
        OSError: if it can't be written.
    """
    drawn = filter(None, (draw(comparison, *names) for names in CURVES))
    pictures = [base64.b64encode(png).decode() for png in drawn]
    page = PAGES.get_template("compare.html").render(comparison=comparison, mark=MARK, pictures=pictures)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda target: target.write_text(page))


def draw(comparison: Comparison, kind: str, statistic: str) -> bytes:
    """One statistic over training, a line for each run, as a PNG; empty unless two of them have it."""
    from matplotlib.figure import Figure

    records = {subject.name: subject.curves.get(kind, []) for subject in comparison.subjects}
    lines = {name: [(x, r[statistic]) for x, r in found if statistic in r] for name, found in records.items()}
    if sum(len(points) > 1 for points in lines.values()) < 2:
        return b""
    title, over = CURVES[kind, statistic]
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    for i, (name, points) in enumerate(lines.items()):
        style, colour = STYLES[i % len(STYLES)], COLOURS[i % len(COLOURS)]
        axes.plot([x for x, _ in points], [y for _, y in points], style, color=colour, label=name)
    axes.set(title=title, xlabel=over)
    axes.grid(alpha=0.3)
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _table(title: str, subjects: Sequence[Subject]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    for subject in subjects:
        table.add_column(subject.name, justify="right", overflow="fold")
    return table
