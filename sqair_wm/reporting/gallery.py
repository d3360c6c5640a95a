"""Pictures of a finished run on digits or a video: `python -m sqair_wm.reporting.gallery runs/NAME --out FOLDER`.

`inference` (frames, reconstructions and boxes by identity), `long` (the same for many more frames than it was trained
on), `samples` (sequences from the prior) and `futures` (what happened and, beside it, what was imagined after the first
frames), each as a strip (PNG) and as a film (GIF). With `--against RUN`, `hard`: both runs on the sequences with most
overlap and most half-visible objects.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common import figures
from sqair_wm.common.settings import ConfigError
from sqair_wm.data.sequences import Batch, Sequences
from sqair_wm.evaluation.digits.hardness import hardest
from sqair_wm.evaluation.kinds import kind_of
from sqair_wm.evaluation.metrics.summary import watch
from sqair_wm.model.outlines import outlines
from sqair_wm.model.slots import Slots
from sqair_wm.runs.run_folder import open_run
from sqair_wm.world.loading import load
from sqair_wm.world.world_model import WorldModel

ROWS, SHOWN = 4, 10
"""Sequences in a picture; frames of a strip."""

Film = list[list[np.ndarray]]
"""Pictures of the same size: `film[t][row]`."""


def inference_film(model: WorldModel, batch: Batch) -> Film:
    """For each sequence a row of frames and a row of reconstructions with boxes, coloured by identity."""
    watched = watch(model, batch)
    places, identities = watched.boxes.cpu().numpy(), watched.identities().cpu().numpy()
    film: Film = []
    for t in range(len(batch.frames)):
        film.append([])
        for b in range(batch.frames.batch):
            drawn = figures.to_picture(watched.reconstructions[t, b])
            film[t].append(figures.enlarge(figures.to_picture(watched.frames[t, b])))
            film[t].append(figures.draw_boxes(drawn, places[t, b], identities[t, b]))
    return film


@torch.no_grad()
def sample_film(model: WorldModel, number: int, length: int) -> Film:
    """Sequences from the prior, a row each: objects are discovered in the first frame only (paper, figure 5)."""
    first = model.imagine(model.initial(number))
    others = model.imagined(first, [None] * (length - 1), sample=True)
    return [_drawn(model, slots) for slots in (first, *others)]


@torch.no_grad()
def future_film(model: WorldModel, batch: Batch, seen: int) -> Film:
    """For each sequence a row of what happened and a row of what is inferred for `seen` frames and then sampled from
    the prior, without new objects (paper, figures 6 and 8).
    """
    slots = model.initial(batch.frames.batch)
    film: Film = []

    def add(scenes: Slots) -> None:
        real = [figures.enlarge(figures.to_picture(f)) for f in batch.frames.foreground[len(film)]]
        film.append([picture for pair in zip(real, _drawn(model, scenes), strict=True) for picture in pair])

    for frame in batch.frames[:seen]:
        slots = model.observe(slots, frame)[0]
        add(slots)
    for future in model.imagined(slots, [None] * (len(batch.frames) - seen), sample=True):
        add(future)
    return film


def comparison_film(first: WorldModel, second: WorldModel, batch: Batch) -> Film:
    """For each sequence a row of frames and a row of reconstructions with boxes of each of two models."""
    a, b = inference_film(first, batch), inference_film(second, batch)
    return [
        [picture for k in range(0, len(x), 2) for picture in (x[k], x[k + 1], y[k + 1])]
        for x, y in zip(a, b, strict=True)
    ]


def strip(film: Film, shown: int = SHOWN) -> np.ndarray:
    """Up to `shown` moments, spread evenly over time, side by side: `[H, W, 3]` uint8."""
    times = np.linspace(0, len(film) - 1, min(shown, len(film))).round().astype(int)
    return figures.beside([_below(film[t]) for t in times], gap=4)


def write_film(folder: Path, name: str, film: Film) -> None:
    """Write the strip `NAME.png` and the film `NAME.gif`, in which the rows of the strip are side by side."""
    from PIL import Image

    Image.fromarray(strip(film)).save(folder / f"{name}.png")
    (folder / f"{name}.gif").write_bytes(figures.moving_picture([figures.beside(row, 4) for row in film], 150))


def write_gallery(
    run: Path, out: Path, against: Path | None = None, data: Path | None = None, frames: int = 100, seed: int = 0
) -> list[str]:
    """Draw all pictures of a run.

    Args:
        run: folder of a finished run on data without actions.
        out: folder for the pictures; made if it is not there.
        against: another run, for `hard`.
        data: folder of the MNIST files or of the foreground of videos; by default as in the run.
        frames: length of `long`.
        seed: of everything sampled.

    Returns:
        The names of the pictures.

    Raises:
        ConfigError: if a run is missing or not finished, or its data have actions.
        ValueError: if the models do not take the same frames, or there is no truth from which to find hard sequences.
    """
    model, sequences = open_model(run, data)
    device, length = model.background.device, min(SHOWN, _longest(sequences))
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    batch = sequences.first(10 * ROWS, length, device)
    chosen = batch.select(_fullest(batch, ROWS))
    films: dict[str, Callable[[], Film]] = {
        "inference": lambda: inference_film(model, chosen),
        "long": lambda: inference_film(model, long_batch(sequences, frames, device)),
        "samples": lambda: sample_film(model, 2 * ROWS, length),
        "futures": lambda: future_film(model, chosen, open_run(run).config.data.report.seen),
    }
    if against is not None:
        other, _ = open_model(against, data)
        films["hard"] = lambda: comparison_film(model, other, hardest(sequences.first(500, length, device), ROWS))
    for name, draw in films.items():
        write_film(out, name, draw())
    return list(films)


def open_model(run: Path, data: Path | None = None) -> tuple[WorldModel, Sequences]:
    """The model of a finished run and its test sequences.

    Raises:
        ConfigError: if there is none, or it was trained on a game.
    """
    folder = open_run(run)
    config, kind = folder.config, kind_of(folder.config)
    if kind.plays:
        raise ConfigError(f"{run} was trained on a game, whose future needs actions: its pictures are in report.html")
    if data is not None:
        config.data[kind.places[0]] = str(data)
    return load(folder.path), kind.build(config)[1]


def long_batch(sequences: Sequences, frames: int, device: torch.device) -> Batch:
    """Two sequences of `frames` frames, or as many as the data have."""
    batch = sequences.first(10, min(frames, _longest(sequences)), device)
    return batch.select(_fullest(batch, 2))


def _longest(sequences: Sequences) -> int:
    return int(getattr(sequences, "longest", 10**6))


def _fullest(batch: Batch, number: int) -> Tensor:
    """The `number` sequences with the brightest first frames."""
    light = batch.frames.foreground[0].flatten(1).sum(1)
    return light.topk(min(number, len(light))).indices.sort().values


def _drawn(model: WorldModel, slots: Slots) -> list[np.ndarray]:
    """The mean image of each scene with its boxes."""
    images, glimpses = model.render(slots)
    places = outlines(glimpses, slots.where, model.config).cpu().numpy()
    identities = slots.identity.cpu().numpy()
    return [
        figures.draw_boxes(figures.to_picture(image), place, identity)
        for image, place, identity in zip(images, places, identities, strict=True)
    ]


def _below(pictures: list[np.ndarray], gap: int = 4) -> np.ndarray:
    """Pictures of the same width one below the other."""
    return np.concatenate([np.pad(p, ((0, gap), (0, 0), (0, 0)), constant_values=32) for p in pictures])


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.reporting.gallery", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a finished run, such as runs/moving_mnist")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--against", type=Path, help="another run, such as one of model=air")
    parser.add_argument("--data", type=Path, help="folder of the data (by default as in the run)")
    parser.add_argument("--frames", type=int, default=100, help="length of the long sequences")
    parser.add_argument("--seed", type=int, default=0, help="of everything sampled")
    options = parser.parse_args(arguments)
    try:
        names = write_gallery(options.run, options.out, options.against, options.data, options.frames, options.seed)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    print(f"{options.out}: " + ", ".join(f"{name}.png, {name}.gif" for name in names))


if __name__ == "__main__":
    main()
