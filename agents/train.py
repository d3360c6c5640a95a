"""Train an agent: `python -m agents.train model=runs/Pong agent=dream steps=20000`; `--help` explains the settings."""

from __future__ import annotations

import sys

import hydra
from hydra import initialize_config_dir
from omegaconf import DictConfig

from sqair_wm.common.presets import presets_folder
from sqair_wm.common.settings import ConfigError, check_command
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
    """Check the command line before Hydra sees it, so that a typing error gets a helpful answer."""
    try:
        with initialize_config_dir(CONFIGS, version_base="1.3"):
            check_command(sys.argv[1:])
        hydra.main(config_path=CONFIGS, config_name="config", version_base="1.3")(guarded)()
    except ConfigError as error:
        sys.exit(f"error: {error}")


def guarded(config: DictConfig) -> None:
    """Bad input ends in one line, not in a traceback."""
    try:
        train(config)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues from the last round")


if __name__ == "__main__":
    main()
