"""Commands whose configuration Hydra composes: mistakes end in one line, not in a traceback."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import hydra
from hydra import initialize_config_dir
from omegaconf import DictConfig

from sqair_wm.common.settings import ConfigError, check_command


def run_command(task: Callable[[DictConfig], None], configs: str, stopped: str) -> None:
    """Do what the command line asks for, which is checked before Hydra sees it.

    Args:
        task: given the configuration.
        configs: folder of `config.yaml`.
        stopped: what is said if the user stops it.
    """

    @functools.wraps(task)
    def guarded(config: DictConfig) -> None:
        try:
            task(config)
        except (ValueError, OSError, FloatingPointError) as error:
            sys.exit(f"error: {error}")
        except KeyboardInterrupt:
            sys.exit(stopped)

    try:
        with initialize_config_dir(configs, version_base="1.3"):
            check_command(sys.argv[1:])
        hydra.main(config_path=configs, config_name="config", version_base="1.3")(guarded)()
    except ConfigError as error:
        sys.exit(f"error: {error}")
