"""Compare runs of world models or of agents: `python -m sqair_wm.compare runs/Pong runs/Pong-long`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sqair_wm.common.command import in_one_line
from sqair_wm.common.files import write_atomically
from sqair_wm.reporting.comparison import Comparison, compare
from sqair_wm.reporting.comparison_page import print_comparison, write_page
from sqair_wm.reporting.subjects import open_subjects


def write_json(comparison: Comparison, path: Path) -> None:
    """Write the comparison as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(comparison.to_json(), indent=1) + "\n"
    write_atomically(path, lambda target: target.write_text(text))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.compare", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders or names of two or more runs")
    parser.add_argument("--all", action="store_true", help="every figure that at least two of them have")
    parser.add_argument("--page", type=Path, metavar="FILE.html", help="also write one self-contained page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args(arguments)
    if len(options.runs) < 2:
        parser.error(f"one run ({options.runs[0]}) can't be compared: name two or more")
    with in_one_line("stopped; nothing has been changed"):
        comparison = compare(open_subjects(options.runs), options.all)
        print_comparison(comparison)
        if options.page:
            write_page(comparison, options.page)
            print(f"page: {options.page}")
        if options.json:
            write_json(comparison, options.json)


if __name__ == "__main__":
    main()
