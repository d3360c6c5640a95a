"""Commands: errors that users can mend end them with one line instead of a traceback; Hydra composes their settings."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hydra
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from sqair_wm.common.settings import ConfigError
from sqair_wm.common.stopping import Interruptible
from sqair_wm.common.sweeps import check_command

MISTAKES = (ValueError, OSError, FloatingPointError)
"""Errors that end a command with their message alone, which says what is wrong and what would be right."""

COMPLETION = {"-sc", "--shell-completion"}
"""Options that ask Hydra for shell completion: their argument, such as `install=bash`, is not a setting."""


def run_command(task: Callable[[DictConfig], None], configs: str, stopped: str) -> None:
    """Run `task` with the configuration of the command line, which is checked before Hydra sees it.

    A job of a sweep that fails is reported, and the others run; failed jobs are listed again at the end.

    Args:
        task: called with the configuration.
        configs: folder of `config.yaml`.
        stopped: printed if the user stops the command.
    """
    failed: list[str] = []

    def note(why: str) -> None:
        failed.append(why)
        print(f"error: {why}", file=sys.stderr)

    @functools.wraps(task)
    def guarded(config: DictConfig) -> None:
        try:
            task(config)
        except MISTAKES as error:
            if HydraConfig.get().mode is not RunMode.MULTIRUN:
                sys.exit(f"error: {error}")
            note(f"{' '.join(HydraConfig.get().overrides.task)}: {error}")

    with in_one_line(stopped):
        if not COMPLETION & set(sys.argv[1:]):
            with initialize_config_dir(configs, version_base="1.3"):
                sys.argv[1:], left_out = check_command(sys.argv[1:])
            for job in left_out:
                note(job)
        hydra.main(config_path=configs, config_name="config", version_base="1.3")(guarded)()
        if failed:
            raise ConfigError("\n".join([f"{len(failed)} of the jobs failed, the others are done:", *failed]))


@contextmanager
def in_one_line(stopped: str) -> Iterator[None]:
    """A context in which `MISTAKES`, and requests to stop, end the command with one line.

    Args:
        stopped: printed if the user, or a terminating machine, stops the command.
    """
    try:
        with Interruptible():
            yield
    except MISTAKES as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(stopped)
