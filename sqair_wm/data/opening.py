"""The data sets by their names in the configuration: `data.kind`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sqair_wm.common.settings import ConfigError, typed
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.mnist import load_mnist
from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.data.sequences import Sequences
from sqair_wm.data.video import VideoSequences, VideoSettings, open_video
from sqair_wm.games.field import Field
from sqair_wm.games.games import check_field, choose_field
from sqair_wm.games.memory import measure_memory
from sqair_wm.games.names import find_game, settle
from sqair_wm.games.play import Recording


@dataclass(frozen=True)
class Kind:
    """A kind of data.

    Attributes:
        check: raises ValueError for settings that cannot work, before anything is read or written.
        build: training and test sequences.
    """

    check: Callable[[DictConfig], None]
    build: Callable[[DictConfig], tuple[Sequences, Sequences]]


def check_data(config: DictConfig) -> None:
    """Raise ValueError for settings of the data that cannot work."""
    if config.data.kind not in KINDS:
        raise ConfigError(f"data.kind is {config.data.kind!r}; choose one of {', '.join(KINDS)}")
    if config.data.kind != "atari" and config.env is not None:
        raise ConfigError(f"env={config.env} and data={config.data.kind} are two data sets: name one of them")
    KINDS[config.data.kind].check(config)


def build_data(config: DictConfig) -> tuple[Sequences, Sequences]:
    """Training and test sequences; what has to be recorded first is recorded, unless it is there already."""
    return KINDS[config.data.kind].build(config)


def recording(config: DictConfig, test: bool, memory: int | None = None, field: Field | None = None) -> Recording:
    """What to record of a game for training, or for the held-out test.

    Args:
        config: of the run.
        test: whether for the test.
        memory: what stands for `data.memory=auto`; None for the default of `Recording`.
        field: what stands for `data.crop=auto` and `data.pool=auto`; None for those defaults.

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
        "memory": (memory or Recording.memory) if data.memory == "auto" else data.memory,
        "crop": field.crop if crop is None else crop,
        "pool": field.pool if pool is None else pool,
        "sticky": sticky,
        "frame_skip": frame_skip,
    }
    return typed(Recording, settings, "data")


def _chosen(data: DictConfig, name: str) -> Any:
    """A setting that may be left to the game or to a measurement; None if it is."""
    return None if data[name] == "auto" else data[name]


def _check_game(config: DictConfig) -> None:
    if config.env is None:
        raise ConfigError("name a game: python train_wm.py env=MsPacman (or data=moving_mnist)")
    recording(config, test=True)
    recording(config, test=False).make().close()


def _record_game(config: DictConfig) -> tuple[AtariSequences, AtariSequences]:
    asked = recording(config, test=False)
    field = choose_field(find_game(asked.game), asked.crop, asked.pool)
    looked = recording(config, False, field=field)
    memory = measure_memory(looked) if config.data.memory == "auto" else None
    train, test = recording(config, False, memory, field), recording(config, True, memory, field)
    root = Path(config.data.folder)
    first = record(train, root / train.folder_name)
    return first, record(test, root / test.folder_name, first.background)


@dataclass(frozen=True)
class Digits:
    """The settings of `MovingMNIST`, see there."""

    size: int = 50
    most: int = 2
    scale: float = 1.0
    lively: bool = False
    least: int = 0
    crowded: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most:
            raise ValueError(f"data.least must lie between 0 and data.most ({self.most}), got {self.least}")
        if self.size < 1 or self.most < 1 or self.scale <= 0:
            raise ValueError(
                "data.size and data.most must be at least 1 and data.scale positive, "
                f"got {self.size}, {self.most} and {self.scale}"
            )


def digits(config: DictConfig) -> Digits:
    """What the digits are like."""
    return typed(Digits, {f.name: config.data[f.name] for f in fields(Digits) if f.name in config.data}, "data")


def moving_mnist(config: DictConfig, test: bool, **changes: Any) -> MovingMNIST:
    """Moving digits of the MNIST training or test set, as the configuration says but for the `changes` to `Digits`."""
    images, labels = load_mnist(Path(config.data.mnist), train=not test)
    return MovingMNIST(images, labels, **asdict(replace(digits(config), **changes)))


def _check_digits(config: DictConfig) -> None:
    digits(config)


def video_settings(config: DictConfig) -> VideoSettings:
    """The video, and how it is cut."""
    if config.data.path is None:
        raise ConfigError("name a video: python train_wm.py data=video data.path=clip.avi")
    chosen = {f.name: config.data[f.name] for f in fields(VideoSettings) if f.name in config.data}
    return typed(VideoSettings, chosen | {"path": str(config.data.path)}, "data")


def video(config: DictConfig, root: Path | None = None) -> tuple[VideoSequences, VideoSequences]:
    """Training and test part; the foreground is kept in `root`, by default in `data.folder`."""
    return open_video(video_settings(config), root or Path(config.data.folder))


def _check_video(config: DictConfig) -> None:
    video_settings(config)


KINDS = {
    "atari": Kind(_check_game, _record_game),
    "moving_mnist": Kind(_check_digits, lambda config: (moving_mnist(config, False), moving_mnist(config, True))),
    "video": Kind(_check_video, video),
}
