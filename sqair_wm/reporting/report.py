"""A run's `report.html`, self-contained: pictures that move, the figures, the curves."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path

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
    page = _page(
        folder.name,
        metrics,
        tracking,
        imagined,
        [figures.curves(records[kind], CURVES[kind]) for kind in CURVES if records.get(kind)],
        configuration,
        seen,
    )
    write_atomically(path, lambda target: target.write_text(page))
    return path


def _embed(data: bytes, kind: str, text: str) -> str:
    return f'<img alt="{html.escape(text)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def _page(
    name: str,
    metrics: dict[str, float],
    tracking: list[bytes],
    imagined: list[bytes],
    curves: list[bytes],
    configuration: str,
    seen: int,
) -> str:
    ahead, rest = split_by_horizon(metrics)
    rows = "".join(
        f"<tr><td><code>{key}</code></td><td>{value:.4g}</td><td>{meaning(key)}</td></tr>"
        for key, value in rest.items()
    )
    tracks = "".join(f"<p>{_embed(g, 'gif', 'tracking')}</p>" for g in tracking)
    futures = "".join(f"<p>{_embed(g, 'gif', 'imagination')}</p>" for g in imagined)
    learned = "".join(f"<p>{_embed(c, 'png', 'training curves')}</p>" for c in curves)
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
        "img{image-rendering:pixelated;max-width:100%}td{padding:.1em 1em .1em 0;vertical-align:top}"
        "pre{background:#f4f4f4;padding:1em;overflow:auto;font-size:13px}"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(name)}</title><style>{style}</style>"
        f"<h1>{html.escape(name)}</h1><p>Everything below is measured and drawn on frames that were not trained on.</p>"
        f"<table>{rows}</table>"
        "<h2>Objects</h2><p>From the left: the frame with the model's boxes (a colour is an identity), the foreground "
        f"the model is given, its reconstruction, and the glimpse it keeps of each object.</p>{tracks}"
        f"<h2>Imagination</h2><p>Left: what happened. Right: what the model imagined after seeing {seen} frames "
        f"under the same actions (its likeliest future; no object is discovered in it).</p>{futures}"
        f"{_ahead(ahead, metrics)}"
        f"<h2>Training</h2>{learned}"
        f"<h2>Configuration</h2><pre>{html.escape(configuration)}</pre></html>"
    )


def _ahead(rows: dict[str, dict[int, float]], metrics: dict[str, float]) -> str:
    """The figures over the horizon: curves of the position error, and a table."""
    if "position_error" not in rows:
        return ""
    head = "".join(f"<th>{h}</th>" for h in HORIZONS)
    lines = "".join(
        f"<tr><td><code>{name}</code></td>"
        + "".join(f"<td>{values[h]:.3g}</td>" if h in values else "<td></td>" for h in HORIZONS)
        + f"<td>{ROWS.get(name, '')}</td></tr>"
        for name, values in rows.items()
    )
    picture = _embed(horizon_curves(metrics), "png", "position error over the horizon")
    return f"<p>{picture}</p><table><tr><th>steps ahead</th>{head}</tr>{lines}</table>"


def write_metrics(folder: Path, metrics: dict[str, float]) -> None:
    """Write `metrics.json`: flat names and numbers."""
    write_atomically(folder / "metrics.json", lambda path: path.write_text(json.dumps(metrics, indent=1) + "\n"))
