"""Checks of a command line before Hydra sees it; of a sweep (`-m`), jobs that cannot be composed are left out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sqair_wm.common.settings import GROUPS, ConfigError, check_overrides, in_one_line, keys_of

SWEEPS = ("-m", "--multirun")
Job = tuple[str, ...]
"""The overrides of a job, such as `training.batch=4`."""


def check_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Compose the configurations that a command line asks for, to find out what is wrong with them.

    Returns:
        The arguments without the values of a sweep with which no job can be composed; and of each job that is missing
        then, a line that says why.

    Raises:
        ConfigError: for a setting that does not exist in any job. Also for a preset that cannot be read or a value of
            the wrong type, unless other jobs of a sweep can do without it.
    """
    try:
        choices = _choices(arguments)
        check_overrides(arguments, _known_keys(choices))
        bad = _failing(_each_value(choices))
        if bad and len(jobs := list(product(*choices))) > 1:
            bad = _failing(jobs)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(in_one_line(error)) from error
    return _left(arguments, choices, bad) if bad else (arguments, [])


def _overrides(arguments: list[str]) -> list[str]:
    return [a for a in arguments if "=" in a and not a.startswith("-")]


def _choices(arguments: list[str]) -> list[list[str]]:
    """For each override of a command line, the overrides of its jobs: of a sweep, one for each value."""
    overrides = _overrides(arguments)
    if not any(a in SWEEPS for a in arguments):
        return [[override] for override in overrides]
    return [
        [f"{o.get_key_element()}={value}" for value in o.sweep_string_iterator()]
        if o.is_sweep_override()
        else [str(o.input_line)]
        for o in OverridesParser.create().parse_overrides(overrides)
    ]


def _known_keys(choices: list[list[str]]) -> list[str]:
    """The keys of all settings that a job can have, whatever it chooses of groups such as `model`."""
    groups = [values for values in choices if values[0].partition("=")[0] in GROUPS]
    found, jobs = dict[str, None](), list(product(*groups))
    for job in jobs:
        try:
            config = compose("config", overrides=list(job))
        except (HydraException, OmegaConfBaseException):
            if job == jobs[-1] and not found:
                raise
        else:
            found |= dict.fromkeys(keys_of(OmegaConf.to_container(config, resolve=False)))
    return list(found)


def _each_value(choices: list[list[str]]) -> list[Job]:
    """So many jobs that every value occurs once."""
    first = [values[0] for values in choices]
    others = [(*first[:i], value, *first[i + 1 :]) for i, values in enumerate(choices) for value in values[1:]]
    return [tuple(first), *others]


def _failing(jobs: Iterable[Job]) -> dict[Job, str]:
    """The jobs that cannot be composed, and why."""
    bad: dict[Job, str] = {}
    for job in jobs:
        try:
            compose("config", overrides=list(job))
        except (HydraException, OmegaConfBaseException) as error:
            bad[job] = in_one_line(error)
    return bad


def _left(arguments: list[str], choices: list[list[str]], bad: dict[Job, str]) -> tuple[list[str], list[str]]:
    """See `check_command`; raises ConfigError if no job is left, or if the jobs that are left are no sweep."""
    good = [job for job in product(*choices) if job not in bad]
    lines = [f"{' '.join(o for o in job if not o.startswith('hydra.'))}: {why}" for job, why in bad.items()]
    if not good:
        same = len(set(bad.values())) == 1
        raise ConfigError(next(iter(bad.values())) if same else "\n".join(["no job of the sweep can run:", *lines]))
    kept = [[v for v in values if any(job[i] == v for job in good)] for i, values in enumerate(choices)]
    if math.prod(map(len, kept)) > len(good):
        raise ConfigError("\n".join(["some jobs of the sweep can't run: leave them out, in several commands", *lines]))
    shorter = {
        old: f"{values[0].partition('=')[0]}={','.join(v.partition('=')[2] for v in values)}"
        for old, values, all_ in zip(_overrides(arguments), kept, choices, strict=True)
        if len(values) < len(all_)
    }
    return [shorter.get(argument, argument) for argument in arguments], lines
