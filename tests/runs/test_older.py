"""Runs of older versions are continued and evaluated with the settings that they began with.

`older/` holds what version 0.1.0 wrote for short runs: `env=Pong`, `data=moving_mnist` and `data=video`.
"""

import json
import tomllib

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sqair_wm.common.settings import ConfigError
from sqair_wm.common.version import VERSION
from sqair_wm.runs.run_folder import begin_run, open_run
from sqair_wm.runs.setup import CROWD, check_values, model_config, training_config
from tests.conftest import ROOT

OLDER = ROOT / "tests" / "runs" / "older"
LENGTHS = "training.lengths=[[0,1],[5,2],[10,3],[15,4],[20,6]]"
SHORT = ["training.iterations=40", "training.warm_up=20", "training.log_every=1", "device=cpu"]
COMMANDS = {
    "game": [
        "env=Pong", "name=pong", "data.frames=1500", "data.test_frames=300", "imagination.iterations=40",
        "imagination.minutes=0", "imagination.log_every=1", "imagination.steps=[[0,2],[10,5],[20,10]]",
        "training.minutes=0", "training.keep=[15,25]", LENGTHS,
    ],
    "digits": [
        "data=moving_mnist", "name=digits", "training.minutes=0", "training.batch=16", "training.keep=[10,20]", LENGTHS,
    ],
    "video": [
        "data=video", "name=video", "data.path=walk.avi", "data.boxes=walk.xml", "training.minutes=0",
        "training.keep=[10,20]", "training.lengths=[[0,1],[10,2],[20,5]]",
    ],
}  # fmt: skip
"""The command that began each of them."""


def composed(*overrides):
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        return compose("config", list(overrides))


@pytest.fixture
def older(tmp_path):
    """Makes a folder of an unfinished run of 0.1.0; `changes` are those of lines of its configuration."""

    def make(kind, changes=None, name=None):
        text = (OLDER / f"{kind}.yaml").read_text()
        for old, new in (changes or {}).items():
            assert old in text
            text = text.replace(old, new, 1)
        folder = tmp_path / (name or OmegaConf.create(text).name)
        folder.mkdir()
        (folder / "config.yaml").write_text(text)
        (folder / "checkpoint.pt").touch()
        return folder

    return make


def go_on(folder, kind, *more):
    """Repeat the command, with `more` settings."""
    command = [*SHORT, *COMMANDS[kind], f"runs={folder.parent}", f"name={folder.name}", *more]
    return begin_run(composed(*command), [setting.partition("=")[0] for setting in more]).config


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_command_that_began_a_run_continues_it(older, kind):
    folder = older(kind)
    before = (folder / "config.yaml").read_bytes()
    config = go_on(folder, kind)
    check_values(config)
    assert training_config(config).iterations == 40 and (folder / "config.yaml").read_bytes() == before


def test_what_the_older_code_looked_up_is_said(older):
    data = go_on(older("game"), "game").data
    assert (list(data.crop), data.pool, data.memory, data.sticky) == ([34, 194], 2, 45, "auto")


def test_of_a_game_without_raw_frames_nothing_was_looked_up(older):
    folder = older("game", {"env: Pong": "env: Bouncing"})
    config = go_on(folder, "game", "env=Bouncing")
    check_values(config)
    assert (config.data.crop, config.data.pool) == ("auto", "auto")


@pytest.mark.parametrize(
    ("game", "crop", "pool"), [("MsPacman", [0, 172], 4), ("Asteroids", [0, 210], 4), ("KingKong", [0, 210], 2)]
)
def test_a_finished_run_is_looked_at_as_it_was_trained(older, game, crop, pool):
    folder = older("game", {"env: Pong": f"env: {game}"})
    (folder / "metrics.json").write_text(json.dumps({}))
    (folder / "report.html").touch()
    data = open_run(folder).config.data
    assert (list(data.crop), data.pool) == (crop, pool)


def test_the_encoder_chose_the_decoder(older):
    folder = older("game", {"encoder: mlp": "encoder: conv", "decoder: 0": "decoder: 64", "guided": "paper"})
    model = go_on(folder, "game", "model.encoder=conv", "model.inference=paper", "model.decoder_width=64").model
    assert (model.decoder, model.decoder_width) == ("conv", 64)


