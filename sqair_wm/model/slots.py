"""The state of a scene: a set of objects, and what one step of inference says about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sqair_wm.common.tensors import TensorRecord, field_names
from sqair_wm.nn.where import window

PER_SLOT = ("what", "where", "presence", "identity", "velocity", "unseen", "belief", "colour", "temporal", "prior")


DOUBTFUL = 0.5
"""The belief in an object below which agents do not see it, as in imagination."""


class _Memo(TensorRecord):
    """Holds what is kept with a state without being a part of it."""

    __slots__ = ("memo",)

    memo: dict[Any, Any]


@dataclass
class Slots(_Memo):
    """Objects of a batch of scenes, `N` slots each; the state that `observe` and `imagine` carry from frame to frame.

    Do not change a state in place: `memo` holds results derived from it. `replace` makes a changed copy.
    A slot whose `presence` is 0 is empty and its other fields mean nothing. Objects may lie in any order and may move
    between slots from one frame to the next; `identity` says which is which.

    Attributes:
        what: `[B, N, W]` appearance code.
        where: `[B, N, 4]` scale (y, x) as logits and centre (y, x), unbounded; see `sqair_wm.nn.where.window`.
        presence: `[B, N]` 0 or 1.
        identity: `[B, N]` int64, unique within a scene and constant for as long as an object lives; -1 if empty.
        velocity: `[B, N, 2]` change of the centre (y, x) since the last frame, in units of half a frame; 0 if new.
        unseen: `[B, N]` int64, frames since its window last held foreground that no object before it explains.
        belief: `[B, N]` probability that it is still there, by the dynamics: 1 when it is seen. Tracking keeps what it
            does not see for `ModelConfig.patience` frames; in imagination an object that is expected to go is gone.
        colour: `[B, N, K]` mean colour of what its window held when it was last seen, 0 if unknown; `K` is
            `ModelConfig.colours`.
        temporal: `[B, N, H]` memory of the inference network.
        prior: `[B, N, P]` memory of the dynamics.
        scenery: `[B, h, w, S]` the background when it was last seen, reduced to `ModelConfig.scenery_shape`, with a
            margin of zeros. Stored scenes have it in bytes, see `sqair_wm.nn.light`.
        step: `[B]` int64, frames seen or imagined since the episode began or, with `ModelConfig.timing`, since a life
            was lost.
        since: `[B]` int64, steps since an object last came into sight or went out of it.
        last_identity: `[B]` int64, the newest identity handed out; -1 before the first.
        memo: results derived from this state, kept for reuse; not a field, so that a changed copy starts without it.
    """

    what: Tensor
    where: Tensor
    presence: Tensor
    identity: Tensor
    velocity: Tensor
    unseen: Tensor
    belief: Tensor
    colour: Tensor
    temporal: Tensor
    prior: Tensor
    scenery: Tensor
    step: Tensor
    since: Tensor
    last_identity: Tensor

    def __post_init__(self) -> None:
        self.memo = {}

    @property
    def count(self) -> Tensor:
        """Number of objects of each scene, `[B]`."""
        return self.presence.sum(1)

    @property
    def believed(self) -> Tensor:
        """Which slots hold an object that is still there as far as the dynamics knows, `[B, N]` bool."""
        return (self.presence > 0) & (self.belief >= DOUBTFUL)

    @property
    def window(self) -> tuple[Tensor, Tensor]:
        """Scale and centre of each slot, both `[B, N, 2]`, see `sqair_wm.nn.where.window`; kept without gradients."""
        if torch.is_grad_enabled():
            return window(self.where)
        return self._kept("window", lambda: window(self.where))

    def _kept(self, name: str, work: Callable[[], Any]) -> Any:
        """What `work` returns; it is called once."""
        if name not in self.memo:
            self.memo[name] = work()
        return self.memo[name]

    @staticmethod
    def restore(tensors: dict[str, Tensor]) -> Slots:
        """Scenes from stored tensors by name.

        Those of 0.11.0 and before lack `belief`, which is 1 then, and `colour`, which their models don't use.

        Raises:
            TypeError: if another one is missing, or does not belong here.
        """
        if (there := tensors.get("presence")) is None:
            return Slots(**tensors)
        return Slots(**({"belief": torch.ones_like(there), "colour": there.new_zeros(*there.shape, 0)} | tensors))

    def after_loss(self, lost: Tensor) -> Slots:
        """The scenes, in which a life was just lost where `lost` `[B]` is true: its first frame is this one."""
        return self.replace(step=torch.where(lost, 1, self.step))

    def repeat(self, copies: int) -> Slots:
        """`[B, ...]` to `[B * copies, ...]`; the copies of a scene are neighbours."""
        return self.map(lambda x: x.repeat_interleave(copies, 0))

    def select(self, rows: Tensor) -> Slots:
        """The scenes named by an index or a boolean mask `rows` over the batch."""
        index = rows.nonzero().squeeze(1) if rows.dtype == torch.bool else rows
        return self.map(lambda x: x.index_select(0, index))

    def overwrite(self, rows: Tensor, other: Slots) -> Slots:
        """The scenes of `other` where `rows` `[B]` is true, those of this state elsewhere."""

        def choose(name: str) -> Tensor:
            here, there = getattr(self, name), getattr(other, name)
            return torch.where(rows.reshape(rows.shape + (1,) * (here.dim() - 1)), there, here)

        return Slots(**{name: choose(name) for name in field_names(Slots)})

    def trim(self) -> Slots:
        """Without the slots at the end that are empty in every scene (at least one stays); waits for the device."""
        n = self._kept("used", self._used)
        if n == self.presence.shape[1]:
            return self
        if torch.is_grad_enabled():
            return self._first(n)
        trimmed: Slots = self._kept("trimmed", lambda: self._first(n))
        return trimmed

    def _used(self) -> int:
        numbers = torch.arange(1, self.presence.shape[1] + 1, device=self.presence.device)
        return max(1, int((self.presence.detach() * numbers).max().item()))

    def _first(self, n: int) -> Slots:
        return self.replace(**{name: getattr(self, name)[:, :n] for name in PER_SLOT})

    def pad(self, slots: int) -> Slots:
        """With empty slots at the end, so that there are `slots`."""
        short = slots - self.presence.shape[1]
        if short <= 0:
            return self

        def more(name: str) -> Tensor:
            x = getattr(self, name)
            return torch.cat([x, x.new_full((x.shape[0], short, *x.shape[2:]), -1 if name == "identity" else 0)], 1)

        return self.replace(**{name: more(name) for name in PER_SLOT})


@dataclass
class StepTerms(TensorRecord):
    """Log densities of one step, each `[B]`, in nats; the training bound is computed from them alone.

    Attributes:
        log_likelihood: log p(x_t | z_t).
        log_q: log q(z_t | x, z_<t) of all sampled latents, the discrete ones included.
        log_p: log p(z_t | z_<t) of the same.
        log_q_discrete: the part of `log_q` that belongs to presence: what a score-function estimator needs.
        discovered: number of new objects.
        present: number of objects after the step.
    """

    log_likelihood: Tensor
    log_q: Tensor
    log_p: Tensor
    log_q_discrete: Tensor
    discovered: Tensor
    present: Tensor

    def unflatten(self, length: int) -> StepTerms:
        """Terms `[T * B]` of `length` steps, later steps behind earlier ones, as `[T, B]`."""
        return self.map(lambda x: x.unflatten(0, (length, -1)))


@dataclass
class Noise(TensorRecord):
    """The random numbers of one step: first the `N` tracked slots, then the `N` that may be discovered.

    Attributes:
        where: `[B, 2N, 4]` standard normal.
        what: `[B, 2N, W]` standard normal.
        presence: `[B, 2N]` uniform in [0, 1); an object is present if it lies below the probability.
    """

    where: Tensor
    what: Tensor
    presence: Tensor

    @staticmethod
    def draw(slots: Slots, number: int | None = None, generator: torch.Generator | None = None) -> Noise:
        """Fresh noise for `number` slots, by default those that `slots` has; from `generator`, else the global one."""
        (b, n, w), like = slots.what.shape, slots.what
        n = number or n
        return Noise(
            torch.randn(b, 2 * n, 4, dtype=like.dtype, device=like.device, generator=generator),
            torch.randn(b, 2 * n, w, dtype=like.dtype, device=like.device, generator=generator),
            torch.rand(b, 2 * n, dtype=like.dtype, device=like.device, generator=generator),
        )

    @staticmethod
    def none(slots: Slots) -> Noise:
        """Means instead of samples, and the likelier value of every presence: a deterministic step."""
        (b, n, w), like = slots.what.shape, slots.what
        return Noise(like.new_zeros(b, 2 * n, 4), like.new_zeros(b, 2 * n, w), like.new_full((b, 2 * n), 0.5))

    def nearer(self, share: float) -> Noise:
        """Nearer to `none`: noise of tracked slots' positions and appearances times `share`, and of all presences.

        With `share` 0 what is likelier happens; between, chance decides where a probability is within half of `share`
        of 0.5. Where and what of new objects, and which of several kinds they are, is left to chance.
        """
        n = self.where.shape[1] // 2
        where, what = (torch.cat([x[:, :n] * share, x[:, n:]], 1) for x in (self.where, self.what))
        decides = torch.arange(2 * n, device=self.presence.device)
        decides = (decides < n) | ((decides - n) % 2 == 0)
        presence = torch.where(decides, 0.5 + share * (self.presence - 0.5), self.presence)
        return self.replace(where=where, what=what, presence=presence)

    def split(self, tracked: int) -> tuple[Noise, Noise]:
        """Noise of the first `tracked` of the tracked slots, and of the `N` discovered ones."""
        n = self.where.shape[1] // 2
        return self.map(lambda x: x[:, :tracked]), self.map(lambda x: x[:, n:])
