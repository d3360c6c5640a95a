"""The rows of a comparison of runs: figures with their units, and whether higher or lower is better."""

from __future__ import annotations

from dataclasses import dataclass

from sqair_wm.reporting.subjects import AGENT, DIGITS, GAME, VIDEO

HIGHER, LOWER, NEITHER = "higher", "lower", ""


@dataclass(frozen=True)
class Question:
    """A row of a comparison.

    Attributes:
        figure: its name in `metrics.json` or `evaluation.json`.
        title: its meaning, with its unit.
        better: `HIGHER`, `LOWER` or `NEITHER`.
        alike: other figures that have to be equal for a comparison to be fair.
        low, high: names of the limits of its 95 % confidence interval, if there is one.
        error: name of its standard error, if there is one.
    """

    figure: str
    title: str
    better: str = NEITHER
    alike: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    error: str = ""


def _interval(figure: str, title: str, better: str) -> Question:
    return Question(figure, title, better, low=f"{figure}_low", high=f"{figure}_high")


def _place(steps: int) -> Question:
    title = f"Error of imagined positions after {steps} step{'s' * (steps > 1)} (mean, pixels of the frame)"
    return Question(f"position_error_{steps}", title, LOWER, ("against_truth",))


def _followed(whose: str) -> list[Question]:
    return [
        Question("mota", f"{whose} followed (MOTA; 1: without an error)", HIGHER),
        Question("idf1", f"{whose} followed under one identity (IDF1, share)", HIGHER),
        Question("switches_per_100", "Identity switches per 100 objects", LOWER),
    ]


PERCEPTION = [
    Question("unexplained_energy", "Foreground that the reconstruction misses (share of squared intensity)", LOWER),
    Question("objects_per_frame", "Objects that the model sees (per frame)"),
]
TRAINING = [
    Question("iterations", "Training of objects (iterations)"),
    Question("imagination_iterations", "Training of imagination (iterations)"),
    Question("computing_minutes", "Training (minutes of computing)"),
]
COUNTING = [
    Question("counting_accuracy", "Frames with the right number of objects (share, weighted particles)", HIGHER),
    Question("counting_accuracy_once", "Frames with the right number of objects (share, one pass)", HIGHER),
]

QUESTIONS: dict[str, list[Question]] = {
    GAME: [
        _interval("decision_share_24", "Gain of choosing by imagination, 24 steps (share of the best)", HIGHER),
        _interval("decision_share_48", "Gain of choosing by imagination, 48 steps (share of the best)", HIGHER),
        Question("f_moving", "Moving objects found (F, centre rule)", HIGHER),
        *_followed("Moving objects"),
        Question("identity_survival_8", "Objects that keep their identity for 8 frames (share)", HIGHER),
        *(_place(steps) for steps in (1, 5, 10, 20)),
        Question("position_error_velocity_10", "Error after 10 steps at constant velocity (baseline, pixels)"),
        Question("reward_f1", "Rewards predicted from seen scenes (F1)", HIGHER),
        Question("reward_f1_imagined", "Rewards predicted from imagined scenes (F1)", HIGHER),
        Question("ending_f1_imagined", "Endings predicted from imagined scenes (F1)", HIGHER),
        Question("reward_called_auc_4", "Rewards told from none, 4 steps ahead (area under the curve)", HIGHER),
        Question("ending_called_auc_4", "Endings told from none, 4 steps ahead (area under the curve)", HIGHER),
        *PERCEPTION,
        *TRAINING,
    ],
    DIGITS: [
        *COUNTING,
        Question("log_px", "Bound on log p(x) of a sequence (nats)", HIGHER, error="log_px_error"),
        *_followed("Digits"),
        Question("addition_accuracy", "Sums of digits told from the codes (share of frames right)", HIGHER),
        *PERCEPTION,
        *TRAINING,
    ],
    VIDEO: [*COUNTING, *_followed("People"), *PERCEPTION, *TRAINING],
    AGENT: [
        _interval("mean", "Score of a whole game (mean)", HIGHER),
        _interval("iqm", "Score of a whole game (interquartile mean)", HIGHER),
        _interval("human_normalised", "Score on the scale random play = 0, human = 1", HIGHER),
        Question("games_played", "Games played for the evaluation"),
        Question("steps_mean", "Length of a game (steps)"),
        Question("real_steps", "Learned from (real steps, besides those of the world model)"),
        Question("imagined_steps", "Learned from (imagined steps)"),
        Question("minutes", "Training (minutes)"),
    ],
}
"""The rows of each kind, in the order in which they are shown."""

COMMON = [*PERCEPTION, *TRAINING]
"""The rows of world models of different kinds of data, and of kinds that are not listed here."""
