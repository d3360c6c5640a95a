"""A model that is told the truth about moving bars."""

import numpy as np
import torch

from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.model.slots import StepTerms
from sqair_wm.nn.where import to_where
from sqair_wm.world.world_model import WorldModel
from tests.conftest import Observes, small

T = 4


def bars(**settings) -> MovingMNIST:
    """Digits that are bright bars, at most two."""
    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 4:22, 10:21] = 255
    return MovingMNIST(images, np.arange(4, dtype=np.uint8), **settings)


class Informed(Observes, WorldModel):
    """Knows the truth of the first hundred sequences; after frame `slip` all identities are one higher."""

    def __init__(self, data: MovingMNIST, slip: int = 99, blind: bool = False):
        super().__init__(small(frame_size=(50, 50), slots=data.most))
        self.truth, self.slip, self.blind = data.first(100, T, torch.device("cpu")).truth, slip, blind
        self.sqair.appearance.decode = lambda what: torch.ones(*what.shape[:-1], 1, 8, 8)

    def observe(self, slots, frame, action=None, **options):
        t = int(slots.step[0])
        copies = len(slots.presence) // len(frame)
        box, there, labels = (
            x.repeat_interleave(copies, 0) for x in (self.truth.boxes[t], self.truth.presence[t], self.truth.labels)
        )
        there = there & (not self.blind)
        corner = box[..., :2].clamp(max=49)
        extent = (box[..., :2] + box[..., 2:]).clamp(max=50) - corner
        where = to_where((extent - 1) / 49, (2 * corner + extent - 1) / 49 - 1)
        what = torch.nn.functional.one_hot(labels, 4).float()
        identity = torch.where(there, torch.arange(there.shape[1]) + (10 if t >= self.slip else 0), -1)
        zero = torch.zeros(len(there))
        terms = StepTerms(**{name: zero for name in StepTerms.__dataclass_fields__})
        return slots.replace(
            what=what, where=where, presence=there.float(), identity=identity, step=slots.step + 1
        ), terms
