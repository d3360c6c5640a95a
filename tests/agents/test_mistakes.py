"""Wrong settings, arguments and files of agents' commands: each is answered in one line that says what to do."""

import pytest

from sqair_wm.agents import evaluate, play, report
from sqair_wm.agents.diverged import check_weights, told_if_diverged
from sqair_wm.agents.evaluate import check_together
from sqair_wm.agents.kinds import open_run
from tests.agents.test_commands import SMALL, command, refused  # noqa: F401 (a fixture)

PPO = ("agent=ppo_slots", "steps=32", "agent.games=2", "agent.n_steps=16", "agent.batch_size=16", *SMALL)


def stopped(main, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert "\n" not in str(end.value.code)
    return str(end.value.code)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("seed=-1",), "seed is -1: it has to lie between 0 and"),
        (("seed=99999999999999999999",), "seed is 99999999999999999999: it has to lie"),
        (("steps=-5",), "steps is -5: it has to lie"),
        (("threads=99999",), "threads is 99999: it has to lie"),
        (("device=cuda:9",), "device=cuda"),
        (("name=",), "names no folder for the run"),
        (("agent=dream", "agent.width=15"), "agent.width is 15: it has to be a multiple of 4"),
        (("agent=dream", "agent.ahead=[0]"), "agent.ahead takes numbers of steps, from 1 on, got [0]"),
        (("agent=dream", "agent.dream_steps=0"), "agent.dream_steps is 0"),
        (("agent=ppo_slots", "agent.batch_size=1"), "agent.batch_size (1)"),
        (("agent=ppo_slots", "agent.n_steps=1", "agent.games=1"), "have to be at least 2"),
    ],
)
def test_settings_that_cannot_work_are_refused(command, settings, message):  # noqa: F811
    assert message in refused(command, "agent=random", *settings)


def test_the_device_may_be_chosen_by_the_program_and_be_gone_later(command, folder, capsys):  # noqa: F811
    command("agent=random", "device=auto")
    path = folder / "Bouncing-random"
    (path / "config.yaml").write_text((path / "config.yaml").read_text().replace("device: cpu", "device: cuda:7"))
    assert open_run(path).config.device == "cpu" and "on the CPU" in capsys.readouterr().err


def test_arguments_that_cannot_work_are_refused(command, folder, capsys):  # noqa: F811
    command("agent=random")
    path = folder / "Bouncing-random"
    for main, arguments in (
        (evaluate.main, ("--seed", "-1")),
        (evaluate.main, ("--seed", str(10**30))),
        (play.main, ("--seed", "-1")),
        (report.main, ("--shown", "-1")),
    ):
        assert stopped(main, path, *arguments) == "2" and "has to" in capsys.readouterr().err
    assert "has to end with .mp4 or .gif" in stopped(play.main, path, "--video", folder / "new" / "x.txt")
    assert not (folder / "new").exists()


def test_a_result_is_written_into_the_run_that_was_named(command, folder, monkeypatch, tmp_path):  # noqa: F811
    command("agent=random")
    monkeypatch.setenv("SQAIR_WM_MODELS", str(folder))
    monkeypatch.chdir(tmp_path)
    evaluate.main(["Bouncing-random", "--episodes", "1"])
    assert (folder / "Bouncing-random" / "evaluation.json").exists() and not (tmp_path / "Bouncing-random").exists()


def test_scores_of_different_agents_are_not_put_together(command, folder):  # noqa: F811
    command("agent=random")
    command("agent=cem")
    runs = [folder / "Bouncing-random", folder / "Bouncing-cem"]
    assert "can't be put together" in stopped(evaluate.main, *runs, "--episodes", "1")
    check_together([open_run(runs[0])] * 2)


@pytest.mark.parametrize(
    "text",
    [
        "agent: 3\n",
        "agent: {kind: [1]}\n",
        "agent: [1]\n",
        "agent: {}\n",
        "agent: null\n",
        "threads: 0\n",
        "seed: -4\n",
    ],
)
def test_a_damaged_configuration_is_named(command, folder, text):  # noqa: F811
    command("agent=random")
    file = folder / "Bouncing-random" / "config.yaml"
    file.write_text(text if text.startswith("agent") else f"agent: {{kind: random}}\n{text}")
    assert str(file) in stopped(evaluate.main, file.parent)


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"mean": "x"}', '{"mean": 1, "mean_95": [1, 2]}', "{"])
def test_damaged_scores_are_named(command, folder, text):  # noqa: F811
    command("agent=random")
    path = folder / "Bouncing-random"
    (path / "evaluation.json").write_text(text)
    said = stopped(report.main, path, "--shown", "0")
    assert "evaluation.json is damaged" in said and "agents.evaluate" in said


def test_the_agent_of_other_networks_and_a_damaged_one_are_named(command, folder):  # noqa: F811
    command(*PPO)
    path = folder / "Bouncing-ppo_slots"
    (path / "config.yaml").write_text((path / "config.yaml").read_text().replace("hidden: 16", "hidden: 32"))
    assert "holds another agent" in stopped(evaluate.main, path, "--episodes", "1")
    data = bytearray((path / "agent.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (path / "agent.zip").write_bytes(data)
    assert "agent.zip is damaged" in stopped(evaluate.main, path, "--episodes", "1")
    (path / "agent.zip").unlink()
    assert "agent.zip is missing" in stopped(evaluate.main, path, "--episodes", "1")


def test_learning_that_diverges_says_so_and_what_helps(world):
    with pytest.raises(FloatingPointError, match=r"diverged.*smaller agent.learning_rate"):  # noqa: SIM117
        with told_if_diverged("the agent", "agent.learning_rate"):
            raise ValueError("Expected parameter logits to satisfy Real(), but found invalid values:\n nan")
    check_weights(world, "the world model", "agent.world.rate")
    next(world.parameters()).data.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"smaller agent\.world\.rate"):
        check_weights(world, "the world model", "agent.world.rate")
