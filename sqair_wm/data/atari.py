"""Recordings of Atari play: frames, backgrounds, actions, rewards and endings in memory-mapped files."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sqair_wm.data.sequences import Batch
from sqair_wm.games.background import RunningMode, separate
from sqair_wm.games.legacy import completed
from sqair_wm.games.play import Recording, initial_background
from sqair_wm.games.policies import RepeatingAgent
from sqair_wm.world.source import Source


def record(recording: Recording, folder: Path, background: np.ndarray | None = None) -> AtariSequences:
    """Record play into `folder`, or open what a recording with the same settings left there.

    Everything is written to a folder beside it that takes the name when complete, so a recording is whole or absent.

    Raises:
        ValueError: for an unknown game, or if `folder` holds something else.
    """
    if folder.exists():
        sequences = AtariSequences(folder)
        if sequences.recording != recording:
            raise ValueError(
                f"{folder} holds another recording ({sequences.recording}); name another folder or delete it"
            )
        return sequences
    env, partial = recording.make(), folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    mode = RunningMode(initial_background(recording) if background is None else background, recording.memory)
    np.save(partial / "background.npy", mode.initial)
    shape = (recording.frames, recording.size, recording.size, 3)
    frames, backgrounds = (
        np.lib.format.open_memmap(partial / f"{n}.npy", "w+", np.uint8, shape) for n in ("frames", "backgrounds")
    )
    actions, rewards = np.zeros(recording.frames, np.int64), np.zeros(recording.frames, np.float32)
    ends, truncations, starts = (np.zeros(recording.frames, bool) for _ in range(3))
    agent = RepeatingAgent(recording.actions, recording.seed)
    frame, _ = env.reset(seed=recording.seed)
    starts[0] = True
    for t in tqdm(range(recording.frames), desc=f"recording {recording.game}", unit="frame", leave=False, disable=None):
        frames[t], backgrounds[t] = frame, mode.update(frame)
        if t + 1 == recording.frames:
            break
        if ends[t] or truncations[t]:
            frame, _ = env.reset()
            mode.reset()
            starts[t + 1] = True
            continue
        actions[t + 1] = agent.act()
        frame, rewards[t + 1], ends[t + 1], truncations[t + 1], _ = env.step(actions[t + 1])
    env.close()
    arrays: tuple[np.ndarray, ...] = (actions, rewards, ends, truncations, starts)
    for name, array in zip(("actions", "rewards", "ends", "truncations", "starts"), arrays, strict=True):
        np.save(partial / f"{name}.npy", array)
    frames.flush()
    backgrounds.flush()
    (partial / "recording.json").write_text(json.dumps(asdict(recording), indent=1))
    partial.rename(folder)
    return AtariSequences(folder)


class AtariSequences:
    """Sequences cut from a recording; frames stay on disk until they are asked for.

    Attributes:
        ends: `[F]` bool, whether the game ended with the frame; what is learnt of endings.
        truncations: `[F]` bool, whether a limit of time cut the episode off with the frame.
        begins: `[F]` bool, whether an episode begins with the frame.
        episodes: `[F]`, numbers of the episodes; sequences don't cross them.

    Raises:
        FileNotFoundError: if the folder holds no complete recording.
    """

    def __init__(self, folder: Path):
        note = folder / "recording.json"
        if not note.exists():
            raise FileNotFoundError(
                f"{folder} holds no complete recording (no recording.json): delete it to record again"
            )
        self.folder, self.recording = folder, Recording(**completed(json.loads(note.read_text())))
        self.frame_size, self.channels = (self.recording.size, self.recording.size), 4
        self.scenery, self.number_of_actions = 3, self.recording.actions
        self._frames, self._backgrounds = (
            np.load(folder / f"{n}.npy", mmap_mode="r") for n in ("frames", "backgrounds")
        )
        self.background = np.load(folder / "background.npy")
        self.actions, self.rewards, self.ends, starts = (
            np.load(folder / f"{n}.npy") for n in ("actions", "rewards", "ends", "starts")
        )
        self.begins, self.episodes = starts, np.cumsum(starts)
        path = folder / "truncations.npy"
        # Older recordings have them among the endings.
        self.truncations = np.load(path) if path.exists() else np.zeros_like(self.ends)

    def __len__(self) -> int:
        return len(self.episodes)

    @property
    def pictures(self) -> np.ndarray:
        """What the game showed, `[F, H, W, 3]` uint8; stays on disk until it is indexed."""
        return self._frames

    @property
    def backgrounds(self) -> np.ndarray:
        """What each picture was compared with, `[F, H, W, 3]` uint8; stays on disk until it is indexed."""
        return self._backgrounds

    def starts(self, length: int) -> np.ndarray:
        """First frames of all sequences of `length` frames within one episode.

        Raises:
            ValueError: if no episode is that long.
        """
        last = len(self) - length
        good = np.flatnonzero(self.episodes[: last + 1] == self.episodes[length - 1 :]) if last >= 0 else np.zeros(0)
        if not len(good):
            raise ValueError(
                f"no episode of the {len(self)} recorded frames has {length} frames in a row: record more frames"
            )
        return good

    def sample(self, batch: int, length: int, generator: torch.Generator, device: torch.device) -> Batch:
        """See `Sequences.sample`."""
        starts = self.starts(length)
        return self.cut(starts[torch.randint(len(starts), (batch,), generator=generator).numpy()], length, device)

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        """See `Sequences.first`."""
        starts = self.starts(length)
        return self.cut(starts[np.linspace(0, len(starts) - 1, batch).astype(int)], length, device)

    def cut(self, starts: np.ndarray, length: int, device: torch.device) -> Batch:
        """The sequences of `length` frames that begin at `starts` `[B]`."""
        return self.take(np.arange(length)[:, None] + starts, device)

    def take(self, index: np.ndarray, device: torch.device) -> Batch:
        """The frames with the numbers `index` `[T, B]`, whatever episode they belong to."""
        arrays = (self._frames, self._backgrounds, self.actions, self.rewards, self.ends)
        frames, backgrounds, actions, rewards, ends = (self._upload(x[index], device) for x in arrays)
        return Batch(separate(frames, backgrounds), actions, rewards, ends)

    @staticmethod
    def _upload(array: np.ndarray, device: torch.device) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor

    @property
    def source(self) -> Source:
        """What it takes to show a model the game itself."""
        recorded = asdict(self.recording)
        return Source(**{f.name: recorded[f.name] for f in fields(Source)})
