import io

import pytest
from rich.console import Console

from sqair_wm.evaluation.games.world import world_metrics
from sqair_wm.reporting.meaning import meaning
from sqair_wm.reporting.show import print_tables, split_by_horizon
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


def test_tables_hold_every_figure(metrics):
    text = io.StringIO()
    print_tables(metrics, Console(file=text, width=80))
    rows, others = split_by_horizon(metrics)
    assert max(map(len, text.getvalue().splitlines())) <= 80
    assert all(f"\n{name} " in text.getvalue() for name in (*rows, *others))
    still = next(line for line in text.getvalue().splitlines() if line.startswith("position_error_still "))
    assert still.split()[1:] == ["2", "4", "10", "20", "40"]


def test_baselines_stand_beside_the_model():
    text = io.StringIO()
    figures = {"f_moving": 0.5, "components_f_moving": 0.25, "mota_iou": -1.5, "difference_f_moving": 0.125}
    print_tables(figures, Console(file=text, width=200))
    title, first, second = (line.split() for line in text.getvalue().splitlines())
    assert title == ["figure", "value", "components", "difference", "meaning"]
    assert first[:4] == ["f_moving", "0.5", "0.25", "0.125"] and first[4:] == meaning("f_moving").split()
    assert second[:2] == ["mota_iou", "-1.5"] and "overlap" in second


def test_decisions_come_first(metrics):
    text = io.StringIO()
    print_tables(metrics | {"decision_share": 0.25, "decision_share_8_low_better": -1.0}, Console(file=text, width=200))
    title, first, second = (line.split() for line in text.getvalue().splitlines()[:3])
    assert title[:2] == ["figure", "value"] and first[:2] == ["decision_share", "0.25"]
    assert second[:2] == ["decision_share_8_low_better", "-1"] and "lower limit" in " ".join(second)
    assert "after 8 steps, on a better player's play" in " ".join(second)
    others = split_by_horizon(metrics | {"decision_share": 0.25})[1]
    assert next(iter(others)) == "decision_share", "in reports as well"
    assert text.getvalue().count("decision_share ") == 1


def test_every_figure_has_a_meaning():
    names = [f"{f}_{s}" for f in ("precision", "recall", "f", "ap") for s in ("moving", "relevant")]
    names += [f"{f}{e}" for f in ("mota", "idf1", "hota", "switches_per_100") for e in ("", "_iou")]
    names += [
        f"decision_{f}{s}" for f in ("share", "share_8_low", "correlation_48", "states_24") for s in ("", "_better")
    ]
    names += ["contact_identity", "components_contact_identity", "birth_f1", "recall_of_Ball", "turn_recall_5_of_Ball"]
    assert all(map(meaning, names)) and not meaning("decision_unknown") and not meaning("nobody_knows")
    assert meaning("reward_f1_imagined").startswith(meaning("reward_f1"))
