"""The model together with what it needs to look at a running game; saved and loaded as one folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from sqair_wm.common.files import write_atomically
from sqair_wm.games.atari import POOL, whole
from sqair_wm.games.background import RunningMode, separate
from sqair_wm.games.games import make_game
from sqair_wm.games.legacy import completed
from sqair_wm.games.names import FRAME_SKIP, find_game
from sqair_wm.model import baselines
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.outcome import Outcome, OutcomeHeads
from sqair_wm.model.slots import Slots, StepTerms
from sqair_wm.model.sqair import Rendering

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"

ALIASES = {"frameskip": "frame_skip", "repeat_action_probability": "sticky"}
"""What ale-py calls two of the settings of a `Source`."""


@dataclass(frozen=True)
class Source:
    """Where the frames come from: what it takes to show the model a running game.

    Attributes:
        game: the one name of the game, see `find_game`.
        size: height and width of a frame in pixels.
        crop: (first, last) raw row of what is shown; None for the whole picture.
        pool: raw frames a frame is the maximum of; None for 2, or where there are no raw frames.
        sticky: probability that the game repeats an action.
        memory: frames after which something that stands still is background.
        frame_skip: raw frames an action lasts; None for 4, or where there are no raw frames.
    """

    game: str
    size: int
    crop: tuple[int, int] | None = None
    pool: int | None = None
    sticky: float = 0.0
    memory: int = 45
    frame_skip: int | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """How `make_game` makes the game, with nothing left open for an Atari game."""
        own = {name: getattr(self, name) for name in ("size", "crop", "pool", "sticky", "frame_skip")}
        game = find_game(self.game)
        if game.atari:
            usual = {"pool": POOL, "frame_skip": FRAME_SKIP}
            own |= {name: value for name, value in usual.items() if own[name] is None}
            own["crop"] = self.crop or whole(game.name)
        return own

    def settings_with(self, asked: dict[str, Any]) -> dict[str, Any]:
        """`settings`, and what else is asked for, which may repeat one of them.

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


class Eyes:
    """Turns the frames of one running game into what the model sees; remembers the background between frames."""

    def __init__(self, initial: np.ndarray, memory: int, device: torch.device):
        self._mode, self._device = RunningMode(initial, memory), device

    def reset(self) -> None:
        """Start of an episode."""
        self._mode.reset()

    @property
    def background(self) -> np.ndarray:
        """What the last frame was compared with, `[H, W, 3]` uint8."""
        return self._mode.image.copy()

    def __call__(self, frame: np.ndarray) -> Tensor:
        """A frame `[H, W, 3]` uint8 to `[1, 7, H, W]` on the model's device: foreground, opacity, background."""
        background = torch.from_numpy(self._mode.update(frame)).to(self._device)
        return separate(torch.from_numpy(frame).to(self._device), background)[None]


class WorldModel(nn.Module):
    """SQAIR (or a baseline in its place), heads for reward and ending, the background of the game and its source.

    Args:
        config: of the model.
        source: of the frames; None for data that are no game.
        background: `[H, W, 3]` uint8, the background at the start of an episode.
    """

    background: Tensor

    def __init__(self, config: ModelConfig, source: Source | None = None, background: np.ndarray | None = None):
        super().__init__()
        self.config, self.source = config, source
        self.sqair = baselines.build(config)
        self.heads = OutcomeHeads(config) if config.actions else None
        blank = np.zeros((*config.frame_size, 3), np.uint8)
        self.register_buffer("background", torch.from_numpy((blank if background is None else background).copy()))

    def initial(self, batch: int) -> Slots:
        """An empty scene for each of `batch` rows; see `SQAIR.initial`."""
        return self.sqair.initial(batch)

    def observe(
        self, slots: Slots, frame: Tensor, action: Tensor | None = None, **options: Any
    ) -> tuple[Slots, StepTerms]:
        """Posterior step; see `SQAIR.observe`."""
        return self.sqair.observe(slots, frame, action, **options)

    def imagine(self, slots: Slots, action: Tensor | None = None, **options: Any) -> Slots:
        """Prior step; see `SQAIR.imagine`."""
        return self.sqair.imagine(slots, action, **options)

    def render(self, slots: Slots) -> Rendering:
        """Mean image and glimpses; see `SQAIR.render`."""
        return self.sqair.render(slots)

    def outcome(self, slots: Slots, action: Tensor, after: Slots) -> Outcome:
        """Reward and ending of a step from `slots` under `action` `[B]` to `after`, observed or imagined.

        Raises:
            ValueError: if the model was trained on data without actions.
        """
        if self.heads is None:
            raise ValueError("this model was trained on data without actions and rewards, so it has no outcome")
        return self.heads(slots, action, after, self.sqair.dense)

    def make_env(self, **kwargs: Any) -> gym.Env:
        """The game with the frames that this model was trained on; `kwargs` go to `gymnasium.make`.

        Raises:
            ValueError: if the model was not trained on a game, or `kwargs` ask for another frame skip, stickiness,
                crop, pooling or size than it was trained with.
        """
        source = self._source()
        return make_game(source.game, **source.settings_with(kwargs))

    def eyes(self) -> Eyes:
        """A fresh background model for one running game, on the device of the weights.

        Raises:
            ValueError: if the model was not trained on a game.
        """
        return Eyes(self.background.cpu().numpy(), self._source().memory, self.background.device)

    def _source(self) -> Source:
        if self.source is None:
            raise ValueError("this model was not trained on a game, so there is none to look at")
        return self.source

    def save(self, folder: Path) -> None:
        """Write weights and description into `folder`, each atomically."""
        description = {"model": self.config.to_json(), "source": None if self.source is None else asdict(self.source)}
        write_atomically(folder / WEIGHTS, lambda path: save_model(self, str(path)))
        write_atomically(folder / DESCRIPTION, lambda path: path.write_text(json.dumps(description, indent=1)))


def load(folder: str | Path, device: str | torch.device = "cpu") -> WorldModel:
    """Read a trained model from a run's folder, ready to use (evaluation mode, no gradients).

    Args:
        folder: such as `runs/MsPacman` or `pretrained/MsPacman`.
        device: where to put it; a CUDA device computes densely.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if its files are damaged or do not belong together.
    """
    folder = Path(folder)
    for name in (WEIGHTS, DESCRIPTION):
        if not (folder / name).exists():
            raise FileNotFoundError(f"no trained model in {folder}: {name} is missing (train one with train_wm.py)")
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
        config = ModelConfig.from_json(description["model"])
        source = description["source"] and Source(**completed(description["source"]))
        with torch.random.fork_rng(devices=[]):  # the weights are drawn, then read
            model = WorldModel(config, source)
        load_model(model, folder / WEIGHTS)
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the model in {folder} is damaged or from another version: {error}") from error
    model.to(device).eval().requires_grad_(False)
    model.sqair.dense = torch.device(device).type != "cpu"
    return model
