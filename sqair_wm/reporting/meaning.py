"""What the figures of an evaluation mean, in a line each."""

from __future__ import annotations

import re

BASELINES = ("components_", "difference_")
"""Prefixes of the figures of connected components of the foreground, and of the difference of two frames."""

MEANING = {
    "decision_share": "of what choosing best gains over choosing blindly, the share that choosing by imagination gains",
    "decision_share_low": "lower limit of that (95 %, bootstrap over states)",
    "decision_share_high": "upper limit of that",
    "decision_correlation": "correlation of imagined and true returns of the sequences, mean over states",
    "decision_states": "states in which the sequences differ, so that the choice matters",
    "contact_identity": "of moving objects that begin to touch another, the share that has its identity 4 frames later",
    "contacts_seen": "contacts asked about",
    "birth_f1": "new true objects against new identities, two frames of tolerance, F1",
    "births_seen": "true objects that appear",
    "death_f1": "vanished true objects against ended identities, two frames of tolerance, F1",
    "deaths_seen": "true objects that vanish",
    "standing_seen": "an object that moved before has stood still for 60 frames: share of frames in which it is seen",
    "standing_frames": "frames asked about",
    "recall_worst_class": "recall of the class of moving objects that is found least",
    "turn_recall_5": "of objects that turn within 5 steps, the share imagined to turn, the same way",
    "turn_precision_5": "of objects imagined to turn within 5 steps, the share that does, the same way",
    "turns_seen": "turns asked about",
    "events_10": "objects that touch another one or turn within 10 steps",
    "position_error_event_10": "pixels between imagined and true place after 10 steps, of these",
    "position_error_quiet_10": "the same of all other moving objects",
    "position_error_event_still_10": "the former if all stood still",
    "position_error_quiet_still_10": "the latter if all stood still",
    "position_error_event_velocity_10": "the former if all kept their velocity",
    "position_error_quiet_velocity_10": "the latter if all kept their velocity",
    "unexplained_energy": "squared error of the reconstruction, as a share of the foreground's squared intensity",
    "objects_per_frame": "objects the model sees in a frame",
    "discovered_per_frame": "objects that get a new identity in a frame, after the first of a sequence",
    "identity_survival_8": "share of objects that still have their identity 8 frames later",
    "iterations": "training steps",
    "imagination_iterations": "steps of the second training, of prediction, reward and ending",
    "wall_minutes": "minutes of training, recording and evaluation not included",
    "computing_minutes": "of these, minutes in which the machine worked on this training and not on something else",
    "frames_per_second": "frames trained on a second",
    "starts": "scenes imagined from",
    "against_truth": "1: position errors against true boxes, 0: against the model's own tracks",
    "moving_matched": "share of the moving true objects that the model sees at the start",
    "rewards_seen": "recorded steps with a reward",
    "endings_seen": "recorded endings of an episode",
    "reward_precision": "of the predicted rewards, the share that came",
    "reward_recall": "of the rewards that came, the share that was predicted",
    "reward_f1": "harmonic mean of both",
    "reward_ece": "expected calibration error of the probability of a reward",
    "ending_precision": "of the predicted endings, the share that came",
    "ending_recall": "of the endings that came, the share that was predicted",
    "ending_f1": "harmonic mean of both",
    "ending_ece": "expected calibration error of the probability of an ending",
    "counting_accuracy": "share of frames with the true number of objects, hidden ones included (weighted particles)",
    "counting_accuracy_50": "the same with 50 sampled explanations of a sequence instead of 5",
    "counting_accuracy_once": "the same of one deterministic pass that knows no later frame",
    "counting_accuracy_first": "of the first frames in such a pass",
    "counting_accuracy_last": "of the tenth frames in such a pass",
    "counting_error": "mean absolute error of the number of objects in such a pass",
    "discovered_after_first": "new identities a frame after the first in such a pass",
    "counting_quarter": "the same if a quarter of a box in the crop is enough, instead of half",
    "counting_quarter_once": "that of one deterministic pass",
    "counting_half_once": "accuracy of such a pass if what the edge cuts to less than half an object does not count",
    "counting_uncut": "of the frames in which the crop cuts nobody off, in one deterministic pass",
    "counting_bias": "mean of the found less the true number, in one deterministic pass",
    "counting_constant": "accuracy of always saying the number that is right most often",
    "uncut_frames": "share of the frames in which the crop cuts nobody off",
    "camera_shift": "pixels of the video by which the camera moves",
    "log_px": "bound on log p(x) of a sequence, nats",
    "log_px_error": "standard error of its mean over sequences",
    "reconstruction": "log p(x|z) of a sequence, mean over the posterior, nats",
    "kl": "log q(z|x) - log p(z) of a sequence, mean over the posterior, nats",
    "reconstruction_weighted": "log p(x|z), mean under the importance weights",
    "kl_weighted": "log q(z|x) - log p(z), mean under the importance weights",
    "addition_accuracy": "share of frames from whose codes a classifier gets the sum of the sequence's digits right",
    "addition_accuracy_sequence": "the same of sequences, their frames voting",
    "addition_accuracy_learned": "the same of frames that the classifier learned from",
    "addition_accuracy_objects": "the same of a classifier that reads one object at a time",
    "milliseconds_per_frame": "computing time of one frame of one sequence, observed together with others",
    "uncertainty_correlation": "Spearman's, of the model's uncertainty and its next position error",
    "f": "harmonic mean of precision and recall",
    "precision": "of the objects found, the share that is there (centre within half a diagonal of the true box)",
    "recall": "of the true objects, the share that is found",
    "ap": "average precision, mean over overlaps (IoU) of 0.1 to 0.9",
    "f_moving_kept": "the same if what is kept unseen in a frame were found in it",
    "exact_count": "share of frames with exactly as many moving objects as there are",
    "exact_count_relevant": "share of frames with exactly as many relevant objects as there are",
    "mota": "tracking accuracy: 1 minus misses, false positives and switches per true object (of games: moving)",
    "idf1": "share of objects in frames that are followed under one identity, F1",
    "hota": "higher order tracking accuracy, of detection and association",
    "switches_per_100": "changes of identity per 100 true objects in frames",
    "fewshot_1": "accuracy of the class from the appearance code, 1 labelled example a class",
    "fewshot_4": "4 labelled examples a class",
    "fewshot_16": "16 labelled examples a class",
    "fewshot_64": "64 labelled examples a class",
    "fewshot_guess": "accuracy of always guessing the most frequent class",
    "ami": "adjusted mutual information of classes and clusters of the codes",
}

