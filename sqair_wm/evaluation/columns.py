"""Tables of results: the names of their figures, and their titles."""

from __future__ import annotations

WORLD_MODEL = {
    "position_error_5": "5 steps",
    "position_error_still_5": "still",
    "position_error_velocity_5": "velocity",
    "position_error_10": "10 steps",
    "position_error_still_10": "still",
    "position_error_velocity_10": "velocity",
    "reward_f1": "reward F1",
    "ending_f1": "ending F1",
    "unexplained_energy": "unexplained",
    "computing_minutes": "minutes",
}

OBJECTS = {
    "f_moving": "F moving",
    "components_f_moving": "components",
    "difference_f_moving": "difference",
    "f_relevant": "F relevant",
    "ap_moving": "AP",
    "exact_count": "exact count",
    "mota": "MOTA",
    "components_mota": "components",
    "difference_mota": "difference",
    "idf1": "IDF1",
    "hota": "HOTA",
    "switches_per_100": "switches",
    "fewshot_16": "few-shot 16",
    "ami": "AMI",
}

DIGITS = {
    "counting_accuracy": "counting",
    "counting_accuracy_50": "K=50",
    "counting_accuracy_once": "in one pass",
    "counting_accuracy_after_5": "5 min",
    "counting_accuracy_after_10": "10 min",
    "log_px": "log p",
    "log_px_error": "±",
    "log_px_balanced": "balanced",
    "log_px_balanced_error": "±",
    "reconstruction": "rec.",
    "kl": "KL",
    "addition_accuracy": "addition",
    "addition_accuracy_objects": "by object",
    "addition_accuracy_learned": "learned from",
    "mota": "MOTA",
    "idf1": "IDF1",
    "hota": "HOTA",
    "switches_per_100": "switches",
    "components_mota": "components' MOTA",
    "iterations": "iterations",
    "computing_minutes": "minutes",
}

PEOPLE = {
    "counting_accuracy": "counting",
    "counting_accuracy_once": "in one pass",
    "components_counting_accuracy_once": "components",
    "counting_constant": "constant",
    "counting_half_once": "same rule",
    "components_counting_half_once": "components",
    "mota": "MOTA",
    "components_mota": "components",
    "idf1": "IDF1",
    "components_idf1": "components",
    "hota": "HOTA",
    "switches_per_100": "switches",
    "computing_minutes": "minutes",
}