def test_a_setting_that_did_not_exist_yet_has_the_value_of_the_code_of_then(older):
    lines = {"  size: auto\n": "", "  conditional_discovery: auto\n": "", "  patience: 10\n": "", "  brief: 0\n": ""}
    folder = older("game", lines)
    config = go_on(folder, "game")
    assert config.model.size == "free" and config.model.conditional_discovery is True
    assert (config.model.patience, config.training.brief) == (10, 0)
    assert (config.model.lasting, config.model.inertia, config.imagination.astray) == (False, "free", 0)
    assert config.imagination.muon == 0, "its checkpoints hold a state of AdamW"
    assert config.imagination.objects == 0
    with pytest.raises(ConfigError, match=r"model\.size: free there, steady now"):
        go_on(folder, "game", "model.size=steady")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.batch=8", "training.batch: 16 there, 8 now"),
        ("data.crop=[0,210]", "data.crop"),
        ("model.dynamics=paper", "model.dynamics: auto there, paper now"),
        ("model.decoder=conv", "model.decoder: mlp there, conv now"),
        ("data.report={seen:4}", "data.report.seen: 8 there, 4 now"),
    ],
)
def test_a_setting_that_is_changed_is_another_configuration(older, setting, message):
    with pytest.raises(ConfigError) as refused:
        go_on(older("game"), "game", setting)
    assert message in str(refused.value)


def test_what_no_version_since_can_do_is_refused(older):
    with pytest.raises(ConfigError, match=r"0\.1\.0"):
        go_on(older("game", {"compile: false": "compile: true"}), "game")


def test_a_run_that_predicts_from_a_smoothed_velocity_goes_on(older):
    assert go_on(older("game", {"smooth: false": "smooth: true"}), "game", "model.smooth=true").model.smooth


def test_a_run_folder_may_be_renamed_and_its_data_moved(older):
    folder = older("digits", name="elsewhere")
    config = go_on(folder, "digits", "data.mnist=other/mnist", "data.folder=other", "threads=2")
    assert (config.name, config.data.mnist, config.threads) == ("elsewhere", "other/mnist", 2)


def test_a_run_keeps_the_version_it_was_made_with(tmp_path):
    folder = begin_run(composed("env=Pong", f"runs={tmp_path}"))
    written = OmegaConf.load(folder.path / "config.yaml")
    assert written.version == VERSION == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (folder.path / "checkpoint.pt").touch()
    again = begin_run(composed("env=Pong", f"runs={tmp_path}"))
    assert again.config == folder.config


def test_a_run_of_060_goes_on_with_sizes_and_pairs_of_then(tmp_path):
    file = begin_run(composed("env=Pong", f"runs={tmp_path}")).path / "config.yaml"
    text = file.read_text().replace(VERSION, "0.6.0").replace("pairs: hit", "pairs: contact")
    file.write_text(text.replace("  intent: 0.3\n", ""))
    (file.parent / "checkpoint.pt").touch()
    config = begin_run(composed("env=Pong", f"runs={tmp_path}")).config
    assert (config.model.pairs, config.model.size, config.imagination.intent) == ("contact", "free_or_steady", 0)
    measured = {"frame_size": [40, 40], "channels": 4, "scenery": 3, "actions": 3, "object_size": [4.0, 4.0]}
    sizes = [model_config(config, slots=n, output_std=0.1, **measured).size for n in (CROWD, CROWD + 1)]
    assert sizes == ["free", "steady"]


def test_a_run_of_080_goes_on_with_pairs_of_then(tmp_path):
    file = begin_run(composed("env=Pong", f"runs={tmp_path}")).path / "config.yaml"
    file.write_text(file.read_text().replace(VERSION, "0.8.0").replace("pairs: hit", "pairs: intent"))
    (file.parent / "checkpoint.pt").touch()
    assert begin_run(composed("env=Pong", f"runs={tmp_path}")).config.model.pairs == "intent"


def test_a_setting_of_a_later_version_is_named(tmp_path):
    folder = begin_run(composed("env=Pong", f"runs={tmp_path}")).path
    text = (folder / "config.yaml").read_text().replace(VERSION, "9.0.0").replace("  what:", "  wings: 2\n  what:")
    (folder / "config.yaml").write_text(text)
    (folder / "checkpoint.pt").touch()
    with pytest.raises(ConfigError, match=r"version 9\.0\.0 and cannot be read.*wings"):
        begin_run(composed("env=Pong", f"runs={tmp_path}"))


def test_a_damaged_configuration_is_named(tmp_path):
    folder = begin_run(composed("env=Pong", f"runs={tmp_path}")).path
    (folder / "config.yaml").write_text("model: [")
    (folder / "checkpoint.pt").touch()
    with pytest.raises(ConfigError, match=r"Pong/config\.yaml is damaged"):
        begin_run(composed("env=Pong", f"runs={tmp_path}"))
