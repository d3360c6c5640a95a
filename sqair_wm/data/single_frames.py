"""Single frames of sequences, for AIR."""

from __future__ import annotations

import torch

from sqair_wm.data.sequences import Batch, Sequences, Truth


class SingleFrames:
    """The frames of a data set as sequences of one frame, on which AIR is trained.

    Args:
        sequences: the data set.
        length: frames of the sequences of which one frame each is taken.
    """

    def __init__(self, sequences: Sequences, length: int = 10):
        self.sequences, self.cut = sequences, length
        self.frame_size, self.channels = sequences.frame_size, sequences.channels
        self.scenery, self.number_of_actions = sequences.scenery, sequences.number_of_actions

    def sample(self, batch: int, length: int, generator: torch.Generator, device: torch.device) -> Batch:
        """A random frame of each of `batch` sequences; see `Sequences.sample`.

        Raises:
            ValueError: if longer sequences are asked for.
        """
        if length != 1:
            raise ValueError(f"AIR is trained on single frames, not on {length}: set training.lengths=[[0,1]]")
        whole = self.sequences.sample(batch, self.cut, generator, device)
        time = torch.randint(self.cut, (batch,), generator=generator).to(device)
        return single(whole).select(time * batch + torch.arange(batch, device=device))

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        """Whole sequences, see `Sequences.first`."""
        return self.sequences.first(batch, length, device)


def single(batch: Batch) -> Batch:
    """`B` sequences of `T` frames as `T * B` sequences of one."""
    truth = batch.truth
    if truth is not None:
        labels = truth.labels.repeat(len(batch.frames), 1)
        truth = Truth(truth.boxes.flatten(0, 1)[None], truth.presence.flatten(0, 1)[None], labels)
    actions, rewards, ends = (x.flatten(0, 1)[None] for x in (batch.actions, batch.rewards, batch.ends))
    return Batch(batch.frames.map(lambda x: x.flatten(0, 1)[None]), actions, rewards, ends, truth)
