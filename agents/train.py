"""Train an agent: `python -m agents.train model=runs/Pong agent=dream steps=20000`; `--help` explains the settings."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from sqair_wm.common.command import run_command
from sqair_wm.common.locks import alone
from sqair_wm.common.named_folders import WEIGHTS, find_folder
from sqair_wm.common.presets import presets_folder
from sqair_wm.common.settings import ConfigError, schema
from sqair_wm.runs.run_folder import RunFolder
from sqair_wm.runs.setup import check_name

from .kinds import KINDS, guide_of, settings_of
from .report import write_report
from .run import begin, device_of, keep_former
from .settings import AgentRunSettings
from .surroundings import decide_around

CONFIGS = str(presets_folder() / "agents")


def train(config: DictConfig) -> None:
    """Train the agent of a configuration, or continue its training.

    Raises:
        ConfigError: if it names no world model, or a setting is not valid.
        FileNotFoundError: if there is no such world model.
    """
    if not config.model:
        raise ConfigError("no game is named: choose one with env=Pong (world model in runs/Pong), or model=FOLDER")
    if config.env is not None and not (Path(config.model) / WEIGHTS).exists():
        command = f"python train_wm.py env={config.env} agent={config.agent.kind}"
        raise ConfigError(f"{config.model} holds no world model yet: {command} trains one, and then the agent")
    config.model = str(find_folder(config.model, (WEIGHTS,), "no trained model"))
    settings = settings_of(config)
    check_name(config.name)
    guide_of(settings)  # so that a wrong one is refused now, and not when the planner plays
    config.device = device_of(config)
    path = Path(config.runs) / config.name
    with alone(path, "training an agent", "wait until it is done, stop it, or choose another name=..."):
        keep_former(config)
        decide_around(config)  # plays the game, so only when nothing else is wrong
        run = begin(config, settings_of(config))
        world = run.world()  # first, so that a bad model is refused before any training
        learn = KINDS[settings.kind].train
        if learn is not None:
            learn(run, say)
            RunFolder(run.path, config).note_machine(world.background.device)
            print(f"report: {write_report(run)}")
    print(f"{run.path}: python -m agents.evaluate {run.path} plays whole games")


def train_on(model: Path, agent: DictConfig, steps: int | None = None, *, seed: int, device: str, threads: int) -> None:
    """Train an agent on the world model of a run; the agent's run gets a folder beside it.

    Args:
        model: folder of the world model's run.
        agent: settings of a kind of agent.
        steps: real steps to learn from; None for the default number.
        seed: of games, weights and random numbers.
        device: of the networks.
        threads: CPU threads.

    Raises:
        ConfigError: if a setting is not valid, or the folder holds a run with another configuration.
    """
    folders = {"model": str(model), "runs": str(model.parent), "name": f"{model.name}-{agent.kind}"}
    told = {"agent": agent, "seed": seed, "device": device, "threads": threads}
    told |= {} if steps is None else {"steps": steps}
    config = OmegaConf.merge(schema(AgentRunSettings), folders, told)
    assert isinstance(config, DictConfig)
    train(config)


def say(record: dict[str, float]) -> None:
    """Print the figures of a round in one line."""
    shown = ("real_steps", "imagined_steps", "minutes", "reward_a_step", "episode_return", "dream_return")
    print(", ".join(f"{name} {record[name]:.4g}" for name in shown if name in record), flush=True)


def main() -> None:
    """The command line."""
    run_command(train, CONFIGS, "stopped; the same command continues from the last round")


if __name__ == "__main__":
    main()
