"""A run of an agent is continued with the settings that it was begun with, or refused."""

from dataclasses import asdict

import pytest
from omegaconf import OmegaConf

from sqair_wm.agents.kinds import open_run, settings_of
from sqair_wm.agents.run import CONFIG, begin, keep_former
from sqair_wm.agents.settings import AgentRunSettings, CEMAgent, DreamAgent
from sqair_wm.common.settings import ConfigError, schema


def config(folder, **agent):
    told = OmegaConf.merge(OmegaConf.create(asdict(DreamAgent())), agent)
    return OmegaConf.merge(
        schema(AgentRunSettings), {"model": "none", "name": "old", "runs": str(folder), "agent": told}
    )


def test_a_run_of_before_a_setting_goes_on_without_it(tmp_path):
    begun = config(tmp_path)
    begin(begun, settings_of(begun))
    file = tmp_path / "old" / CONFIG
    said = OmegaConf.load(file)
    for name in ("replay", "stretches", "stretch", "around"):
        said.agent.pop(name)
    said.agent.world.pop("final")
    OmegaConf.save(said, file)
    with pytest.raises(ConfigError, match=r"agent\.replay: 0\.0 there, 0\.3 now"):
        begin(begun, settings_of(begun))
    same = config(tmp_path, replay=0.0, around=False, world={"final": 1.0})
    assert begin(same, settings_of(same)).settings.replay == 0


def test_a_planner_of_before_a_setting_plays_as_it_did(tmp_path):
    begun = OmegaConf.merge(
        schema(AgentRunSettings),
        {"model": "none", "name": "old", "runs": str(tmp_path), "agent": OmegaConf.create(asdict(CEMAgent()))},
    )
    begin(begun, settings_of(begun))
    file = tmp_path / "old" / CONFIG
    assert (open_run(file.parent).settings.samples, open_run(file.parent).settings.spread) == (4, 0.5)
    said = OmegaConf.load(file)
    for name in ("samples", "spread"):
        said.agent.pop(name)
    OmegaConf.save(said, file)
    settings = open_run(file.parent).settings
    assert (settings.samples, settings.spread, settings.plans) == (1, 0.0, CEMAgent().plans)


def test_a_run_begun_with_few_settings_is_not_taken_for_an_older_one(tmp_path):
    told = {"model": "none", "name": "old", "runs": str(tmp_path), "agent": {"kind": "dream"}}
    begun = OmegaConf.merge(schema(AgentRunSettings), told)
    settings = begin(begun, settings_of(begun)).settings
    assert open_run(tmp_path / "old").settings == settings == DreamAgent()


def test_a_run_goes_on_with_a_default_that_has_changed_since(tmp_path, capsys):
    begun = config(tmp_path, spread=0.25)
    begin(begun, settings_of(begun))
    now = config(tmp_path)
    keep_former(now)
    assert begin(now, settings_of(now)).settings.spread == 0.25 and "spread=0.25" in capsys.readouterr().out
    other = config(tmp_path, spread=0.5)
    keep_former(other)
    with pytest.raises(ConfigError, match=r"agent\.spread: 0\.25 there, 0\.5 now"):
        begin(other, settings_of(other))
