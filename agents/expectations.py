"""The imagined future of each action, and pictures of it beside the real game."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.figures import beside, draw_boxes, enlarge, identity_color
from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import window
from sqair_wm.world.world_model import WorldModel

from .imagined_returns import Counting, Tally
from .playing.games import RealGames

ZOOM, SMALL = 4, 2
"""Factors by which the real frame and the futures are enlarged."""

TITLE, LINE, BRIGHT, DIM = 26, 13, (235, 235, 235), (150, 150, 150)
"""Pixels above a future, and of a line of text; colours of text."""


@dataclass(frozen=True)
class Expectations:
    """Imagined outcomes of each of `A` actions in one scene.

    Attributes:
        reward: `[A]`, discounted sum of rewards, transformed as for the agent.
        ends: `[A]`, probability that the game or a life ends.
        centres: `[T, A, N, 2]`, imagined centres of the objects, (y, x) in pixels of a frame.
        identities: `[T, A, N]`, -1 where there is none.
    """

    reward: np.ndarray
    ends: np.ndarray
    centres: np.ndarray
    identities: np.ndarray


@torch.no_grad()
def look_ahead(
    world: WorldModel, scene: Slots, steps: int, counting: Counting, then: Callable[[Slots], Tensor] | None = None
) -> Expectations:
    """The likeliest future of every action.

    Args:
        world: the model that imagines.
        scene: a batch of one.
        steps: number of steps to imagine.
        counting: transforms and discounts the rewards.
        then: policy after the first step: `A` scenes to actions `[A]`; None to repeat the first action.
    """
    number = world.config.actions
    scenes, first = scene.repeat(number), torch.arange(number, device=scene.step.device)
    tally, size = Tally(counting, number, first.device), torch.tensor(world.config.frame_size)
    centres, identities, lives = [], [], torch.ones(number, device=first.device)
    for t in range(steps):
        action = first if t == 0 or then is None else then(scenes)
        scenes, outcome = world.step(scenes, action)
        tally.add(outcome)
        lives = lives * (1 - outcome.ends)
        centres.append((window(scenes.where)[1].cpu() + 1) / 2 * size)
        identities.append(scenes.identity.masked_fill(scenes.presence == 0, -1).cpu())
    return Expectations(
        tally.total.cpu().numpy(), (1 - lives).cpu().numpy(), torch.stack(centres).numpy(),
        torch.stack(identities).numpy(),
    )  # fmt: skip


def picture(
    games: RealGames,
    expected: Expectations,
    names: Sequence[str],
    chosen: int,
    text: str,
    probabilities: np.ndarray | None,
) -> np.ndarray:
    """A picture of the first real game with boxes, and of the future of every action, `[H, W, 3]` uint8.

    Args:
        games: the real games.
        expected: the imagined outcomes in the first one.
        names: of the actions.
        chosen: the action that is taken.
        text: shown below the real frame.
        probabilities: `[A]`, of the actions under the agent's policy; None if the agent has none.
    """
    frame, slots = games.frames[0], games.slots
    (scale, centre), size = window(slots.where[:1]), np.array(games.frames.shape[1:3])
    half = scale[0].cpu().numpy() * size
    boxes = np.concatenate([(centre[0].cpu().numpy() + 1) / 2 * size - half / 2, half], 1)
    there = slots.identity[0].masked_fill(slots.presence[0] == 0, -1).cpu().numpy()
    real = np.pad(draw_boxes(frame, boxes, there, ZOOM), ((0, TITLE), (0, 0), (0, 0)), constant_values=16)
    _write(real, text, (4, real.shape[0] - 8), BRIGHT)
    futures = [
        _future(frame, expected, a, names[a], a == chosen, None if probabilities is None else float(probabilities[a]))
        for a in range(len(names))
    ]
    columns = -(-len(futures) * futures[0].shape[0] // real.shape[0])
    rows = -(-len(futures) // columns)
    stacked = [np.concatenate(futures[k : k + rows]) for k in range(0, len(futures), rows)]
    return beside([real, *stacked])


def _future(
    frame: np.ndarray, expected: Expectations, action: int, name: str, chosen: bool, probability: float | None
) -> np.ndarray:
    """The future of an action: the dimmed frame with the path of every object, which brightens with time."""
    canvas = np.ascontiguousarray(enlarge(frame // 3, SMALL))
    steps = len(expected.centres)
    for t in range(steps):
        for (y, x), identity in zip(expected.centres[t, action], expected.identities[t, action], strict=True):
            if identity >= 0:
                shade = (0.35 + 0.65 * (t + 1) / steps) * np.array(identity_color(int(identity)))
                cv2.circle(canvas, (round(x * SMALL), round(y * SMALL)), 1 + (t == steps - 1), shade.tolist(), -1)
    canvas = np.pad(canvas, ((TITLE, 4), (4, 4), (0, 0)), constant_values=16)
    if chosen:
        cv2.rectangle(canvas, (1, 1), (canvas.shape[1] - 2, canvas.shape[0] - 2), BRIGHT, 1)
    _write(
        canvas, name if probability is None else f"{name} {probability:.0%}", (6, LINE - 2), BRIGHT if chosen else DIM
    )
    end = expected.ends[action]
    brings = f"{expected.reward[action]:+.2f}" + (f" ends {end:.0%}" if end >= 0.005 else "")
    _write(canvas, brings, (6, 2 * LINE - 4), BRIGHT if chosen else DIM)
    return canvas


def _write(canvas: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, 1, cv2.LINE_AA)
