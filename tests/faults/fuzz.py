"""Settings and descriptions with odd values: each is refused in one line, or works."""

from __future__ import annotations

import itertools
import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import sqair_wm
from sqair_wm.agents.kinds import KINDS, settings_of
from sqair_wm.agents.settings import AgentRunSettings
from sqair_wm.common.settings import in_one_line, schema
from sqair_wm.common.sweeps import check_command
from sqair_wm.runs.older import flat
from sqair_wm.runs.setup import check_values
from sqair_wm.world.world_model import WorldModel
from tests.conftest import ROOT, small
from tests.faults.forks import Count

NASTY = ("0", "-1", "1e308", "nan", "inf", "null", "abc", "[]", "[1,2,3]", "[[0]]", "{a:1}", "true", "''", "3.5")
ODD: tuple[Any, ...] = (0, -1, 10**9, 1e-9, float("nan"), float("inf"), None, "abc", [], [1, 2, 3], {}, True, 3.5)
PATIENCE = 20
"""Seconds after which a check has taken too long."""


def settings(tries: int, seed: int = 0) -> Iterator[Count]:
    """Give settings of a command odd values, and check them as the command does."""
    count, chance = Count("odd values of settings on the command line"), random.Random(seed)
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        keys = sorted(flat(OmegaConf.to_container(compose("config", overrides=["env=Bouncing"]), resolve=False)))
        for _ in range(tries):
            command = ["env=Bouncing", f"{chance.choice(keys)}={chance.choice(NASTY)}"]
            count.tried += 1
            _told(count, command[1], lambda command=command: _check(command))
    yield count


def _check(command: list[str]) -> None:
    check_command(command)
    check_values(compose("config", overrides=command))


def agent_settings(every: int = 1) -> Iterator[Count]:
    """Give the settings of agents of all kinds odd values, or one of so many, and check them as the command does."""
    count, base = Count("odd values of agents' settings"), schema(AgentRunSettings)
    own = [(name, f"agent.{key}") for name, kind in KINDS.items() for key in flat(vars_of(kind.settings))]
    shared = [("random", key) for key in flat(vars_of(AgentRunSettings)) if key != "agent"]
    for (name, key), value in list(itertools.product([*own, *shared], NASTY))[::every]:
        count.tried += 1
        _told(count, f"{name}: {key}={value}", lambda n=name, k=key, v=value: _check_agent(base, n, f"{k}={v}"))
    yield count


def vars_of(kind: type) -> dict[str, Any]:
    """The settings of a class, with their defaults."""
    found = OmegaConf.to_container(OmegaConf.structured(kind), resolve=False)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def _check_agent(base: DictConfig, name: str, told: str) -> None:
    try:
        config = OmegaConf.merge(base, {"agent": schema(KINDS[name].settings)}, OmegaConf.from_dotlist([told]))
    except OmegaConfBaseException as error:  # the command refuses it as Hydra does
        raise ValueError(in_one_line(error)) from error
    assert isinstance(config, DictConfig)
    settings_of(config)


def descriptions(folder: Path, every: int = 1) -> Iterator[Count]:
    """Write odd values, or one of so many, into the description of a model, and load it."""
    count, path = Count("odd values in model.json"), folder / "model.json"
    WorldModel(small()).save(folder)
    note = json.loads(path.read_text())
    del note["checksum"]
    for name, value in list(itertools.product(note["model"], ODD))[::every]:
        changed = note | {"model": note["model"] | {name: value}}
        path.write_text(json.dumps(changed))
        count.tried += 1
        _told(count, f"{name}={value}", lambda: sqair_wm.load(folder))
    yield count


def _told(count: Count, what: str, work: Any) -> None:
    def late(*_: object) -> None:
        raise TimeoutError(f"takes more than {PATIENCE} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        work()
    except TimeoutError as error:
        count.wrong.append(f"{what}: {error}")
    except (ValueError, OSError) as error:
        count.told += 1
        if "\n" in str(error):
            count.wrong.append(f"{what}: takes more than a line: {error}")
    except Exception as error:
        count.wrong.append(f"{what}: {type(error).__name__}: {error}")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
