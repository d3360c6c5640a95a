"""The meanings of the figures of an evaluation, a sentence each."""

from __future__ import annotations

import re

BASELINES = ("components_", "difference_")
"""Prefixes of the figures of connected components of the foreground, and of the difference of two frames."""

ONCE = "when every frame is seen once and no later one is known"

MEANING = {
    "decision_share": "share of the possible gain that choosing in imagination achieves (0: a random choice)",
    "decision_share_low": "lower limit of the share of the possible gain (95 %, bootstrap over states)",
    "decision_share_high": "upper limit of the share of the possible gain (95 %, bootstrap over states)",
    "decision_correlation": "correlation of the imagined returns of plans with the true ones, mean over states",
    "decision_amount": "size of the imagined returns of plans, divided by that of the true ones",
    "decision_states": "states of the game in which plans bring different rewards, so that the choice matters",
    "contact_identity": "share of moving objects that touch another one and still have their identity 4 frames later",
    "contacts_seen": "number of contacts between moving objects",
    "birth_f1": "how well new identities fit objects that appear (F1; two frames of tolerance)",
    "births_seen": "number of true objects that appear",
    "death_f1": "how well ended identities fit objects that vanish (F1; two frames of tolerance)",
    "deaths_seen": "number of true objects that vanish",
    "standing_seen": "share of frames in which an object is seen that has moved and then stood still for 60 frames",
    "standing_frames": "number of frames with an object that has moved and then stood still for 60 frames",
    "recall_worst_class": "recall of the class of moving objects of which the smallest share is found",
    "turn_recall_5": "share of the objects turning within 5 steps that are imagined to turn, the same way",
    "turn_precision_5": "share of the objects imagined to turn within 5 steps that do turn, the same way",
    "turns_seen": "number of true turns within 5 steps",
    "events_10": "number of objects that touch another one or turn within 10 steps",
    "position_error_event_10": "pixels from imagined to true positions after 10 steps, of objects that touch or turn",
    "position_error_quiet_10": "pixels from imagined to true positions after 10 steps, of objects that go on straight",
    "position_error_event_still_10": "pixels that objects move in 10 steps, of those that touch or turn",
    "position_error_quiet_still_10": "pixels that objects move in 10 steps, of those that go on straight",
    "position_error_event_velocity_10": "pixels from constant velocity after 10 steps, of objects that touch or turn",
    "position_error_quiet_velocity_10": "pixels from constant velocity after 10 steps, of objects that go on straight",
    "unexplained_energy": "share of the foreground (squared intensity) that the objects do not explain",
    "objects_per_frame": "mean number of objects that the model sees in a frame",
    "discovered_per_frame": "mean number of new identities in a frame, after the first frame of a sequence",
    "identity_survival_8": "share of the objects that still have their identity 8 frames later",
    "iterations": "steps of the first training, in which the model learns to find and track objects",
    "imagination_iterations": "steps of the second training, in which the model learns to predict",
    "wall_minutes": "minutes of training by the clock, without recording and evaluation",
    "computing_minutes": "minutes of computing in training, without those in which the machine did something else",
    "frames_per_second": "frames that training processes in a second",
    "starts": "number of scenes from which imagination was compared with what happened",
    "against_truth": "whether positions are compared with the game's true boxes (1) or with the model's own tracks (0)",
    "moving_matched": "share of the moving true objects that the model sees when imagination begins",
    "rewards_seen": "number of recorded steps with a reward",
    "endings_seen": "number of recorded endings of an episode",
    "reward_precision": "share of the rewards predicted one step ahead that came",
    "reward_recall": "share of the true rewards that were predicted one step ahead",
    "reward_f1": "how well rewards are predicted one step ahead (F1: harmonic mean of precision and recall)",
    "reward_ece": "how far the probability of a reward is off on average (expected calibration error)",
    "ending_precision": "share of the endings predicted one step ahead that came",
    "ending_recall": "share of the true endings that were predicted one step ahead",
    "ending_f1": "how well endings are predicted one step ahead (F1: harmonic mean of precision and recall)",
    "ending_ece": "how far the probability of an ending is off on average (expected calibration error)",
    **{
        f"{event}_called{kind}_{steps}": f"{what}, {steps} imagined steps ahead"
        for event in ("reward", "ending")
        for steps in (1, 4, 8)
        for kind, what in (
            ("", f"mean probability of each {event} that came"),
            ("_elsewhere", f"mean probability of a {event} where none came"),
            (
                "_auc",
                f"how often a scene before a {event} has a higher probability of it than one without (0.5: chance)",
            ),
        )
    },
    "counting_accuracy": "share of frames with the true number of objects, hidden ones included (weighted particles)",
    "counting_accuracy_50": "share of frames with the true number of objects, by 50 sampled explanations instead of 5",
    "counting_accuracy_once": f"share of frames with the true number of objects, {ONCE}",
    "counting_accuracy_first": f"share of first frames with the true number of objects, {ONCE}",
    "counting_accuracy_last": f"share of tenth frames with the true number of objects, {ONCE}",
    "counting_error": f"mean difference of the number of objects from the true one, {ONCE}",
    "discovered_after_first": f"mean number of new identities in a frame after the first, {ONCE}",
    "counting_quarter": "share of frames counted right if people of whom a quarter (not half) is in the crop count",
    "counting_quarter_once": f"share of frames counted right if people of whom a quarter is in the crop count, {ONCE}",
    "counting_half_once": f"share of frames counted right without objects that the edge cuts by more than half, {ONCE}",
    "counting_uncut": f"share of frames counted right, of those in which the crop cuts nobody off, {ONCE}",
    "counting_bias": f"mean of the number found less the true one, {ONCE}",
    "counting_constant": "share of frames counted right by always saying the number that is right most often",
    "uncut_frames": "share of the frames in which the crop cuts nobody off",
    "camera_shift": "pixels of the video by which the camera moves; the model needs it to stand still",
    "log_px": "bound on log p(x) of a sequence, in nats: the higher, the better the model explains test data",
    "log_px_error": "standard error of the mean bound on log p(x), over sequences",
    "log_px_balanced": "bound on log p(x) of a sequence, in nats, every number of digits counting alike",
    "log_px_balanced_error": "standard error of the balanced bound on log p(x)",
    "reconstruction": "log p(x|z) of a sequence in nats, mean over the posterior",
    "kl": "log q(z|x) - log p(z) of a sequence in nats, mean over the posterior",
    "reconstruction_weighted": "log p(x|z) of a sequence in nats, mean under the importance weights",
    "kl_weighted": "log q(z|x) - log p(z) of a sequence in nats, mean under the importance weights",
    "addition_accuracy": "share of frames from whose codes a classifier gets the sum of the sequence's digits right",
    "addition_accuracy_sequence": "share of sequences whose sum a classifier gets right, their frames voting",
    "addition_accuracy_learned": "share of right sums of digits in the frames that the classifier learned from",
    "addition_accuracy_objects": "share of frames whose sum is right by a classifier that reads one object at a time",
    "milliseconds_per_frame": "milliseconds of computing for a frame of one sequence, in a batch of sequences",
    "uncertainty_correlation": "rank correlation (Spearman) of the model's uncertainty and its error one step ahead",
    "f": "how well objects are found (F: harmonic mean of precision and recall)",
    "precision": "share of the objects found that are there (centre within half a diagonal of the true box)",
    "recall": "share of the true objects that are found",
    "ap": "average precision of the boxes found, mean over overlaps (IoU) of 0.1 to 0.9",
    "f_moving_kept": "how well moving objects are found (F) if those that are kept unseen in a frame count as found",
    "exact_count": "share of frames in which exactly the true number of moving objects is found",
    "exact_count_relevant": "share of frames in which exactly the true number of relevant objects is found",
    "mota": "tracking accuracy: 1 less misses, false objects and identity switches per true object (of games: moving)",
    "idf1": "share of objects in frames that are found and followed under one identity (F1)",
    "hota": "higher-order tracking accuracy (HOTA), in which finding and following count equally",
    "switches_per_100": "changes of identity per 100 true objects in frames",
    "fewshot_1": "share of objects whose class is told right from the appearance code, by 1 labelled example a class",
    "fewshot_4": "share of objects whose class is told right, by 4 labelled examples a class",
    "fewshot_16": "share of objects whose class is told right, by 16 labelled examples a class",
    "fewshot_64": "share of objects whose class is told right, by 64 labelled examples a class",
    "fewshot_guess": "share of objects whose class is told right by always guessing the most frequent one",
    "ami": "how well clusters of the codes fit the classes of objects (adjusted mutual information)",
}
"""Phrases by the names of figures; `meaning` makes sentences of them."""

