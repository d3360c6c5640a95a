"""The code in the README runs."""

import re

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.S))
def test_python_blocks_run(code, monkeypatch):
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    if "picture" in names:
        assert names["picture"].shape == (1, 4, 80, 80)
    if "dreams" in names:
        assert names["objects"].shape[0] == len(names["rewards"]) == 64
    if "agent" in names:
        assert names["agent"].num_timesteps >= 512
    assert {"picture", "dreams", "agent"} & names.keys()


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link


@pytest.mark.parametrize("game", ["MsPacman", "Pong", "Breakout", "Freeway"])
def test_pretrained_models_are_small_and_keep_their_promises(game):
    import torch

    import sqair_wm
    from sqair_wm.data.atari import record
    from sqair_wm.evaluation.metrics.summary import summarize, watch
    from sqair_wm.games.play import Recording

    folder = ROOT / "pretrained" / game
    assert sum(p.stat().st_size for p in folder.iterdir()) < 5e6
    model = sqair_wm.load(folder)
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as place:
        recording = Recording(game, frames=300, seed=77, crop=model.source.crop, pool=model.source.pool)
        sequences = record(recording, Path(place) / "x", model.background.numpy())
        figures = summarize(watch(model, sequences.first(6, 20, torch.device("cpu"))))
    assert figures["unexplained_energy"] < (0.2 if game == "MsPacman" else 0.12)
    assert figures["discovered_per_frame"] < 0.1 * figures["objects_per_frame"]
