"""Train a world model: `python train_wm.py env=MsPacman`; `--help` explains the settings."""

from __future__ import annotations

import sys
from pathlib import Path

import hydra
from hydra import compose, initialize_config_dir
from hydra.errors import MissingConfigException
from omegaconf import DictConfig

from sqair_wm.common.presets import presets_folder
from sqair_wm.common.settings import ConfigError, check_overrides, chosen_groups
from sqair_wm.data.atari import AtariSequences
from sqair_wm.data.opening import build_data
from sqair_wm.evaluation.kinds import held_out_metrics
from sqair_wm.evaluation.metrics.summary import summarize, watch
from sqair_wm.reporting.report import write_metrics, write_report
from sqair_wm.reporting.show import print_tables
from sqair_wm.runs.run_folder import RunFolder
from sqair_wm.runs.setup import (
    build_fabric,
    build_model,
    check_values,
    imagination_config,
    leave,
    training_config,
    training_sequences,
)
from sqair_wm.training.encoded import encode
from sqair_wm.training.imagination import ImaginationTrainer
from sqair_wm.training.loop import Loop, total
from sqair_wm.training.trainer import Trainer

CONFIGS = str(presets_folder())


def train(config: DictConfig) -> None:
    """Record, train, evaluate and report; continue where the run stopped."""
    check_values(config)
    folder = RunFolder(Path(config.runs) / config.name, config)
    if folder.finished:
        print(f"{folder.path} is finished; its report is {folder.report}. To train again, choose another name=...")
        print_tables(folder.metrics())
        return
    fabric = build_fabric(config)
    fabric.launch()
    with fabric.rank_zero_first():
        sequences, held_out = build_data(config)
    shown = config.data.report
    batch = held_out.first(shown.sequences, shown.frames, fabric.device)
    model = build_model(config, sequences).to(fabric.device)
    lessons, schedule = training_sequences(model, sequences), training_config(config, model.config.slots)
    loops: list[Loop] = [Trainer(model.sqair, lessons, schedule, folder.path, fabric, config.seed)]
    loops[0].train(on_record=folder.recorder(loops[0].title))
    if isinstance(sequences, AtariSequences):
        play = encode(model.eval(), sequences, fabric.device)
        loops.append(ImaginationTrainer(model, play, imagination_config(config), folder.path, fabric, config.seed))
        loops[1].train(on_record=folder.recorder(loops[1].title))
    leave(fabric)
    if not fabric.is_global_zero:
        return
    model.eval().requires_grad_(False).save(folder.path)
    metrics = summarize(watch(model, batch)) | total(loops) | held_out_metrics(model, held_out)
    curves = {loop.title: folder.records(loop.title) for loop in loops}
    report = write_report(folder.path, model, batch, metrics, curves, folder.configuration, shown.seen)
    write_metrics(folder.path, metrics)
    print_tables(metrics)
    print(f"report: {report}")


def main() -> None:
    """Check the command line before Hydra sees it, so that a typing error gets a helpful answer."""
    try:
        with initialize_config_dir(CONFIGS, version_base="1.3"):
            check_overrides(sys.argv[1:], compose("config", overrides=chosen_groups(sys.argv[1:])))
        hydra.main(config_path=CONFIGS, config_name="config", version_base="1.3")(guarded)()
    except (ConfigError, MissingConfigException) as error:
        sys.exit(f"error: {error}")


def guarded(config: DictConfig) -> None:
    """Bad input ends in one line, not in a traceback."""
    try:
        train(config)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues from here")


if __name__ == "__main__":
    main()
