"""A game with known rules: one sprite bounces, the other is steered; imagination can be checked against the truth."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

SIZE, SPRITE, GOAL = 80, 8, 16
"""Sides of the box, of a sprite and of the green field, in pixels."""

STEPS = np.array([[0, 0], [-3, 0], [3, 0], [0, -3], [0, 3]], float)
"""What each action (stay, up, down, left, right) adds to the steered sprite's position, in pixels."""

SPEED = (1.5, 3.5)
"""Least and largest speed of the bouncing sprite, in pixels a step."""

GROUND, FIELD, BOUNCER, STEERED = (30, 30, 60), (50, 90, 50), (230, 80, 60), (240, 220, 80)


class Bouncing(gym.Env):
    """Two sprites of 8x8 pixels in a box of 80x80.

    The red one moves at a constant velocity and bounces off the walls. The yellow one is steered: stay, up, down, left,
    right by 3 pixels, as far as the walls allow. While its centre is on the green field, every step brings +1. When the
    sprites touch, the step brings -5 and the episode ends; after 500 steps it is cut off.

    Observations are `[80, 80, 3]` uint8; `info["boxes"]` `[2, 4]` holds the true (top, left, height, width), the
    bouncing sprite's first.

    Args:
        render_mode: None or `rgb_array`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 (as Gymnasium has it)
    longest = 500

    def __init__(self, render_mode: str | None = None):
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
        self.action_space = gym.spaces.Discrete(len(STEPS))

    def get_action_meanings(self) -> list[str]:
        """The names of the actions, as Atari's environments give theirs."""
        return ["NOOP", "UP", "DOWN", "LEFT", "RIGHT"]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Both sprites anywhere, at least 30 pixels apart along one axis; the bouncing one moves in any direction."""
        super().reset(seed=seed)
        room = SIZE - SPRITE
        self._bouncer, self._steered = self.np_random.uniform(0, room, (2, 2))
        while np.abs(self._bouncer - self._steered).max() < 30:
            self._steered = self.np_random.uniform(0, room, 2)
        angle, speed = self.np_random.uniform(0, 2 * np.pi), self.np_random.uniform(*SPEED)
        self._velocity = speed * np.array([np.sin(angle), np.cos(angle)])
        self._time = 0
        return self._frame(), self._info()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move both sprites.

        Raises:
            ValueError: if there is no such action.
        """
        if not self.action_space.contains(np.int64(action)):
            raise ValueError(f"action {action!r} is not one of 0 to {len(STEPS) - 1}")
        self._time += 1
        room = SIZE - SPRITE
        place = self._bouncer + self._velocity
        outside = (place < 0) | (place > room)
        self._bouncer = np.where(place < 0, -place, np.where(place > room, 2 * room - place, place))
        self._velocity = np.where(outside, -self._velocity, self._velocity)
        self._steered = np.clip(self._steered + STEPS[int(action)], 0, room)
        touch = bool((np.abs(self._bouncer - self._steered) < SPRITE).all())
        home = bool((np.abs(self._steered + SPRITE / 2 - SIZE / 2) < GOAL / 2).all())
        return self._frame(), -5.0 * touch + 1.0 * home, touch, self._time >= self.longest, self._info()

    def render(self) -> np.ndarray | None:
        """The frame, if the render mode asks for it."""
        return self._frame() if self.render_mode == "rgb_array" else None

    def _info(self) -> dict[str, Any]:
        places = np.stack([self._bouncer, self._steered])
        return {"boxes": np.concatenate([places, np.full((2, 2), SPRITE)], 1).astype(np.float32)}

    def _frame(self) -> np.ndarray:
        frame = np.empty((SIZE, SIZE, 3), np.float32)
        frame[:] = GROUND
        first = (SIZE - GOAL) // 2
        frame[first : first + GOAL, first : first + GOAL] = FIELD
        for place, color in ((self._bouncer, BOUNCER), (self._steered, STEERED)):
            cover = np.multiply.outer(*(_cover(x) for x in place))[..., None]
            frame = frame * (1 - cover) + cover * np.array(color, np.float32)
        return frame.round().astype(np.uint8)


def _cover(start: float) -> np.ndarray:
    """Share of each pixel of an axis that a sprite at `start` covers."""
    pixels = np.arange(SIZE)
    return (np.minimum(pixels + 1, start + SPRITE) - np.maximum(pixels, start)).clip(0, 1).astype(np.float32)
