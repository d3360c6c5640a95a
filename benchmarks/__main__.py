"""The command `python -m benchmarks [NAME ...] [--json FILE] [--threads N]`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks.environments  # noqa: F401 (registers its cases)
from benchmarks.cases import CASES
from benchmarks.measure import Row, peak
from sqair_wm.common.cpu import use_cpu


def show(rows: list[Row], threads: int) -> None:
    """Print the rows as a table."""
    table = Table(
        title=f"{threads} thread(s); matrix products reach {peak(threads) / 1e9:.0f} GFLOP/s", title_justify="left"
    )
    for column in ("name", "rate", "unit", "share of peak", "against dense"):
        table.add_column(column, justify="left" if column in ("name", "unit") else "right")
    for row in rows:
        share = "" if row.peak_share is None else f"{row.peak_share:.0%}"
        ratio = "" if row.vs_dense is None else f"{row.vs_dense:.2f}x"
        table.add_row(row.name, f"{row.rate:,.0f}", row.unit, share, ratio)
    Console().print(table)


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Times every part of sqair-wm.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(CASES)}; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    options = parser.parse_args()
    unknown = set(options.names) - set(CASES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    use_cpu(options.threads)
    rows = [CASES[name]() for name in options.names or CASES]
    show(rows, options.threads)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
