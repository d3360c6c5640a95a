"""Check whether a run, a recording or a model is whole, or what can be recovered: `python -m sqair_wm.check FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sqair_wm.common.command import in_one_line
from sqair_wm.runs.checks import DAMAGED, LEFT, OLDER, WHOLE, Finding, check_path


def report(path: Path, findings: list[Finding]) -> str:
    """The findings as text: first what is wrong and what to do about it, then how many files are whole."""
    lines = []
    for finding in findings:
        if finding.state in (DAMAGED, LEFT):
            lines += [f"{finding.state}: {finding.path}", f"  {finding.why}", f"  what to do: {finding.remedy}"]
    counts = {state: sum(f.state == state for f in findings) for state in (WHOLE, OLDER, DAMAGED, LEFT)}
    lines.append(
        f"{path}: {counts[WHOLE]} whole by their checksums, {counts[OLDER]} readable without one, "
        f"{counts[DAMAGED]} damaged, {counts[LEFT]} left over"
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line; it ends with status 1 if anything is damaged."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.check", description=__doc__)
    parser.add_argument("paths", type=Path, nargs="+", help="folders, files or names of models, such as runs/Pong")
    options = parser.parse_args(arguments)
    damaged = False
    with in_one_line("stopped; nothing has been changed"):
        for path in options.paths:
            findings = check_path(path)
            print(report(path, findings))
            damaged |= any(f.state == DAMAGED for f in findings)
    sys.exit(int(damaged))


if __name__ == "__main__":
    main()
