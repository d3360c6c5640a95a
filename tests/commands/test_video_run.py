"""`python train_wm.py data=video`, from a film to the report."""

import json

import pytest

from sqair_wm import evaluate, load
from tests.data.films import walk, write_boxes, write_video

TINY = (
    "data=video", "name=film", "device=cpu", "data.width=64", "data.size=32", "data.every=1", "data.length=3",
    "data.report.sequences=3", "data.report.frames=6", "model.hidden=32", "training.iterations=4", "training.batch=2",
    "training.particles=2", "training.log_every=2", "training.lengths=[[0,1],[2,3]]", "data.tested=50",
)  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    return write_video(folder / "walk.avi", walk()), write_boxes(folder / "walk.xml")


@pytest.fixture(scope="module")
def run(train_wm, film):
    result = train_wm(*TINY, f"data.path={film[0]}", f"data.boxes={film[1]}")
    assert result.returncode == 0, result.stdout + result.stderr
    return train_wm.folder / "runs" / "film"


def test_a_run_on_a_video_counts_people(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["iterations"] == 4 and 0 <= metrics["counting_accuracy"] <= 1
    assert metrics["components_counting_accuracy_once"] > 0.9 and metrics["camera_shift"] < 1
    assert "after seeing 4 frames" in (run / "report.html").read_text()
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
