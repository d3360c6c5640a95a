"""Scores of agents that imagine Bouncing by its true rules: `python -m benchmarks.agents [--json FILE]`.

They are what planning and learning reach with perfect imagination: the ceiling for agents with a learned model.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch

from sqair_wm.agents.dreaming.dream import Dream, DreamSettings
from sqair_wm.agents.evaluate import play_whole
from sqair_wm.agents.networks import actor_critic
from sqair_wm.agents.planning.cem import CEM, CEMSettings
from sqair_wm.agents.planning.mcts import MCTS, MCTSSettings
from sqair_wm.agents.planning.planner import Planner, PlanSettings
from sqair_wm.agents.planning.shooting import Shooting, ShootingSettings
from sqair_wm.agents.playing.truth import LAYOUT, BouncingGames, BouncingRules, BouncingScenes, look
from sqair_wm.agents.scores import interval
from sqair_wm.common.cpu import use_cpu
from sqair_wm.games.bouncing import SPRITE, STEPS
from sqair_wm.games.policies import Policy, RandomPolicy

ACTIONS, FIRST_SEED = len(STEPS), 10_000
PLANNERS: dict[str, tuple[type[Planner], PlanSettings]] = {
    "shooting": (Shooting, ShootingSettings(horizon=4, hold=3, plans=64, samples=1)),
    "cem": (CEM, CEMSettings(horizon=4, hold=3, plans=64, samples=1, iterations=3, elite=8)),
    "mcts": (MCTS, MCTSSettings(horizon=4, hold=4)),
}


@dataclass
class Row:
    """The score of an agent.

    Attributes:
        agent: its name.
        real_steps, imagined_steps: numbers of steps that it learned from.
        mean: mean return of whole games; low, high: its 95 % bootstrap interval.
        steps: mean length of a game.
        seconds: of computing: for all learning, or for one decision of an agent that does not learn.
    """

    agent: str
    real_steps: int
    imagined_steps: int
    mean: float
    low: float
    high: float
    steps: float
    seconds: float


def measure(name: str, policy: Policy, games: BouncingGames, seconds: float | None = None, real: int = 0,
            imagined: int = 0) -> Row:  # fmt: skip
    """The row of an agent that plays one game in each of `games`."""
    torch.manual_seed(0)
    clock = time.thread_time()
    found = play_whole(games, policy, games.number, FIRST_SEED)
    steps = [e.steps for e in found]
    returns = [e.total for e in found]
    low, high = interval([returns])
    spent = (time.thread_time() - clock) / sum(steps) if seconds is None else seconds
    return Row(name, real, imagined, float(np.mean(returns)), low, high, float(np.mean(steps)), spent)


def collect(policy: Policy, steps: int, seed: int, number: int = 16) -> BouncingScenes:
    """The scenes of `steps` real steps of play, without those in which a game ended."""
    games, found = BouncingGames(number), []
    games.begin(np.ones(number, bool), list(range(seed, seed + number)))
    for _ in range(steps // number):
        games.begin(games.over)
        action, _ = policy.predict(games.observation)
        games.step(action)
        found.append(games.slots)
    scenes = BouncingScenes.cat(found)
    over = ((scenes.bouncer - scenes.steered).abs() < SPRITE).all(1)
    return scenes.select((~over).nonzero().squeeze(1))


def dream(games: BouncingGames, rounds: int, block: int, real: int, seed: int) -> list[Row]:
    """A row after every round, of `real` real steps and then `block` imagined ones; the first round plays at random."""
    settings = DreamSettings(stochastic=False)
    model = actor_critic(LAYOUT.space, gym.spaces.Discrete(ACTIONS), settings, seed=seed)
    learner, rows = Dream(BouncingRules(), model.policy, look, settings), []
    scenes, imagined, seconds = collect(RandomPolicy(16, ACTIONS, seed), real, seed), 0, 0.0
    for number in range(1, rounds + 1):
        clock = time.thread_time()
        imagined += int(learner.learn(scenes, block)["steps"])
        seconds += time.thread_time() - clock
        rows.append(measure("dream", model, games, seconds, number * real, imagined))
        scenes = BouncingScenes.cat([scenes, collect(model, real, 1000 * number + seed)])
    return rows


def main() -> None:
    """Measure and print all rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agents", description=__doc__)
    parser.add_argument("--games", type=int, default=20, help="whole games of each agent (20)")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of play and learning (10)")
    parser.add_argument("--imagined", type=int, default=100_000, help="steps imagined in a round (100000)")
    parser.add_argument("--real", type=int, default=2000, help="real steps of a round (2000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the agents (0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    options = parser.parse_args()
    use_cpu(1)
    games = BouncingGames(options.games)
    rows = [measure("random", RandomPolicy(options.games, ACTIONS, options.seed), games)]
    for name, (kind, settings) in PLANNERS.items():
        planner = kind(BouncingRules(), ACTIONS, settings, scenes=games, seed=options.seed)
        rows.append(measure(name, planner, games))
    rows += dream(games, options.rounds, options.imagined, options.real, options.seed)
    print("| agent | real steps | imagined steps | return (95 %) | steps a game | seconds |\n" + "| --- " * 6 + "|")
    for r in rows:
        print(
            f"| {r.agent} | {r.real_steps} | {r.imagined_steps} | {r.mean:.1f} ({r.low:.1f} to {r.high:.1f}) | "
            f"{r.steps:.0f} | {r.seconds:.3g} |"
        )
    if options.json:
        options.json.write_text(json.dumps([vars(r) for r in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
