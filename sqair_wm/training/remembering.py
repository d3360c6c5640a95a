"""What the dynamics remembers of recorded play, computed again when its weights have changed."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.slots import Slots
from sqair_wm.training.encoded import restored
from sqair_wm.world.world_model import WorldModel

CHUNK, BURN_IN = 64, 16
"""Frames of a chunk, whose memories are computed one after the other; and frames before it, with which this begins."""

AT_ONCE = 1024
"""Chunks that are computed side by side: it bounds the memory that this takes."""


@torch.no_grad()
def remember(world: WorldModel, states: Slots, part: Tensor, actions: Tensor) -> None:
    """Replace the memory of the dynamics in `F` filtered frames by what its weights of now make of these frames.

    A scene is stored with the memory that the dynamics had when the frame was filtered. After training, the dynamics
    reads that memory as something else (Kapturowski et al. 2019, "Recurrent Experience Replay in Distributed
    Reinforcement Learning", section 3, measure this). The result depends on weights and frames alone: a chunk begins
    `BURN_IN` frames earlier, with the memory of new objects.

    Args:
        world: the model.
        states: `F` scenes, each tensor `[F, ...]`; an object keeps its row while it lives. Their `prior` is changed.
        part: `[F]` int64; frames with the same number follow one another.
        actions: `[F]` int64, the action that led to each frame.
    """
    goes_on = torch.zeros_like(part, dtype=torch.bool)
    goes_on[1:] = part[1:] == part[:-1]
    for first in torch.arange(0, len(part), CHUNK).split(AT_ONCE):
        _chunks(world, states, goes_on, actions, first)


def _chunks(world: WorldModel, states: Slots, goes_on: Tensor, actions: Tensor, first: Tensor) -> None:
    """Do the work of `remember` in the chunks that begin at the frames `first`."""
    device, last = world.background.device, len(actions) - 1
    frame = (first - BURN_IN).clamp(min=0)
    scenes = _scenes(states, frame, device)
    known = goes_on[frame].to(device)[:, None, None]
    memory = torch.where(known, world.sqair.inference.memory(scenes.what, scenes.where)[1], scenes.prior)
    for t in range(1 - BURN_IN, CHUNK):
        frame = (first + t).clamp(0, last)
        after = _scenes(states, frame, device)
        stays = (after.identity == scenes.identity) & (after.identity >= 0) & goes_on[frame].to(device)[:, None]
        told = world.sqair.dynamics(scenes.replace(prior=memory), actions[frame].to(device), world.sqair.dense).memory
        memory, scenes = torch.where(stays[..., None], told, after.prior), after
        if t >= 0:
            counts = first + t <= last
            states.prior[frame[counts]] = memory[counts.to(device)].to(states.prior.device)


def _scenes(states: Slots, frame: Tensor, device: torch.device) -> Slots:
    """The scenes of some frames, with which the dynamics can go on."""
    return restored(states.select(frame).to(device))