AMONG = {
    "_imagined": " (scene after the step imagined)",
    "_moving": ", of moving objects",
    "_relevant": ", of all but scenery, score and lives",
    "_iou": ", by overlap (IoU of 0.5) instead of centres",
}
"""Endings of names, and what they add."""


def meaning(name: str) -> str:
    """What the figure `name` means; nothing if nobody says."""
    if name.startswith("decision_"):
        return _of_decisions(name)
    figure, _, kind = name.partition("_of_")
    if kind and figure in ("recall", "turn_recall_5"):
        return f"{MEANING[figure]}: {kind}"
    name, _, minutes = name.partition("_after_") if not name.endswith("_after_first") else (name, "", "")
    if minutes:
        return f"{meaning(name)}, after {minutes} minutes of computing"
    if name in MEANING:
        return MEANING[name]
    for prefix, whose in zip(BASELINES, ("connected components", "of the difference of two frames"), strict=True):
        if name.startswith(prefix):
            return f"{meaning(name.removeprefix(prefix))} ({whose})"
    for ending, addition in AMONG.items():
        if name.endswith(ending) and name.removesuffix(ending) in MEANING:
            return MEANING[name.removesuffix(ending)] + addition
    return ""


def _of_decisions(name: str) -> str:
    """What a figure such as `decision_share_8_low_better` means."""
    parts = re.fullmatch(r"(decision_[a-z]+?)(?:_(\d+))?(_low|_high)?(_better)?", name)
    said = MEANING.get(parts[1] + (parts[3] or ""), "") if parts else ""
    if not parts or not said:
        return ""
    return (
        said + (f", after {parts[2]} steps" if parts[2] else "") + (", on a better player's play" if parts[4] else "")
    )
