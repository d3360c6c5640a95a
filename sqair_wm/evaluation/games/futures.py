"""Compares rollouts from observed scenes, under the recorded actions, with what happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sqair_wm.data.sequences import PlaySequences
from sqair_wm.evaluation.games.held_out import WARM_UP, HeldOut
from sqair_wm.evaluation.games.truth import GameTruth, box_centres, moves
from sqair_wm.evaluation.metrics.positions import centres, displacements, match, pick, reach, same_objects
from sqair_wm.model.outlines import off_centre
from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import to_where, window
from sqair_wm.world.world_model import WorldModel

HORIZONS = (1, 2, 5, 10, 20)
LONGEST = HORIZONS[-1]
SPACING, MOST = 5, 400
"""Frames between two starts in a row, and the largest number of starts."""

FORECASTS = ("", "_still", "_velocity")
"""The model and the two baselines: objects stand still; they keep the velocity they have at the start."""


@dataclass
class Reference:
    """Positions of the objects of `K` starts in the `S` steps after them: the true ones, or the model's tracks.

    Attributes:
        centres: `[K, S + 1, N, 2]` in pixels.
        there: `[K, S + 1, N]` bool, whether the object is there, the same one as at the start.
        chosen: `[K, N]` bool, the objects to count.
    """

    centres: Tensor
    there: Tensor
    chosen: Tensor


@dataclass
class Starts:
    """`K` scenes to imagine from, each after at least `WARM_UP` observed frames.

    Attributes:
        index: `[K, S + 1]` numbers of the frames from the start on.
        slots: the scenes at the start.
        before: the scenes observed in the `WARM_UP` frames up to the start.
        after: the scenes observed in the `S` frames after it.
    """

    index: np.ndarray
    slots: Slots
    before: list[Slots]
    after: list[Slots]


def choose(play: HeldOut, most: int = MOST) -> np.ndarray:
    """`[K, 2]` (time, row) of the scenes to start from, spread evenly over the rows and sorted by row."""
    times = np.arange(WARM_UP - 1, len(play.index) - LONGEST, SPACING)
    good = np.argwhere(play.real[times + LONGEST].T)
    good = good[np.unique(np.linspace(0, len(good) - 1, min(most, len(good))).astype(int))]
    return np.stack([times[good[:, 1]], good[:, 0]], 1)


def gather(chosen: np.ndarray, play: HeldOut, states: list[Slots]) -> Starts:
    """Collect the scenes `chosen` `[K, 2]`, sorted by time, and what was observed around them.

    Args:
        chosen: (time, row) of each scene, see `choose`.
        play: the rows.
        states: the scenes observed after each of their frames.
    """
    chosen = chosen[np.lexsort((chosen[:, 1], chosen[:, 0]))]
    groups = [(int(t), torch.from_numpy(chosen[chosen[:, 0] == t, 1])) for t in np.unique(chosen[:, 0])]
    device = states[0].presence.device

    def at(shift: int) -> Slots:
        parts = [states[t + shift].select(rows.to(device)) for t, rows in groups]
        return Slots.cat(parts)

    index = play.index[chosen[:, :1] + np.arange(LONGEST + 1), chosen[:, 1:]]
    before = [at(shift) for shift in range(1 - WARM_UP, 1)]
    return Starts(index, before[-1], before, [at(s) for s in range(1, LONGEST + 1)])


def forecast(start: Slots, imagined: list[Slots], size: tuple[int, int]) -> Tensor:
    """Positions at which the model and the baselines expect the objects of `K` starts: `[K, 3, S + 1, N, 2]` in pixels.

    An object that imagination removes is expected where it was last. Constant velocity stops at the edge of the frame.
    """
    place, speed = centres(start, size), displacements(start, size)
    last, path = place, [place]
    for state in imagined:
        now, there = same_objects(start.identity, state, centres(state, size))
        last = torch.where(there[..., None], now, last)
        path.append(last)
    steps = torch.arange(len(path), device=place.device, dtype=place.dtype)[None, :, None, None]
    straight = place[:, None] + steps * speed[:, None]
    straight = straight.clamp(min=0).minimum(straight.new_tensor(size))
    return torch.stack([torch.stack(path, 1), place[:, None].expand_as(straight), straight], 1)


def tracked_reference(starts: Starts, size: tuple[int, int]) -> Reference:
    """The model's own tracks: where it sees the objects later. Objects that it sees move are counted."""
    identity = starts.slots.identity
    seen = [same_objects(identity, s, centres(s, size)) for s in (*starts.before, *starts.after)]
    place, there = torch.stack([p for p, _ in seen], 1), torch.stack([t for _, t in seen], 1)
    moving = moves(place.transpose(0, 1), there.transpose(0, 1))
    late = slice(len(starts.before) - 1, None)
    return Reference(place[:, late], there[:, late], moving & (identity >= 0))


