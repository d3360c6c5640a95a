"""The films of a report: what a model sees and imagines in some sequences."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common import figures
from sqair_wm.common.frame import Frame
from sqair_wm.data.sequences import Batch
from sqair_wm.evaluation.metrics.summary import Watched
from sqair_wm.games.background import compose
from sqair_wm.model.outlines import outlines
from sqair_wm.reporting.films import Box, Film, Panel, boxes_of, tiles
from sqair_wm.world.world_model import WorldModel


def real_frames(frames: Frame) -> Tensor:
    """Frames as the game showed them, `[..., H, W, 3]` uint8; without a background, the foreground on black.

    Values below 0 or above 1 are clipped.
    """
    if frames.background.shape[-3]:
        return compose(frames)
    grey = frames.foreground.clamp(0, 1).movedim(-3, -1)
    return (255 * grey.expand(*grey.shape[:-1], 3)).byte()


def liveliest(batch: Batch, number: int) -> Tensor:
    """The `number` sequences in which most changes from frame to frame."""
    whole = torch.cat([batch.frames.foreground, batch.frames.background], 2)
    change = whole.diff(dim=0).abs().flatten(2).sum((0, 2))
    return change.topk(min(number, len(change))).indices.sort().values


class ModelFilms:
    """Films of sequences that a model has watched.

    Args:
        model: the model.
        batch: the sequences, `T` frames each.
        watched: the sequences seen through the model, see `watch`.
        seen: frames that it sees before it imagines how they go on.

    Attributes:
        futures: the scenes imagined after the first `seen` frames, under the actions that were taken: `T - seen`.
    """

    def __init__(self, model: WorldModel, batch: Batch, watched: Watched, seen: int):
        self.model, self.batch, self.watched, self.seen = model, batch, watched, seen
        self.futures = list(model.imagined(watched.states[seen - 1], batch.actions[seen:]))
        self._real = [real_frames(_row(batch.frames, s)).cpu().numpy() for s in range(batch.frames.batch)]
        places, who = watched.boxes.cpu().numpy(), watched.identities().cpu().numpy()
        self._identities = who
        self._boxes = [boxes_of(places[:, s], who[:, s]) for s in range(batch.frames.batch)]

    def fullest(self) -> list[int]:
        """Numbers of the sequences, those first that have most objects when imagination begins."""
        objects = (self.watched.identities()[self.seen - 1] >= 0).sum(1)
        return [int(s) for s in objects.argsort(descending=True, stable=True)]

    def tracking(self, scene: int) -> Film:
        """Real frame with boxes, what the model is given, its reconstruction, and each object's glimpse."""
        given, painted = (
            np.stack([figures.to_picture(x) for x in frames[:, scene]])
            for frames in (self.watched.frames, self.watched.reconstructions)
        )
        glimpses, boxes = tiles(self._glimpses(scene), self._identities[:, scene], self.model.config.slots)
        panels = [
            Panel("frame, and the objects found", self._real[scene], self._boxes[scene]),
            Panel("foreground that the model is given", given),
            Panel("its reconstruction", painted),
            Panel("what it keeps of each object", glimpses, boxes, inside=True),
        ]
        alt = "A sequence: the frame with a numbered box around each object, the foreground, its reconstruction, and "
        return Film(f"Sequence {scene + 1}: objects", alt + "the glimpse that is kept of each object.", panels)

    def imagination(self, scene: int) -> Film:
        """What happens, and beside it what the model sees for `seen` frames and imagines from there on."""
        pictures, boxes = self._seen(scene)
        more, later = self._imagined(scene)
        panels = [
            Panel("what happens", self._real[scene], self._boxes[scene]),
            Panel(
                "what the model sees",
                np.concatenate([pictures, more]),
                [*boxes, *later],
                dream=self.seen,
                dream_title="what the model imagines",
            ),
        ]
        alt = (
            f"Left: what happens, with a numbered box around each object found. Right: what the model sees for "
            f"{self.seen} frames, and from there on what it imagines under the same actions."
        )
        return Film(f"Sequence {scene + 1}: imagination", alt, panels)

    def _glimpses(self, scene: int) -> list[np.ndarray]:
        """The glimpses of every frame, `[N, h, w, 3]` uint8."""
        found = []
        for state in self.watched.states:
            one = state.select(torch.tensor([scene], device=state.presence.device))
            found.append(np.stack([figures.to_picture(g) for g in self.model.render(one).glimpses[0]]))
        return found

    def _seen(self, scene: int) -> tuple[np.ndarray, list[list[Box]]]:
        """The reconstructions of the first frames on their backgrounds, and the boxes."""
        before = _row(self.batch.frames, scene)
        painted = Frame(self.watched.reconstructions[: self.seen, scene], before.background[: self.seen])
        return real_frames(painted).cpu().numpy(), self._boxes[scene][: self.seen]

    def _imagined(self, scene: int) -> tuple[np.ndarray, list[list[Box]]]:
        """The imagined frames on the last background that was seen, and the boxes."""
        background, pictures, boxes = self.batch.frames.background[self.seen - 1, scene], [], []
        for whole in self.futures:
            state = whole.select(torch.tensor([scene], device=whole.presence.device))
            image, glimpses = (x[0] for x in self.model.render(state))
            place = outlines(glimpses, state.where[0], self.model.config)
            pictures.append(real_frames(Frame(image, background)).cpu().numpy())
            boxes.append(boxes_of(place[None].cpu().numpy(), state.identity.cpu().numpy())[0])
        return np.stack(pictures), boxes


def _row(frames: Frame, scene: int) -> Frame:
    return Frame(frames.foreground[:, scene], frames.background[:, scene])
