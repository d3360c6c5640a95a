"""The game and the preprocessing of its frames that a model was trained with, for running games too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.common.limits import Limits, check_settings
from sqair_wm.games.atari import POOL, whole
from sqair_wm.games.background import RunningMode, separate
from sqair_wm.games.names import FRAME_SKIP, find_game
from sqair_wm.games.play import Recording

VIEW = ("size", "crop", "pool", "sticky", "memory", "frame_skip")
"""Settings of a `Recording` that must be the same wherever a model observes a game."""

ALIASES = {"frameskip": "frame_skip", "repeat_action_probability": "sticky"}
"""What ale-py calls two of the settings of a `Source`."""


@dataclass(frozen=True)
class Source:
    """The game that a model was trained on, and the preprocessing of its frames.

    Attributes:
        game: the one name of the game, see `find_game`.
        size: height and width of a frame in pixels.
        crop: (first, last) raw row of what is shown; None for the whole picture.
        pool: raw frames a frame is the maximum of; None for 2, or where there are no raw frames.
        sticky: probability that the game repeats an action.
        memory: when the scene has changed, frames after which what stands still is background, see `RunningMode`.
        frame_skip: raw frames an action lasts; None for 4, or where there are no raw frames.
    """

    game: str
    size: int
    crop: tuple[int, int] | None = None
    pool: int | None = None
    sticky: float = 0.0
    memory: int = 45
    frame_skip: int | None = None

    LIMITS: ClassVar[Limits] = {name: Recording.LIMITS[name] for name in VIEW}

    def __post_init__(self) -> None:
        check_settings(self, "source")

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments with which `make_game` makes the game; for an Atari game none of them is None."""
        own = {name: getattr(self, name) for name in ("size", "crop", "pool", "sticky", "frame_skip")}
        game = find_game(self.game)
        if game.atari:
            usual = {"pool": POOL, "frame_skip": FRAME_SKIP}
            own |= {name: value for name, value in usual.items() if own[name] is None}
            own["crop"] = self.crop or whole(game.name)
        return own

    def settings_with(self, asked: dict[str, Any]) -> dict[str, Any]:
        """`settings` and the other settings `asked` for, which may repeat one of them.

        Raises:
            ValueError: if another value of a setting is asked for than the model was trained with.
        """
        own, aliases = self.settings, ALIASES if find_game(self.game).atari else {}
        for name, value in asked.items():
            mine = aliases.get(name, name)
            if mine in own and (tuple(value) if isinstance(value, list) else value) != own[mine]:
                raise ValueError(
                    f"{name}={value!r} is not what the model was trained with, {mine}={own[mine]!r}: leave it out, or "
                    "train a model with it"
                )
        return own | {name: value for name, value in asked.items() if aliases.get(name, name) not in own}


class Preprocessor:
    """Preprocesses the pictures of one running game: separates the foreground from a running background model.

    Made by `WorldModel.preprocessor`; each running game needs its own, because every picture updates the background.

    Args:
        initial: `[H, W, 3]` uint8, the background at the start of an episode.
        memory: see `Source`.
        device: of the model.
    """

    def __init__(self, initial: np.ndarray, memory: int, device: torch.device):
        self._mode, self._device = RunningMode(initial, memory), device

    def reset(self) -> None:
        """Start an episode: the background is the initial one again."""
        self._mode.reset()

    @property
    def background(self) -> np.ndarray:
        """The background with which the last frame was compared, `[H, W, 3]` uint8."""
        return self._mode.image.copy()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """See `RunningMode.state_dict`."""
        return self._mode.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from what `state_dict` returned."""
        self._mode.load_state_dict(state)

    def __call__(self, frame: np.ndarray) -> Frame:
        """A picture `[H, W, 3]` uint8 as one `Frame` on the model's device."""
        background = torch.from_numpy(self._mode.update(frame)).to(self._device)
        return separate(torch.from_numpy(frame).to(self._device), background)[None]
