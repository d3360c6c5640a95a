"""The recorded play of an agent in the real game: stored on disk as it grows, and used to train agent and model."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from sqair_wm.common.files import new_folder
from sqair_wm.common.notes import check_listed, list_sums
from sqair_wm.common.tensor_files import read_tensors, save_tensors
from sqair_wm.common.tensors import field_names
from sqair_wm.data.atari import AtariSequences
from sqair_wm.data.stored import NOTE, note_recording
from sqair_wm.envs.starts import SETTLED
from sqair_wm.games.play import Recording
from sqair_wm.model.slots import Slots
from sqair_wm.training.encoded import EncodedPlay, restored
from sqair_wm.training.remembering import remember
from sqair_wm.world.world_model import WorldModel

from ..playing.stretch import ARRAYS, Stretch, encoded, joined

SCENES = "scenes.safetensors"
REMEDY = "the run of this agent can't go on without what it played: begin another one with name=..."
RECORDED = "recorded"
"""Folder of the play that the world model was trained on."""


class GrownPlay:
    """All recorded play of a run: a folder with one part for each stretch.

    Args:
        folder: where it is stored.
        world: the model whose game is played.
        parts: number of stretches that belong to the run. Others in the folder were left by a run that was stopped
            before it saved its round; they are deleted.

    Attributes:
        stretches: the agent's play.
        recorded: play that the world model was trained on; None if it is not known, see `recall`.
    """

    def __init__(self, folder: Path, world: WorldModel, parts: int = 0):
        self.folder, self.world = folder, world
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name not in {RECORDED, *(self._name(n) for n in range(parts))}:
                shutil.rmtree(path)
        self.stretches = [self._read(self._name(n)) for n in range(parts)]
        self.recorded = self._read(RECORDED) if (folder / RECORDED).exists() else None

    def __len__(self) -> int:
        return len(self.stretches)

    @property
    def steps(self) -> int:
        """Real steps of the agent."""
        return sum(s.steps for s in self.stretches)

    def recall(self, recorded: Stretch) -> None:
        """Add the play that the world model was trained on."""
        self._write(RECORDED, recorded)
        self.recorded = recorded

    def add(self, stretch: Stretch) -> None:
        """Add a stretch: its pictures are stored on disk only, the rest in memory as well."""
        self._write(self._name(len(self.stretches)), stretch)
        self.stretches.append(Stretch(stretch.scenes, stretch.arrays, stretch.length))

    def remember(self) -> None:
        """Compute what the dynamics remembers of all frames in memory again, with its weights of now; see `remember`.

        What is stored on disk stays as it was when it was played.
        """
        for stretches in ([self.recorded] if self.recorded else [], self.stretches):
            if not stretches:
                continue
            scenes, part = joined(stretches)
            actions = torch.from_numpy(np.concatenate([s.arrays["actions"] for s in stretches]))
            remember(self.world, scenes, part, actions)
            memories = scenes.prior.split([len(s.part) for s in stretches])
            for stretch, memory in zip(stretches, memories, strict=True):
                stretch.scenes = stretch.scenes.replace(prior=memory)

    def _write(self, name: str, stretch: Stretch) -> None:
        """Write a stretch, whole or not at all."""
        with new_folder(self.folder / name) as partial:
            tensors = {n: getattr(stretch.scenes, n) for n in field_names(Slots)}
            save_tensors(partial / SCENES, tensors, {"length": str(stretch.length)})
            for key, array in stretch.arrays.items():
                np.save(partial / f"{key}.npy", array)
            if stretch.pictures is None or stretch.backgrounds is None:
                list_sums(partial)
                return
            np.save(partial / "frames.npy", stretch.pictures)
            np.save(partial / "backgrounds.npy", stretch.backgrounds)
            np.save(partial / "background.npy", self.world.background.cpu().numpy())
            frames = len(stretch.arrays["starts"])
            note_recording(partial, self._recording(frames, frames // stretch.length))

    @property
    def encoded(self) -> EncodedPlay:
        """The agent's play, encoded by the model as it was at that time. A lost life counts as an ending.

        Raises:
            ValueError: if nothing has been played.
        """
        if not self.stretches:
            raise ValueError("nothing has been played yet")
        return encoded(self.stretches, sum(self.world.config.object_share))

    def lately(self, newest: int) -> EncodedPlay | None:
        """The agent's latest stretches, about `newest` frames in total, encoded; None if there is none."""
        frames = np.cumsum([len(s.part) for s in reversed(self.stretches)])
        last = self.stretches[-1 - int(np.searchsorted(frames, newest)) :] if self.stretches else []
        return encoded(last, sum(self.world.config.object_share)) if last else None

    @cached_property
    def known(self) -> EncodedPlay | None:
        """The play that the world model was trained on, encoded as by `encoded`; its scenes are those of `recorded`."""
        recorded, unit = self.recorded, sum(self.world.config.object_share)
        return None if recorded is None else encoded([recorded], unit, RECORDED)

    @property
    def recordings(self) -> list[AtariSequences]:
        """The pictures of all stretches that have them, to train the part of a model that finds objects."""
        paths = [self.folder / self._name(n) for n in range(len(self))]
        return [AtariSequences(path) for path in paths if (path / NOTE).exists()]

    def starts(self, device: torch.device, newest: int = 20_000) -> Slots:
        """Start states for imagination, without the first frames of episodes and lives and those after their ends.

        States of the agent's play come first, then those that the world model was trained on.

        Args:
            device: where to put them.
            newest: largest number of scenes; the newest ones are taken.

        Raises:
            ValueError: if there are none.
        """
        found, number = [], 0
        for stretch in reversed([*([self.recorded] if self.recorded else []), *self.stretches]):
            over = stretch.over_in_hindsight(sum(self.world.config.object_share))
            good = ((stretch.scenes.step >= SETTLED) & ~over).nonzero().squeeze(1)
            found.append(stretch.scenes.select(good[max(0, number + len(good) - newest) :]))
            number += len(good)
            if number >= newest:
                break
        if not number:
            raise ValueError(f"no episode has lasted {SETTLED} frames yet: play more")
        return imaginable(Slots.cat(found).to(device), self.world)

    def _recording(self, frames: int, games: int) -> Recording:
        source = self.world.source
        assert source is not None
        return Recording(frames=frames, streams=games, player="agent", **asdict(source))

    @staticmethod
    def _name(number: int) -> str:
        return f"{number:06d}"

    def _read(self, name: str) -> Stretch:
        path = self.folder / name
        check_listed(path, REMEDY)
        scenes, notes = read_tensors(path / SCENES, REMEDY)
        older = not (path / "losses.npy").exists()  # 0.3.0 did not keep them
        arrays = {name: np.load(path / f"{name}.npy") for name in ARRAYS if not (older and name == "losses")}
        arrays.setdefault("losses", np.zeros_like(arrays["ends"]))
        return Stretch(Slots.restore(scenes), arrays, int(notes["length"]))


def imaginable(scenes: Slots, world: WorldModel) -> Slots:
    """`reduced` scenes, complete again for imagination.

    Prediction does not read the memory of the inference network, but it writes the memory of new objects, so the
    scenes get an empty one.
    """
    whole, empty = restored(scenes), world.initial(1).temporal
    return whole.replace(temporal=empty.new_zeros(1).expand(*whole.presence.shape, empty.shape[-1]))
