"""Links between pages lead to files and headings that exist, and every page stands in the site's navigation."""

import re

import pytest

from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pretrained/README.md")),
    *sorted(DOCS.rglob("*.md")),
]


def prose(text: str) -> str:
    """The text without blocks and snippets of code."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as mkdocs and GitHub make them."""
    headings = re.findall(r"^#+ (.+?)\s*$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    plain = [re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", h)).strip().lower() for h in headings]
    return {re.sub(r"\s", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def test_navigation_and_pages_are_the_same():
    nav = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    listed = re.findall(r"([\w/-]+\.md)$", nav, re.M)
    made = {"models.md", "tour.md"}  # docs/hooks.py makes them of the model cards and of the notebook
    assert len(listed) == len(set(listed))
    assert set(listed) - made == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
