"""Figures for people: what they mean, tables on the terminal, curves over the horizon."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.table import Table

from sqair_wm.evaluation.rollout import HORIZONS

ROWS = {
    "position_error": "pixels between imagined and true objects, of those that move",
    "position_error_all": "the same of all true objects",
    "tracked_error": "pixels between imagined and then observed objects",
    "lost": "share of the objects still there that imagination let go",
    "invented": "share of the imagined objects that are not there",
    "image_error": "squared error, as a share of the foreground's squared intensity",
}
"""Figures that there are for every horizon."""

BESIDES = ("still", "velocity", "median", "still_median", "velocity_median", "objects", "all_still", "all_velocity")

MEANING = {
    "unexplained_energy": "squared error of the reconstruction, as a share of the foreground's squared intensity",
    "objects_per_frame": "objects the model sees in a frame",
    "discovered_per_frame": "objects that get a new identity in a frame, after the first of a sequence",
    "identity_survival_8": "share of objects that still have their identity 8 frames later",
    "iterations": "training steps",
    "imagination_iterations": "steps of the second training, of prediction, reward and ending",
    "wall_minutes": "minutes of training, recording and evaluation not included",
    "computing_minutes": "of these, minutes in which the machine worked on this training and not on something else",
    "frames_per_second": "frames trained on a second",
    "starts": "scenes imagined from",
    "against_truth": "1: position errors against true boxes, 0: against the model's own tracks",
    "moving_matched": "share of the moving true objects that the model sees at the start",
    "rewards_seen": "recorded steps with a reward",
    "endings_seen": "recorded endings of an episode",
    "reward_precision": "of the predicted rewards, the share that came",
    "reward_recall": "of the rewards that came, the share that was predicted",
    "reward_f1": "harmonic mean of both",
    "reward_ece": "expected calibration error of the probability of a reward",
    "ending_precision": "of the predicted endings, the share that came",
    "ending_recall": "of the endings that came, the share that was predicted",
    "ending_f1": "harmonic mean of both",
    "ending_ece": "expected calibration error of the probability of an ending",
    "counting_accuracy": "share of frames with the true number of digits, hidden ones included (weighted particles)",
    "counting_accuracy_once": "the same of one deterministic pass that knows no later frame",
    "counting_accuracy_first": "of the first frames in such a pass",
    "counting_accuracy_last": "of the tenth frames in such a pass",
    "counting_error": "mean absolute error of the number of digits in such a pass",
    "discovered_after_first": "new identities a frame after the first in such a pass",
    "uncertainty_correlation": "Spearman's, of the model's uncertainty and its next position error",
}


def split_by_horizon(metrics: dict[str, float]) -> tuple[dict[str, dict[int, float]], dict[str, float]]:
    """Figures that exist for several horizons, by name and horizon, and all the others."""
    rows: dict[str, dict[int, float]] = {}
    others: dict[str, float] = {}
    for name, value in metrics.items():
        found = re.fullmatch(r"(.+)_(\d+)", name)
        if found and int(found[2]) in HORIZONS and _is_row(found[1]):
            rows.setdefault(found[1], {})[int(found[2])] = value
        else:
            others[name] = value
    return rows, others


def print_tables(metrics: dict[str, float], console: Console | None = None) -> None:
    """One table over the horizons and one of the rest, with what the figures mean.

    Args:
        metrics: see `world_metrics`.
        console: where to print; by default the terminal.
    """
    console = console or Console()
    rows, others = split_by_horizon(metrics)
    ahead = _table("steps ahead", *map(str, HORIZONS))
    for name, values in rows.items():
        ahead.add_row(name, *(f"{values[h]:.3g}" if h in values else "" for h in HORIZONS))
    rest = _table("figure", "value", "meaning")
    for name, value in others.items():
        imagined = " (scene after the step imagined)" if name.endswith("_imagined") else ""
        rest.add_row(name, f"{value:.4g}", MEANING.get(name.removesuffix("_imagined"), "") + imagined)
    if not rows:
        console.print(rest)
        return
    console.print(ahead)
    legend = [f"{name}: {meaning}" for name, meaning in ROWS.items() if name in rows]
    console.print(
        "\n".join([*legend, "_still: if all stood still; _velocity: if all kept their velocity"]), style="dim"
    )
    console.print()
    console.print(rest)


def horizon_curves(metrics: dict[str, float]) -> bytes:
    """Position error over the horizon, the model beside both baselines, as a PNG: means left, medians right.

    Raises:
        ValueError: if there are no position errors in `metrics`.
    """
    from matplotlib.figure import Figure

    rows, _ = split_by_horizon(metrics)
    if "position_error" not in rows:
        raise ValueError("there are no position errors to draw: the model saw no moving object on held-out play")
    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
    lines = (("", "imagined", "-"), ("_velocity", "constant velocity", "--"), ("_still", "standing still", ":"))
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), ("", "_median"), strict=True):
        for suffix, label, style in lines:
            values = rows.get(f"position_error{suffix}{kind}", {})
            axes.plot(list(values), list(values.values()), style, marker="o", markersize=3, label=label)
        axes.set_title("median" if kind else "mean", fontsize=10)
        axes.set_xlabel("steps ahead", fontsize=8)
        axes.set_xticks(HORIZONS)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    axes = figure.axes[0]
    axes.set_ylabel("position error (pixels)", fontsize=8)
    axes.legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _is_row(name: str) -> bool:
    return name in ROWS or any(name.startswith(row) and name[len(row) + 1 :] in BESIDES for row in ROWS)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        left = title in (titles[0], "meaning")
        table.add_column(title, justify="left" if left else "right", no_wrap=title != "meaning")
    return table
