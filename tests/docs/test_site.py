"""The site's API pages fit the code, and the site is built without a warning where mkdocs is installed."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PAGES = sorted((ROOT / "docs" / "reference").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_reference_names_exists_and_is_documented(page):
    for name in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.M):
        module, _, item = re.sub(r"^(envs|agents)\b", r"sqair_wm.\1", name).rpartition(".")
        found = getattr(importlib.import_module(module), item)
        assert found.__module__ == module and found.__doc__, name


def test_the_site_is_built_without_a_warning_and_asks_nobody_for_anything(tmp_path):
    missing = [
        name for name in ("mkdocs", "material", "mkdocstrings_handlers") if importlib.util.find_spec(name) is None
    ]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: `make docs` installs what the site needs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        assert not re.search(r"<(script|link|img)\b[^>]*\b(src|href)=.?https?://", page.read_text()), page.name
