"""Export a trained model to share it, or import one: `python -m sqair_wm.share export runs/Pong FOLDER`."""

from __future__ import annotations

import argparse
from pathlib import Path

from sqair_wm.common.command import in_one_line
from sqair_wm.common.settings import ConfigError
from sqair_wm.reporting.card import model_card
from sqair_wm.reporting.subjects import AGENT, open_subject
from sqair_wm.runs.sharing import CARD, export_model, import_model
from sqair_wm.world.loading import read_description

LICENCE = "mit"


def export(run: Path, folder: Path, licence: str = LICENCE) -> None:
    """Write the world model of a run into a new folder that a model hub takes, with its card.

    Raises:
        ConfigError: if it is the run of an agent, or `folder` is not empty.
        FileNotFoundError: if there is no such run, or it has no figures.
        ValueError: if the model is damaged.
    """
    subject = open_subject(run)
    if subject.kind == AGENT:
        raise ConfigError(
            f"{subject.path} is the run of an agent, whose agent.zip may run code when it is read: only world models "
            "can be shared; export the run of its world model"
        )
    export_model(subject.path, folder, model_card(subject, licence))


def module_of(folder: Path) -> str:
    """The module that the game of a model has to import; empty if there is none."""
    _, source = read_description(folder)
    return "" if source is None else source.game.rpartition(":")[0]


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.share", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    out = commands.add_parser("export", help="write a folder that a model hub takes")
    out.add_argument("run", type=Path, help="folder or name of a finished run or of a model, such as runs/Pong")
    out.add_argument("folder", type=Path, help="the new folder")
    out.add_argument("--license", default=LICENCE, help=f"of the weights, as hubs call it ({LICENCE})")
    into = commands.add_parser("import", help="check a shared model and give it a name here")
    into.add_argument("source", help="a folder that export wrote, or hf://owner/name on the Hugging Face hub")
    into.add_argument("name", help="by which sqair_wm.load and the commands find it")
    options = parser.parse_args(arguments)
    with in_one_line("stopped; nothing has been changed"):
        if options.command == "export":
            export(options.run, options.folder, options.license)
            print(
                f"{options.folder} is ready; say in its {CARD} what the model cannot do, then pass it on, for example:"
            )
            print(f"  hf upload OWNER/NAME {options.folder}")
        else:
            folder = import_model(options.source, options.name)
            print(f'{folder}: whole by its checksums; sqair_wm.load("{options.name}") reads it')
            if module := module_of(folder):
                print(f"playing its game imports the module {module}, which is code: read it first")


if __name__ == "__main__":
    main()
