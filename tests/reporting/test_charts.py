"""Curves as SVG."""

import math

from sqair_wm.reporting.charts import HEIGHT, MOST, WIDTH, Chart, Line, horizon_charts, thinned, ticks, training_charts


def test_only_what_has_two_finite_values_is_drawn():
    records = [(0, {"loss": math.nan, "reward": 1.0}), (10, {"loss": 2.0}), (20, {"loss": 1.0, "reward": math.inf})]
    charts = training_charts(records, {"loss": "the loss", "reward": "the reward", "other": "nothing"})
    assert [chart.title for chart in charts] == ["the loss"] and charts[0].xs == [10.0, 20.0]
    assert training_charts([], {"loss": "the loss"}) == []


def test_points_and_ticks_lie_in_the_picture_even_of_a_constant():
    for values in ([3.0, 3.0], [-1e6, 2e6], [0.0, 1e-9], [None, 0.5]):
        chart = Chart("title", "x", [0.0, 7.0], [Line("a", values)])
        places = chart.points(chart.lines[0])
        assert len(places) == sum(v is not None for v in values)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
        assert all(0 <= tick.place <= max(WIDTH, HEIGHT) for tick in (*chart.x_ticks, *chart.y_ticks))
        assert 2 <= len(chart.y_ticks) <= 8


def test_ticks_are_round():
    assert ticks(0, 10) == [0, 5, 10] and ticks(0.0, 0.41)[1] == 0.2 and ticks(-3, 1) == [-3, -2, -1, 0, 1]


def test_long_curves_are_thinned_to_means():
    xs, values = thinned([(float(i), float(i % 2)) for i in range(2 * MOST)])
    assert len(xs) == MOST and set(values) == {0.5} and xs[0] == 0.5


def test_imagination_is_drawn_beside_both_baselines():
    rows = {name: {1: 1.0, 5: 2.0} for name in ("position_error", "position_error_still", "position_error_median")}
    mean, median = horizon_charts(rows)
    assert [line.label for line in mean.lines] == ["imagined", "no motion"] and mean.marked
    assert [line.label for line in median.lines] == ["imagined"] and horizon_charts({}) == []
    assert mean.readings["lines"][1] == {"label": "no motion", "values": ["1", "2"]}
