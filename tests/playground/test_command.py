"""The command as the documentation gives it, in a separate process without network access."""

import json
import re
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from sqair_wm.playground import __main__ as command
from sqair_wm.playground.server import listen
from tests.conftest import ROOT

PAGES = ("README.md", "docs/playground.md")


def test_a_newcomer_dreams_within_two_minutes_of_the_commands_of_the_documentation(running):
    blocks = [b for page in PAGES for b in re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text(), re.S)]
    shown = [block.split("\n") for block in blocks if "sqair_wm.playground" in block and "git clone" in block]
    assert shown and all(len(lines) == 4 and lines[1] == "make setup" for lines in shown)
    assert all(lines[2].split()[1:] == running.command.split() for lines in shown)

    with connect(f"ws://127.0.0.1:{running.port}/play/0", origin=running.address, max_size=None) as socket:
        assert json.loads(socket.recv())["game"] == "Pong"
        for question in ({"do": "act", "action": 2}, {"do": "dream"}, {"do": "act", "action": 2}):
            socket.send(json.dumps(question))
            state = json.loads(socket.recv())
    assert state["dream"] is not None and state["frame"] == 2
    assert time.monotonic() - running.started < 120


def fails(*arguments):
    with pytest.raises(SystemExit) as stopped:
        command.main([*map(str, arguments), "--no-browser"])
    return str(stopped.value.code)


def test_what_can_not_be_played_is_said(tmp_path, capsys):
    assert "no trained model in" in fails(tmp_path)
    assert "holds no run of an agent" in fails("--agent", tmp_path)
    (tmp_path / "config.yaml").write_text("model: {slots: 3}\n")
    assert "is no run of an agent: if it holds a world model" in fails("--agent", tmp_path)
    fails()
    assert "nothing to play: name a model, such as Pong" in capsys.readouterr().err
    fails(tmp_path, "--seed", "-1")
    assert "--seed is -1" in capsys.readouterr().err


def test_a_taken_port_is_said():
    with listen(0) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} can't be used" in fails(ROOT / "pretrained" / "Pong", "--port", port)
    assert "choose another with --port" in fails(ROOT / "pretrained" / "Pong", "--port", 70000)


def test_without_a_web_server_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError("No module named 'starlette'")

    monkeypatch.setattr(command.importlib, "import_module", missing)
    assert "pip install 'sqair-wm[playground]'" in fails(ROOT / "pretrained" / "Pong")


def test_only_the_server_needs_the_web_server():
    for path in Path(command.__file__).parent.glob("*.py"):
        if path.name not in ("server.py", "guard.py"):
            assert not re.search(r"^(from|import) (starlette|uvicorn|websockets)", path.read_text(), re.M), path


def test_the_code_of_the_page_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "playground.md").read_text(), re.S)
    exec(compile(code, "playground.md", "exec"), {})
    assert len(capsys.readouterr().out.split()) == 2
