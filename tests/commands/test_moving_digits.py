"""`python train_wm.py data=moving_mnist`, from the IDX files to the report."""

import json

import pytest

from sqair_wm import evaluate, load
from sqair_wm.evaluation.digits.digit_table import Sizes
from sqair_wm.reporting import crowds
from tests.reporting.pages import album, check

TINY = (
    "data=moving_mnist", "device=cpu", "data.size=32", "data.report.sequences=4", "model.hidden=32",
    "training.iterations=4", "training.batch=2", "training.particles=2", "training.log_every=2",
    "training.lengths=[[0,1],[2,2]]", "data.report.frames=10", "data.tested=20",
)  # fmt: skip


@pytest.fixture(scope="module")
def mnist(golden):
    """The setting that says where the digits are."""
    return golden("digits").data[0]


@pytest.fixture(scope="module")
def run(golden, tmp_path_factory):
    return golden("digits").copy(tmp_path_factory.mktemp("digits"))


def test_a_run_on_moving_digits_counts_them(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["iterations"] == 40 and 0 <= metrics["counting_accuracy"] <= 1
    assert "reward_f1" not in metrics and "imagination_iterations" not in metrics
    page = (run / "report.html").read_text()
    assert {"Counted right", "Objects found"} <= set(check(page).text["dt"]) and len(album(page)["films"]) == 4
    assert "saw 3 frames" in page


def test_the_sizes_of_the_digits_group_are_used_unless_others_are_asked_for(run):
    config = load(run).config
    assert (config.what, config.glimpse, config.hidden, config.actions) == (50, (24, 24), 32, 0)


FEW = ["--sequences", "20", "--likelihood", "2", "--samples", "3", "--probe", "20", "--length", "3", "--steps", "20"]


def test_evaluation_gives_every_column_of_the_table(run, capsys):
    evaluate.main([str(run), *FEW])
    metrics = json.loads((run / "metrics.json").read_text())
    names = {"log_px", "reconstruction", "kl", "counting_accuracy", "addition_accuracy", "mota", "switches_per_100"}
    assert names <= set(metrics) and "3 samples" in capsys.readouterr().err


def test_ever_more_digits_are_measured_by_a_command(run, tmp_path, capsys):
    options = [str(run), "--sequences", "20", "--length", "2", "--json", str(tmp_path / "crowds.json")]
    crowds.main([*options, "--digits", "1", "2"])
    found = json.loads((tmp_path / "crowds.json").read_text())
    assert set(found) == {"1", "2"} and found["2"]["counting_error"] <= 2
    assert capsys.readouterr().out.splitlines()[2].startswith("| 1 |")
    with pytest.raises(SystemExit, match=r"model\.slots=12"):
        crowds.main([*options, "--digits", "9"])


@pytest.mark.parametrize("model", ["air", "vrnn_mlp", "vrnn_conv"])
def test_baselines_are_trained_and_measured_in_the_same_way(train_wm, mnist, model):
    result = train_wm(*TINY, mnist, f"model={model}", f"name={model}", "model.what=6")
    assert result.returncode == 0, result.stdout + result.stderr
    run = train_wm.folder / "runs" / model
    page = (run / "report.html").read_text()
    assert check(page) and len(album(page)["films"]) == 6, "three of four sequences are shown"
    metrics = evaluate.evaluate(run, sizes=Sizes(20, 2, 3, 20, 3, 20))
    assert load(run).config.architecture == model.split("_")[0] and metrics["log_px"] < 3 * 292
    assert ("mota" in metrics) == (model == "air") and "addition_accuracy" in metrics


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data=moving_mnist", "env=Pong"], "two data sets"),
        (["data=moving_mnist", "data.most=0"], "data.most must be at least 1"),
        (["data=moving_mnist", "data.most=two"], "data.most"),
        (["data=moving_mnist", "data.least=3"], "data.least must lie between 0 and data.most"),
        (["env=Pong", "model=vrnn_mlp"], "baseline for data without actions"),
        (["data=moving_mnist", "data.frames=7"], "no setting 'data.frames'"),
        (["data=moving_mnst"], "moving_mnist"),
    ],
)  # fmt: skip
def test_bad_settings_of_the_data(refuse, settings, message):
    answer = refuse(*settings)
    assert message in answer and "Traceback" not in answer


def test_a_command_that_failed_can_be_corrected(refuse, train_wm, mnist, tmp_path, monkeypatch):
    import pooch

    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(pooch, "retrieve", offline)
    name = "name=corrected"
    assert "data.mnist=FOLDER" in refuse("data=moving_mnist", name, f"data.mnist={tmp_path}/nowhere")
    wrong = refuse("data=moving_mnist", name, "data.size=30", "data.most=40", mnist, "data.scale=3")
    assert "another configuration" not in wrong
