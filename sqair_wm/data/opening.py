"""From a configuration to data sets: games, moving digits, videos."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from omegaconf import DictConfig

from sqair_wm.common.limits import Limits
from sqair_wm.common.settings import ConfigError, typed
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.joined import JoinedSequences, recording_folders, recordings_in
from sqair_wm.data.mnist import load_mnist
from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.data.settings import DataSettings, Shown
from sqair_wm.data.video import VideoSequences, VideoSettings, open_video
from sqair_wm.games.field import Field
from sqair_wm.games.games import check_field, choose_field
from sqair_wm.games.names import find_game, settle
from sqair_wm.games.play import Recording


@dataclass(frozen=True)
class GameSettings(DataSettings):
    """Play of a game, which is recorded before training.

    Attributes:
        frames: number of frames to record for training.
        test_frames: number of frames to record for the evaluation.
        size: height and width of a frame in pixels.
        memory: when the scene has changed, frames after which what stands still is background.
        crop: [first, last] raw row of what is shown; `auto`: measured.
        pool: raw frames an observation is the maximum of; `auto`: measured.
        sticky: probability that the game repeats an action; `auto`: as the game's id asks for, else 0.
        more: folders of more play to learn from: recordings, or runs of agents.
    """

    kind: str = "atari"
    name: Any = "${env}"
    frames: int = 20_000
    test_frames: int = 4000
    size: int = 80
    memory: int = Recording.memory
    crop: Any = "auto"
    pool: Any = "auto"
    sticky: Any = "auto"
    more: list[str] = field(default_factory=list)
    report: Shown = field(default_factory=lambda: Shown(16, 60, 8))

    LIMITS: ClassVar[Limits] = {
        name: Recording.LIMITS[name] for name in ("size", "memory", "crop", "pool", "sticky")
    } | {name: Recording.LIMITS["frames"] for name in ("frames", "test_frames")}


def recording(config: DictConfig, test: bool, field: Field | None = None) -> Recording:
    """The settings of the recording for training, or for the held-out test.

    Args:
        config: of the run.
        test: whether it is for the test.
        field: the values that `data.crop=auto` and `data.pool=auto` stand for; None for those of `Field`.

    Raises:
        ConfigError: if a setting has the wrong type.
        ValueError: if there is no such game, or it can't be played as the settings say.
    """
    data, game, field = config.data, find_game(str(config.env)), field or Field()
    sticky, frame_skip = settle(game, _chosen(data, "sticky"))
    crop, pool = _chosen(data, "crop"), _chosen(data, "pool")
    check_field(game, crop, pool)
    settings = {
        "game": game.name,
        "frames": data.test_frames if test else data.frames,
        "seed": config.seed + (1_000_000 if test else 0),
        "size": data.size,
        "memory": data.memory,
        "crop": field.crop if crop is None else crop,
        "pool": field.pool if pool is None else pool,
        "sticky": sticky,
        "frame_skip": frame_skip,
    }
    return typed(Recording, settings, "data")


def _chosen(data: DictConfig, name: str) -> Any:
    """A setting that may be `auto`; None if it is."""
    return None if data[name] == "auto" else data[name]


def check_game(config: DictConfig) -> None:
    if config.env is None:
        raise ConfigError("name a game: python train_wm.py env=MsPacman (or data=moving_mnist)")
    recording(config, test=True)
    recording(config, test=False).make().close()
    for folder in config.data.more:
        recording_folders(Path(folder))


def record_game(config: DictConfig) -> tuple[AtariSequences, AtariSequences]:
    asked = recording(config, test=False)
    field = choose_field(find_game(asked.game), asked.crop, asked.pool)
    train, test = recording(config, False, field), recording(config, True, field)
    root = Path(config.data.folder)
    first = record(train, root / train.folder_name)
    held_out = record(test, root / test.folder_name, first.background)
    more = [part for folder in config.data.more for part in recordings_in(Path(folder))]
    return (JoinedSequences([first, *more]) if more else first), held_out


@dataclass(frozen=True)
class Digits:
    """The settings of `MovingMNIST`, see there."""

    size: int = 50
    most: int = 2
    scale: float = 1.0
    lively: bool = False
    least: int = 0
    crowded: bool = False

    LIMITS: ClassVar[Limits] = {"size": (None, 4096), "most": (None, 1000), "scale": (None, 100)}

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most:
            raise ValueError(f"data.least must lie between 0 and data.most ({self.most}), got {self.least}")
        if self.size < 1 or self.most < 1 or self.scale <= 0:
            raise ValueError(
                "data.size and data.most must be at least 1 and data.scale positive, "
                f"got {self.size}, {self.most} and {self.scale}"
            )


@dataclass(frozen=True)
class DigitSettings(Digits, DataSettings):
    """Moving digits, see `Digits`.

    Attributes:
        mnist: folder of the IDX files, which are downloaded if they are missing.
        tested: test sequences in which digits are counted at the end of training.
    """

    kind: str = "moving_mnist"
    name: Any = "moving_mnist"
    mnist: str = "data/mnist"
    tested: int = 1000
    LIMITS: ClassVar[Limits] = {"tested": (1, 1e6)}
    report: Shown = field(default_factory=lambda: Shown(16, 20, 3))


def digits(config: DictConfig) -> Digits:
    """The settings of the digits."""
    return typed(Digits, {f.name: config.data[f.name] for f in fields(Digits) if f.name in config.data}, "data")


def moving_mnist(config: DictConfig, test: bool, **changes: Any) -> MovingMNIST:
    """Moving digits of the MNIST training or test set, by the configuration with `changes` to `Digits`."""
    images, labels = load_mnist(Path(config.data.mnist), train=not test)
    return MovingMNIST(images, labels, **asdict(replace(digits(config), **changes)))


@dataclass(frozen=True)
class FilmSettings(VideoSettings, DataSettings):
    """A video, see `VideoSettings`; its foreground is stored in `folder`.

    Attributes:
        tested: test sequences in which people are counted at the end of training.
    """

    kind: str = "video"
    name: Any = "video"
    tested: int = 500
    LIMITS: ClassVar[Limits] = {"tested": (1, 1e6)}
    report: Shown = field(default_factory=lambda: Shown(16, 12, 4))


def video_settings(config: DictConfig) -> VideoSettings:
    """The video, and how it is cut."""
    if not config.data.path:
        raise ConfigError("name a video: python train_wm.py data=video data.path=clip.avi")
    chosen = {f.name: config.data[f.name] for f in fields(VideoSettings) if f.name in config.data}
    return typed(VideoSettings, chosen | {"path": str(config.data.path)}, "data")


def video(config: DictConfig) -> tuple[VideoSequences, VideoSequences]:
    """The sequences of the training part and of the test part; the foreground is stored in `data.folder`."""
    return open_video(video_settings(config), Path(config.data.folder))
