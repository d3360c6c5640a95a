"""What the birth network learns from: which objects appear with each step of play."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sqair_wm.model.births import Births, Newcomers
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.slots import Slots
from sqair_wm.nn.packing import flat_rows, take_rows
from sqair_wm.training.contacts import newly_seen
from sqair_wm.training.encoded import Play
from sqair_wm.training.terms import without_scenery


class Step(NamedTuple):
    """One step of `B` scenes.

    Attributes:
        scene: before it.
        action: `[B]` int64.
        new: what appeared with it.
        moving: `[B, M]`, 1 where the velocity of a new object is known, else 0.
        weight: `[B]`, how much each scene counts.
    """

    scene: Slots
    action: Tensor
    new: Newcomers
    moving: Tensor
    weight: Tensor


def births_loss(births: Births, play: Play, singles: Play, before: list[Slots], context: int, dense: bool) -> Tensor:
    """Loss of the objects that appear, a scalar.

    The first scenes are left out, because their memory of the dynamics was computed before this training. Objects
    that will not be seen again are left out as well: tracking keeps them for a while, but imagination does not.
    Imagined scenes count until something appears in them: from then on it is missing in them. Single steps, of
    which many are drawn where something appears, count as well.

    Args:
        births: the network that learns.
        play: the stretches of `T` frames that were imagined.
        before: the scenes before each of the `T - 1` imagined steps.
        singles: steps that were seen.
        context: number of observed frames before imagination begins.
        dense: see `SQAIR`.
    """
    steps, waits = [], torch.ones_like(play.weight)
    for t in range(1, len(play) - 2):
        step = _step(play, t, before[t], births.config.at_once)
        steps.append(step._replace(weight=step.weight * waits))
        if t + 1 >= context:
            waits = waits * (1 - step.new.presence[:, 0])
    steps.append(_step(singles, 0, singles.scene(0), births.config.at_once))
    scenes, action, _, moving, weight = zip(*steps, strict=True)
    left, new = without_scenery(list(scenes)), Newcomers(*map(torch.cat, zip(*(s.new for s in steps), strict=True)))
    known = births.context(SceneFeatures.of(left, births.config, dense), left, torch.cat(action))
    return births.loss(known, new, torch.cat(moving), torch.cat(weight))


def _step(play: Play, t: int, before: Slots, most: int) -> Step:
    """The step after frame `t` from the scenes `before` it, with at most `most` new objects.

    The highest of several new objects comes first: in a random order, each would have to be predicted as any of them.
    In stretches, a new object's velocity is that of the frame after, because its first is not known.
    """
    after, last = play.scene(t + 1), t + 2 == len(play)
    later = play.scene(t + 1 if last else t + 2)
    appears = newly_seen(play.scene(t), after) & ~play.departed[t + 1]
    order = torch.where(appears, after.window[1][..., 0], torch.inf).sort(dim=1, stable=True).indices[:, :most]
    rows = flat_rows(order, appears.shape[1])
    fresh, where, what, name = (
        take_rows(x, rows, order.shape) for x in (appears, after.where, after.what, after.identity)
    )
    stays = (later.identity[:, None] == name[..., None]) & (later.presence > 0)[:, None] & (later.unseen == 0)[:, None]
    slot = stays.to(torch.uint8).argmax(2)
    velocity = take_rows(later.velocity, flat_rows(slot, appears.shape[1]), slot.shape)
    moving = (stays.any(2) & fresh).to(where.dtype) * (not last)
    scene = before.replace(presence=before.presence * ~play.departed[t])
    new = Newcomers(fresh.to(where.dtype), where, what, velocity)
    return Step(scene, play.actions[t + 1], new, moving, play.weight)
