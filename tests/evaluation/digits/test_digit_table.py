"""A model that knows the truth gets the best figures; one that sees nothing gets those of guessing."""

import numpy as np
import pytest
import torch

from sqair_wm.evaluation.digits.digit_table import Sizes, component_figures, likelihood_figures, table_metrics
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small
from tests.evaluation.digits.informed import Informed, T, bars

SIZES = Sizes(sequences=100, likelihood=4, samples=3, probe=100, length=4, steps=150)


@pytest.fixture(scope="module")
def full_marks():
    data, said = bars(), []
    return table_metrics(Informed(data), data, data, SIZES, said.append), said


def test_the_informed_model_gets_full_marks(full_marks):
    figures, said = full_marks
    for name in ("counting_accuracy", "counting_accuracy_once", "addition_accuracy", "mota", "idf1"):
        assert figures[name] == pytest.approx(1, abs=1e-6), name
    assert figures["addition_accuracy_learned"] == 1 and figures["addition_accuracy_objects"] > 0.9
    assert figures["switches_per_100"] == 0 and figures["hota"] > 0.7 and len(said) == 5
    assert figures["counting_error"] == 0 and figures["milliseconds_per_frame"] > 0


def test_every_column_of_the_table_is_there(full_marks):
    names = {"log_px", "log_px_error", "reconstruction", "kl", "reconstruction_weighted", "kl_weighted"}
    assert names <= set(full_marks[0]) and all(np.isfinite(v) for v in full_marks[0].values())


def test_the_likelihood_is_also_that_of_equally_many_sequences_with_each_number_of_digits():
    data, model = bars(), WorldModel(small(frame_size=(50, 50))).eval()
    figures = likelihood_figures(model, data, Sizes(likelihood=30, samples=2, length=2))
    digits = data.first(30, 2, torch.device("cpu")).truth.presence[0].sum(1)
    counts = torch.bincount(digits, minlength=3).double()
    assert counts[0] != counts[2] and 0 < figures["log_px_balanced_error"] < figures["log_px_error"]
    assert (figures["log_px_balanced"] > figures["log_px"]) == bool(digits.double().mean() > 1)


def test_identities_that_change_are_counted():
    data = bars()
    figures = table_metrics(Informed(data, slip=2), data, data, SIZES)
    digits = float(data.first(100, T, torch.device("cpu")).truth.presence[0].sum())
    assert figures["switches_per_100"] == pytest.approx(100 * digits / (T * digits), rel=0.2)
    assert figures["mota"] < 0.8 and figures["counting_accuracy"] == 1


def test_a_blind_model_is_right_about_empty_scenes_only():
    data = bars()
    empty = float((~data.first(100, T, torch.device("cpu")).truth.presence[0].any(1)).float().mean())
    figures = table_metrics(Informed(data, blind=True), data, data, SIZES)
    assert figures["counting_accuracy"] == pytest.approx(empty) and figures["mota"] == 0
    assert figures["addition_accuracy"] < 0.7


def test_components_are_good_at_single_digits_and_bad_at_two():
    one, two = component_figures(bars(most=1), SIZES), component_figures(bars(), SIZES)
    assert one["components_mota"] > 0.9 > two["components_counting_accuracy"] > 0.5
    assert one["components_switches_per_100"] < two["components_switches_per_100"]


def test_models_without_objects_are_neither_counted_nor_tracked():
    data = bars()
    model = WorldModel(small(frame_size=(50, 50), architecture="vrnn"))
    figures = table_metrics(model, data, data, SIZES)
    assert {"log_px", "addition_accuracy", "components_mota"} <= set(figures)
    assert not {"counting_accuracy", "mota", "addition_accuracy_objects"} & set(figures)


def test_sizes_are_positive():
    with pytest.raises(ValueError, match="at least one of samples"):
        Sizes(samples=0)
