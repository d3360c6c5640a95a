"""The imagined futures of all actions, each held for some steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sqair_wm.model.outcome import Outcome
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.playground import pictures
from sqair_wm.playground.dreams import Imaginer
from sqair_wm.playground.history import Side

MOST_STEPS = 60


@torch.inference_mode()
def imagine_futures(imaginer: Imaginer, side: Side, actions: tuple[str, ...], steps: int) -> list[dict[str, Any]]:
    """The imagined future of every action, held for `steps` steps.

    Args:
        imaginer: imagines the futures.
        side: the moment from which they start.
        actions: names of the actions.
        steps: from 1 to `MOST_STEPS`.

    Returns:
        For each action a record: `action`; `name`; `picture` of the last step, a data URL; `paths`, by identity the
        positions (y, x) in pixels of each object present, step by step; and for models of games the expected sum of
        rewards `reward`, the probability `ends` that the game ends, and the largest `uncertainty` of a step.

    Raises:
        ValueError: for another number of steps.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"{steps} steps can't be imagined: choose from 1 to {MOST_STEPS}")
    world, state = imaginer.world, side.scenes.state
    number = len(actions) if world.config.actions else 1
    start = state.repeat(number)
    if world.config.actions:
        plans = torch.arange(number, device=state.step.device).expand(steps, number)
        noise = Noise.stack([imaginer.noise(start) for _ in range(steps)]) if imaginer.drawn else None
        after, outcome = world.unroll(start, plans, noise)
        said = _numbers(outcome)
    else:
        after = Slots.stack(list(world.imagined(start, [None] * steps, sample=imaginer.drawn)))
        said = [{}]
    last = pictures.painted(world, after.map(lambda x: x[-1]), side.behind)
    return [
        {
            "action": i,
            "name": actions[i],
            "picture": pictures.data_url(pictures.png(last[i])),
            "paths": _paths(after.map(lambda x: x[:, i]), world.config.frame_size),  # noqa: B023 (called at once)
            **said[i],
        }
        for i in range(number)
    ]


def _numbers(outcome: Outcome) -> list[dict[str, float]]:
    """Reward, ending and uncertainty of every future, from outcomes `[T, B]`."""
    reward, goes_on = outcome.reward.sum(0), (1 - outcome.ends).prod(0)
    rows = torch.stack([reward, 1 - goes_on, outcome.uncertainty.amax(0)], 1)
    return [dict(zip(("reward", "ends", "uncertainty"), _rounded(row), strict=True)) for row in rows]


def _paths(scenes: Slots, size: tuple[int, int]) -> dict[int, list[list[float]]]:
    """Paths of the objects of one scene over `T` steps: by identity, (y, x) in pixels while the object is there."""
    half = 0.5 * (scenes.where.new_tensor(size) - 1)
    centres = half * (scenes.window[1] + 1)
    paths: dict[int, list[list[float]]] = {}
    for identities, places, present in zip(scenes.identity, centres, scenes.presence > 0, strict=True):
        for identity, place in zip(identities[present].tolist(), places[present], strict=True):
            paths.setdefault(identity, []).append(_rounded(place, 1))
    return paths


def _rounded(values: Tensor, digits: int = 4) -> list[float]:
    return [round(float(v), digits) for v in values]
