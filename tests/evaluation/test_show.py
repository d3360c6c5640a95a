import io

import pytest
from rich.console import Console

from sqair_wm.evaluation import world_metrics
from sqair_wm.evaluation.show import horizon_curves, print_tables, split_by_horizon
from tests.evaluation.straight import Foreseer, Paths


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


def test_curves_are_a_picture_and_need_position_errors(metrics):
    assert horizon_curves(metrics).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no position errors"):
        horizon_curves({"starts": 3.0})
