"""Crops of what moves in front of a static camera: the CCTV experiment of the paper (section 4.2) on any video."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from sqair_wm.common.files import new_folder
from sqair_wm.common.frame import Frame
from sqair_wm.common.locks import alone
from sqair_wm.common.notes import list_sums
from sqair_wm.data.crops import Clip, Crops, draw_crops
from sqair_wm.data.footage import Footage, find_footage
from sqair_wm.data.foreground import Extraction, extract
from sqair_wm.data.people import check_fit, find_boxes, read_people
from sqair_wm.data.sequences import Batch, Truth

VERSION = 1
"""Raise it when equal settings no longer give equal foregrounds: older ones are then made again."""

STATIC = 1.0
"""If a camera shifts by more than this number of reduced pixels, a warning says that it moves."""

SHARE_IN_CROP = 0.5
"""A person is in a crop if at least this share of the box lies in it."""


@dataclass(frozen=True)
class VideoSettings(Extraction):
    """A video and how sequences are cut from it; see `Extraction` for the rest.

    The defaults are the paper's as far as they are known: grey inverted, reduced to a width of 240, crops of 64x64 with
    at most three objects in any frame, five frames. The paper does not say how far apart its frames are.

    Attributes:
        path: a video, a folder of images, or a folder with the layout of DukeMTMC.
        size: height and width of a crop in reduced pixels.
        length: frames of a sequence.
        every: frames of the video from one frame of a sequence to the next.
        most: most connected parts of the foreground in any frame of a crop; at least one of its frames has some.
        boxes: true boxes for the evaluation, see `read_people`; None if there are none.
        cameras: numbers of the cameras to take from a folder with several; None for all.
        seed: of the fixed sequences that `first` gives.
    """

    path: str = ""
    size: int = 64
    length: int = 5
    every: int = 2
    most: int = 3
    boxes: str | None = None
    cameras: tuple[int, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.path:
            raise ValueError("name a video: data.path=clip.avi (or a folder of images)")
        for name in ("size", "length", "every", "most"):
            if getattr(self, name) < 1:
                raise ValueError(f"data.{name} must be at least 1, got {getattr(self, name)}")
        if self.size > self.width:
            raise ValueError(
                f"crops of data.size={self.size} do not fit into frames reduced to data.width={self.width}"
            )

    @property
    def extraction(self) -> Extraction:
        """How the foreground is made."""
        return Extraction(**{f.name: getattr(self, f.name) for f in fields(Extraction)})


class VideoSequences:
    """Sequences of foreground, each cut from one position and one camera.

    The time is drawn first, uniformly from those at which anything moves; then the position, uniformly from the crops
    that hold 1 to `most` connected parts. True boxes are not used.

    Args:
        clips: the prepared videos.
        settings: how to cut.
        test: whether to cut from the test part instead of the training part.

    Raises:
        ValueError: if no part is as long as a sequence, or nothing moves.
    """

    channels, scenery, number_of_actions = 1, 0, 0

    def __init__(self, clips: list[Clip], settings: VideoSettings, test: bool):
        self.clips, self.settings, self.test = clips, settings, test
        self.frame_size = (settings.size, settings.size)
        self.starts(settings.length)

    @property
    def _ranges(self) -> list[range]:
        return [clip.test if self.test else clip.training for clip in self.clips]

    @property
    def longest(self) -> int:
        """Frames of the longest sequence that can be cut."""
        return -(-max(map(len, self._ranges)) // self.settings.every)

    def starts(self, length: int) -> np.ndarray:
        """(clip, first frame) `[S, 2]` of every sequence of `length` frames in which anything moves.

        Raises:
            ValueError: if there is none.
        """
        span, ranges = (length - 1) * self.settings.every + 1, self._ranges
        part = "test" if self.test else "training"
        if length > self.longest:
            raise ValueError(
                f"the {part} part of the video has {max(map(len, ranges))} frames, but {length} frames with data.every="
                f"{self.settings.every} take {span}: use a longer video, fewer frames, or a smaller data.every"
            )
        found = []
        for number, (clip, part_of_it) in enumerate(zip(self.clips, ranges, strict=True)):
            moving = np.cumsum([0, *(clip.parts_per_frame > 0)])
            first = np.arange(part_of_it.start, max(part_of_it.start, part_of_it.stop - span + 1))
            first = first[moving[first + span] > moving[first]]
            found.append(np.stack([np.full(len(first), number), first], 1))
        starts = np.concatenate(found)
        if not len(starts):
            raise ValueError(
                f"no foreground: nothing moves in the {part} part of the video; try a lower data.threshold"
            )
        return starts

    def sample(self, batch: int, length: int, generator: torch.Generator, device: torch.device) -> Batch:
        """See `Sequences.sample`."""
        random = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        starts = self.starts(length)
        return self.cut(self._draw(starts, random.integers(len(starts), size=batch), length, random), length, device)

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        """See `Sequences.first`."""
        return self.cut(self.places(batch, length), length, device)

    def places(self, batch: int, length: int) -> Crops:
        """The crops of `first`: `batch` of them, spread evenly over time."""
        starts = self.starts(length)
        chosen = np.linspace(0, len(starts) - 1, batch).astype(int)
        return self._draw(starts, chosen, length, np.random.default_rng(self.settings.seed))

    def _draw(self, starts: np.ndarray, chosen: np.ndarray, length: int, random: np.random.Generator) -> Crops:
        s = self.settings
        return draw_crops(self.clips, starts, chosen, np.arange(length) * s.every, s.size, s.most, random)

    def cut(self, crops: Crops, length: int, device: torch.device) -> Batch:
        """The sequences of `length` frames at `crops`; of the test part with the true boxes, if they are known."""
        s, number = self.settings, len(crops)
        frames = np.zeros((length, number, 1, s.size, s.size), np.uint8)
        for b, (clip, start, top, left) in enumerate(crops):
            times = start + s.every * np.arange(length)
            frames[:, b, 0] = self.clips[clip].foreground[times, top : top + s.size, left : left + s.size]
        zeros = torch.zeros(length, number, device=device)
        shown = torch.from_numpy(frames).to(device).float().div_(255)
        return Batch(Frame(shown), zeros.long(), zeros, zeros.bool(), truth=self._truth(crops, length, device))

    @property
    def has_people(self) -> bool:
        """Whether there are true boxes of the people in the frames; never for the training part."""
        return self.test and all(clip.people is not None for clip in self.clips)

    def people(self, crops: Crops, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All people in the frames of `crops`, in the crop or not.

        Returns:
            Boxes `[T, B, M, 4]` cut off at the edges of the crop, identities `[T, B, M]` (-1: none), and the share of
            each box that lies in the crop `[T, B, M]`.
        """
        size, known = self.settings.size, [clip.people for clip in self.clips]
        shape = length, len(crops), max(p.identity.shape[1] for p in known if p is not None)
        boxes, share = np.zeros((*shape, 4), np.float32), np.zeros(shape, np.float32)
        identity = np.full(shape, -1, np.int64)
        for b, (number, start, top, left) in enumerate(crops):
            people, times = known[number], start + self.settings.every * np.arange(length)
            assert people is not None
            who, where = people.identity[times], people.boxes[times] * self.clips[number].scale
            low = (where[..., :2] - (top, left)).clip(0, size)
            high = (where[..., :2] + where[..., 2:] - (top, left)).clip(0, size)
            columns = slice(who.shape[1])
            boxes[:, b, columns], identity[:, b, columns] = np.concatenate([low, high - low], -1), who
            share[:, b, columns] = (high - low).prod(-1) / np.maximum(where[..., 2:].prod(-1), 1e-6)
        return boxes, identity, share

    def _truth(self, crops: Crops, length: int, device: torch.device) -> Truth | None:
        if not self.has_people:
            return None
        boxes, identity, share = self.people(crops, length)
        ids = torch.from_numpy(np.where(share >= SHARE_IN_CROP, identity, -1)).to(device)
        labels = torch.zeros(ids.shape[1:], dtype=torch.int64, device=device)
        return Truth(torch.from_numpy(boxes).to(device), ids >= 0, labels, ids)


