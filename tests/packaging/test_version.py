"""Three files name the same version."""

import tomllib

import yaml

from tests.conftest import ROOT


def test_the_changelog_and_the_citation_are_of_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    released = [line for line in headings if line != "## [Unreleased]"]
    assert released[0].split()[1] == version
    assert str(yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]) == version
