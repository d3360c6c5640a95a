"""Motion of objects: a velocity smoothed over the frames, because observed positions are noisy."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MOTION = 4
"""Units of an object's memory: how far (y, x) it was expected to move, and its smoothed velocity."""

FEATURES = 12
"""Length of `Motion.features`."""

EDGE = 0.25
"""In object sizes, the finer of two scales on which the distance to an edge of the frame saturates."""

FINE = 0.1
"""Share of an object's size at which a surprise saturates: a larger one is not jitter, the object turned or jumped."""

MOST_INERTIA, FIRST_INERTIA = 1.25, 0.67
"""Bound of the factor on the velocity, which may turn negative (an object bounces), and the initial input of its tanh:
the factor starts at 0.73, because velocities are uncertain."""

HARDLY = 0.02
"""Slope of `firm` at zero."""

OUTPUTS = {"free": 8, "kept": 8, "divided": 9}
"""Outputs of the network for `Motion.move`, by `ModelConfig.inertia`: inertia, turn, doubt of the position and of the
velocity, each for y and x; and one for the share of the old velocity."""

FIRST_SHARE = -1.0
"""Initial logit of the share of the old velocity in a step in which the velocity changes."""

FIRST_DOUBT = -2.0
"""Initial logit of the share of a surprise that is put down to jitter."""


class Motion(NamedTuple):
    """What is known of the motion of `R` objects; all `[R, 2]` (y, x), in units of half a frame.

    A prediction that comes true, as in imagination, leaves no surprise. A surprise is divided between jitter of the
    position and true motion. A shift of the position alone, as after a bounce off a wall, does not change the velocity.

    Attributes:
        surprise: where the object is seen, less where it was expected.
        velocity: the smoothed velocity before this surprise.
    """

    surprise: Tensor
    velocity: Tensor

    @staticmethod
    def of(step: Tensor, memory: Tensor, reach: Tensor) -> Motion:
        """From the last `step` `[R, 2]` of the centre, the `memory` `[R, 4]` that `move` left, and its unit `reach`."""
        expected, velocity = (memory * reach).chunk(2, -1)
        return Motion(step - expected, velocity)

    def features(self, centre: Tensor, reach: Tensor) -> Tensor:
        """What a network is shown, `[R, FEATURES]`: surprise, velocity, and how near the frame's edges it goes next."""
        there = (centre + self.velocity + self.surprise) / reach
        edges = torch.cat([1 / reach - there, 1 / reach + there], -1)
        far, near = torch.tanh(edges), torch.tanh(edges / EDGE)
        return torch.cat([torch.tanh(self.surprise / (FINE * reach)), self.velocity / reach, far, near], -1)

    def move(self, out: Tensor, shift: Tensor, reach: Tensor, *, inertia: str) -> tuple[Tensor, Tensor]:
        """How far each object is expected to move, `[R, 2]`, and the memory of it, `[R, 4]`.

        Args:
            out: `[R, OUTPUTS[inertia]]` of a network, 0 at the start of training.
            shift: `[R, 2]` change of position alone.
            reach: unit of the memory and bound of a turn.
            inertia: see `ModelConfig.inertia`. Unless it is `free`, objects keep their velocity if `out` does not say
                clearly that they do not, see `firm`.
        """
        factor, turn, place, velocity = out[:, : OUTPUTS["kept"]].chunk(4, -1)
        if inertia != "free":
            factor = 1 + torch.where(factor < 0, 1 + MOST_INERTIA, MOST_INERTIA - 1) * torch.tanh(firm(factor))
            turn = firm(turn)
        else:
            factor = MOST_INERTIA * torch.tanh(factor + FIRST_INERTIA)
        jitter, doubted = torch.sigmoid(place + FIRST_DOUBT), torch.sigmoid(velocity + FIRST_DOUBT)
        held = self.velocity + (1 - doubted) * self.surprise
        velocity = held * factor + reach * torch.tanh(turn)
        step = velocity + shift - jitter * self.surprise
        if inertia == "divided":
            step = step + torch.sigmoid(out[:, OUTPUTS["kept"] :] + FIRST_SHARE) * (held - velocity)
        return step, torch.cat([step, velocity], -1) / reach


def expecting(memory: Tensor, step: Tensor, reach: Tensor) -> Tensor:
    """The `memory` `[..., P]` of a dynamics with `Motion`, as if the last `step` `[..., 2]` had been expected."""
    return torch.cat([memory[..., :-MOTION], step / reach, memory[..., -MOTION // 2 :]], -1)


def firm(x: Tensor) -> Tensor:
    """`x` less most of its tanh: nearly 0 near 0, so that objects move on unchanged; far from 0, one closer to it."""
    return x - (1 - HARDLY) * torch.tanh(x)
