"""The version stands in three files."""

import tomllib

import yaml

from tests.conftest import ROOT


def test_the_changelog_and_the_citation_are_of_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    assert newest.split()[1] == version
    assert str(yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]) == version
