"""A run's `report.html`, self-contained: films, five numbers, the curves, and all figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqair_wm.common.files import write_atomically
from sqair_wm.data.sequences import Batch
from sqair_wm.evaluation.games.futures import HORIZONS
from sqair_wm.evaluation.metrics.summary import watch
from sqair_wm.reporting import trust
from sqair_wm.reporting.charts import Chart, horizon_charts, training_charts
from sqair_wm.reporting.films import gif
from sqair_wm.reporting.model_films import ModelFilms, liveliest
from sqair_wm.reporting.numbers import five_numbers
from sqair_wm.reporting.page import PAGES, Page, write_page
from sqair_wm.reporting.show import grouped, split_by_horizon
from sqair_wm.world.world_model import WorldModel

Records = Mapping[str, Sequence[tuple[int, dict[str, float]]]]
"""(iteration, statistics) of each kind of training."""

CURVES = {
    "training": {"loss": "loss a frame (nats)", "objects": "objects a frame", "discovered": "discovered a frame"},
    "imagination": {
        "distance": "error of a position (object sizes)",
        "reward": "reward (nats)",
        "ending": "ending (nats)",
    },
}
HEADINGS = {"training": "Training of objects", "imagination": "Training of imagination"}


def write_report(
    folder: Path,
    model: WorldModel,
    batch: Batch,
    metrics: dict[str, float],
    records: Records,
    configuration: str,
    seen: int = 8,
    scenes: int = 3,
    machine: str = "",
) -> Path:
    """Write `report.html` into `folder`, and its first pictures as `tracking.gif` and `imagination.gif`.

    Args:
        folder: of the run.
        model: trained.
        batch: held-out sequences of at least `seen + 2` frames; the `scenes` of them that change most are shown, first
            the one with most objects when imagination begins.
        metrics: the figures to show.
        records: (iteration, statistics) of each kind of training.
        configuration: the resolved configuration as text.
        seen: frames that the model sees before it imagines how they go on.
        scenes: how many sequences to show.
        machine: the machine on which the run was trained, in words.

    Returns:
        The path of the report.
    """
    shown = batch.select(liveliest(batch, scenes))
    model_films = ModelFilms(model, shown, watch(model, shown), seen)
    films = [film for s in model_films.fullest() for film in (model_films.imagination(s), model_films.tracking(s))]
    for film, name in zip(films, ("imagination.gif", "tracking.gif"), strict=False):
        (folder / name).write_bytes(gif(film))
    ahead, rest = split_by_horizon(metrics)
    numbers = five_numbers(metrics, trust_in(model_films, metrics), bool(model.config.actions))
    page = Page(folder.name, films, numbers, charts_of(records, metrics), configuration, machine)
    return write_page(
        folder / "report.html", page, PAGES.get_template("report.html"),
        groups=grouped(rest), ahead=ahead, horizons=HORIZONS, seen=seen, plays=bool(model.config.actions),
    )  # fmt: skip


def trust_in(model_films: ModelFilms, metrics: Mapping[str, float]) -> trust.Trust | None:
    """For how many steps imagined positions can be trusted, by the figures of held-out play, else by the films."""
    config, rows = model_films.model.config, split_by_horizon(dict(metrics))[0]
    found = trust.measured(rows, config.object_size, bool(metrics.get("against_truth")))
    if found is not None:
        return found
    later = model_films.watched.states[model_films.seen - 1 :]
    return trust.shown(later, model_films.futures, config.frame_size, config.object_size)


def charts_of(records: Records, metrics: Mapping[str, float]) -> dict[str, list[Chart]]:
    """The curves of trainings, and of the error of imagination over its steps, by heading."""
    charts = {"Error of imagination by the number of steps": horizon_charts(split_by_horizon(dict(metrics))[0])}
    return charts | {HEADINGS[k]: training_charts(records[k], CURVES[k]) for k in CURVES if records.get(k)}


def write_metrics(folder: Path, metrics: dict[str, float]) -> None:
    """Write `metrics.json`: figures by name."""
    write_atomically(folder / "metrics.json", lambda path: path.write_text(json.dumps(metrics, indent=1) + "\n"))
