"""The model cards show the figures of `metrics.json`, digit for digit."""

import json
import re

import pytest

from tests.conftest import ROOT

CARDS = (ROOT / "pretrained" / "README.md").read_text()
MODELS = sorted(path.parent.name for path in (ROOT / "pretrained").glob("*/metrics.json"))


def rows(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `?(\w+)`? \| `?([-\d.,]+)`? \|", text, re.M))


@pytest.mark.parametrize("model", MODELS)
def test_figures_of_a_card_are_those_of_the_run(model):
    card = re.search(rf"^## {model}\n(.*?)(?=^## )", CARDS, re.M | re.S)
    assert card, "every model has a card"
    figures = {name: text for name, text in rows(card[1]).items() if name not in ("version", "seed")}
    metrics = json.loads((ROOT / "pretrained" / model / "metrics.json").read_text())
    assert len(figures) > 12
    for name, text in figures.items():
        digits = len(text.partition(".")[2])
        assert text == f"{metrics[name]:,.{digits}f}", name
    for title in ("| use |", "| command |", "Limits:"):
        assert title in card[1]


def test_figures_of_the_first_look_are_those_of_its_files():
    shown = rows(CARDS.partition("## First look")[2])
    assert len(shown) == 5
    for game, text in shown.items():
        metrics = json.loads((ROOT / "results" / "first_look" / f"{game}.json").read_text())
        assert text == f"{metrics['unexplained_energy']:.3f}", game
