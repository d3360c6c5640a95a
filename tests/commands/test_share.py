"""Models are exported and imported, whole and without anything that could run code; the hub is a fake."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

import sqair_wm
from sqair_wm.common.files import PARTIAL
from sqair_wm.common.named_folders import MODELS
from sqair_wm.common.notes import list_sums, read_note, write_note
from sqair_wm.runs.sharing import SHARED
from sqair_wm.share import main
from tests.conftest import ROOT


@pytest.fixture
def mine(monkeypatch, tmp_path) -> Path:
    """The folder of this user's models, still empty."""
    monkeypatch.setenv(MODELS, str(tmp_path / "mine"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    return tmp_path / "mine"


@pytest.fixture
def shared(tmp_path) -> Path:
    """An exported model."""
    main(["export", str(ROOT / "pretrained" / "Pong"), str(tmp_path / "shared")])
    return tmp_path / "shared"


def refused(*arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return str(ended.value.code)


def test_a_model_goes_round_without_the_network(mine, shared, capsys):
    assert {path.name for path in shared.iterdir()} == set(SHARED)
    (shared / ".gitattributes").write_text("hubs add files of their own")
    main(["import", str(shared), "PongOfAnn"])
    assert 'sqair_wm.load("PongOfAnn")' in capsys.readouterr().out
    assert {path.name for path in (mine / "PongOfAnn").iterdir()} == set(SHARED)
    before, after = sqair_wm.load(ROOT / "pretrained" / "Pong"), sqair_wm.load("PongOfAnn")
    assert after.source == before.source and after.config == before.config
    for name, weight in before.state_dict().items():
        assert torch.equal(weight, after.state_dict()[name]), name
    assert "called PongOfAnn already" in refused("import", shared, "PongOfAnn")


def test_the_card_has_a_header_that_hubs_read(shared):
    _, header, text = (shared / "README.md").read_text().split("---\n", 2)
    told = yaml.safe_load(header)
    assert told["license"] == "mit" and told["library_name"] == "sqair-wm"
    assert told["pipeline_tag"] == "reinforcement-learning" and {"atari", "Pong", "world-model"} <= set(told["tags"])
    (result,) = told["model-index"][0]["results"]
    figures = json.loads((shared / "metrics.json").read_text())
    assert result["dataset"]["name"] == "Pong, held-out random play"
    for metric in result["metrics"]:
        assert metric["value"] == pytest.approx(figures[metric["type"]], abs=1e-6)
        assert "is better" in metric["name"]
    assert f"| `f_moving` | {figures['f_moving']:.4g} | Moving objects found" in text and "## Limits" in text
    assert 'sqair_wm.load("Pong")' in text


def test_a_repository_is_fetched_only_when_it_is_named(mine, shared, monkeypatch):
    assert "needs the hub's client: pip install huggingface_hub" in refused("import", "hf://ann/pong", "Pong2")
    asked = []

    def snapshot_download(**options: object) -> str:
        asked.append(options)
        return str(shared)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=snapshot_download))
    main(["import", str(shared), "Pong1"])
    assert not asked
    main(["import", "hf://ann/pong@v1.0", "Pong2"])
    assert asked == [{"repo_id": "ann/pong", "revision": "v1.0", "allow_patterns": list(SHARED)}]
    assert sqair_wm.load("Pong2").source == sqair_wm.load("Pong1").source
    assert "names no repository: write hf://owner/name" in refused("import", "hf://pong", "Pong3")

    def unreachable(**options: object) -> str:
        raise RuntimeError("no route\nto host")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=unreachable))
    assert "hf://ann/pong could not be fetched: RuntimeError: no route to host" in refused(
        "import", "hf://ann/pong", "Pong3"
    )


def test_damage_and_strange_files_are_refused_and_leave_nothing(mine, shared, tmp_path):
    for file in ("model.safetensors", "metrics.json"):
        whole = (shared / file).read_bytes()
        (shared / file).write_bytes(whole[:-20] + b"x" + whole[-19:])
        assert f"{file} is damaged" in refused("import", shared, "Pong")
        (shared / file).write_bytes(whole)
    write_note(shared / "sums.json", read_note(shared / "sums.json", "") | {"../secret": "crc32:00000000"})
    assert "sums.json is damaged: it lists" in refused("import", shared, "Pong")
    (shared / "sums.json").unlink()
    assert "holds no shared model: sums.json is missing" in refused("import", shared, "Pong")
    (shared / "model.safetensors").rename(shared / "pytorch_model.bin")
    assert "only pytorch_model.bin: such files may run code" in refused("import", shared, "Pong")
    assert "there is no folder" in refused("import", tmp_path / "nowhere", "Pong")
    assert "can't be the name of a model" in refused("import", shared, "../Pong")
    assert not mine.exists() or not [path for path in mine.iterdir() if PARTIAL not in path.name]


def test_a_game_that_is_code_of_somebody_is_named(mine, shared, capsys):
    note = read_note(shared / "model.json", "")
    note["source"]["game"] = "theirs:My/Game-v0"
    write_note(shared / "model.json", note)
    (shared / "sums.json").unlink()
    (shared / "README.md").unlink()
    list_sums(shared)
    main(["import", str(shared), "Theirs"])
    assert "playing its game imports the module theirs" in capsys.readouterr().out
    assert "theirs" not in sys.modules


def test_what_can_not_be_exported_is_said(shared, tmp_path):
    pong = ROOT / "pretrained" / "Pong"
    assert "is there already and not empty" in refused("export", pong, shared)
    said = refused("export", ROOT / "pretrained" / "Pong-dream", tmp_path / "agent")
    assert "only world models can be shared" in said and not (tmp_path / "agent").exists()
    assert "no run and no model" in refused("export", tmp_path / "nowhere", tmp_path / "x")
