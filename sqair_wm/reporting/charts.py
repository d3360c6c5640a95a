"""Curves for a page, as SVG: drawn without a library, read with the pointer or the arrow keys."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 10, 36
"""Size of a chart and its margins, in units of the SVG."""

MOST = 300
"""Most points of a curve; if there are more, neighbours are averaged."""


@dataclass(frozen=True)
class Line:
    """One curve: its label, and its value at each x of the chart; None where there is none."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Tick:
    """A number at an axis, and its place in units of the SVG."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Curves over one x axis.

    Attributes:
        title: what is drawn.
        over: the title of the x axis.
        xs: the values of x, rising.
        lines: the curves.
        marked: whether every point is also drawn as a shape, for curves of few points.
    """

    title: str
    over: str
    xs: Sequence[float]
    lines: Sequence[Line]
    marked: bool = False
    size: tuple[int, int] = field(default=(WIDTH, HEIGHT), init=False)

    @property
    def x_range(self) -> tuple[float, float]:
        """Least and greatest x."""
        return _widened(min(self.xs), max(self.xs))

    @property
    def y_range(self) -> tuple[float, float]:
        """Least and greatest y; 0 is in it if it is near."""
        known = [v for line in self.lines for v in line.values if v is not None]
        low, high = min(known), max(known)
        if 0 < low < 0.5 * high:
            low = 0.0
        return _widened(low, high)

    def x(self, value: float) -> float:
        """The place of an x in units of the SVG."""
        low, high = self.x_range
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low), 1)

    def y(self, value: float) -> float:
        """The place of a y in units of the SVG."""
        low, high = self.y_range
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value - low) / (high - low), 1)

    def points(self, line: Line) -> list[tuple[float, float]]:
        """The places of the known points of a curve, in units of the SVG."""
        return [(self.x(x), self.y(v)) for x, v in zip(self.xs, line.values, strict=True) if v is not None]

    def path(self, line: Line) -> str:
        """The points of a curve as SVG writes them."""
        return " ".join(f"{x},{y}" for x, y in self.points(line))

    @property
    def x_ticks(self) -> list[Tick]:
        """The numbers of the x axis."""
        chosen = self.xs if self.marked else ticks(*self.x_range)
        return [Tick(self.x(v), _short(v)) for v in chosen]

    @property
    def y_ticks(self) -> list[Tick]:
        """The numbers of the y axis."""
        return [Tick(self.y(v), _short(v)) for v in ticks(*self.y_range)]

    @property
    def readings(self) -> dict[str, Any]:
        """The data from which the page's script shows the values at a place."""
        lines = [
            {"label": line.label, "values": [None if v is None else f"{v:.3g}" for v in line.values]}
            for line in self.lines
        ]
        return {"over": self.over, "xs": [_full(x) for x in self.xs], "places": list(map(self.x, self.xs)),
                "lines": lines}  # fmt: skip


def training_charts(
    records: Sequence[tuple[int, Mapping[str, float]]], titles: Mapping[str, str], over: str = "iteration"
) -> list[Chart]:
    """A chart for every statistic in `titles` (name: title) of which there are at least two finite values."""
    charts = []
    for name, title in titles.items():
        known = [(float(i), record[name]) for i, record in records if math.isfinite(record.get(name, math.nan))]
        if len(known) > 1 and known[0][0] < known[-1][0]:
            xs, values = thinned(known)
            charts.append(Chart(title, over, xs, [Line(title, values)]))
    return charts


def horizon_charts(rows: Mapping[str, Mapping[int, float]]) -> list[Chart]:
    """Position error over the horizon, the model beside both baselines: means, and medians if there are any.

    Args:
        rows: figures by name and horizon, see `split_by_horizon`.
    """
    charts = []
    forecasts = {"": "imagined", "_velocity": "constant velocity", "_still": "no motion"}
    for kind, title in (("", "mean"), ("_median", "median")):
        found = {label: rows.get(f"position_error{suffix}{kind}", {}) for suffix, label in forecasts.items()}
        xs = sorted({x for values in found.values() for x in values})
        if len(xs) > 1:
            lines = [Line(label, [values.get(x) for x in xs]) for label, values in found.items() if values]
            name = f"error of imagined positions, {title} (pixels)"
            charts.append(Chart(name, "steps ahead", xs, lines, marked=True))
    return charts


def thinned(points: Sequence[tuple[float, float]], most: int = MOST) -> tuple[list[float], list[float]]:
    """At most `most` points: means of as many groups of neighbours."""
    groups = np.array_split(np.array(points, float), min(most, len(points)))
    means = np.array([group.mean(0) for group in groups])
    return means[:, 0].tolist(), means[:, 1].tolist()


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from `low` to `high`, about as many as `about` says."""
    rough = (high - low) / about
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= rough * 0.999)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _widened(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _short(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1000:.4g}k"
    return f"{value:.4g}" if abs(value) > 1e-12 else "0"


def _full(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
