"""Train an agent: `python -m agents.train model=runs/Pong agent=dream steps=20000`; `--help` explains the settings."""

from __future__ import annotations

from omegaconf import DictConfig

from sqair_wm.common.command import run_command
from sqair_wm.common.presets import presets_folder
from sqair_wm.runs.setup import check_machine

from .kinds import KINDS, settings_of
from .run import begin

CONFIGS = str(presets_folder() / "agents")


def train(config: DictConfig) -> None:
    """Train the agent of a configuration, or go on where it stopped."""
    settings = settings_of(config)
    check_machine(DictConfig({"device": config.device, "processes": 1, "nodes": 1, "threads": config.threads}))
    run = begin(config, settings)
    run.world()  # says what is wrong with the model before anything else happens
    learn = KINDS[settings.kind].train
    if learn is not None:
        learn(run, say)
    print(f"{run.path}: python -m agents.evaluate {run.path} plays whole games")


def say(record: dict[str, float]) -> None:
    """Print what a round brought, in one line."""
    shown = ("real_steps", "imagined_steps", "minutes", "reward_a_step", "episode_return", "dream_return")
    print(", ".join(f"{name} {record[name]:.4g}" for name in shown if name in record), flush=True)


def main() -> None:
    """The command line."""
    run_command(train, CONFIGS, "stopped; the same command continues from the last round")


if __name__ == "__main__":
    main()
