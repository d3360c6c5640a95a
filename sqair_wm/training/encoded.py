"""A recording filtered by the model: the scene of every frame, on which imagination is trained without images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sqair_wm.data.sequences import PlaySequences, endings
from sqair_wm.model.row_assignment import keep_rows
from sqair_wm.model.slots import Slots
from sqair_wm.nn.light import in_bytes, light
from sqair_wm.training.behind import as_seen, in_hindsight
from sqair_wm.training.contacts import arrivals, departed, hindsight, meetings
from sqair_wm.training.drawing import EVENLY, LEAST, FrameErrors, Shares, draw, sums
from sqair_wm.training.pauses import beginnings, ended
from sqair_wm.world.world_model import WorldModel

STREAMS, SHORTEST = 32, 64
"""Most parts of a recording that are encoded side by side, and the fewest frames of a part."""

KNOWN = 0.5
"""Share of the stretches in which the velocities of new objects are known, as in imagination."""


@dataclass
class Play:
    """`B` stretches of `T` frames of play.

    Attributes:
        states: the scenes, every tensor `[T, B, ...]`; an object keeps its row while it lives. The scenery may be in
            bytes, see `reduced`.
        actions: `[T, B]` int64, the action that led to each frame.
        rewards: `[T, B]`, the reward that came with each frame.
        ends: `[T, B]` bool, whether the game or a life is over with this frame; a time limit does not count.
        departed: `[T, B, N]` bool, objects that are tracked but not seen any more, now or later.
        weight: `[B]`, how much each stretch counts where a probability is learned: less if it was drawn more often.
        frames: `[T, B]` int64, the numbers of the frames in the recording.
        name: of the recording.
    """

    states: Slots
    actions: Tensor
    rewards: Tensor
    ends: Tensor
    departed: Tensor
    weight: Tensor
    frames: Tensor
    name: str = ""

    def __len__(self) -> int:
        return self.actions.shape[0]

    def scene(self, t: int) -> Slots:
        """The scenes of frame `t`, `[B, ...]`."""
        return self.states.map(lambda x: x[t])


class EncodedPlay:
    """A recording of `F` frames, encoded once as scenes, from which stretches are drawn.

    Args:
        states: the scene of every frame, each tensor `[F, ...]`; the scenery may be stored in bytes, 0 to 255.
        part: `[F]` int64; frames with the same number follow one another.
        actions, rewards: `[F]`, see `Play`.
        ends: `[F]` bool, whether the game ended, or a life was counted as lost, with each frame.
        unit: size of a typical object, in units of half a frame.
        name: of the recording, by which `FrameErrors` knows it.

    Attributes:
        over: `[F]` bool, where the game or a life is over: at `ends`, and in the pause before, see `pauses`.
        departed: `[F, N]` bool, see `Play`.
        hindsight: `[F, N, 2]` velocities, of new objects that of the next frame, see `hindsight`.
        crowd: mean number of objects in a frame.
        events: `[K, F]` bool, what happens in a frame: objects meet or appear; a positive reward; a negative one; an
            ending.
    """

    def __init__(
        self,
        states: Slots,
        part: Tensor,
        actions: Tensor,
        rewards: Tensor,
        ends: Tensor,
        unit: float,
        name: str = "",
    ):
        self.states, self.part, self.unit, self.name = states, part, unit, name
        self.actions, self.rewards, self.ends = actions, rewards, ends
        self.crowd = float((states.presence > 0).sum(1).double().mean())
        new = arrivals(states, part)
        met = meetings(states, part, unit) | new.any(1)
        self.over = ended(states, part, ends, rewards, unit)
        self.events = torch.stack([met, rewards > 0, rewards < 0, beginnings(self.over, part)])
        self.hindsight = hindsight(states, part, new)
        self.departed = departed(states, part)

    @staticmethod
    def join(plays: Sequence[EncodedPlay]) -> EncodedPlay:
        """Several recordings, encoded by the same model, as one."""
        parts, last = [], 0
        for play in plays:
            parts.append(play.part + last)
            last = int(parts[-1].max()) + 1
        actions, rewards, ends = (torch.cat([getattr(p, n) for p in plays]) for n in ("actions", "rewards", "ends"))
        states = Slots.cat([p.states for p in plays])
        return EncodedPlay(states, torch.cat(parts), actions, rewards, ends, plays[0].unit)

    def starts(self, length: int) -> Tensor:
        """First frames of all stretches of `length` frames.

        Raises:
            ValueError: if there is none.
        """
        last = len(self.part) - length
        good = (self.part[: last + 1] == self.part[length - 1 :]).nonzero().squeeze(1) if last >= 0 else self.part[:0]
        if not len(good):
            raise ValueError(f"no episode has {length} frames in a row: record more frames or imagine fewer steps")
        return good

    def sample(
        self,
        batch: int,
        length: int,
        generator: torch.Generator,
        device: torch.device,
        *,
        first: int = 1,
        shares: Shares = EVENLY,
        errors: FrameErrors | None = None,
        cleared: bool = False,
    ) -> Play:
        """`batch` random stretches of `length` frames.

        Args:
            batch: number of stretches.
            length: frames of each.
            generator: of the random numbers.
            device: where to put the stretches.
            first: number of the frame in a stretch from which on events and errors count.
            shares: how they are drawn.
            errors: of this recording's frames; needed if `shares.wrong` is above 0.
            cleared: whether departed objects are left out of a share `KNOWN` of the stretches, as in imagination.

        Raises:
            ValueError: if no part has `length` frames.
        """
        starts, happens, wrong = self.starts(length), None, None
        if shares.eventful:
            happens = sums(self.events, starts, first, length) > 0
        if shares.wrong and errors:
            wrong = sums(errors.of(self.name, len(self.part)).double() + LEAST, starts, first, length)
        drawn = draw(starts, happens, wrong, shares, batch, generator)
        known = torch.rand(batch, generator=generator) < KNOWN
        return self.cut(drawn.starts, length, device, drawn.weight, known, cleared=cleared)

    def cut(
        self,
        starts: Tensor,
        length: int,
        device: torch.device,
        weight: Tensor | None = None,
        known: Tensor | None = None,
        *,
        cleared: bool = False,
    ) -> Play:
        """The stretches that begin at `starts` `[B]`.

        Args:
            starts: `[B]` int64, numbers of the first frames.
            length: frames of each.
            device: where to put the stretches.
            weight: `[B]`, see `Play`; 1 by default.
            known: `[B]` bool, the stretches in which velocities of new objects are known, as in imagination; by default
                none.
            cleared: whether departed objects are left out of these stretches as well.
        """
        index = torch.arange(length)[:, None] + starts
        states = self.states.map(lambda x: x.index_select(0, index.flatten()).unflatten(0, index.shape).to(device))
        gone = self.departed[index].to(device)
        if known is not None:
            later = self.hindsight[index].to(device)
            states = states.replace(velocity=torch.where(known.to(device)[:, None, None], later, states.velocity))
            left = gone & known.to(device)[:, None] & cleared
            states = states.replace(presence=states.presence * ~left, identity=states.identity.masked_fill(left, -1))
        weight = torch.ones(len(starts)) if weight is None else weight
        actions, rewards, ends = (x[index].to(device) for x in (self.actions, self.rewards, self.over))
        return Play(states, actions, rewards, ends, gone, weight.to(device), index.to(device), self.name)


@torch.no_grad()
def encode(model: WorldModel, sequences: PlaySequences, device: torch.device, progress: bool = True) -> EncodedPlay:
    """Filter every frame of a recording, many parts of it side by side.

    Filtering is deterministic, as it is for agents. Sampled positions were too noisy to tell which pellet was eaten: on
    held-out frames of MsPacman the F1 of rewards was 0.60 with samples and 0.73 with means (one run).

    Args:
        model: the model that filters.
        sequences: the recording.
        device: of the model.
        progress: show a progress bar.
    """
    frames = len(sequences)
    streams = max(1, min(STREAMS, frames // SHORTEST))
    length = -(-frames // streams)
    first = np.linspace(0, frames - length, streams).round().astype(np.int64)
    slots, empty = model.initial(streams), model.initial(streams)
    previous, kept = empty.identity, _room(empty, frames)
    part, ends = torch.zeros(frames, dtype=torch.int64), torch.from_numpy(endings(sequences))
    for t in tqdm(range(length), desc="encoding", unit="step", leave=False, disable=None if progress else True):
        rows = first + t
        fresh = torch.from_numpy(sequences.begins[rows] | (t == 0)).to(device)
        slots, previous = slots.overwrite(fresh, empty), torch.where(fresh[:, None], empty.identity, previous)
        batch = sequences.cut(rows, 1, device)
        slots = model.filter(slots, batch.frames[0], batch.actions[0], lost=ends[rows].to(device))
        arranged = reduced(as_seen(keep_rows(slots, previous), batch.frames[0].background, model.config))
        previous = arranged.identity
        for name, store in kept.items():
            store[rows] = getattr(arranged, name).cpu()
        part[rows] = torch.from_numpy(sequences.episodes[rows] * streams + np.arange(streams))
    arrays = (sequences.actions, sequences.rewards)
    actions, rewards = (torch.from_numpy(x) for x in arrays)
    states = in_hindsight(Slots(**kept), part, rewards, model.config)
    return EncodedPlay(states, part, actions, rewards, ends, sum(model.config.object_share))


def reduced(slots: Slots) -> Slots:
    """Without the memory of the inference network, which prediction does not need, and with the scenery in bytes."""
    return slots.replace(temporal=slots.temporal[..., :0], scenery=in_bytes(slots.scenery))


def restored(slots: Slots) -> Slots:
    """With the scenery in [0, 1] again, see `reduced`."""
    return slots.replace(scenery=light(slots.scenery, slots.where.dtype))


def _room(slots: Slots, frames: int) -> dict[str, Tensor]:
    """Empty tensors on the CPU for `frames` scenes like those of `slots`."""
    tensors = {f.name: getattr(reduced(slots), f.name) for f in fields(Slots)}
    return {name: x.new_zeros((frames, *x.shape[1:]), device="cpu") for name, x in tensors.items()}
