"""Record `numbers.json` again, after a change that is meant to change numbers: `python -m tests.golden.record`.

It prints what changed; say why in the commit message.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.golden.commands import CASES
from tests.golden.machine import fingerprint
from tests.golden.play import imagined, observed
from tests.golden.shared import run_once
from tests.golden.test_same_numbers import GAMES


def main() -> None:
    """Train and play everything once, and keep what came out."""
    path = Path(__file__).parent / "numbers.json"
    before = json.loads(path.read_text())
    with tempfile.TemporaryDirectory() as folder:
        numbers = {name: run_once(Path(folder), name).found for name in CASES}
    numbers |= {f"play_{game}": observed(game) | imagined(game) for game in GAMES}
    same = fingerprint() in before["machines"]
    for name, found in numbers.items():
        if found != before["numbers"].get(name):
            print(f"{name} changed" if same else f"{name} differs, which it may on another machine")
    path.write_text(json.dumps({"machines": [fingerprint()], "numbers": numbers}, indent=1) + "\n")


if __name__ == "__main__":
    main()
