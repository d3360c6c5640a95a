"""Play inside trained models, in the browser: `python -m sqair_wm.playground pretrained/Pong`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

from sqair_wm.playground.playables import open_agent, open_playable

PORT = 8765
MISSING = "the playground needs a web server that is not installed ({error}): pip install 'sqair-wm[playground]'"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.playground", description=__doc__)
    parser.add_argument(
        "models", type=Path, nargs="*", metavar="MODEL", help="folder or name of a trained model, or several",
    )  # fmt: skip
    parser.add_argument(
        "--agent", type=Path, action="append", default=[], metavar="RUN",
        help="run of a trained agent, such as runs/Pong-dream, to watch or to take turns with; may be given repeatedly",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=PORT, help=f"on 127.0.0.1 ({PORT}); 0 for any free port")
    parser.add_argument("--seed", type=int, default=0, help="of the first game (0)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    options = parser.parse_args(arguments)
    if not 0 <= options.seed < 2**31:
        parser.error(f"--seed is {options.seed}: games begin from seeds between 0 and {2**31 - 1}")
    if not options.models and not options.agent:
        parser.error("there is nothing to play: name a model, such as Pong, or its folder")
    return options


def has_screen() -> bool:
    """Whether a browser can open a window: elsewhere Python would start one that takes over the terminal."""
    return sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options = parse(arguments)
    try:
        server: Any = importlib.import_module("sqair_wm.playground.server")
    except ImportError as error:
        sys.exit(f"error: {MISSING.format(error=error)}")
    try:
        playables = [open_playable(folder) for folder in options.models] + [open_agent(run) for run in options.agent]
        listening = server.listen(options.port)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"error: {error}")
    port = listening.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    print(f"playground: {address} (Ctrl+C stops it)", flush=True)
    if not options.no_browser and has_screen():
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve(server.build_app(playables, port, options.seed), listening)


if __name__ == "__main__":
    main()
