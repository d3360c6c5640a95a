"""Whether a tracked object is seen: by foreground in its window, and by the colour that it had when it was last seen.

Nothing here carries a gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.inference.parts import LARGER, GlimpseReader, Look, shows
from sqair_wm.model.inference.search import Others, Peak, cover
from sqair_wm.model.slots import Slots
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.packing import Rows
from sqair_wm.nn.where import constant

UNLIKE = 0.15
"""Distance of two mean colours, in intensities, beyond which they are not those of one object."""

FAINT = 0.02
"""Mean opacity of a window below which its colour is unknown."""

RENEWED = 0.3
"""Share of a newly seen colour in what is remembered: neighbours that reach into the window change it for a moment."""

FAR = 0.5
"""Distance from the expected position, in sizes of the search, from which foreground has to have the right colour."""


@torch.no_grad()
def mean_colour(glimpses: Tensor, claims: Tensor | None = None) -> Tensor:
    """The mean colour of foreground, weighted by its opacity.

    Args:
        glimpses: `[R, C, h, w]`; the last channel is opacity.
        claims: `[R, 1, h, w]` 0 or 1, points that other objects claim and that don't count; None if there are none.

    Returns:
        `[R, C - 1]`; zeros where there is hardly any foreground.
    """
    free = glimpses if claims is None else glimpses * (1 - claims)
    mean = free.mean((2, 3))
    opacity = mean[:, -1:]
    return torch.where(opacity > FAINT, mean[:, :-1] / opacity.clamp(min=FAINT), 0.0)


def unlike(known: Tensor, seen: Tensor) -> Tensor:
    """Whether the colours `known` and `seen` `[R, K]` are those of different objects, `[R]` bool; not if one is 0."""
    apart = (known - seen).square().sum(1) > UNLIKE**2
    return apart & known.any(1) & seen.any(1)


@torch.no_grad()
def recognised(
    config: ModelConfig,
    reader: GlimpseReader,
    rows: Rows,
    slots: Slots,
    view: FrameView,
    place: Tensor,
    peak: Peak,
    others: Others | None,
) -> Peak:
    """What the search found, less what is not the object that was looked for.

    Foreground of another colour is refused far from where the object is expected, and everywhere if the object was
    unseen in the last frame: it would take over whatever comes by.

    Args:
        config: of the model.
        reader: of windows.
        rows: the tracked objects among the slots.
        slots: the scenes before this frame.
        view: the frames.
        place: `[R, 4]` centre and scale of the windows where they are expected.
        peak: what was found.
        others: windows where the other objects are expected; None if there are none.

    Returns:
        `peak`; where it is refused at the expected position, with features 0.
    """
    if not config.colours:
        return peak
    apart, reach = (peak.centre - place[:, :2]).abs(), constant([2 * FAR * side for side in config.search_size], place)
    doubtful = (apart * constant(view.size, place) > reach).any(1) | (rows.take(slots.unseen.flatten()) > 0)
    asked = Rows(doubtful, rows.dense)
    if asked.empty:
        return peak
    scene, centre, scale = (
        asked.take(x) for x in (rows.numbers() // slots.presence.shape[1], peak.centre, place[:, 2:])
    )
    claimed = None if others is None else Others(*(asked.take(x) for x in others))
    look = reader.look(view, scene, scale, centre, claimed)
    known = asked.take(rows.take(slots.colour.flatten(0, 1)))
    other = asked.put(unlike(known, mean_colour(look.glimpses, look.claims)))[:, None]
    centre = torch.where(other, place[:, :2], peak.centre)
    return peak._replace(centre=centre, features=peak.features.masked_fill(other, 0))


@torch.no_grad()
def contested(config: ModelConfig, rows: Rows, slots: Slots, view: FrameView, place: Tensor, peak: Peak) -> Peak:
    """What the search found, less what belongs to another object.

    Foreground far from where an object was expected is refused if it lies in the window of another one that was
    expected nearer to it. An object that leaves the frame would otherwise take over the next one that comes by.

    Args:
        config: of the model.
        rows: the tracked objects among the slots.
        slots: the scenes before this frame.
        view: the frames.
        place: `[R, 4]` centre and scale of the windows where they are expected.
        peak: what was found.

    Returns:
        As `recognised`.
    """
    b, n = slots.presence.shape
    if n == 1:
        return peak
    reach = constant(
        [2 * FAR * side / pixels for side, pixels in zip(config.search_size, view.size, strict=True)], place
    )
    away = ((peak.centre - place[:, :2]).abs() / reach).amax(1)
    whole = rows.put_all(peak.centre, place[:, 2:], away, (peak.features[:, 0] > 0).to(away.dtype))
    centre, scale, far, found = (x.unflatten(0, (b, n)) for x in whole)
    inside = ((centre[:, :, None] - centre[:, None]).abs() < scale[:, None]).all(3)
    nearer = (far[:, None] < far[:, :, None]) & (far[:, :, None] > 1)
    claimed = (inside & nearer & (slots.presence * found > 0)[:, None]).any(2)
    other = rows.take(claimed.flatten())[:, None]
    centre = torch.where(other, place[:, :2], peak.centre)
    return peak._replace(centre=centre, features=peak.features.masked_fill(other, 0))


@torch.no_grad()
def sight(
    config: ModelConfig, rows: Rows, slots: Slots, view: FrameView, place: tuple[Tensor, Tensor], look: Look
) -> tuple[Tensor, Tensor]:
    """For how long each object was not seen, and its colour.

    An object is seen if its window holds foreground that no object before it explains. Older objects come before it,
    and much larger ones, so that a window that shrank onto a part of another object is dropped in time; so is one that
    shrank to a point. Where something of another colour is seen in the place of an object that was unseen before, the
    object is given up; where no slot is free, so is the one that was unseen for longest.

    Args:
        config: of the model.
        rows: the tracked objects among the slots.
        slots: the scenes before this frame.
        view: the frames.
        place: scale and centre `[R, 2]` of their windows in this frame.
        look: what is there.

    Returns:
        Frames since the object was last seen, `[B, N]`, `ModelConfig.patience` if it is given up; and the colour that
        it had then, `[B, N, K]`.
    """
    (scale, centre), (b, n) = place, slots.presence.shape
    claims, since = None, rows.take(slots.unseen.flatten())
    if n > 1:
        claims = _claims(rows, slots, view, (scale, centre), look)
    seen = shows(view, look.glimpses, scale, claims)
    unseen, colour = torch.where(seen, 0, since + 1), slots.colour
    if config.colours:
        known, now = rows.take(slots.colour.flatten(0, 1)), mean_colour(look.glimpses, look.claims)
        unseen = unseen.masked_fill(seen & (since > 0) & unlike(known, now), config.patience)
        first, shown = ~known.any(1, keepdim=True), seen[:, None] & now.any(1, keepdim=True)
        renewed = torch.where(shown, torch.where(first, now, torch.lerp(known, now, RENEWED)), known)
        colour = rows.put(renewed).unflatten(0, (b, n))
    return _with_room(config, rows.put(unseen).view(b, n), slots), colour


def _with_room(config: ModelConfig, unseen: Tensor, slots: Slots) -> Tensor:
    """Frames since each object was last seen, `[B, N]`, `ModelConfig.patience` for the one that makes room."""
    if unseen.shape[1] < config.slots:
        return unseen
    longest, row = unseen.max(1, keepdim=True)
    full = (slots.presence > 0).all(1, keepdim=True) & (longest >= config.patience_when_full)
    makes_room = full & (torch.arange(unseen.shape[1], device=unseen.device) == row)
    return unseen.masked_fill(makes_room, config.patience)


def _claims(rows: Rows, slots: Slots, view: FrameView, place: tuple[Tensor, Tensor], look: Look) -> Tensor:
    """Which points of the windows lie in the windows of objects that come before, `[R, h, w]`."""
    (scale, centre), (b, n) = place, slots.presence.shape
    centres, scales = (x.unflatten(0, (b, n)) for x in rows.put_all(centre, scale))
    area, scene = scales.prod(2), rows.numbers() // n
    larger = area[:, None] > LARGER * area[:, :, None]
    older = slots.identity[:, None] < slots.identity[:, :, None]
    first = (larger | (older & ~larger.transpose(1, 2))) * slots.presence[:, None]
    before = rows.take(first.flatten(0, 1))
    others = Others(centres.index_select(0, scene), scales.index_select(0, scene), before)
    shape = (look.glimpses.shape[2], look.glimpses.shape[3])
    return cover(view.points(scale, centre, shape), shape, others).by(before)
