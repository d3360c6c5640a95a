"""Watch an agent play, with the imagined future of each action: `python -m agents.play pretrained/Pong`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from stable_baselines3 import PPO
from torch import Tensor
from tqdm import tqdm

from sqair_wm.common.command import in_one_line
from sqair_wm.common.cpu import use_cpu
from sqair_wm.common.figures import moving_picture, write_mp4
from sqair_wm.common.files import write_atomically
from sqair_wm.common.settings import ConfigError
from sqair_wm.games.games import action_names
from sqair_wm.model.slots import Slots

from .dreaming.dreamer import logits_of
from .evaluate import CHOICES, FIRST_SEED, LARGEST_SEED
from .expectations import look_ahead, picture
from .imagined_returns import Counting
from .kinds import KINDS, open_run
from .playing.games import RealGames
from .run import AgentRun

if TYPE_CHECKING:
    import tkinter

AHEAD, RATE, FILMED = 16, 15, 900
"""Imagined steps shown for each action; pictures a second; steps of a film unless said otherwise, a minute."""


def watch(run: AgentRun, seed: int = FIRST_SEED, deterministic: bool | None = None) -> Iterator[np.ndarray]:
    """Play a whole game, and yield a picture before each step; see `picture`.

    Args:
        run: of the agent.
        seed: of the game.
        deterministic: take the likeliest actions; otherwise draw them; None for the default of the kind of agent.
    """
    torch.manual_seed(seed)
    world, kind, settings = run.world(), KINDS[run.settings.kind], run.settings
    games = RealGames(world, 1, layout=run.layout(world))
    policy, memory, total, steps = kind.policy(run, world, games), None, 0.0, 0
    games.begin(np.ones(1, bool), [seed])
    drawn = not (kind.deterministic if deterministic is None else deterministic)
    counting = settings if isinstance(settings, Counting) else Counting()
    names, logits = action_names(games.envs[0]), None
    if isinstance(policy, PPO):
        logits = logits_of(policy, games.layout)
    while not games.over.all():
        action, memory = policy.predict(games.observation, memory, games.fresh.copy(), deterministic=not drawn)
        probabilities = None if logits is None else logits(games.slots)[0].softmax(-1).detach().cpu().numpy()
        expected = look_ahead(world, games.slots, AHEAD, counting, None if logits is None else likeliest(logits))
        text = f"{settings.kind}: step {steps}, score {total:g}"
        yield picture(games, expected, names, int(action[0]), text, probabilities)
        total, steps = total + float(games.step(action).reward[0]), steps + 1
    games.close()


def likeliest(logits: Callable[[Slots], Tensor]) -> Callable[[Slots], Tensor]:
    """A policy that takes the action with the largest of `logits`: scenes to actions `[B]`."""
    return lambda scenes: logits(scenes).argmax(-1)


def write_video(path: Path, pictures: Iterator[np.ndarray]) -> int:
    """Write pictures to `path`, an .mp4 or a .gif, and return how many there were.

    Raises:
        ConfigError: if `path` ends otherwise.
        OSError: if the file can't be written.
    """
    if path.suffix not in (".mp4", ".gif"):
        raise ConfigError(f"{path} is not the name of a video: it has to end with .mp4 or .gif")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gif":
        film = list(pictures)
        write_atomically(path, lambda target: target.write_bytes(moving_picture(film, 1000 // RATE)))
        return len(film)
    return write_mp4(path, pictures, RATE)


def window(title: str) -> tkinter.Tk | None:
    """Open a window on the screen; None if there is no screen, or no Tk."""
    try:
        import tkinter

        made = tkinter.Tk()
    except Exception:  # TclError without a screen, ImportError without Tk
        return None
    made.title(title)
    return made


def show(root: tkinter.Tk, pictures: Iterator[np.ndarray]) -> None:
    """Show pictures in the window until they end or the user closes it."""
    import tkinter

    label, closed = tkinter.Label(root), []
    label.pack()
    root.protocol("WM_DELETE_WINDOW", lambda: closed.append(True))
    for shown in pictures:
        height, width = shown.shape[:2]
        photo = tkinter.PhotoImage(data=b"P6 %d %d 255 " % (width, height) + shown.tobytes(), format="PPM")
        label.configure(image=photo)
        root.update()
        if closed:
            break
        time.sleep(1 / RATE)
    root.destroy()


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m agents.play", description=__doc__)
    parser.add_argument("run", type=Path, help="an agent's run, such as runs/Pong-dream, or the world model beside it")
    parser.add_argument(
        "--video", type=Path, help="write this file (.mp4 or .gif) and open no window; without a screen: RUN/game.mp4"
    )
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help=f"seed of the game ({FIRST_SEED})")
    said = f"stop after so many steps; by default a window shows the whole game, a film its first {FILMED} steps"
    parser.add_argument("--steps", type=int, help=said)
    parser.add_argument("--actions", choices=CHOICES, help="draw actions, or take the likeliest")
    options = parser.parse_args(arguments)
    if options.steps is not None and options.steps < 1:
        parser.error("--steps has to be at least 1")
    if not 0 <= options.seed <= LARGEST_SEED:
        parser.error(f"--seed has to lie between 0 and {LARGEST_SEED}")
    with in_one_line("stopped"):
        run = open_run(options.run)
        use_cpu(int(run.config.threads))
        root = None if options.video else window(f"{run.path.name}: what each action leads to")
        steps = FILMED if root is None and options.steps is None else options.steps
        pictures = islice(watch(run, options.seed, CHOICES.get(options.actions)), steps)
        if root is not None:
            show(root, pictures)
            return
        target = options.video or run.path / "game.mp4"
        pictures = tqdm(pictures, desc=f"playing into {target.name}", unit="step", leave=False, disable=None)
        written = write_video(target, pictures)
        cut = options.steps is None and written == FILMED
        print(f"{target}: {written} steps" + (", the first of the game; --steps 100000 films all of it" if cut else ""))


if __name__ == "__main__":
    main()
