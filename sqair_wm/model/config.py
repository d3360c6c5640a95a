"""The settings from which a model is built; saved as JSON beside its weights."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sqair_wm.common.limits import Limits, check_settings
from sqair_wm.model.older import upgrade

CELLS = 9
"""Height and width of the crop of the scenery around an object, in cells: about three objects."""

LEAST_OBJECT = 0.25
"""Least height and width of the typical object, in pixels."""

SPECK = 0.2
"""Foreground smaller than this share of the typical object is a speck, not an object, unless such specks are seen to
travel (`sqair_wm.data.specks`)."""


@dataclass(frozen=True)
class ModelSettings:
    """What can be chosen about a SQAIR; `auto` derives a setting from the data or from other settings.

    The paper is Kosiorek et al. 2018; "released" is the authors' code, which differs from the paper in places.

    Attributes:
        architecture: `sqair`; or a baseline: `air` (single frames) or `vrnn` (no objects).
        dynamics: p of tracked objects: `paper` (each by itself) or `interactive` (with action, others and background);
            `auto`: `interactive` for guided inference on data with actions.
        discovery_prior: p of new objects: `paper`, or `measured` (sizes start from `object_size`, and there are never
            more of them than free slots); `auto`: see `discovery_prior_of`.
        inference: q: `guided`, `paper`, or, as ablations, `guided_discovery` (with the published tracking) or
            `guided_tracking` (with the published discovery).
        encoder: image network of the published inference and of the VRNN: `mlp` or `conv`, the two published variants.
        decoder: p of the image of an object: `mlp` or `conv`, the two published variants.
        decoder_width: of the `mlp` decoder; 0 for `hidden`.
        residual: predict changes of position and appearance; otherwise predict both anew, as released.
        pairs: what the `interactive` dynamics is shown of two objects: `contact` (position, velocity, and whether and
            how they touch now or, if both go on, in the next step), `intent` (the same if both do what they are about
            to do under the action), `hit` (as `intent`, and where on the other one they will touch) or `place` (without
            contact, and with one layer less).
        changing: the background changes in imagination where objects pass (eaten pellets); else it stays. `auto`: if it
            changes in the recorded play; a background that stays is imagined faster.
        behind: with `changing`, the background behind an object is what the object has made of it, which training knows
            in hindsight (an eaten pellet is gone); else it is what was last seen there.
        births: new objects in imagination are learned from play; else they are drawn from the discovery prior.
        at_once: with `births`, most new objects of an imagined step, and at most half as many as slots.
        lasting: with `interactive` dynamics an object leaves imagination at the step in which it was last seen, which
            training knows in hindsight; tracking gives it up only after `patience` frames.
        leaving: with `lasting`, networks of its own say when an object leaves.
        clock: `interactive` dynamics and heads are told the time, in the episode and since something came or went.
        timing: heads and births have a code for every number of steps since something came or went, and since the
            episode or the life began; the model is told of lost lives.
        imagined_heads: imagined steps have heads for reward and ending of their own, which also read what the dynamics
            remembers of each object.
        recognition: where frames have opacity, what is seen far from where an object is expected, or after the object
            was unseen, has to have its colour; else it would take over whatever comes by.
        smooth: predict from a smoothed velocity instead of the last change of position; needs `residual`; `auto`: with
            `interactive` dynamics.
        inertia: a smoothed velocity is `kept` unless the dynamics is sure that it changes; `divided`: the same, and the
            step in which it changes has a learned share of the old velocity (a ball that bounces goes on, and then
            back); or `free`: multiplied by a factor each step.
        appearance: how guided tracking updates an object's code: `gated` (a mix of the last code, the glimpse's and
            the temporal state's, as published) or `steady` (the prior's, which expects the code to stay, corrected in
            units of its standard deviation, which starts small: an object that does not change costs next to nothing).
        size: how guided tracking updates an object's size: `free` (starts from the predicted size), `held` (starts from
            the last size: the dynamics has no part in it) or `steady` (as `appearance`); the last two need `residual`.
            `auto`: `steady` in a crowd, else `held` with `interactive` dynamics, else `free`.
            `free_or_steady`: `steady` in a crowd, else `free`, which `auto` means in runs of versions up to 0.6.0.
        slots: most objects in one scene; `auto`: measured.
        object_size: (height, width) in pixels of a typical object; guided inference and the scale prior start from it;
            `auto`: measured.
        speck: where frames have opacity, guided inference ignores foreground that would fill a smaller share of the
            typical object; `auto`: measured, see `sqair_wm.data.specks`.
        what: length of the appearance code.
        glimpse: (height, width) of a glimpse.
        hidden: width of the networks.
        output_std: standard deviation of the image likelihood; `auto`: measured.
        output_scale: initial factor on decoded glimpses.
        mean_image: learn an image that is added where objects are, as released.
        least_std: (what, where) floors of the standard deviations of the posterior and the prior.
        stay_bias: initial logit of the prior that an object stays.
        no_discovery_bias: initial logit for "nothing new" after the first frame.
        conditional_discovery: guided discovery knows the objects that are there already, as published (so does p);
            `auto`: unless there is a crowd.
        certainty: bound of the presence logits that guided inference learns; 0 for no bound.
        gradient_outside: objects outside the frame pass gradients on to earlier frames in training.
        patience: guided inference drops an object after so many frames without foreground that only it explains.
        patience_when_full: the same for the object that was unseen for longest where no slot is free: as long as it is
            kept, nothing new can be found.
        search_radius: standard deviation of the search around a predicted position, in object sizes, see `search_size`.
    """

    architecture: str = "sqair"
    dynamics: str = "auto"
    discovery_prior: str = "auto"
    inference: str = "guided"
    encoder: str = "mlp"
    decoder: str = "mlp"
    decoder_width: int = 0
    residual: bool = True
    pairs: str = "hit"
    changing: Any = "auto"
    behind: bool = True
    births: bool = True
    at_once: int = 3
    lasting: bool = True
    leaving: bool = True
    clock: bool = True
    timing: bool = True
    imagined_heads: bool = True
    recognition: bool = True
    smooth: Any = "auto"
    inertia: str = "divided"
    appearance: str = "gated"
    size: str = "auto"
    slots: Any = "auto"
    object_size: Any = "auto"
    speck: Any = "auto"
    what: int = 16
    glimpse: tuple[int, int] = (12, 12)
    hidden: int = 128
    output_std: Any = "auto"
    output_scale: float = 0.25
    mean_image: bool = False
    least_std: tuple[float, float] = (0.01, 0.003)
    stay_bias: float = 6.0
    no_discovery_bias: float = 10.0
    conditional_discovery: Any = "auto"
    certainty: float = 0.0
    gradient_outside: bool = True
    patience: int = 10
    patience_when_full: int = 3
    search_radius: float = 1.0

    LIMITS: ClassVar[Limits] = {
        "decoder_width": (0, 16_384),
        "slots": (None, 1000),
        "object_size": (None, 4096),
        "at_once": (1, 100),
        "what": (1, 4096),
        "glimpse": (None, 512),
        "hidden": (1, 16_384),
        "output_std": (None, 100),
        "output_scale": (0, 1000),
        "least_std": (None, 10),
        "stay_bias": (-100, 100),
        "no_discovery_bias": (-100, 100),
        "certainty": (None, 1000),
        "patience": (1, 100_000),
        "patience_when_full": (1, 100_000),
        "search_radius": (0.001, 1000),
        "frame_size": (None, 4096),
        "channels": (1, 64),
        "scenery": (0, 64),
        "actions": (0, 10_000),
    }


@dataclass(frozen=True)
class ModelConfig(ModelSettings):
    """`ModelSettings` without any `auto`, and what follows from the data: all it takes to build a SQAIR.

    Attributes:
        frame_size: (height, width) of a frame in pixels.
        channels: of the foreground, which the model explains.
        scenery: channels of the background; only the `interactive` dynamics uses them.
        actions: number of discrete actions; 0 if there are none.
    """

    dynamics: str = "paper"
    discovery_prior: str = "measured"
    changing: bool = True
    smooth: bool = False
    size: str = "free"
    slots: int = 3
    object_size: tuple[float, float] = (20.0, 20.0)
    speck: float = SPECK
    output_std: float = 0.3
    conditional_discovery: bool = True
    frame_size: tuple[int, int] = (50, 50)
    channels: int = 1
    scenery: int = 0
    actions: int = 0

    def __post_init__(self) -> None:
        check_settings(self, "model")
        for name in ("frame_size", "object_size", "glimpse", "least_std"):
            value = tuple(getattr(self, name))
            object.__setattr__(self, name, value)
            if len(value) != 2 or not all(0 < x < math.inf for x in value):
                raise ValueError(f"model.{name} is {list(value)}; it takes two positive numbers")
        if min(self.object_size) < LEAST_OBJECT:
            raise ValueError(f"model.object_size is {list(self.object_size)} pixels; at least {LEAST_OBJECT} each way")
        for name, choices in (
            ("architecture", ("sqair", "air", "vrnn")),
            ("encoder", ("mlp", "conv")),
            ("appearance", ("gated", "steady")),
            ("size", ("free", "held", "steady")),
            ("pairs", ("hit", "intent", "contact", "place")),
            ("inertia", ("divided", "kept", "free")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"model.{name} is {getattr(self, name)!r}; choose one of {', '.join(choices)}")
        if self.size != "free" and not self.residual:
            raise ValueError(f"model.size={self.size} needs model.residual: without it sizes are predicted anew")
        if self.smooth and not self.residual:
            raise ValueError("model.smooth needs model.residual: without it places are predicted anew, not moved on")
        if not 0 <= self.speck <= 1:
            raise ValueError(f"model.speck is a share of the typical object, from 0 to 1, got {self.speck}")
        if self.certainty < 0:
            raise ValueError(f"model.certainty is {self.certainty}; it takes a positive bound of logits, or 0 for none")
        if self.slots < 1 or not 0 < self.output_std < math.inf:
            raise ValueError(f"slots ({self.slots}) must be at least 1 and output_std ({self.output_std}) positive")

    @property
    def object_share(self) -> tuple[float, float]:
        """(height, width) of a typical object as shares of the frame."""
        return self.object_size[0] / self.frame_size[0], self.object_size[1] / self.frame_size[1]

    @property
    def search_size(self) -> tuple[float, float]:
        """(height, width) in pixels of an object for the search; in games neither is less than the mean of both.

        In games the typical object may be a thin paddle, and a ball is no slower along the paddle's thin side.
        """
        least = 0.5 * sum(self.object_size) if self.scenery else 0.0
        return max(self.object_size[0], least), max(self.object_size[1], least)

    @property
    def colours(self) -> int:
        """Channels of the mean colour by which objects are recognised: all but opacity; 0 where frames have none."""
        return self.channels - 1 if self.scenery and self.recognition else 0

    @property
    def looks_behind(self) -> bool:
        """Whether the background behind objects is what they have made of it, see `behind`."""
        return self.behind and self.learns_changes

    @property
    def learns_changes(self) -> bool:
        """Whether the model learns how the background changes where objects pass, see `changing`."""
        return bool(self.changing and self.scenery and self.dynamics == "interactive")

    @property
    def surprise(self) -> float:
        """Least standard deviation of a predicted position where objects meet, in cells of `Matcher`.

        In games it is larger: objects that meet may bounce, however sure the dynamics is of where they go.
        """
        return 3.0 if self.scenery else 0.5

    @property
    def scenery_cell(self) -> int:
        """Pixels of a frame that one cell of the scenery spans each way: about a third of an object."""
        return max(1, round(sum(self.object_size) / 6))

    @property
    def scenery_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the scenery that `Slots` carry, with a margin that crops may reach into."""
        height, width = (side // self.scenery_cell + CELLS for side in self.frame_size)
        return height, width, self.scenery

    def to_json(self) -> dict[str, Any]:
        """Plain data, tuples as lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @staticmethod
    def from_json(data: dict[str, Any]) -> ModelConfig:
        """The inverse of `to_json`; it also reads what older versions wrote, see `upgrade`.

        Raises:
            ValueError: for unknown keys or invalid values.
        """
        data = upgrade(data)
        unknown = set(data) - set(ModelConfig.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown model settings {sorted(unknown)}")
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return ModelConfig(**settings)
