"""Write the reports of finished runs again, from their saved figures: `python -m sqair_wm.reporting.rewrite RUN`."""

from __future__ import annotations

import argparse
from pathlib import Path

from sqair_wm.common.command import in_one_line
from sqair_wm.common.cpu import use_cpu
from sqair_wm.data.sequences import Batch
from sqair_wm.evaluation.kinds import kind_of, open_test_recording
from sqair_wm.reporting.report import CURVES, write_report
from sqair_wm.runs.run_folder import RunFolder, open_run
from sqair_wm.world.loading import load
from sqair_wm.world.world_model import WorldModel


def report_run(folder: RunFolder, model: WorldModel, batch: Batch, metrics: dict[str, float]) -> Path:
    """Write the report of a run whose model is trained, and return its path.

    Args:
        folder: of the run.
        model: trained, in evaluation mode.
        batch: held-out sequences, see `write_report`.
        metrics: the figures to show.
    """
    records = {kind: folder.records(kind) for kind in CURVES}
    seen = folder.config.data.report.seen
    return write_report(folder.path, model, batch, metrics, records, folder.configuration, seen, machine=folder.machine)


def rewrite(run: Path, data: Path | None = None, device: str = "cpu") -> Path:
    """Write the report of a finished run again, and return its path.

    Args:
        run: folder of the run.
        data: folder of the recordings; by default that of the run. The test recording is made again if it is gone.
        device: where to compute.

    Raises:
        ConfigError: if there is no run, or it is not finished.
        FileNotFoundError: if the recording is not complete.
        ValueError: if the model or the recording does not belong to the run.
    """
    folder = open_run(run)
    config, kind = folder.config, kind_of(folder.config)
    if data is not None:
        config.data[kind.places[0]] = str(data)
    use_cpu(config.threads)
    model = load(run, device)
    sequences = open_test_recording(config, model) if kind.game else kind.build(config)[1]
    shown = config.data.report
    batch = sequences.first(shown.sequences, shown.frames, model.background.device)
    return report_run(folder, model, batch, folder.metrics())


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.reporting.rewrite", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs, such as runs/MsPacman")
    parser.add_argument("--data", type=Path, help="folder of recordings, MNIST files or foregrounds")
    options = parser.parse_args(arguments)
    with in_one_line("stopped; reports that are written stay"):
        for run in options.runs:
            print(f"report: {rewrite(run, options.data)}")


if __name__ == "__main__":
    main()
