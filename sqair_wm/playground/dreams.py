"""Imagined steps, and scenes in which the user moved an object."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sqair_wm.envs.layout import Layout
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.where import to_shift, window
from sqair_wm.playground.history import Side
from sqair_wm.playground.realities import bare
from sqair_wm.world.scenes import Scenes
from sqair_wm.world.world_model import WorldModel

ENDS = 0.5
"""Probability of an end above which a dream counts as over, as in `EpisodeRules`."""


class Imaginer:
    """Takes imagined steps.

    Args:
        world: the model.
        seed: of sampled futures.

    Attributes:
        drawn: whether the future is sampled; otherwise it is the likeliest one.
    """

    def __init__(self, world: WorldModel, seed: int = 0):
        self.world, self.drawn = world, False
        self._random = torch.Generator(world.background.device).manual_seed(seed)

    def noise(self, slots: Slots) -> Noise:
        """The random numbers of the next step."""
        return Noise.draw(slots, generator=self._random) if self.drawn else Noise.none(slots)

    @torch.inference_mode()
    def step(self, side: Side, action: int) -> Side:
        """The dream one imagined step later."""
        world, scenes = self.world, bare(side.scenes)
        state = scenes.state
        if not world.config.actions:
            scenes.advance(world.imagine(state, noise=self.noise(state), discover=False))
            return replace(side, scenes=scenes)
        after, outcome = world.step(state, torch.tensor([action], device=state.step.device), self.noise(state))
        scenes.advance(after)
        reward, ends, unsure = (float(x) for x in (outcome.reward, outcome.ends, outcome.uncertainty))
        over, score = side.over or ends > ENDS, side.score + reward
        return replace(side, scenes=scenes, reward=reward, score=score, over=over, ends=ends, uncertainty=unsure)


def begin_dream(real: Side) -> Side:
    """The first moment of a dream that begins at a moment of the real game."""
    return Side(bare(real.scenes), real.behind)


@torch.inference_mode()
def moved(world: WorldModel, scenes: Scenes, identity: int, y: float, x: float) -> Scenes:
    """The scenes with the box of one object centred elsewhere; its velocity, size and appearance stay.

    Args:
        world: the model that paints the object.
        scenes: a batch of one.
        identity: of the object.
        y, x: the new centre of its box, in pixels from the upper left corner of the frame.

    Raises:
        ValueError: if there is no such object, or the place lies outside the frame.
    """
    height, width = world.config.frame_size
    if not (0 <= y <= height and 0 <= x <= width):
        raise ValueError(f"({y:g}, {x:g}) is outside the frame: choose y from 0 to {height} and x from 0 to {width}")
    state = scenes.state
    there = (state.identity[0] == identity) & (state.presence[0] > 0)
    if not there.any():
        present = state.identity[0][state.presence[0] > 0].tolist()
        raise ValueError(f"there is no object {identity} now: choose one of {sorted(present)}")
    who = Layout.of(world.config).info(state, None, world)
    slot = int(there.nonzero()[0, 0])
    top, left, tall, wide = who["boxes"][0, slot].tolist()
    length = state.where.new_tensor([height, width])
    way = 2 * state.where.new_tensor([y - top - tall / 2, x - left - wide / 2]) / (length - 1)
    after = bare(scenes)
    after.advance(state.replace(where=_shifted(state.where, slot, way)))
    return after


def _shifted(where: Tensor, slot: int, way: Tensor) -> Tensor:
    """`where` `[1, N, 4]` with the centre of a slot moved by `way` (y, x), in half frames."""
    centre = window(where)[1][0, slot] + way
    after = where.clone()
    after[0, slot, 2:] = to_shift(centre)
    return after
