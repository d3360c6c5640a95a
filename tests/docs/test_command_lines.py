"""The command lines of the documentation fit the commands: targets of make, settings of Hydra, options of argparse."""

import argparse
import functools
import importlib
import re
import shlex

import pytest
from hydra import initialize_config_dir

from sqair_wm.agents import train as agents_train
from sqair_wm.common.settings import ConfigError
from sqair_wm.common.sweeps import check_command
from tests.conftest import ROOT
from train_wm import CONFIGS

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "pretrained/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PROGRAMS = r"(?:\.venv/bin/)?python (?:-m (?:sqair_wm|agents)[.\w]*|train_wm\.py) .+"


def lines_of(text: str) -> list[str]:
    """The commands of a page: in blocks of bash, in indented blocks, and as snippets that are no text of a link."""
    blocks = [line for block in re.findall(r"```bash\n(.*?)```", text, re.S) for line in block.splitlines()]
    indented = re.findall(r"^    (\S.*)$", text, re.M)
    snippets = re.findall(rf"`({PROGRAMS.replace('.+', '[^`]+')})`(?!\])", text)
    return [line for line in (*blocks, *indented, *snippets) if "..." not in line]


def commands(text: str) -> list[tuple[str, ...]]:
    """The arguments of each call of Python, with numbers for the placeholders of numbers."""
    found = [line for line in lines_of(text) if re.fullmatch(PROGRAMS, line.strip())]
    return [tuple(shlex.split(re.sub(r"\bseed=K\b", "seed=0", line), comments=True)[1:]) for line in found]


class Parsed(Exception):
    """The options were accepted; the command is not to go on."""


@pytest.fixture
def only_parse(monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def accepted(parser, *arguments):
        parse(parser, *arguments)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", accepted)


@functools.cache
def check(arguments: tuple[str, ...]) -> None:
    if arguments[0] == "train_wm.py" or arguments[1] == "agents.train":
        own = arguments[0] == "train_wm.py"
        importlib.import_module("sqair_wm.agents.kinds")
        if not {"--help", "--hydra-help", "-sc"} & set(arguments):
            with initialize_config_dir(CONFIGS if own else agents_train.CONFIGS, version_base="1.3"):
                assert check_command(list(arguments[1 if own else 2 :]))[1] == []
        return
    module = re.sub("^agents", "sqair_wm.agents", arguments[1])
    if module == "sqair_wm.playground":
        module += ".__main__"
    with pytest.raises(Parsed):
        importlib.import_module(module).main(list(arguments[2:]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_is_accepted(page, only_parse):
    for arguments in commands(page.read_text()):
        check(arguments)


def test_mistakes_would_be_found(only_parse):
    assert len([a for page in PAGES for a in commands(page.read_text())]) > 60
    with pytest.raises(ConfigError, match="no setting"):
        check(("train_wm.py", "env=Pong", "model.slot=3"))
    with pytest.raises(SystemExit):
        check(("-m", "sqair_wm.compare", "runs/A", "--pages", "x"))


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    lines = [line.partition("#")[0].split() for page in PAGES for line in lines_of(page.read_text())]
    named = {word for words in lines if words[:1] == ["make"] for word in words[1:] if "=" not in word}
    assert named and named <= targets
