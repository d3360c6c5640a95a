"""Objects on known paths, recorded; and a model that sees exactly where they are and imagines in a known way."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.frame import Frame
from sqair_wm.data.sequences import Batch
from sqair_wm.evaluation.games.truth import GameTruth
from sqair_wm.model.slots import Slots
from sqair_wm.model.sqair import Rendering
from sqair_wm.nn.where import to_where, window
from sqair_wm.world.world_model import WorldModel
from tests.conftest import Observes, small

SIZE, EPISODE = 200, 60
REWARDED, ENDING = 1, 2


class Paths:
    """A recording of two objects: its pictures are white, and a row of the background encodes the places.

    Args:
        path: centre (y, x) in pixels of the first object in frame t of an episode, and whether it is present.
        episodes: number of episodes.
        length: frames of each episode.
    """

    def __init__(self, path: Callable[[int], tuple[float, float, bool]], episodes: int = 2, length: int = EPISODE):
        self.episodes = np.repeat(np.arange(episodes), length)
        self.actions = np.zeros(len(self.episodes), np.int64)
        self.rewards, self.ends = np.zeros(len(self.episodes), np.float32), np.zeros(len(self.episodes), bool)
        frames = [path(t % length) for t in range(len(self.episodes))]
        still = (20.0, 150.0, True)
        self.centres = torch.tensor([[f[:2], still[:2]] for f in frames])
        self.there = torch.tensor([[f[2], still[2]] for f in frames])

    def __len__(self) -> int:
        return len(self.episodes)

    def take(self, index: np.ndarray, device: torch.device) -> Batch:
        frames = Frame(*torch.ones(2, *index.shape, 1, SIZE, SIZE))
        frames.background[:, :, 0, 0, :4] = self.centres[index].flatten(2)
        frames.background[:, :, 0, 0, 4:6] = self.there[index].float()
        return Batch(frames, *(torch.from_numpy(x[index]) for x in (self.actions, self.rewards, self.ends)))

    def truth(self) -> GameTruth:
        boxes = torch.cat([self.centres - 3, torch.full_like(self.centres, 6)], -1)
        number = 2 * torch.from_numpy(self.episodes)[:, None] + torch.arange(2)
        identity = torch.where(self.there, number, -1)
        return GameTruth(boxes.numpy(), identity.numpy(), np.array([0, 1]), ("Ball", "Rock"))


class Foreseer(Observes, WorldModel):
    """A model that sees the objects of `Paths` exactly: windows of 8 pixels, in which it paints sprites of 6.

    Args:
        speed: share of the velocity that imagined objects keep: 0 stands still, 1 goes straight on.
        drop_after: imagined steps after which the second object disappears.
        invent_after: imagined steps after which an object is discovered that does not exist.
    """

    def __init__(self, speed: float, drop_after: int = 99, invent_after: int = 99):
        super().__init__(small(frame_size=(SIZE, SIZE), object_size=(8.0, 8.0), scenery=1, actions=3))
        self.speed, self.drop_after, self.invent_after = speed, drop_after, invent_after

    def observe(self, slots: Slots, frame: Frame, action: Tensor | None = None, **options: object):
        where = torch.zeros_like(slots.where)
        scale = torch.full((len(frame), 2, 2), 8 / SIZE)
        where[:, :2] = to_where(scale, (frame.background[:, 0, 0, :4].unflatten(1, (2, 2)) - 0.5) * 2 / (SIZE - 1) - 1)
        there = torch.nn.functional.pad(frame.background[:, 0, 0, 4:6], (0, 1))
        known = (slots.step > 0).float()[:, None, None] * slots.presence[..., None]
        velocity = (window(where)[1] - window(slots.where)[1]) * known
        identity = torch.where(there > 0, torch.arange(3), -1)
        last = torch.ones_like(slots.last_identity)
        changes = {"where": where, "presence": there, "velocity": velocity, "identity": identity}
        terms = SimpleNamespace(discovered=there.sum(1))
        return slots.replace(
            **changes, unseen=torch.zeros_like(slots.unseen), step=slots.step + 1, last_identity=last
        ), terms

    def imagine(self, slots: Slots, action: Tensor | None = None, *, discover: bool = True, **options: object) -> Slots:
        scale, centre = window(slots.where)
        slots = slots.replace(where=to_where(scale, centre + self.speed * slots.velocity), unseen=slots.unseen + 1)
        presence, identity, where = slots.presence.clone(), slots.identity.clone(), slots.where.clone()
        presence[:, 1] *= slots.unseen[:, 1] < self.drop_after
        if discover:
            new = slots.unseen[:, 2] >= self.invent_after
            presence[:, 2] = new.float()
            identity[:, 2] = torch.where(new, 2, -1)
            where[:, 2] = to_where(torch.full((2,), 8 / SIZE), torch.tensor([0.9, -0.9]))
        identity = torch.where(presence > 0, identity, -1)
        return slots.replace(presence=presence, identity=identity, where=where, step=slots.step + 1)

    def render(self, slots: Slots) -> Rendering:
        edge = torch.tensor([0, 0.5, 1, 1, 1, 1, 1, 0.5, 0])
        sprite = edge[:, None] * edge * slots.presence[:, :, None, None, None]
        return Rendering(torch.full((len(slots.step), 1, SIZE, SIZE), 0.5), sprite)

    def outcome(self, slots: Slots, action: Tensor, after: Slots, imagined: bool = True):
        assert torch.equal(after.step, slots.step + 1)
        return SimpleNamespace(
            nonzero=0.2 + 0.7 * (action == REWARDED).float(),
            ends=(action == ENDING).float(),
            uncertainty=slots.step.float(),
        )
