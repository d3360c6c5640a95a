"""p(x | z): decode each object, paint it where it is, and score the frame (paper, section 3 and appendix A)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.slots import Slots
from sqair_wm.nn.attention import FrameView, place_whole, whole_factors, windows
from sqair_wm.nn.packing import Rows
from sqair_wm.nn.where import window

MOST_PAINTED = 0.15
"""Share of a frame: where the largest windows span more than this, it is cheaper to paint whole frames."""


class Appearance(nn.Module):
    """The image model: additive glimpses under independent Gaussian pixels of a fixed standard deviation.

    Args:
        config: of the model.
        decoder: appearance codes `[R, W]` to glimpses `[R, C, h, w]`; registered in
            `sqair_wm.model.factories.DECODERS`.
    """

    def __init__(self, config: ModelConfig, decoder: nn.Module):
        super().__init__()
        self.config = config
        self.decoder = decoder
        self.output_scale = nn.Parameter(torch.tensor(config.output_scale))
        self.mean_image = nn.Parameter(torch.zeros(config.channels, *config.frame_size)) if config.mean_image else None

    def decode(self, what: Tensor) -> Tensor:
        """`[..., W]` to glimpses `[..., C, h, w]`."""
        glimpses = self.decoder(what.reshape(-1, what.shape[-1])) * self.output_scale
        return glimpses.view(*what.shape[:-1], *glimpses.shape[1:])

    def glimpses(self, slots: Slots) -> Tensor:
        """Each object as it is painted, `[B, N, C, h, w]`; zero in empty slots."""
        return self.decode(slots.what) * slots.presence[:, :, None, None, None]

    def paint(self, slots: Slots, dense: bool) -> Tensor:
        """The mean image of each scene, `[B, C, H, W]`."""
        b, n = slots.presence.shape
        rows = Rows(slots.presence.detach().flatten() > 0, dense)
        glimpses = self.decode(rows.take(slots.what.flatten(0, 1)))
        if dense:
            glimpses = rows.put(glimpses).view(b, n, *glimpses.shape[1:])
            image = place_whole(glimpses, *window(slots.where), self.config.frame_size)
            return image if self.mean_image is None else image + self._mean(slots)
        image = slots.what.new_zeros(b, *self.config.frame_size, self.config.channels)
        if not rows.empty:
            image = image.flatten(0, 2).index_add(0, *self._windows(rows, glimpses, slots)).view_as(image)
        image = image.permute(0, 3, 1, 2)
        return image if self.mean_image is None else image + self._mean(slots)

    def _windows(self, rows: Rows, glimpses: Tensor, slots: Slots) -> tuple[Tensor, Tensor]:
        scale, centre = window(rows.take(slots.where.flatten(0, 1)))
        return windows(rows.numbers() // slots.presence.shape[1], glimpses, scale, centre, self.config.frame_size)

    def _mean(self, slots: Slots) -> Tensor:
        """The learned mean image where objects are painted, as in the released code."""
        assert self.mean_image is not None
        ones = slots.presence[:, :, None, None, None].expand(-1, -1, 1, *self.config.glimpse)
        covered = place_whole(ones, *window(slots.where), self.config.frame_size)
        return self.mean_image * torch.sigmoid(-10 + 20 * covered)

    def log_likelihood(self, view: FrameView, slots: Slots, dense: bool) -> Tensor:
        """log p(x | z) of each scene, `[B]`, in nats."""
        constant = math.log(self.config.output_std) + 0.5 * math.log(2 * math.pi)
        pixels = view.channels * view.size[0] * view.size[1]
        return -0.5 / self.config.output_std**2 * self._squared_error(view, slots, dense) - pixels * constant

    def _squared_error(self, view: FrameView, slots: Slots, dense: bool) -> Tensor:
        if dense or self.mean_image is not None:
            return (self.paint(slots, dense) - view.all_rows()).flatten(1).square().sum(1)
        rows = Rows(slots.presence.detach().flatten() > 0, dense)
        if rows.empty:
            return view.all_rows().flatten(1).square().sum(1)
        glimpses, scene = self.decode(rows.take(slots.what.flatten(0, 1))), rows.numbers() // slots.presence.shape[1]
        scale, centre = window(rows.take(slots.where.flatten(0, 1)))
        if float(scale.detach().amax(0).prod()) > MOST_PAINTED:
            factors = whole_factors(glimpses[:, None], scale[:, None], centre[:, None], view.size)
            return WholeError.apply(*factors, scene, view.frame.flatten(1, 2), view.copies)
        index, values = windows(scene, glimpses, scale, centre, view.size)
        return PaintedError.apply(index, values, scene, view.pixels, view.copies)


class PaintedError(torch.autograd.Function):
    """Squared error between frames and what is painted on black; the gradient visits only painted pixels."""

    @staticmethod
    def forward(ctx: Any, index: Tensor, values: Tensor, scene: Tensor, pixels: Tensor, copies: int) -> Tensor:
        """Squared error of each scene, `[B]`.

        Args:
            ctx: of autograd.
            index: `[M]` positions in the frames, counted in pieces of D values.
            values: `[M, D]` what is painted there.
            scene: `[R]` int64, the scene of each object; all objects have equally many pieces.
            pixels: `[B / copies, P, C]` the frames.
            copies: number of scenes that share a frame.
        """
        error = pixels.neg().repeat_interleave(copies, 0)
        error.view(-1, values.shape[1]).index_add_(0, index, values)
        ctx.save_for_backward(index, error, scene)
        ctx.piece = values.shape[1]
        flat = error.flatten(1)
        return torch.linalg.vecdot(flat, flat)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, None, None, None]:
        """Twice the error under each window pixel, times the gradient of its scene."""
        index, error, scene = ctx.saved_tensors
        under = error.view(-1, ctx.piece).index_select(0, index).view(scene.shape[0], -1)
        return None, under.mul_((2 * grads[0])[scene][:, None]).view(-1, ctx.piece), None, None, None


class WholeError(torch.autograd.Function):
    """The same error for objects that span much of a frame: each is painted on a whole frame."""

    @staticmethod
    def forward(ctx: Any, tall: Tensor, columns: Tensor, scene: Tensor, frames: Tensor, copies: int) -> Tensor:
        """Squared error of each scene, `[B]`.

        Args:
            ctx: of autograd.
            tall: `[R, C * H, w]` of each object, see `whole_factors`.
            columns: `[R, w, W]`.
            scene: `[R]` int64, the scene of each object, ascending.
            frames: `[B / copies, C * H, W]`.
            copies: number of scenes that share a frame.
        """
        error = frames.repeat_interleave(copies, 0)
        scenes = torch.arange(error.shape[0], device=scene.device)
        ctx.one_each = len(scene) == len(scenes) and bool((scene == scenes).all())
        if ctx.one_each:
            error.baddbmm_(tall, columns, beta=-1)
        else:
            error.neg_().flatten(1).index_add_(0, scene, (tall @ columns).flatten(1))
        ctx.save_for_backward(tall, columns, scene, error)
        flat = error.flatten(1)
        return torch.linalg.vecdot(flat, flat)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        """Twice the error behind each object, times the gradient of its scene, into both factors."""
        tall, columns, scene, error = ctx.saved_tensors
        double = 2 * grads[0]
        if not ctx.one_each:
            error, double = error.flatten(1)[scene].view(len(scene), *error.shape[1:]), double[scene]
        double = double[:, None, None]
        into_tall = (error @ columns.transpose(1, 2)).mul_(double)
        return into_tall, (tall * double).transpose(1, 2) @ error, None, None, None
