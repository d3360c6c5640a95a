import io

import pytest
import torch
from rich.console import Console

from sqair_wm.evaluation.games.world import world_metrics
from sqair_wm.reporting.meaning import MEANING, horizon_meaning, meaning
from sqair_wm.reporting.show import GROUPS, print_run, print_tables, split_by_horizon
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small
from tests.evaluation.games.straight import Foreseer, Paths


@pytest.fixture(scope="module")
def metrics():
    paths = Paths(lambda t: (10 + 2.0 * t, 100.0, True))
    return world_metrics(Foreseer(speed=1), paths, paths.truth())


def test_figures_are_sorted_by_horizon(metrics):
    rows, others = split_by_horizon(metrics | {"identity_survival_8": 1.0, "discovered_10": 2.0})
    assert list(rows["position_error_still"]) == [1, 2, 5, 10, 20]
    assert {"identity_survival_8", "discovered_10", "starts", "reward_ece"} <= set(others)
    assert sum(map(len, rows.values())) + len(others) == len(metrics) + 2


def printed(figures, width=200):
    text = io.StringIO()
    print_tables(figures, Console(file=text, width=width))
    return text.getvalue()


def test_tables_hold_every_figure(metrics):
    text = printed(metrics, 80)
    rows, others = split_by_horizon(metrics)
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"\n{name} " in text for name in (*rows, *others))
    still = next(line for line in text.splitlines() if line.startswith("position_error_still "))
    assert still.split()[1:] == ["2", "4", "10", "20", "40"]
    assert "Distance in pixels" in text and "if no object moved." in text


def test_baselines_stand_beside_the_model():
    figures = {"f_moving": 0.5, "components_f_moving": 0.25, "mota_iou": -1.5, "difference_f_moving": 0.125,
               "components_alone": 1.0}  # fmt: skip
    heading, title, first, second, third = (line.split() for line in printed(figures).splitlines()[:5])
    assert heading == ["Objects"] and title == ["figure", "value", "components", "difference", "meaning"]
    assert first[:4] == ["f_moving", "0.5", "0.25", "0.125"] and first[4:] == meaning("f_moving").split()
    assert second[:2] == ["mota_iou", "-1.5"] and "overlap" in second and third[:2] == ["components_alone", "1"]


def test_decisions_come_first_and_training_has_a_group(metrics):
    text = printed(metrics | {"iterations": 9, "decision_share": 0.25, "decision_share_8_low_better": -1.0})
    heading, title, first, second = (line.split() for line in text.splitlines()[:4])
    assert heading == ["Decisions"] and title[:2] == ["figure", "value"] and first[:2] == ["decision_share", "0.25"]
    assert second[:2] == ["decision_share_8_low_better", "-1"] and "lower limit" in " ".join(second).lower()
    assert "after 8 steps, on a better player's play." in " ".join(second)
    others = split_by_horizon(metrics | {"decision_share": 0.25})[1]
    assert next(iter(others)) == "decision_share", "in reports as well"
    headings = [line for line in text.splitlines() if line in (*GROUPS, "Imagination, step by step")]
    assert headings == ["Decisions", "Rewards and endings", "Imagination, step by step", "Imagination", "Training"]


def test_a_run_is_summed_up_in_five_sentences(tmp_path):
    torch.manual_seed(0)
    WorldModel(small()).save(tmp_path)
    text = io.StringIO()
    figures = {"counting_accuracy": 0.75, "mota": 0.5, "idf1": 1.0, "wall_minutes": 20.0}
    print_run(tmp_path, figures, Console(file=text, width=200))
    lines = [" ".join(line.split()) for line in text.getvalue().splitlines()[:5]]
    assert lines[0].startswith("Objects found 50 % Tracking accuracy") and lines[2].startswith("Counted right 75 %")
    assert lines[4].startswith("Time 20 min") and "\nmota " in text.getvalue()


def test_every_figure_has_a_meaning():
    names = [f"{f}_{s}" for f in ("precision", "recall", "f", "ap") for s in ("moving", "relevant")]
    names += [f"{f}{e}" for f in ("mota", "idf1", "hota", "switches_per_100") for e in ("", "_iou")]
    names += [
        f"decision_{f}{s}" for f in ("share", "share_8_low", "correlation_48", "states_24") for s in ("", "_better")
    ]
    names += ["contact_identity", "components_contact_identity", "birth_f1", "recall_of_Ball", "turn_recall_5_of_Ball"]
    assert all(map(meaning, names)) and not meaning("decision_unknown") and not meaning("nobody_knows")
    assert meaning("reward_f1_imagined").startswith(meaning("reward_f1").rstrip("."))
    rows = [f"position_error{s}{k}" for s in ("", "_still", "_velocity") for k in ("", "_median")]
    said = [horizon_meaning(name) for name in (*rows, "position_error_objects", "lost", "image_error_still")]
    assert all(said) and len(set(said)) == len(said) and not horizon_meaning("discovered")


def test_no_meaning_needs_its_neighbours():
    said = {name: meaning(name) for name in MEANING}
    assert all(text[0].isupper() and text.endswith(".") and "the same of" not in text for text in said.values())
    assert len(set(said.values())) == len(said)
