"""The loop: the order of play and learning, what is counted, and that a stopped run continues from its last round."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sqair_wm.agents.dreaming.loop import AgentLoop, LoopSettings, reward_figures
from sqair_wm.agents.playing.stretch import Stretch
from sqair_wm.agents.progress import read_progress
from sqair_wm.agents.saved import last_round
from sqair_wm.common.stopping import Interruptible

SETTINGS = LoopSettings(games=2, first=20, play=10, world_iterations=3, dream_steps=50)


class Notes:
    """An agent that records how it is called, and continues from its saved record."""

    def __init__(self):
        self.asked, self.owned, self.policy = [], [], self

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        self.asked.append("play")
        return np.zeros(len(observation), int), state

    def learn(self, starts, steps, real=None, own=None):
        assert real is None or len(real.actions) <= 20_000
        self.owned.append(0 if own is None else len(own.actions))
        assert starts.presence.any() and not torch.is_inference(starts.where)
        self.asked.append("dream")
        return {"steps": steps + 14, "return": 0.5}

    def begin_anew(self):
        self.asked.append("anew")

    def save(self, path: Path):
        path.write_text("agent")

    def state_dict(self):
        return {}


class WorldNotes:
    def __init__(self, notes, fail=None):
        self.notes, self.fail, self.seen = notes, fail, []

    def learn(self, play, iterations):
        self.notes.asked.append("world")
        self.seen.append((len(play.encoded.actions), iterations))
        if self.fail == len(self.seen):
            raise KeyboardInterrupt
        return {"loss": 1.0}

    def save(self, folder: Path):
        (folder / "world.txt").write_text("world")


def loop(folder, world, fail=None, settings=SETTINGS):
    notes = Notes()
    folder.mkdir(exist_ok=True)
    worlds = WorldNotes(notes, fail)
    return AgentLoop(folder, world, notes, worlds, settings, done=last_round(folder)), notes, worlds


def test_rounds_play_learn_the_world_and_dream_in_turn(world, short, folder):
    run, notes, worlds = loop(folder, world)
    run.run(40)
    order = [a for a, b in zip(notes.asked, [None, *notes.asked], strict=False) if a != b]
    assert order == ["world", "dream", "play", "world", "dream", "play", "world", "dream"]  # random play comes first
    records = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    assert [r["real_steps"] for r in records] == [20, 30, 40]
    assert [r["imagined_steps"] for r in records] == [64, 128, 192]
    assert [n for _, n in worlds.seen] == [3, 3, 3]
    assert notes.owned[0] == 0, "random play is not the agent's own"
    assert all(10 <= frames < 20 for frames in notes.owned[1:]), "play of earlier rounds is not that of the policy now"
    assert {p.name for p in folder.iterdir()} == {
        "agent.zip", "checkpoint-000003", "model.json", "model.safetensors", "play", "progress.jsonl",
    }  # fmt: skip
    assert {p.name for p in (folder / "checkpoint-000003").iterdir()} >= {"agent.zip", "state.pt", "world.txt"}


def test_an_agent_begins_anew_after_the_rounds_that_are_asked_for(world, short, folder):
    run, notes, _ = loop(folder, world, settings=replace(SETTINGS, anew=[1, 2]))
    run.run(40)
    order = [a for a, b in zip(notes.asked, [None, *notes.asked], strict=False) if a != b]
    assert order == ["world", "dream", "play", "world", "anew", "dream", "play", "world", "anew", "dream"]
    assert notes.owned == [0, 0, 0], "the policy of before played, and not that of now"
    with pytest.raises(ValueError, match="anew takes numbers of rounds"):
        replace(SETTINGS, anew=[0]).check()


def test_a_run_that_was_stopped_goes_on_from_its_last_whole_round(world, short, folder):
    run, *_ = loop(folder, world, fail=2)
    with pytest.raises(KeyboardInterrupt):
        run.run(40)
    assert last_round(folder) == 1 and len(list((folder / "play").iterdir())) == 2
    run, notes, _ = loop(folder, world)
    assert run.play.steps == 20 and run.imagined == 64 and len(list((folder / "play").iterdir())) == 1
    run.run(30)
    assert notes.asked[0] == "play" and "world" in notes.asked and run.rounds == 2
    run, notes, _ = loop(folder, world)
    run.run(30)
    assert notes.asked == []


def test_nothing_is_lost_when_it_is_killed_after_a_round_was_saved(world, short, folder, monkeypatch):
    """The round is whole, but not yet the run's: the agent, its figures and the round before are those of before."""
    run, *_ = loop(folder, world)
    run.run(20)
    publish = AgentLoop._publish

    def kill(run):
        if run.rounds == 2:
            raise KeyboardInterrupt
        publish(run)

    monkeypatch.setattr(AgentLoop, "_publish", kill)
    run, *_ = loop(folder, world)
    with pytest.raises(KeyboardInterrupt):
        run.run(30)
    (folder / "agent.zip").write_text("of round 1")
    monkeypatch.undo()
    run, notes, _ = loop(folder, world)
    run.run(30)
    assert notes.asked == [] and [r["real_steps"] for r in read_progress(folder)] == [20, 30]
    assert (folder / "agent.zip").read_bytes() == (folder / "checkpoint-000002" / "agent.zip").read_bytes()
    assert [p.name for p in folder.glob("checkpoint-*")] == ["checkpoint-000002"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_request_to_stop_that_python_dropped_takes_effect_after_the_round(world, short, folder):
    class Deaf:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):
                pass

    run, *_ = loop(folder, world)
    with Interruptible():
        Deaf()
        with pytest.raises(KeyboardInterrupt):
            run.run(40)
    assert run.rounds == 1


def test_the_returns_of_whole_episodes_are_told():
    # Two games of six frames: the first goes on from before, ends after two steps, and plays a whole one of 2 + 3.
    rewards = [0, 100, 1, 0, 2, 3, 0, 4, 0, 0, 0, 0]
    ends = [0, 0, 1, 0, 0, 1] + [0] * 6
    starts = [0, 0, 0, 1, 0, 0] + [1] + [0] * 5
    arrays = {"rewards": np.array(rewards, np.float32), "ends": np.array(ends, bool), "starts": np.array(starts, bool)}
    arrays["truncations"] = np.zeros(12, bool)
    figures = reward_figures(Stretch(None, arrays, 6))
    assert figures == {"reward_a_step": 110 / 9, "episodes": 1.0, "episode_return": 5.0}


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="epsilon"):
        LoopSettings(epsilon=2).check()
    with pytest.raises(ValueError, match="at least 1"):
        LoopSettings(play=0).check()
