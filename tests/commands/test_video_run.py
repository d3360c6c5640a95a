"""`python train_wm.py data=video`, from a film to the report."""

import json

import pytest

from sqair_wm import evaluate, load
from tests.reporting.pages import check


@pytest.fixture(scope="module")
def run(golden, tmp_path_factory):
    return golden("video").copy(tmp_path_factory.mktemp("video"))


def test_a_run_on_a_video_counts_people(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["iterations"] == 40 and 0 <= metrics["counting_accuracy"] <= 1
    assert metrics["components_counting_accuracy_once"] > 0.9 and metrics["camera_shift"] < 1
    page = (run / "report.html").read_text()
    assert "saw 4 frames" in page and "Counted right" in check(page).text["dt"]
    config = load(run).config
    assert (config.what, config.glimpse, config.patience, config.actions) == (50, (28, 12), 1, 0)


def test_evaluation_measures_it_again(run):
    assert evaluate.evaluate(run)["counting_constant"] > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([], "data.path=clip.avi"),
        (["data.path=nowhere.avi"], "there is no video"),
        (["data.path=x.avi", "data.background=mean"], "choose one of median, mog2, knn"),
        (["data.path=x.avi", "env=Pong"], "two data sets"),
        (["data.path=x.avi", "data.evry=2"], "did you mean data.every"),
    ],
)
def test_bad_settings_end_in_one_helpful_line(refuse, settings, message):
    answer = refuse("data=video", "name=bad", *settings)
    assert message in answer and "Traceback" not in answer
