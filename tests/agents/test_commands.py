"""`python -m agents.train` and `python -m agents.evaluate`, in this process."""

import io
import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from stable_baselines3 import PPO

import sqair_wm
from sqair_wm.agents import evaluate, play, train
from sqair_wm.agents.dreaming.learning import WorldSettings
from sqair_wm.agents.kinds import KINDS, open_run
from sqair_wm.agents.saved import steps_in
from sqair_wm.agents.sb3 import references
from sqair_wm.agents.settings import DreamAgent
from sqair_wm.common.limits import limits_of
from sqair_wm.common.named_folders import MODELS
from sqair_wm.envs.around import Around

DREAM = (
    "agent.first=40", "agent.play=20", "agent.games=2", "agent.world_iterations=1", "agent.world.batch=2",
    "agent.world.imagined=2", "agent.world.context=2", "agent.world.singles=8", "agent.scenes=8", "agent.horizon=4",
    "agent.dream_steps=60", "agent.parts=2", "agent.stretches=4", "agent.stretch=4",
)  # fmt: skip
SMALL = ("agent.width=16", "agent.features=16", "agent.hidden=16")
PPO_LEARNS = ("agent.games=2", "agent.n_steps=8", "agent.batch_size=8", "agent.n_epochs=2")
DQN_LEARNS = ("agent.learning_starts=8", "agent.batch_size=4", "agent.buffer_size=20")


@pytest.fixture
def command(model, folder, monkeypatch, capsys, short):
    """`agents.train` with settings, whose report imagines two steps ahead; what it prints."""
    monkeypatch.setattr(play, "AHEAD", 2)

    def run(*settings):
        monkeypatch.setattr(sys, "argv", ["agents.train", f"model={model}", f"runs={folder}", *settings])
        train.main()
        return capsys.readouterr().out

    return run


def refused(command, *settings):
    with pytest.raises(SystemExit) as stopped:
        command(*settings)
    return str(stopped.value.code)


def test_the_world_model_and_the_agent_are_found_by_name(command, folder, model, monkeypatch):
    monkeypatch.setenv(MODELS, str(Path(model).parent))
    command("model=Bouncing", "agent=random", f"runs={folder}")
    run = open_run(folder / "Bouncing-random")
    assert run.config.model == model, "the place is kept, should another model get the name"
    monkeypatch.setenv(MODELS, str(folder))
    assert open_run(Path("Bouncing-random")).path == folder / "Bouncing-random"


def test_an_agent_dreams_goes_on_and_is_evaluated(command, folder, model, capsys):
    said = command("steps=60", *DREAM)
    path = folder / "Bouncing-dream"
    assert "real_steps 60" in said and f"python -m agents.evaluate {path}" in said
    before = torch.cat([w.flatten() for w in PPO.load(path / "agent.zip").policy.parameters()])
    old = sqair_wm.load(model).state_dict()
    new = sqair_wm.load(path).state_dict()
    learned = {n for n, w in new.items() if not torch.equal(w, old[n])}
    assert learned and all(
        n.startswith(("heads", "sqair.dynamics", "sqair.scenery", "sqair.births")) for n in learned
    )  # the inference network and the decoder stayed as they were

    assert command("steps=60", *DREAM).count("real_steps") == 0  # nothing is left to do
    assert "real_steps 80" in command("steps=80", *DREAM)
    after = torch.cat([w.flatten() for w in PPO.load(path / "agent.zip").policy.parameters()])
    assert not torch.equal(before, after)

    command("steps=80", "name=whole", *DREAM)  # without a stop it comes to the same, to the bit
    whole = torch.cat([w.flatten() for w in PPO.load(folder / "whole" / "agent.zip").policy.parameters()])
    there, here = (sqair_wm.load(p).state_dict() for p in (folder / "whole", path))
    assert torch.equal(whole, after) and all(torch.equal(w, here[n]) for n, w in there.items())

    evaluate.main([str(path), "--episodes", "3", "--games", "2", "--json", str(folder / "seed0.json")])
    assert "Bouncing dream: mean" in capsys.readouterr().out
    result = json.loads((folder / "seed0.json").read_text())
    assert result == json.loads((path / "evaluation.json").read_text())
    assert [e["steps"] for e in result["episodes"]] == [7, 7, 7] and result["protocol"]["steps_learned_from"] == 80
    assert result["mean"] == sum(e["total"] for e in result["episodes"]) / 3

    assert "discount: 0.99 there, 0.9 now" in refused(command, "steps=80", *DREAM, "agent.discount=0.9")
    with_guide = ("agent=mcts", "agent.reward=sign", f"agent.guide={path}", "agent.simulations=4")
    command(*with_guide)
    other = ("agent=cem", f"agent.guide={path}", "agent.discount=0.5", "name=other")
    assert "agent.discount=0.99" in refused(command, *other)
    assert "no run of an agent" in refused(command, "agent=cem", "agent.guide=nowhere", "name=other")
    evaluate.main([str(folder / "Bouncing-mcts"), "--episodes", "1"])


