"""Writes the `report.html` of an agent, one self-contained file: its scores, its imagined futures, its learning curves.

`python -m agents.report runs/Pong-dream`
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from sqair_wm.common.checksums import DamagedError
from sqair_wm.common.command import in_one_line
from sqair_wm.common.cpu import use_cpu
from sqair_wm.common.notes import read_json
from sqair_wm.reporting.charts import Chart, training_charts
from sqair_wm.reporting.films import Film, Panel
from sqair_wm.reporting.numbers import UNKNOWN, Number, duration, identities_kept, objects_found, trusted_steps
from sqair_wm.reporting.page import PAGES, Page, write_page
from sqair_wm.reporting.show import split_by_horizon
from sqair_wm.reporting.trust import measured
from sqair_wm.runs.run_folder import METRICS, RunFolder

from .evaluate import RESULT
from .expectations import TITLE, ZOOM
from .kinds import open_run
from .play import AHEAD, RATE, watch
from .progress import read_progress
from .run import CONFIG, AgentRun

REPORT, SHOWN, ROUNDS = "report.html", 60, 5
"""Name of the file; steps of a game that it shows; rounds that curves are averaged over."""

CURVES = {
    "reward_a_step": "real reward a step",
    "dream_return": "imagined return (discounted)",
    "dream_entropy": "entropy of the policy (nats)",
    "world_distance": "error of imagined positions (sizes)",
}
PARTS = {"playing": "playing", "learning_the_world": "training the world model", "dreaming": "learning in imagination"}
ALT = (
    "A real game, with a box around each object that the model sees. Beside it, for every action a smaller picture "
    "with the imagined paths of objects, and the expected reward."
)

AGENT_PAGES = PAGES.overlay(
    loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(Path(__file__).parent / "templates"), PAGES.loader])  # type: ignore[list-item]
)
"""The templates of agents' reports, with those that all reports share."""


def write_report(run: AgentRun, shown: int = SHOWN) -> Path:
    """Write the report of a run.

    Args:
        run: of an agent.
        shown: steps of a game to show; 0 for none.

    Returns:
        The path of the report.
    """
    records = read_progress(run.path)
    page = Page(
        name=run.path.name,
        films=[game_film(run, shown)] if shown else [],
        numbers=numbers(run, records),
        charts={"Learning": drawn(records)},
        configuration=(run.path / CONFIG).read_text(),
        machine=RunFolder(run.path, run.config).machine,
    )
    result = result_of(run)
    return write_page(
        run.path / REPORT, page, AGENT_PAGES.get_template("agent.html"),
        agent=f"{run.settings.kind}, seed {run.seed}", ahead=AHEAD, result=result or {}, world=str(run.config.model),
    )  # fmt: skip


def game_film(run: AgentRun, shown: int) -> Film:
    """A film of the first steps of a game, with the imagined future of every action."""
    pictures = np.stack(list(islice(watch(run), shown)))
    height, width = run.world().config.frame_size
    real, futures = pictures[:, : ZOOM * height + TITLE, : ZOOM * width], pictures[:, :, ZOOM * width :]
    panels = [Panel("the real game", real), Panel("where each action leads in imagination", futures)]
    return Film("A game, and the imagined future of each action", ALT, panels, 1000 // RATE)


def result_of(run: AgentRun) -> dict | None:
    """The result of `python -m agents.evaluate`; None if the agent has not played whole games yet."""
    path, remedy = run.path / RESULT, f"python -m agents.evaluate {run.path} writes it again"
    if not path.exists():
        return None
    result = read_json(path, remedy)
    if not _scored(result):
        raise DamagedError(f"{path} is damaged: it does not hold the scores of games ({remedy})")
    return dict(result)


def _scored(result: Any) -> bool:
    """Whether this is a result of `evaluate`, as far as a report shows it."""
    try:
        pairs = [result["mean_95"], result.get("random_and_human", (0, 0))]
        numbers = [result["mean"], *(x for low, high in pairs for x in (low, high))]
        numbers += [episode.get("total", 0) for episode in result["episodes"]]
        return all(isinstance(x, int | float) for x in numbers)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def numbers(run: AgentRun, records: list[dict[str, float]]) -> list[Number]:
    """The score, figures of the world model that the agent began with, and the time."""
    metrics = world_metrics(run)
    rows, true = split_by_horizon(metrics)[0], bool(metrics.get("against_truth"))
    trust = measured(rows, run.world().config.object_size, true)
    return [
        score(run), objects_found(metrics, True), identities_kept(metrics), trusted_steps(trust), time_taken(records),
    ]  # fmt: skip


def world_metrics(run: AgentRun) -> dict[str, float]:
    """The figures of the world model that the agent was given; none if they are not beside it."""
    folder = Path(str(run.config.model))
    return RunFolder(folder, run.config).metrics() if (folder / METRICS).exists() else {}


def score(run: AgentRun) -> Number:
    """The mean score in whole games."""
    result = result_of(run)
    if result is None:
        return Number("Score", UNKNOWN, f"No whole game was played yet: python -m agents.evaluate {run.path}")
    low, high = result["mean_95"]
    said = (
        f"Mean of {len(result['episodes'])} whole real games; 95\N{NO-BREAK SPACE}% interval {low:.2f} to {high:.2f}."
    )
    if "random_and_human" in result:
        random, human = result["random_and_human"]
        said += f" Random play reaches {random:g}, a human {human:g}."
    return Number("Score", f"{result['mean']:.2f}", said)


def time_taken(records: list[dict[str, float]]) -> Number:
    """The time that the agent has learned for, its steps, and the shares of time of each part."""
    if not records:
        return Number("Time", UNKNOWN, "This agent does not learn in rounds, or has not begun.")
    last = records[-1]
    spent = {title: sum(r.get(f"seconds_{name}", 0.0) for r in records) for name, title in PARTS.items()}
    whole = sum(spent.values()) or 1.0
    shares = ", ".join(f"{title} {seconds / whole:.0%}" for title, seconds in spent.items())
    said = f"Learned from {last['real_steps']:,.0f} real and {last['imagined_steps']:,.0f} imagined steps; {shares}."
    return Number("Time", duration(last["minutes"]), said)


def drawn(records: list[dict[str, float]]) -> list[Chart]:
    """Curves over real steps, each averaged over `ROUNDS` rounds."""
    charts: list[Chart] = []
    for name, title in CURVES.items():
        known = [r for r in records if name in r]
        smooth = averaged(np.array([r[name] for r in known]))
        points = [(int(r["real_steps"]), {name: float(v)}) for r, v in zip(known, smooth, strict=True)]
        charts += training_charts(points, {name: title}, "real steps")
    return charts


def averaged(values: np.ndarray) -> np.ndarray:
    """Moving averages `[R]` of `values` `[R]`: of each and up to `ROUNDS - 1` before it."""
    sums = np.concatenate([[0.0], values.cumsum()])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(0, last - ROUNDS)
    return (sums[last] - sums[first]) / (last - first)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m agents.report", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs of agents, such as runs/Pong-dream")
    parser.add_argument("--shown", type=int, default=SHOWN, help=f"steps of a game to show ({SHOWN})")
    options = parser.parse_args(arguments)
    if options.shown < 0:
        parser.error("--shown has to be at least 0")
    with in_one_line("stopped; no report is left half written"):
        for path in options.runs:
            run = open_run(path)
            use_cpu(int(run.config.threads))
            print(f"report: {write_report(run, options.shown)}")


if __name__ == "__main__":
    main()
