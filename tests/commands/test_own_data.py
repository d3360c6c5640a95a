"""A kind of data from outside the package: play without an emulator, with rewards and endings."""

import json
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from sqair_wm import evaluate, load
from sqair_wm.common.frame import Frame
from sqair_wm.data.sequences import Batch, Truth
from sqair_wm.data.settings import DataSettings
from sqair_wm.evaluation.kinds import Kind, kind_of, register
from tests.conftest import ROOT
from tests.reporting.pages import check

EPISODE, SIDE, SQUARE = 40, 24, 6
MOVES = np.array([[0, 0], [2, 0], [-2, 0], [0, 2], [0, -2]])


@dataclass(frozen=True)
class SteeredSettings(DataSettings):
    kind: str = "steered"
    name: str = "steered"
    frames: int = 240
    told: bool = False


class Steered:
    """A square that the actions steer; it earns a point in the upper half. `told`: frames come with the true box."""

    frame_size, channels, scenery, number_of_actions = (SIDE, SIDE), 1, 0, len(MOVES)
    source, background = None, np.zeros((SIDE, SIDE, 3), np.uint8)

    def __init__(self, frames, seed, told):
        random, self.told = np.random.default_rng(seed), told
        self.episodes = np.arange(frames) // EPISODE
        self.begins = np.arange(frames) % EPISODE == 0
        self.ends = np.arange(frames) % EPISODE == EPISODE - 1
        self.actions = np.where(self.begins, 0, random.integers(len(MOVES), size=frames))
        self.places = np.zeros((frames, 2), np.int64)
        for t in range(frames):
            before = np.array([9, 9]) if self.begins[t] else self.places[t - 1]
            self.places[t] = (before + MOVES[self.actions[t]]).clip(0, SIDE - SQUARE)
        self.rewards = (self.places[:, 0] < 9).astype(np.float32)
        shown = self.take(np.arange(frames)[None], torch.device("cpu")).frames.foreground[0, :, 0]
        self.pictures = np.repeat((255 * shown.numpy()).astype(np.uint8)[..., None], 3, 3)
        self.backgrounds = np.zeros_like(self.pictures)

    def __len__(self):
        return len(self.actions)

    def take(self, index, device):
        pixels = np.arange(SIDE) - self.places[index][..., None]
        inside = (pixels >= 0) & (pixels < SQUARE)
        square = torch.from_numpy(inside[..., 0, :, None] & inside[..., 1, None, :]).float()[:, :, None]
        known = (torch.from_numpy(x[index]).to(device) for x in (self.actions, self.rewards, self.ends))
        return Batch(Frame(square.to(device)), *known, truth=self.truth(index) if self.told else None)

    def truth(self, index):
        sizes = np.broadcast_to(SQUARE, (*index.shape, 2))
        boxes = torch.from_numpy(np.concatenate([self.places[index], sizes], -1)).float()[:, :, None]
        there = torch.ones(*index.shape, 1, dtype=torch.bool)
        one = torch.from_numpy(self.episodes[index])[..., None]
        return Truth(boxes, there, torch.zeros(index.shape[1], 1, dtype=torch.int64), one)

    def cut(self, starts, length, device):
        return self.take(np.arange(length)[:, None] + starts, device)

    def starts(self, length):
        return np.flatnonzero(self.episodes[: len(self) - length + 1] == self.episodes[length - 1 :])

    def sample(self, batch, length, generator, device):
        starts = self.starts(length)
        return self.cut(starts[torch.randint(len(starts), (batch,), generator=generator).numpy()], length, device)

    def first(self, batch, length, device):
        starts = self.starts(length)
        return self.cut(starts[np.linspace(0, len(starts) - 1, batch).astype(int)], length, device)


def open_steered(config):
    data = config.data
    return Steered(data.frames, config.seed, data.told), Steered(data.frames, config.seed + 1, data.told)


KIND = Kind(SteeredSettings, open_steered, plays=True)
TINY = (
    "data=steered", "device=cpu", "model.hidden=32", "model.what=4", "training.iterations=4", "training.batch=2",
    "training.particles=2", "training.lengths=[[0,1],[2,2]]", "imagination.iterations=3", "imagination.batch=2",
    "imagination.steps=[[0,2]]", "data.report.sequences=3", "imagination.singles=4",
)  # fmt: skip


@pytest.fixture(scope="module", params=[False, True], ids=["untold", "told"])
def run(request, tmp_path_factory):
    register(KIND)
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        arguments = ["train_wm.py", *TINY, f"runs={folder}", f"data.told={request.param}"]
        patch.setattr(sys, "argv", arguments)
        patch.syspath_prepend(str(ROOT))
        __import__("train_wm").main()
    return folder / "steered", request.param


def test_imagination_is_trained_on_any_data_with_actions_and_rewards(run):
    folder, _ = run
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["iterations"], metrics["imagination_iterations"]) == (4, 3)
    assert metrics["rewards_seen"] > 0 and "reward_f1" in metrics
    model = load(folder)
    assert model.config.actions == len(MOVES) and model.config.dynamics == "interactive" and model.source is None
    assert "Error of imagination by the number of steps" in check((folder / "report.html").read_text()).text["h3"]


def test_such_a_run_is_evaluated(run):
    folder, told = run
    figures = evaluate.evaluate(folder)
    assert figures["against_truth"] == told and figures["starts"] > 0
    assert ("moving_matched" in figures) == ("f_moving" in figures) == told
    assert {"reward_ece", "ending_f1", "lost_10"} <= set(figures)


def test_baselines_without_actions_are_refused(run, refuse):
    assert "baseline for data without actions" in refuse(*TINY, "model=vrnn_mlp", "name=other")


def test_a_name_is_given_once():
    register(KIND)
    with pytest.raises(ValueError, match="'steered'"):
        register(Kind(SteeredSettings, lambda config: open_steered(config)))


def test_data_that_nobody_registered_are_refused(refuse):
    answer = refuse("env=Pong", "data.kind=ataru")
    assert "data.kind is 'ataru'" in answer and "moving_mnist" in answer


def test_every_kind_has_settings_that_name_it():
    for name in ("atari", "moving_mnist", "video"):
        config = type("Config", (), {"data": type("Data", (), {"kind": name})})
        assert kind_of(config).settings.kind == name
