"""Play whole games: `python -m agents.evaluate runs/Pong-dream --episodes 100`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from sqair_wm.common.command import in_one_line
from sqair_wm.common.cpu import use_cpu
from sqair_wm.common.files import write_atomically
from sqair_wm.common.settings import ConfigError
from sqair_wm.common.version import VERSION
from sqair_wm.games.names import find_game
from sqair_wm.games.policies import Policy

from .kinds import KINDS, open_run
from .playing.games import RealGames
from .progress import read_progress
from .run import AgentRun
from .saved import steps_in
from .scores import RANDOM_AND_HUMAN, human_normalised, interquartile_mean, interval

RESULT = "evaluation.json"
FIRST_SEED = 2_000_000
"""Seed of the first evaluated game; recordings use seeds far below."""

LARGEST_SEED = 2**31 - 1 - 10**6
"""Of the first evaluated game, so that those of the others are seeds as well."""

NOOPS = 30
"""Most raw frames without an action at the start of an Atari game (Mnih et al. 2015). Without them, and without sticky
actions, a deterministic agent would play the same game every time."""

CHOICES = {"drawn": False, "likeliest": True}
"""How actions are chosen from a policy (sampled, or the likeliest), and whether that is deterministic."""


@dataclass(frozen=True)
class Episode:
    """The result of a whole game.

    Attributes:
        seed: of the game.
        total: its return: the undiscounted sum of unclipped rewards.
        steps: number of actions of the agent.
        cut: whether a limit on its length ended it.
    """

    seed: int
    total: float
    steps: int
    cut: bool


def play_whole(games: RealGames, policy: Policy, episodes: int, seed: int, deterministic: bool = True,
               wait: int = 0) -> list[Episode]:  # fmt: skip
    """Play whole games with the seeds `seed`, `seed + 1`, ...; every game counts, however long it is.

    Args:
        games: that are played side by side.
        policy: that plays.
        episodes: number of games.
        seed: of the first.
        deterministic: take the likeliest actions; otherwise draw them.
        wait: most no-op steps (action 0) at the start of a game; the number is drawn from the game's seed.
    """
    found: list[Episode] = []
    bar = tqdm(total=episodes, desc="playing", unit="game", disable=None)
    while len(found) < episodes:
        number = min(games.number, episodes - len(found))
        seeds = [seed + len(found) + i for i in range(games.number)]
        games.begin(np.ones(games.number, bool), seeds)
        counts, memory = np.arange(games.number) < number, None
        idle = np.array([np.random.default_rng(s).integers(wait + 1) for s in seeds])
        total, steps, cut = np.zeros(games.number), np.zeros(games.number, int), np.zeros(games.number, bool)
        while (counts & ~games.over).any():
            action, memory = policy.predict(games.observation, memory, games.fresh.copy(), deterministic)
            action = np.where(steps < idle, 0, action)
            steps += counts & ~games.over
            tick = games.step(action, counts)
            total, cut = total + tick.reward, cut | tick.truncated
            bar.set_postfix(steps=int(steps.max()), score=f"{total[counts].mean():g}", refresh=False)
            bar.update(len(found) + int((counts & games.over).sum()) - bar.n)
        found += [Episode(seeds[i], float(total[i]), int(steps[i]), bool(cut[i])) for i in range(number)]
    bar.close()
    return found


def evaluate(
    run: AgentRun, episodes: int, games: int = 8, seed: int = FIRST_SEED, deterministic: bool | None = None
) -> dict[str, Any]:
    """Play whole games with the agent of a run, and return the result with its protocol, as JSON data.

    Args:
        run: of the agent.
        episodes: number of games.
        games: most games side by side.
        seed: of the first.
        deterministic: take the likeliest actions; otherwise draw them; None for the default of the kind of agent.
    """
    use_cpu(int(run.config.threads))
    torch.manual_seed(seed)
    world = run.world()
    played = RealGames(world, min(games, episodes), layout=run.layout(world))
    kind, source = KINDS[run.settings.kind], world.source
    assert source is not None
    if deterministic is None:
        deterministic = kind.deterministic
    wait = NOOPS // source.settings["frame_skip"] if find_game(source.game).atari else 0
    found = play_whole(played, kind.policy(run, world, played), episodes, seed, deterministic, wait)
    played.close()
    return {
        "game": source.game,
        "agent": run.settings.kind,
        "seed": run.seed,
        "version": VERSION,
        "protocol": {
            "episodes": episodes,
            "first_seed": seed,
            "deterministic": deterministic,
            "frame_skip": source.settings["frame_skip"],
            "sticky": source.sticky,
            "noop_steps": wait,
            "rewards": "unclipped",
            "episode": "whole game; losing a life does not end it",
            "steps_learned_from": _learned_from(run.path),
        },
        **figures(source.game, [[e.total for e in found]]),
        "steps_mean": float(np.mean([e.steps for e in found])),
        "episodes": [asdict(e) for e in found],
    }


def figures(game: str, returns: list[list[float]]) -> dict[str, Any]:
    """Mean, interquartile mean and human-normalised score of `returns`, a list of games for each run."""
    whole = np.concatenate([np.asarray(r, float) for r in returns])
    mean, ends = float(whole.mean()), interval(returns)
    iqm = {"iqm": interquartile_mean(whole), "iqm_95": interval(returns, interquartile_mean)}
    found: dict[str, Any] = {"mean": mean, "mean_95": ends, **iqm, "median": float(np.median(whole))}
    if game in RANDOM_AND_HUMAN:
        found["random_and_human"] = RANDOM_AND_HUMAN[game]
        found["human_normalised"] = human_normalised(game, mean)
        found["human_normalised_95"] = [human_normalised(game, x) for x in ends]
    return found


def _learned_from(folder: Path) -> int:
    """Real steps of the agent's own training, without those of the world model; 0 if it was not trained."""
    if rounds := read_progress(folder):
        return int(rounds[-1]["real_steps"])
    return steps_in(folder)


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write the result of `evaluate` as JSON, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda target: target.write_text(json.dumps(result, indent=1) + "\n"))


