"""Rising numbers of digits: a model that knows them counts them all, one that sees nothing misses them all."""

import json

import pytest

from sqair_wm.reporting.crowds import crowd_figures, main
from tests.evaluation.digits.informed import Informed, T, bars


@pytest.mark.parametrize("many", [1, 3])
def test_the_informed_model_counts_a_crowd_and_the_blind_one_misses_all_of_it(many):
    data = bars(least=many, most=many, crowded=True)
    figures = crowd_figures(Informed(data), data, 100, T)
    assert figures["counting_error"] == 0 and figures["counting_accuracy"] == 1 and figures["milliseconds"] > 0
    assert figures["mota"] == pytest.approx(1, abs=1e-6)
    assert (figures["components_counting_error"] == 0) == (many == 1), "digits that touch are one component"
    blind = crowd_figures(Informed(data, blind=True), data, 100, T)
    assert blind["counting_error"] == many and blind["counting_accuracy"] == 0


def test_figures_written_before_are_shown_again(tmp_path, capsys):
    (tmp_path / "48.json").write_text(json.dumps({"2": {"counting_error": 0.25, "mota": 0.5}}))
    main([str(tmp_path / "48.json")])
    title, _, row = capsys.readouterr().out.splitlines()
    assert title.startswith("| digits | count error |") and row.startswith("| 2 | 0.25 |  |  |  | 0.5 |")
    (tmp_path / "48.json").write_text("{")
    with pytest.raises(SystemExit, match="error"):
        main([str(tmp_path / "48.json")])
