"""Ever more digits: a model that knows them counts them, one that sees nothing misses them all."""

import pytest

from sqair_wm.evaluation.crowds import crowd_figures
from tests.evaluation.informed import Informed, T, bars


@pytest.mark.parametrize("many", [1, 3])
def test_the_informed_model_counts_a_crowd_and_the_blind_one_misses_all_of_it(many):
    data = bars(least=many, most=many, crowded=True)
    figures = crowd_figures(Informed(data), data, 100, T)
    assert figures["counting_error"] == 0 and figures["counting_accuracy"] == 1 and figures["milliseconds"] > 0
    assert figures["mota"] == pytest.approx(1, abs=1e-6)
    assert (figures["components_counting_error"] == 0) == (many == 1), "digits that touch are one component"
    blind = crowd_figures(Informed(data, blind=True), data, 100, T)
    assert blind["counting_error"] == many and blind["counting_accuracy"] == 0
