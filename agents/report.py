"""An agent's `report.html`, self-contained: what it reached, what it expects, how it learned.

`python -m agents.report runs/Pong-dream`
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np

from sqair_wm.common.cpu import use_cpu
from sqair_wm.common.figures import curves, moving_picture
from sqair_wm.common.files import write_atomically
from sqair_wm.common.settings import ConfigError
from sqair_wm.reporting import report as reporting

from .evaluate import RESULT, line
from .kinds import open_run
from .loop import PROGRESS
from .play import AHEAD, RATE, watch
from .run import CONFIG, AgentRun

REPORT, SHOWN, ROUNDS = "report.html", 60, 5
"""The file; steps of a game that are shown; rounds that curves are averaged over."""

CURVES = {
    "reward_a_step": "real reward a step",
    "dream_return": "imagined return (discounted)",
    "dream_entropy": "entropy of the policy (nats)",
    "world_distance": "error of imagined places (sizes)",
}
PARTS = {"playing": "playing", "learning_the_world": "learning the world", "dreaming": "dreaming"}


PAGES = reporting.PAGES.overlay(loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"))
"""The templates of agents' pages; what they are filled in with is that of all pages."""


class Row(NamedTuple):
    """A line of the table at the top."""

    title: str
    value: str


def progress_of(run: AgentRun) -> list[dict[str, float]]:
    """What every round of a run brought; none for agents that have no rounds."""
    path = run.path / PROGRESS
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


def write_report(run: AgentRun, shown: int = SHOWN) -> Path:
    """Write the report of a run.

    Args:
        run: of an agent.
        shown: steps of a game to show; 0 for none.

    Returns:
        The path of the report.
    """
    records = progress_of(run)
    film = moving_picture(list(islice(watch(run), shown)), 1000 // RATE) if shown else b""
    page = PAGES.get_template("agent.html").render(
        name=run.path.name,
        rows=rows(run, records),
        film=film,
        ahead=AHEAD,
        curves=drawn(records),
        configuration=(run.path / CONFIG).read_text(),
    )
    write_atomically(run.path / REPORT, lambda target: target.write_text(page))
    return run.path / REPORT


def rows(run: AgentRun, records: list[dict[str, float]]) -> list[Row]:
    """The figures of a run, each with what it is."""
    found = [Row("agent", f"{run.settings.kind}, seed {run.seed}")]
    if (run.path / RESULT).exists():
        result = json.loads((run.path / RESULT).read_text())
        found.append(Row("whole real games", f"{line(result)} in {len(result['episodes'])} games (95 % interval)"))
    else:
        found.append(Row("whole real games", f"not played yet: python -m agents.evaluate {run.path}"))
    if records:
        last = records[-1]
        found.append(Row("real steps", f"{last['real_steps']:,.0f} in {last['minutes']:.0f} minutes"))
        found.append(Row("imagined steps", f"{last['imagined_steps']:,.0f}"))
        spent = {title: sum(r.get(f"seconds_{name}", 0.0) for r in records) for name, title in PARTS.items()}
        whole = sum(spent.values()) or 1.0
        found.append(Row("time", ", ".join(f"{title} {seconds / whole:.0%}" for title, seconds in spent.items())))
    return found


def drawn(records: list[dict[str, float]]) -> bytes:
    """Curves over real steps, each averaged over `ROUNDS` rounds; nothing if there are too few rounds."""
    names = {name: title for name, title in CURVES.items() if sum(name in r for r in records) > 1}
    if not names:
        return b""
    whole = [r for r in records if all(name in r for name in names)]
    steps = [int(r["real_steps"]) for r in whole]
    smooth = {name: averaged(np.array([r[name] for r in whole])) for name in names}
    return curves([(s, {n: float(smooth[n][i]) for n in names}) for i, s in enumerate(steps)], names, "real steps")


def averaged(values: np.ndarray) -> np.ndarray:
    """The mean of each value `[R]` and those before it, `ROUNDS` of them at most."""
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
    try:
        for path in options.runs:
            run = open_run(path)
            use_cpu(int(run.config.threads))
            print(f"report: {write_report(run, options.shown)}")
    except (ConfigError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
