"""A run's `report.html`, self-contained: pictures that move, the figures, the curves."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import jinja2
import torch
from torch import Tensor

from sqair_wm.common import figures
from sqair_wm.common.files import write_atomically
from sqair_wm.common.frame import Frame
from sqair_wm.data.sequences import Batch
from sqair_wm.evaluation.games.futures import HORIZONS
from sqair_wm.evaluation.metrics.summary import Watched, watch
from sqair_wm.games.background import compose
from sqair_wm.model.outlines import outlines
from sqair_wm.reporting.meaning import meaning
from sqair_wm.reporting.show import ROWS, horizon_curves, split_by_horizon
from sqair_wm.world.world_model import WorldModel

CURVES = {
    "training": {"loss": "loss a frame (nats)", "objects": "objects a frame", "discovered": "discovered a frame"},
    "imagination": {
        "distance": "error of a place (object sizes)",
        "reward": "reward (nats)",
        "ending": "ending (nats)",
    },
}

PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("sqair_wm.reporting"), autoescape=True, undefined=jinja2.StrictUndefined
)
"""The templates of pages, in the folder `templates` beside this file."""

PAGES.filters |= {"base64": lambda data: base64.b64encode(data).decode(), "meaning": meaning}


def real_frames(frames: Frame) -> Tensor:
    """Frames as the game showed them, `[..., H, W, 3]` uint8; without a background, the foreground on black."""
    if frames.background.shape[-3]:
        return compose(frames)
    grey = frames.foreground.movedim(-3, -1)
    return (255 * grey.expand(*grey.shape[:-1], 3)).byte()


def liveliest(batch: Batch, number: int) -> Tensor:
    """The `number` sequences in which most changes from frame to frame."""
    whole = torch.cat([batch.frames.foreground, batch.frames.background], 2)
    change = whole.diff(dim=0).abs().flatten(2).sum((0, 2))
    return change.topk(min(number, len(change))).indices.sort().values


def tracking_picture(model: WorldModel, batch: Batch, watched: Watched, scene: int) -> bytes:
    """Real frame with boxes, what the model is given, its reconstruction, and each object's glimpse, as a GIF."""
    real = real_frames(batch.frames)
    places, identities = watched.boxes, watched.identities()
    pictures = []
    for t, state in enumerate(watched.states):
        ids = identities[t, scene].cpu().numpy()
        glimpses = model.render(state.select(torch.tensor([scene], device=state.presence.device))).glimpses[0]
        row = [
            figures.draw_boxes(real[t, scene].cpu().numpy(), places[t, scene].cpu().numpy(), ids),
            figures.enlarge(figures.to_picture(watched.frames[t, scene])),
            figures.enlarge(figures.to_picture(watched.reconstructions[t, scene])),
            figures.glimpse_strip(glimpses, ids, model.config.slots, 1),
        ]
        pictures.append(figures.beside(row))
    return figures.moving_picture(pictures)


def imagination_picture(model: WorldModel, batch: Batch, watched: Watched, scene: int, seen: int) -> bytes:
    """What happened beside what the model imagined after `seen` frames, as a GIF."""
    start = watched.states[seen - 1].select(torch.tensor([scene], device=batch.actions.device))
    futures = model.imagined(start, batch.actions[seen:, scene : scene + 1])
    real, background = real_frames(batch.frames), batch.frames.background[seen - 1, scene]
    pictures = []
    for t, state in enumerate(futures, seen):
        image, glimpses = (x[0] for x in model.render(state))
        box = outlines(glimpses, state.where[0], model.config).cpu().numpy()
        drawn = real_frames(Frame(image, background)).cpu().numpy()
        ids = state.identity[0].cpu().numpy()
        pictures.append(
            figures.beside([figures.enlarge(real[t, scene].cpu().numpy()), figures.draw_boxes(drawn, box, ids)])
        )
    return figures.moving_picture(pictures)


def write_report(
    folder: Path,
    model: WorldModel,
    batch: Batch,
    metrics: dict[str, float],
    records: dict[str, list[tuple[int, dict[str, float]]]],
    configuration: str,
    seen: int = 8,
    scenes: int = 3,
) -> Path:
    """Write `report.html` into `folder`, and its first pictures as `tracking.gif` and `imagination.gif`.

    Args:
        folder: of the run.
        model: trained.
        batch: held-out sequences of at least `seen + 2` frames; the `scenes` liveliest of them are shown.
        metrics: the figures to show.
        records: (iteration, statistics) of each kind of training.
        configuration: the resolved configuration as text.
        seen: frames that the model sees before it imagines how they go on.
        scenes: how many sequences to show.

    Returns:
        The path of the report.
    """
    shown = batch.select(liveliest(batch, scenes))
    watched = watch(model, shown)
    tracking = [tracking_picture(model, shown, watched, s) for s in range(shown.frames.batch)]
    imagined = [imagination_picture(model, shown, watched, s, seen) for s in range(shown.frames.batch)]
    path = folder / "report.html"
    for name, picture in (("tracking.gif", tracking[0]), ("imagination.gif", imagined[0])):
        (folder / name).write_bytes(picture)
    ahead, rest = split_by_horizon(metrics)
    page = PAGES.get_template("report.html").render(
        name=folder.name,
        rest=rest,
        tracking=tracking,
        imagined=imagined,
        seen=seen,
        horizons=HORIZONS,
        ahead=ahead,
        row_meaning=ROWS,
        horizon_curves=horizon_curves(metrics) if "position_error" in ahead else None,
        curves=[figures.curves(records[kind], CURVES[kind]) for kind in CURVES if records.get(kind)],
        configuration=configuration,
    )
    write_atomically(path, lambda target: target.write_text(page))
    return path


def write_metrics(folder: Path, metrics: dict[str, float]) -> None:
    """Write `metrics.json`: flat names and numbers."""
    write_atomically(folder / "metrics.json", lambda path: path.write_text(json.dumps(metrics, indent=1) + "\n"))
