"""Files of code that the pages name exist."""

import re

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "pretrained" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page):
    named = set(re.findall(r"[\w/]+/\w+\.py\b", page.read_text()))
    missing = {name for name in named if not any((folder / name).is_file() for folder in (ROOT, ROOT / "sqair_wm"))}
    assert not missing