def line(result: dict[str, Any]) -> str:
    """The result in one line."""
    low, high = result["mean_95"]
    human = result.get("human_normalised")
    tail = "" if human is None else f", human-normalised {human:.3f}"
    return f"{result['game']} {result['agent']}: mean {result['mean']:.2f} ({low:.2f} to {high:.2f}){tail}"


def check_together(runs: list[AgentRun]) -> None:
    """Raise ConfigError unless the scores of some runs may be put together: one agent in one game."""
    about = {run.path: f"{run.settings.kind} in {run.game}" for run in runs}
    if len(set(about.values())) > 1:
        told = ", ".join(f"{path}: {said}" for path, said in about.items())
        raise ConfigError(f"the scores of different agents or games can't be put together ({told}): name them apart")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m agents.evaluate", description=__doc__)
    parser.add_argument(
        "runs", type=Path, nargs="+", help="folders of runs, such as runs/Pong-dream; seeds of one agent"
    )
    parser.add_argument("--episodes", type=int, default=100, help="whole games of each run (100)")
    parser.add_argument("--games", type=int, default=8, help="played side by side (8)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help=f"of the first game ({FIRST_SEED})")
    parser.add_argument(
        "--actions",
        choices=CHOICES,
        help="draw actions, or take the likeliest; by default what learns by drawing them (dream, ppo_*, oracle) draws",
    )
    parser.add_argument("--json", type=Path, help=f"write the result to this file too, beside the run's {RESULT}")
    options = parser.parse_args(arguments)
    if options.json is not None and len(options.runs) > 1:
        parser.error("--json is for one run; every run has its own evaluation.json")
    if min(options.episodes, options.games) < 1:
        parser.error("--episodes and --games have to be at least 1")
    if not 0 <= options.seed <= LARGEST_SEED:
        parser.error(f"--seed has to lie between 0 and {LARGEST_SEED}")
    with in_one_line("stopped; the results of the runs before are written"):
        results, runs = [], [open_run(path) for path in options.runs]
        check_together(runs)
        for run in runs:
            results.append(evaluate(run, options.episodes, options.games, options.seed, CHOICES.get(options.actions)))
            for target in (run.path / RESULT, options.json):
                if target is not None:
                    write_result(target, results[-1])
            print(line(results[-1]))
    if len(results) > 1:
        returns = [[e["total"] for e in r["episodes"]] for r in results]
        print("together:", line(results[0] | figures(results[0]["game"], returns)))


if __name__ == "__main__":
    main()
