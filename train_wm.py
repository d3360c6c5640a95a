"""Train a world model: `python train_wm.py env=MsPacman`; `--help` explains the settings."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from sqair_wm.common.command import run_command
from sqair_wm.common.locks import alone, first_of
from sqair_wm.common.presets import presets_folder
from sqair_wm.common.settings import ConfigError, named_settings
from sqair_wm.data.sequences import play_of
from sqair_wm.evaluation.kinds import kind_of
from sqair_wm.evaluation.metrics.summary import summarize, watch
from sqair_wm.reporting.report import write_metrics
from sqair_wm.reporting.rewrite import report_run
from sqair_wm.reporting.show import print_run
from sqair_wm.runs.run_folder import begin_run
from sqair_wm.runs.setup import (
    build_fabric,
    build_model,
    check_values,
    imagination_config,
    leave,
    training_config,
    training_sequences,
)
from sqair_wm.training.checkpoint import fingerprint
from sqair_wm.training.encoded import encode
from sqair_wm.training.imagination import ImaginationTrainer
from sqair_wm.training.loop import Loop
from sqair_wm.training.rounds import train_in_rounds
from sqair_wm.training.summary import total
from sqair_wm.training.trainer import Trainer

CONFIGS = str(presets_folder())


def train(config: DictConfig, named: Collection[str] = ()) -> None:
    """Record, train, evaluate and report; a run that was stopped is continued. `named`: see `begin_run`."""
    check_values(config)
    path, advice = Path(config.runs) / config.name, "wait until it is done, stop it, or choose another name=..."
    first = first_of(config.processes * config.nodes)
    held: AbstractContextManager[None] = alone(path, "training", advice) if first else nullcontext()
    with held:
        _train(config, named)


def _train(config: DictConfig, named: Collection[str]) -> None:
    """Do the work of `train`, while no other process trains in the folder."""
    folder = begin_run(config, named)
    config, kind = folder.config, kind_of(config)
    if folder.finished:
        print(f"{folder.path} is finished; its report is {folder.report}. To train again, choose another name=...")
        print_run(folder.path, folder.metrics())
        return
    fabric = build_fabric(config)
    fabric.launch()
    with fabric.rank_zero_first():
        sequences, held_out = kind.build(config)
    shown = config.data.report
    batch = held_out.first(shown.sequences, shown.frames, fabric.device)
    model = build_model(config, sequences).to(fabric.device)
    training_data, schedule = training_sequences(model, sequences), training_config(config, model.config.slots)
    loops: list[Loop] = [Trainer(model.sqair, training_data, schedule, folder.path, fabric, config.seed)]
    loops[0].train(on_record=folder.recorder(loops[0].title))
    if (play := play_of(sequences)) is not None:
        encoded, trained = encode(model.eval(), play, fabric.device), fingerprint(model.sqair)
        imagination = ImaginationTrainer(
            model, encoded, imagination_config(config), folder.path, fabric, config.seed, trained
        )
        loops.append(imagination)
        train_in_rounds(imagination, model, play, folder.path, folder.recorder(imagination.title))
    leave(fabric)
    if not fabric.is_global_zero:
        return
    model.eval().requires_grad_(False).save(folder.path)
    metrics = summarize(watch(model, batch)) | total(loops) | kind.held_out(model, held_out, config)
    folder.note_machine(fabric.device)
    report = report_run(folder, model, batch, metrics)
    write_metrics(folder.path, metrics)
    print_run(folder.path, metrics)
    print(f"report: {report}")


def train_agent(config: DictConfig, agent: DictConfig, steps: int | None) -> None:
    """Train an agent on the world model of a run, with as many real `steps`, or by default."""
    from sqair_wm.agents.train import train_on

    device, folder = build_fabric(config).device, Path(config.runs) / config.name
    train_on(folder, agent, steps, seed=config.seed, device=str(device), threads=config.threads)


def check_agent(config: DictConfig) -> None:
    """Raise ConfigError, before anything is trained, for an agent that could not be trained afterwards."""
    from sqair_wm.agents.kinds import settings_of

    settings_of(config)
    if config.env is None or config.processes * config.nodes > 1:
        raise ConfigError(f"agent={config.agent.kind} is trained on a game (env=...), and in one process")


def asked(config: DictConfig) -> None:
    """Call `train`, and then train the agent if the command names one; Hydra calls this."""
    agent, steps, named = config.agent, config.steps, named_settings(HydraConfig.get().overrides.task)
    if agent is not None:
        check_agent(config)
    elif steps is not None:
        raise ConfigError(f"steps={steps} are real steps of an agent: name one, for example agent=dream")
    config.agent = config.steps = None
    train(config, [key for key in named if key != "steps" and not key.startswith("agent.")])
    if agent is not None:
        train_agent(config, agent, steps)


def register_agents(arguments: list[str]) -> None:
    """Register the kinds of agents with Hydra if a command line names one; it takes seconds and stable-baselines3."""
    if any(argument.lstrip("+~").startswith(("agent=", "agent.")) for argument in arguments):
        try:
            importlib.import_module("sqair_wm.agents.kinds")
        except ImportError as error:
            sys.exit(f"error: {error}")


def main() -> None:
    """The command line."""
    register_agents(sys.argv[1:])
    run_command(asked, CONFIGS, "stopped; the same command continues from here")


if __name__ == "__main__":
    main()