AMONG = {
    "_imagined": " (the scene after the step is imagined too)",
    "_moving": ", of moving objects",
    "_relevant": ", of all but scenery, score and lives",
    "_iou": ", by overlap (IoU of 0.5) instead of centres",
    "_long": ", in longer sequences",
}
"""Suffixes of names, and what they add to the phrase."""

FORECASTS = {"": "", "_still": " if no object moved", "_velocity": " if all kept their velocity"}
HORIZON = {
    "position_error": "distance in pixels of moving objects' imagined positions from the true ones",
    "position_error_all": "distance in pixels of all objects' imagined positions from the true ones",
    "tracked_error": "distance in pixels of imagined positions from those where the model sees the objects later",
    "lost": "share of the objects still there that are missing in imagination",
    "invented": "share of the imagined objects that are not there",
    "image_error": "squared error of the imagined foreground, as a share of its squared intensity",
}
"""Figures that exist for every number of imagined steps; the errors also exist for the forecasts without a model."""


def meaning(name: str) -> str:
    """The meaning of the figure `name`, a sentence; empty if it is unknown."""
    return _sentence(_phrase(name))


def horizon_meaning(row: str) -> str:
    """The meaning of a figure that exists for every number of imagined steps, such as `position_error_still_median`."""
    found = re.fullmatch(r"(.+?)(_still|_velocity)?(_median|_objects)?", row)
    if found is None or found[1] not in HORIZON:
        return ""
    if found[3] == "_objects":
        return "Number of objects over which the errors are averaged."
    kind = "median " if found[3] else ""
    return _sentence(kind + HORIZON[found[1]] + FORECASTS[found[2] or ""])