def test_an_agent_may_see_the_background_and_the_memory_of_the_dynamics_too(command, folder):
    command("steps=40", *DREAM, *SMALL, "agent.around=true", "agent.memory=true")
    path = folder / "Bouncing-dream"
    memory = open_run(path).world().config.hidden
    assert PPO.load(path / "agent.zip").observation_space.shape[1] > Around.width + memory
    evaluate.main([str(path), "--episodes", "1"])
    command("agent=mcts", "agent.reward=sign", f"agent.guide={path}", "agent.simulations=4")
    evaluate.main([str(folder / "Bouncing-mcts"), "--episodes", "1"])
    assert "agent.around" in refused(command, "agent=oracle", "agent.around=true"), "it is shown true objects only"


def test_the_world_model_of_a_game_is_found_by_its_name(model, folder, monkeypatch, capsys):
    shutil.copytree(model, folder / "Bouncing")
    command = ["agents.train", f"runs={folder}", "agent=random"]
    monkeypatch.setattr(sys, "argv", [*command, "env=bouncing"])
    train.main()
    assert f"{folder}/Bouncing-random:" in capsys.readouterr().out
    for setting, message in (("env=Pong", "train_wm.py env=Pong agent=random"), ("seed=1", "env=Pong")):
        monkeypatch.setattr(sys, "argv", [*command, setting])
        with pytest.raises(SystemExit, match=message):
            train.main()


@pytest.mark.parametrize("agent", ["shooting", "cem", "random"])
def test_agents_that_learn_nothing_are_evaluated_too(command, folder, capsys, agent):
    settings = () if agent == "random" else ("agent.plans=8", "agent.horizon=2")
    command(f"agent={agent}", *settings)
    evaluate.main([str(folder / f"Bouncing-{agent}"), "--episodes", "2"])
    assert f"Bouncing {agent}: mean" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("agent", "settings"),
    [
        ("ppo_slots", (*PPO_LEARNS, "agent.around=true")),
        ("dqn_slots", DQN_LEARNS),
        ("i2a", (*PPO_LEARNS, "agent.code=8", "agent.length=2", "agent.around=true")),
        ("oracle", PPO_LEARNS),
        ("ppo_pixels", PPO_LEARNS),
        ("dqn_pixels", DQN_LEARNS),
        ("dyna", (*DQN_LEARNS, "agent.branches=4", "agent.around=true")),
    ],
)
def test_references_learn_in_the_real_game_and_go_on(command, folder, capsys, monkeypatch, agent, settings):
    monkeypatch.setattr(references, "ROUND", 16)
    settings += () if agent.endswith("_pixels") else SMALL
    assert "real_steps 16" in command(f"agent={agent}", "steps=16", *settings)
    said = command(f"agent={agent}", "steps=32", *settings)
    assert "real_steps 32" in said and "real_steps 16" not in said
    path = folder / f"Bouncing-{agent}"
    evaluate.main([str(path), "--episodes", "2"])
    result = json.loads((path / "evaluation.json").read_text())
    assert result["protocol"]["steps_learned_from"] == 32 and capsys.readouterr().out
    if agent != "dqn_pixels":  # its replay buffer is too large to be saved
        command(f"agent={agent}", "steps=32", "name=whole", *settings)
        stopped, whole = (weights_in(p / "agent.zip") for p in (path, folder / "whole"))
        assert all(torch.equal(w, whole[n]) for n, w in stopped.items()), "without a stop it comes to the same"


def weights_in(path):
    with zipfile.ZipFile(path) as file:
        return torch.load(io.BytesIO(file.read("policy.pth")), weights_only=True)


def test_a_reference_that_is_killed_while_it_is_saved_loses_only_its_last_round(command, folder, monkeypatch):
    settings = ("agent=dqn_slots", "agent.learning_starts=16", "agent.batch_size=8", "agent.buffer_size=40", *SMALL)
    command("steps=16", *settings)
    write = references.save_checkpoint

    def kill(path, state):
        raise KeyboardInterrupt

    monkeypatch.setattr(references, "save_checkpoint", kill)
    assert "the same command continues" in refused(command, "steps=32", *settings)
    assert steps_in(folder / "Bouncing-dqn_slots") == 16
    monkeypatch.setattr(references, "save_checkpoint", write)
    assert "real_steps 32" in command("steps=32", *settings)
    assert steps_in(folder / "Bouncing-dqn_slots") == 32


def test_every_number_that_an_agent_is_told_has_limits():
    for kind in KINDS.values():
        for settings in (kind.settings, WorldSettings) if kind.settings is DreamAgent else (kind.settings,):
            numbers = {n for n, f in settings.__dataclass_fields__.items() if str(f.type) in ("int", "float")}
            assert numbers <= set(limits_of(kind.settings)), settings


def test_mistakes_are_answered_in_one_line(command, folder):
    assert "agent.learning_rate is -1.0: it has to lie between" in refused(command, "agent.learning_rate=-1")
    assert "agent.world.context is 1: it has to lie between 2" in refused(command, "agent.world.context=1")
    assert "did you mean agent.horizon" in refused(command, "agent.horizn=3")
    assert "agent.entropy" in refused(command, "agent.entropy=much")
    assert "choose one of raw, sign, symlog" in refused(command, "agent.reward=clipped")
    assert "no trained model" in refused(command, "model=nowhere")
    with pytest.raises(SystemExit, match="holds no run of an agent"):
        evaluate.main([str(folder)])
    assert set(KINDS) == {
        "dream", "dyna", "i2a", "ppo_slots", "dqn_slots", "ppo_pixels", "dqn_pixels", "oracle",
        "shooting", "cem", "mcts", "random",
    }  # fmt: skip