def open_video(settings: VideoSettings, root: Path) -> tuple[VideoSequences, VideoSequences]:
    """Training and test sequences of a video; its foreground is stored in `root`, and extracted if it is not there yet.

    Raises:
        ValueError: if the video or its boxes cannot be used.
    """
    path = Path(settings.path)
    clips = [prepare(f, settings, root) for f in find_footage(path, settings.cameras)]
    return VideoSequences(clips, settings, test=False), VideoSequences(clips, settings, test=True)


def prepare(footage: Footage, settings: VideoSettings, root: Path) -> Clip:
    """The clip of one camera; its foreground is extracted into a temporary folder, which is renamed when complete."""
    note = {"settings": asdict(settings.extraction), "files": footage.fingerprint(), "version": VERSION}
    code = hashlib.sha256(json.dumps(note, sort_keys=True).encode()).hexdigest()[:8]
    folder = root / f"{footage.name}-{code}"
    if not folder.exists():
        with alone(folder, f"reading {footage.name}", "waiting until it is read", wait=True):
            if not folder.exists():
                with new_folder(folder) as partial:
                    extract(footage, settings.extraction, partial)
                    list_sums(partial)
    clip = Clip.open(folder, settings.split)
    check_clip(clip, footage, settings)
    boxes = find_boxes(Path(settings.path), settings.boxes)
    if boxes is None:
        return clip
    people = read_people(boxes, settings.start, clip.frames, footage.camera, least=clip.test.start)
    check_fit(people, *clip.video_size, boxes)
    return clip.with_people(people)


def check_clip(clip: Clip, footage: Footage, settings: VideoSettings) -> None:
    """Raise ValueError if no crop fits; warn if the camera moves."""
    height, width = clip.foreground.shape[1:]
    if settings.size > height:
        raise ValueError(
            f"crops of data.size={settings.size} do not fit into {footage.name} reduced to {width}x{height}: raise "
            "data.width"
        )
    if clip.camera_shift * clip.scale > STATIC:
        warnings.warn(
            f"the camera of {footage.name} moves by {clip.camera_shift:.1f} pixels of the video: things that stand "
            "still will look as if they moved",
            stacklevel=2,
        )
