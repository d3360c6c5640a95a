"""Figures of a model on frames that it was not trained on, for any kind of data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sqair_wm.data.sequences import Batch
from sqair_wm.model.outlines import outlines
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.world.world_model import WorldModel

SURVIVAL = 8


@dataclass
class Watched:
    """`T` frames of `B` sequences, filtered by the model.

    Attributes:
        states: the scenes after each frame.
        frames: `[T, B, C, H, W]` the foreground that was shown.
        reconstructions: `[T, B, C, H, W]` the model's mean images.
        boxes: `[T, B, N, 4]` (top, left, height, width) of what is painted of each object, see `outlines`.
        discovered: `[T, B]` new objects in each frame.
    """

    states: list[Slots]
    frames: Tensor
    reconstructions: Tensor
    boxes: Tensor
    discovered: Tensor

    def identities(self) -> Tensor:
        """`[T, B, N]`, -1 where a slot is empty."""
        return torch.stack([s.identity for s in self.states])


@torch.no_grad()
def watch(model: WorldModel, batch: Batch) -> Watched:
    """Observe whole sequences deterministically (means, and the likelier value of every presence)."""
    slots, states, images, boxes, found = model.initial(batch.frames.batch), [], [], [], []
    for frame, action in zip(batch.frames, batch.actions, strict=True):
        slots, terms = model.observe(slots, frame, action, noise=Noise.none(slots))
        states.append(slots)
        image, glimpses = model.render(slots)
        images.append(image)
        boxes.append(outlines(glimpses, slots.where, model.config))
        found.append(terms.discovered)
    return Watched(states, batch.frames.foreground, torch.stack(images), torch.stack(boxes), torch.stack(found))


def identity_survival(identities: Tensor, frames: int = SURVIVAL) -> float:
    """Share of the objects of each frame that are there under the same identity `frames` frames later.

    Args:
        identities: `[T, B, N]`, -1 where there is no object.
        frames: how much later.

    Returns:
        0 if there is no object early enough.
    """
    early, late = identities[:-frames], identities[frames:]
    there = early >= 0
    survived = (early[..., :, None] == late[..., None, :]).any(-1) & there
    return float(survived.sum() / there.sum()) if there.any() else 0.0


def summarize(watched: Watched) -> dict[str, float]:
    """The figures of a watched test set.

    Returns:
        `unexplained_energy`: squared error of the reconstruction over squared intensity of the foreground;
        `objects_per_frame`; `discovered_per_frame`, after the first frame of a sequence;
        `identity_survival_8`, see `identity_survival`.
    """
    error = (watched.reconstructions - watched.frames).square().sum()
    identities = watched.identities()
    return {
        "unexplained_energy": float(error / watched.frames.square().sum()),
        "objects_per_frame": float((identities >= 0).sum(2).float().mean()),
        "discovered_per_frame": float(watched.discovered[1:].mean()),
        f"identity_survival_{SURVIVAL}": identity_survival(identities),
    }
