"""The Python code of every page of the documentation runs, in one namespace a page."""

import re

import gymnasium as gym
import pytest
from omegaconf import OmegaConf

from sqair_wm.evaluation.kinds import kind_of
from tests.conftest import ROOT

WRITTEN = [ROOT / "pretrained" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in WRITTEN if "```python\n" in page.read_text()]


@pytest.fixture(autouse=True)
def tidy_registry():
    before = set(gym.registry)
    yield
    for name in set(gym.registry) - before:
        del gym.registry[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    code = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    names: dict = {"__name__": page.stem, "tmp_path": tmp_path}
    exec(compile("\n".join(code), str(page), "exec"), names)
    check = CHECKS.get(page.stem)
    assert check is not None, "say what the page should show"
    check(names)


def planner(names):
    assert names["total"] == names["total"]
    lines = (ROOT / "docs/how-to/planner.md").read_text().splitlines()
    start, end = (next(i for i, line in enumerate(lines) if line.startswith(s)) for s in ("class Random", "path ="))
    assert end - start < 60


def data(names):
    frames = names["Drift"](2).first(3, 4, "cpu").frames.foreground
    assert frames.shape == (4, 3, 1, 24, 24) and frames[3, :, :, :, 6:12].sum() == 3 * 36
    assert kind_of(OmegaConf.create({"data": {"kind": "drift"}})).build is names["open_drift"]


def quickstart(names):
    assert names["present"].shape[1] == names["objects"].shape[1] and len(names["present"]) <= len(names["objects"])
    assert names["imagined"].shape[0] == 4 and names["frame"].shape == (1, 4, 80, 80)
    assert names["outcomes"].reward.shape == (10, 1)
    assert names["agent"].num_timesteps == 32 and names["action"] in names["game"].action_space


def concepts(names):
    assert names["slots"].count.item() > 0
    assert names["outcome"].reward.shape == (1,) and names["scenes"].presence.shape[:2] == (4, 1)


def test_every_how_to_page_shows_code():
    assert set((ROOT / "docs" / "how-to").glob("*.md")) <= set(PAGES)


CHECKS = {
    "README": lambda n: n["model"].config.actions == 6 or pytest.fail("not Pong"),
    "quickstart": quickstart,
    "concepts": concepts,
    "data": data,
    "playground": lambda n: n["best"]["action"] in range(6) or pytest.fail("no action"),
    "decoder": lambda n: n["glimpses"].shape == (3, 1, 8, 8) or pytest.fail("shape"),
    "dynamics": lambda n: n["future"].presence.shape[0] == 4 or pytest.fail("shape"),
    "inference": lambda n: n["terms"].log_q.isfinite().all() or pytest.fail("not finite"),
    "report": lambda n: n["number"].title == "Time" or pytest.fail("no numbers"),
    "metric": lambda n: n["figures"]["objects_most"] >= 0 or pytest.fail("no figure"),
    "game": lambda n: n["frame"].shape == (40, 40, 3) or pytest.fail("shape"),
    "planner": planner,
    "agent": lambda n: (
        (n["agent"].num_timesteps >= 256 and n["objects"].shape[0] == 2) or pytest.fail("nothing learned")
    ),
}