def true_references(model: WorldModel, starts: Starts, truth: GameTruth) -> tuple[Reference, Reference, Tensor]:
    """The true objects with which the model's objects are matched at the start.

    What is painted in a window need not lie at its centre. The offset at the start is subtracted from the true
    positions.

    Returns:
        References matched among the true objects that move, and among all; and `[K, 2]`, the number of moving true
        objects that were matched, and of all of them.
    """
    device, past, size = starts.slots.presence.device, np.arange(1 - WARM_UP, 0), model.config.frame_size
    beside = off_centre(model.render(starts.slots).glimpses, starts.slots.where, model.config)
    index = np.concatenate([starts.index[:, :1] + past, starts.index], 1).T
    boxes, identity = truth.take(index, device)
    place, now = box_centres(boxes), WARM_UP - 1
    there = (identity == identity[now]) & (identity[now] >= 0)
    moving = moves(place, there)
    here, half = centres(starts.slots, size), reach(starts.slots, size)
    present = starts.slots.presence > 0
    found = [match(here, half, place[now], present, among) for among in (moving, there[now])]

    def reference(column: Tensor) -> Reference:
        same = pick(there[now:, :, :, None].to(place.dtype), column)[..., 0] > 0
        return Reference(pick(place[now:], column).transpose(0, 1) - beside[:, None], same.transpose(0, 1), column >= 0)

    matched = torch.stack([(found[0] >= 0).sum(1), moving.sum(1)], 1)
    return reference(found[0]), reference(found[1]), matched


@torch.no_grad()
def image_errors(model: WorldModel, sequences: PlaySequences, starts: Starts, imagined: list[Slots]) -> Tensor:
    """Squared errors of three pictures at each horizon, and the squared intensity of the true one, `[K, H, 4]`.

    The pictures are the imagined one, that of the start, and that of the start with all objects moved on at constant
    velocity.
    """
    rows = []
    still = model.render(starts.slots).frame
    scale, centre = window(starts.slots.where)
    for step in HORIZONS:
        moved = starts.slots.replace(where=to_where(scale, centre + step * starts.slots.velocity))
        pictures = model.render(imagined[step - 1]).frame, still, model.render(moved).frame
        shown = sequences.take(starts.index[None, :, step], still.device).frames.foreground[0]
        sums = [(p - shown).square().flatten(1).sum(1) for p in pictures]
        rows.append(torch.stack([*sums, shown.square().flatten(1).sum(1)], 1))
    return torch.stack(rows, 1)


@torch.no_grad()
def fates(model: WorldModel, starts: Starts, actions: Tensor, seed: int = 0) -> Tensor:
    """Which objects a sampled rollout loses and invents, compared with the observed scenes.

    Returns:
        `[K, H, 4]`, numbers of objects at each horizon: lost ones, those still there; invented ones, all imagined ones.
    """
    presence, size, counts = starts.slots.presence, model.config.frame_size, []
    with torch.random.fork_rng(devices=[presence.device] if presence.is_cuda else []):
        torch.manual_seed(seed)
        for step, future in enumerate(model.imagined(starts.slots, actions, sample=True, discover=True), 1):
            if step in HORIZONS:
                counts.append(count_fates(starts.slots, future, starts.after[step - 1], size))
    return torch.stack(counts, 1)


def count_fates(start: Slots, imagined: Slots, seen: Slots, size: tuple[int, int]) -> Tensor:
    """One horizon of `fates`, `[K, 4]`, from the scenes at the start, imagined and observed."""
    stayed, kept = (same_objects(start.identity, s, centres(s, size))[1] for s in (seen, imagined))
    # Objects that are new since the start have unrelated identities in imagination and in observation.
    new, unexpected = ((s.presence > 0) & (s.identity > start.last_identity[:, None]) for s in (imagined, seen))
    alone = new | ((imagined.presence > 0) & ~same_objects(imagined.identity, seen, centres(seen, size))[1])
    near = match(centres(imagined, size), reach(imagined, size), centres(seen, size), alone, unexpected) >= 0
    numbers = (stayed & ~kept, stayed, alone & ~near, imagined.presence > 0)
    return torch.stack([n.sum(1) for n in numbers], 1).to(start.where.dtype)


@dataclass
class Futures:
    """Rollouts from `K` starts, and what happened.

    Attributes:
        forecasts: `[K, 3, S + 1, N, 2]`, see `forecast`.
        references: `tracked`, and with truth `true` (among moving objects) and `true_all`.
        images: `[K, H, 4]`, see `image_errors`.
        fates: `[K, H, 4]`, see `fates`.
        matched: `[K, 2]` (matched, all) moving true objects at the start; zero without truth.
    """

    forecasts: Tensor
    references: dict[str, Reference]
    images: Tensor
    fates: Tensor
    matched: Tensor

    @staticmethod
    def join(parts: list[Futures]) -> Futures:
        """All starts of several parts."""
        references = {
            name: Reference(*(torch.cat(x) for x in zip(*(_tensors(p.references[name]) for p in parts), strict=True)))
            for name in parts[0].references
        }
        joined = {n: torch.cat([getattr(p, n) for p in parts]) for n in ("forecasts", "images", "fates", "matched")}
        return Futures(references=references, **joined)


def compare_futures(model: WorldModel, sequences: PlaySequences, starts: Starts, truth: GameTruth | None) -> Futures:
    """Imagine from every start under the recorded actions, and compare."""
    device, size = starts.slots.presence.device, model.config.frame_size
    actions = torch.from_numpy(sequences.actions[starts.index[:, 1:].T]).to(device)
    with torch.no_grad():
        imagined = list(model.imagined(starts.slots, actions))
    references, matched = {"tracked": tracked_reference(starts, size)}, torch.zeros(len(starts.index), 2, device=device)
    if truth is not None:
        references["true"], references["true_all"], matched = true_references(model, starts, truth)
    return Futures(
        forecasts=forecast(starts.slots, imagined, size),
        references=references,
        images=image_errors(model, sequences, starts, imagined),
        fates=fates(model, starts, actions),
        matched=matched,
    )


def _tensors(reference: Reference) -> tuple[Tensor, Tensor, Tensor]:
    return reference.centres, reference.there, reference.chosen
