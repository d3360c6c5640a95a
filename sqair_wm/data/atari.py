"""Recordings of Atari play: frames, backgrounds, actions, rewards and endings in memory-mapped files."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from sqair_wm.common.files import new_array, new_folder
from sqair_wm.common.locks import alone
from sqair_wm.data.sequences import Batch
from sqair_wm.data.stored import (
    NOTES,
    note_recording,
    read_notes,
    read_pictures,
    read_recording,
    write_notes,
)
from sqair_wm.games.background import RunningMode, separate
from sqair_wm.games.lives import Lives
from sqair_wm.games.play import Recording, initial_background
from sqair_wm.games.policies import Player, RandomPlayer
from sqair_wm.world.source import Source


def record(
    recording: Recording, folder: Path, background: np.ndarray | None = None, player: Player | None = None
) -> AtariSequences:
    """Record play into `folder`, or open the recording with the same settings that is there already.

    Everything is written to a temporary folder, which is renamed when it is complete, so a recording is whole or
    absent. If another process is recording the same, this one waits for it.

    Args:
        recording: the settings of the recording.
        folder: of the recording.
        background: `[H, W, 3]` uint8, the background when an episode begins; measured by default.
        player: of `recording.streams` games; by default one that plays at random.

    Raises:
        ValueError: for an unknown game, if `folder` holds something else, or if `recording.player` is not `random` and
            there is no player.
    """
    if not folder.exists():
        with alone(folder, f"recording {recording.game}", "waiting until it is recorded", wait=True):
            if not folder.exists():
                _record(recording, folder, background, player)
    sequences = AtariSequences(folder)
    if sequences.recording != recording:
        raise ValueError(f"{folder} holds another recording ({sequences.recording}); name another folder or delete it")
    return sequences


def _record(recording: Recording, folder: Path, background: np.ndarray | None, player: Player | None) -> None:
    """See `record`."""
    if player is None:
        if recording.player != "random":
            raise ValueError(f"{folder} is to hold play of {recording.player!r}, but no player was given to record it")
        player = RandomPlayer(recording.streams, recording.actions, recording.seed)
    with new_folder(folder) as partial:
        initial = initial_background(recording) if background is None else background
        np.save(partial / "background.npy", initial)
        _play(recording, partial, initial, player)
        note_recording(partial, recording)


def _play(recording: Recording, folder: Path, background: np.ndarray, player: Player) -> None:
    """Write the arrays of a recording."""
    number, length = recording.streams, recording.frames // recording.streams
    shape = (recording.frames, recording.size, recording.size, 3)
    pictures, backgrounds = (new_array(folder / f"{n}.npy", shape, np.uint8) for n in ("frames", "backgrounds"))
    notes = {name: np.zeros(recording.frames, kind) for name, kind in NOTES.items()}
    streams = [_Stream(recording, i, background) for i in range(number)]
    first, actions = np.arange(number) * length, np.zeros(number, np.int64)
    title = f"recording {recording.game}"
    for t in tqdm(range(length), desc=title, unit="step", leave=False, disable=None):
        for i, stream in enumerate(streams):
            note = stream.begin() if stream.over else stream.step(int(actions[i]))
            pictures[first[i] + t], backgrounds[first[i] + t] = stream.frame, stream.mode.image
            for name, value in note.items():
                notes[name][first[i] + t] = value
        if t + 1 < length:
            fresh, lost = (notes[name][first + t] for name in ("starts", "losses"))
            actions = player.act(np.stack([stream.frame for stream in streams]), fresh, lost)
    for stream in streams:
        stream.env.close()
    write_notes(folder, recording, notes)
    pictures.flush()
    backgrounds.flush()


class _Stream:
    """One of the games that are played side by side.

    Attributes:
        frame: `[H, W, 3]` uint8, the last one.
        mode: of its background.
        over: whether an episode has to begin.
    """

    def __init__(self, recording: Recording, number: int, background: np.ndarray):
        self.env, self.mode = recording.make(), RunningMode(background, recording.memory)
        self.frame, self.over = background, True
        self._lives = Lives()
        self._seed: int | None = recording.seed + number

    def begin(self) -> dict[str, Any]:
        """Begin an episode; returns the entries of its first frame."""
        self.frame, info = self.env.reset(seed=self._seed)
        self._seed, self.over = None, False
        self._lives.begin(info)
        self.mode.reset()
        self.mode.update(self.frame)
        return {"starts": True}

    def step(self, action: int) -> dict[str, Any]:
        """Take a step; returns the entries of its frame."""
        self.frame, reward, ends, truncated, info = self.env.step(action)
        lost, self.over = self._lives.lost(info), bool(ends or truncated)
        self.mode.update(self.frame)
        return {"actions": action, "rewards": reward, "ends": ends, "truncations": truncated, "losses": lost}


class AtariSequences:
    """Sequences cut from a recording; frames stay on disk until they are asked for.

    Attributes:
        ends: `[F]` bool, whether the game ended with the frame.
        truncations: `[F]` bool, whether a time limit cut the episode off with the frame.
        losses: `[F]` bool, whether a life was lost with the frame.
        begins: `[F]` bool, whether an episode begins with the frame.
        episodes: `[F]`, numbers of the episodes; sequences don't cross them.

    Raises:
        FileNotFoundError: if the folder holds no complete recording.
        ValueError: if a byte of it has changed since it was written, or its parts do not fit together.
    """

    def __init__(self, folder: Path):
        self.folder, self.recording = folder, read_recording(folder)
        self.frame_size, self.channels = (self.recording.size, self.recording.size), 4
        self.scenery, self.number_of_actions = 3, self.recording.actions
        self._frames, self._backgrounds, self.background = read_pictures(folder, self.recording)
        notes = read_notes(folder, self.recording)
        self.actions, self.rewards, self.ends = notes["actions"], notes["rewards"], notes["ends"]
        self.truncations, self.losses, starts = notes["truncations"], notes["losses"], notes["starts"]
        # Games played side by side are stored one after the other; those of an agent may begin within an episode.
        self.begins = starts | (np.arange(len(starts)) % (len(starts) // self.recording.streams) == 0)
        self.episodes = np.cumsum(self.begins)

    def __len__(self) -> int:
        return len(self.episodes)

    @property
    def pictures(self) -> np.ndarray:
        """The observations of the game, `[F, H, W, 3]` uint8; they stay on disk until they are indexed."""
        return self._frames

    @property
    def backgrounds(self) -> np.ndarray:
        """The background of each picture, `[F, H, W, 3]` uint8; they stay on disk until they are indexed."""
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
        """The settings with which a model is shown the game itself."""
        recorded = asdict(self.recording)
        return Source(**{f.name: recorded[f.name] for f in fields(Source)})