def _sentence(phrase: str) -> str:
    return f"{phrase[0].upper()}{phrase[1:]}." if phrase else ""


def _phrase(name: str) -> str:
    if name.startswith("decision_"):
        return _of_decisions(name)
    figure, _, kind = name.partition("_of_")
    if kind and figure in ("recall", "turn_recall_5"):
        return f"{MEANING[figure]}: {kind}"
    name, _, minutes = name.partition("_after_") if not name.endswith("_after_first") else (name, "", "")
    if minutes:
        return f"{_phrase(name)}, after {minutes} minutes of computing"
    if name in MEANING:
        return MEANING[name]
    for prefix, whose in zip(BASELINES, ("connected components", "the difference of two frames"), strict=True):
        if name.startswith(prefix) and (phrase := _phrase(name.removeprefix(prefix))):
            return f"{phrase} (by {whose}, for comparison)"
    for ending, addition in AMONG.items():
        if name.endswith(ending) and name.removesuffix(ending) in MEANING:
            return MEANING[name.removesuffix(ending)] + addition
    return ""


def _of_decisions(name: str) -> str:
    """The meaning of a figure such as `decision_share_8_low_better`."""
    parts = re.fullmatch(r"(decision_[a-z]+?)(?:_(\d+))?(_low|_high)?(_better)?", name)
    said = MEANING.get(parts[1] + (parts[3] or ""), "") if parts else ""
    if not parts or not said:
        return ""
    return (
        said + (f", after {parts[2]} steps" if parts[2] else "") + (", on a better player's play" if parts[4] else "")
    )
