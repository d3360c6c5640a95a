"""Does play change the background?"""

import numpy as np
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.data.changes import background_changes
from sqair_wm.data.sequences import Batch


class Episodes:
    """Two episodes of three frames; `pixels` of the background change in the middle of the second one."""

    def __init__(self, pixels: int, by: float = 0.5, again: bool = False):
        self.begins = np.arange(6) % 3 == 0
        self.background = torch.zeros(6, 3, 8, 8)
        self.background[4 if again else slice(4, 6), 1, 0, :pixels] = by

    def __len__(self) -> int:
        return 6

    def take(self, index, device):
        nothing = torch.zeros(index.shape)
        return Batch(Frame(torch.zeros(*index.shape, 4, 8, 8), self.background[index]), nothing, nothing, nothing)


def test_a_background_changes_if_pixels_differ_at_the_end_of_an_episode():
    assert background_changes(Episodes(4))
    assert not background_changes(Episodes(3)), "too few pixels"
    assert not background_changes(Episodes(4, by=0.04)), "hardly visible"
    assert not background_changes(Episodes(4, again=True)), "what comes back is no change that lasts"
