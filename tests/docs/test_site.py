"""The site's navigation and API pages fit the code; `make docs` builds all of it and takes longer."""

import importlib
import re

import pytest

from tests.conftest import ROOT

PAGES = sorted((ROOT / "docs" / "reference").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_reference_names_exists_and_is_documented(page):
    for name in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.M):
        module, _, item = name.rpartition(".")
        found = getattr(importlib.import_module(module), item)
        assert found.__module__ == module and found.__doc__, name


def test_mkdocs_accepts_the_settings():
    reason = "mkdocs is not installed; `make docs` installs it"
    pytest.importorskip("material", reason=reason)
    pytest.importorskip("mkdocstrings_handlers.python", reason=reason)
    config = pytest.importorskip("mkdocs.config", reason=reason).load_config(str(ROOT / "mkdocs.yml"), strict=True)
    assert config.theme["font"] is False
    assert not config.extra_css and not config.extra_javascript
