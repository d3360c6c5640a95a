"""The training loop of agents that learn in imagination: play, train the world model, train in imagination, repeat."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from sqair_wm.common.files import new_folder
from sqair_wm.common.stopping import stop_if_asked
from sqair_wm.envs.layout import Layout
from sqair_wm.games.policies import Policy, RandomPolicy
from sqair_wm.model.slots import Slots
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint
from sqair_wm.training.encoded import EncodedPlay
from sqair_wm.world.world_model import WorldModel

from ..diverged import check_weights, told_if_diverged
from ..playing.games import LEARNT_SEEDS, RealGames
from ..playing.stretch import Stretch, play
from ..progress import read_progress, write_progress
from ..saved import AGENT, STATE, point, publish
from .experience import GrownPlay
from .learning import WorldLearner

PLAY = "play"


@dataclass(frozen=True)
class LoopSettings:
    """The lengths of a round's parts: play, training of the world model, training in imagination.

    Attributes:
        games: real games in parallel.
        first: real steps of random play at the beginning.
        play: real steps of a round, all games together.
        epsilon: probability of a random action in play.
        world_iterations: training iterations of the world model in a round.
        dream_steps: imagined steps of a round.
        newest: number of the latest scenes of play that serve as start states.
        remember: before learning in imagination, compute what the dynamics remembers of all stored scenes again: its
            weights have changed since these were seen.
        recorded: begin with the play that the world model was trained on, if its run is there, instead of random play.
        anew: numbers of rounds after which the agent's networks begin anew. What an agent learned while its world model
            was poor can hold it back (Nikishin et al. 2022, "The Primacy Bias in Deep Reinforcement Learning").
        pictures: store the pictures of the games, to train the object detection of a new world model on them: 38 kB a
            frame of 80 x 80.
    """

    games: int = 4
    first: int = 2000
    play: int = 3000
    epsilon: float = 0.01
    world_iterations: int = 400
    dream_steps: int = 300_000
    newest: int = 20_000
    remember: bool = True
    recorded: bool = True
    anew: list[int] = field(default_factory=list)
    pictures: bool = False

    def check(self) -> None:
        """Raise ValueError for settings that cannot work."""
        if min(self.games, self.first, self.play, self.newest) < 1:
            raise ValueError(f"games, first, play and newest have to be at least 1: {self}")
        if not 0 <= self.epsilon <= 1:
            raise ValueError(f"epsilon has to lie between 0 and 1, got {self.epsilon}")
        if any(number < 1 for number in self.anew):
            raise ValueError(f"anew takes numbers of rounds, from 1 on, got {list(self.anew)}")


class Learner(Protocol):
    """An agent that learns in imagination."""

    @property
    def policy(self) -> Policy:
        """The policy that plays the real game."""

    def learn(
        self, starts: Slots, steps: int, real: EncodedPlay | None = None, own: EncodedPlay | None = None
    ) -> dict[str, float]:
        """Learn from imagined steps from random ones of `starts`; returns statistics.

        Args:
            starts: start states.
            steps: least number of imagined steps.
            real: the latest real play; None if there is none.
            own: the part of it in which `policy` played as it is now; None if there is none.
        """

    def begin_anew(self) -> None:
        """Forget all that was learned."""

    def save(self, path: Path) -> None:
        """Write the policy into one file."""

    def state_dict(self) -> dict[str, Any]:
        """The rest of the state of learning, in tensors and plain data."""


class AgentLoop:
    """Play, train the world model, train the agent in imagination. The folder always holds the last complete round.

    Args:
        folder: of the run.
        world: the model, which is trained further.
        learner: trains the agent.
        world_learner: trains the model.
        settings: of the loop.
        seed: of the games and of all random numbers.
        done: number of rounds that the folder holds, see `agents.saved.last_round`.
        layout: of the learner's observations; None for objects alone.
    """

    def __init__(
        self,
        folder: Path,
        world: WorldModel,
        learner: Learner,
        world_learner: WorldLearner,
        settings: LoopSettings,
        seed: int = 0,
        done: int = 0,
        layout: Layout | None = None,
    ):
        self.folder, self.world, self.learner, self.world_learner = folder, world, learner, world_learner
        self.settings, self.seed, self.rounds = settings, seed, done
        state = load_checkpoint(point(folder, done) / STATE) if done else {}
        # Runs of versions before 0.6.0 did not save this number: each of their rounds had one stretch of play.
        self.play = GrownPlay(folder / PLAY, world, state.get("stretches", done))
        self.imagined, self.seconds = state.get("imagined", 0), state.get("seconds", 0.0)
        self.record: dict[str, float] = state.get("record", {})  # before 0.10.0 it was not saved with the round
        first = int(np.random.default_rng([seed, done]).integers(LEARNT_SEEDS))
        self.games = RealGames(world, settings.games, first, layout)
        if "games" in state:  # runs of versions before 0.9.0 did not save them: new games begin
            self.games.load_state_dict(state["games"])
        if done:
            torch.set_rng_state(state["random"])
        if "random_cuda" in state and world.background.is_cuda:
            torch.cuda.set_rng_state(state["random_cuda"], world.background.device)

    def run(self, steps: int, on_round: Callable[[dict[str, float]], None] | None = None) -> None:
        """Continue until `steps` real steps are played and learned from; calls `on_round` with each round's figures."""
        if self.rounds:
            self._publish()
            if self.settings.remember and self.play.steps < steps:
                self.play.remember()  # what is stored is still as it was played
        while self.play.steps < steps:
            record = self.round(steps - self.play.steps)
            if on_round is not None:
                on_round(record)
            stop_if_asked()
        self.games.close()

    def round(self, most: int) -> dict[str, float]:
        """One round with at most about `most` real steps of play; returns its figures."""
        s, clock = self.settings, time.perf_counter()
        # An agent that begins with its world model's training data needs no random play.
        played = self._play(most) if self.rounds or self.play.recorded is None else {}
        times = {"playing": time.perf_counter() - clock}
        world = self.world_learner.learn(self.play, s.world_iterations) if len(self.play) else {}
        check_weights(self.world, "the world model", "agent.world.rate")
        times["learning_the_world"] = time.perf_counter() - clock - sum(times.values())
        anew = self.rounds in s.anew
        if anew:
            self.learner.begin_anew()
        if s.remember:
            self.play.remember()
        starts = self.play.starts(self.world.background.device, s.newest)
        own = self.play.lately(1) if played and self.rounds and not anew else None
        with told_if_diverged("learning in imagination", "agent.learning_rate or agent.world.rate"):
            learned = self.learner.learn(starts, s.dream_steps, self.play.lately(s.newest), own)
        times["dreaming"] = time.perf_counter() - clock - sum(times.values())
        self.imagined += int(learned.pop("steps", 0))
        self.seconds += time.perf_counter() - clock
        self.rounds += 1
        counts = {"round": self.rounds, "real_steps": self.play.steps, "imagined_steps": self.imagined}
        spent = {f"seconds_{name}": round(x, 2) for name, x in times.items()}
        means = {f"world_{k}": v for k, v in world.items()} | {f"dream_{k}": v for k, v in learned.items()}
        self.record = counts | played | spent | {"minutes": self.seconds / 60} | means
        self._save()
        return self.record

    def _play(self, most: int) -> dict[str, float]:
        s = self.settings
        if self.play.steps == 0 and self.play.recorded is None:
            policy: Policy = RandomPolicy(s.games, self.games.action_space.n, self.seed)
            steps, epsilon = s.first, 0.0
        else:
            policy, steps, epsilon = self.learner.policy, s.play, s.epsilon
        chance = np.random.default_rng([self.seed, self.rounds])
        stretch = play(self.games, policy, min(steps, most), epsilon=epsilon, random=chance, pictures=s.pictures)
        self.play.add(stretch)
        return reward_figures(stretch)

    def _save(self) -> None:
        """Write the round into a folder of its own, whole or not at all."""
        target = point(self.folder, self.rounds)
        own: dict[str, Any] = {"imagined": self.imagined, "seconds": self.seconds, "random": torch.get_rng_state()}
        if self.world.background.is_cuda:
            own["random_cuda"] = torch.cuda.get_rng_state(self.world.background.device)
        own |= {"stretches": len(self.play), "games": self.games.state_dict(), "record": self.record}
        with new_folder(target) as partial:
            self.world_learner.save(partial)
            self.world.save(partial)
            self.learner.save(partial / AGENT)
            save_checkpoint(partial / STATE, {"iteration": self.rounds, "learner": self.learner.state_dict(), **own})
        self._publish()

    def _publish(self) -> None:
        """Make the last whole round that of the run, and remove the others; also after a kill in the middle of it."""
        publish(self.folder, self.rounds)
        self.world.save(self.folder)
        earlier = [r for r in read_progress(self.folder) if r["round"] < self.rounds or not self.record]
        write_progress(self.folder, [*earlier, *([self.record] if self.record else [])])


def reward_figures(stretch: Stretch) -> dict[str, float]:
    """Mean reward of a step, and mean return of the episodes that began and ended in a stretch; unclipped."""
    rewards, parts = stretch.arrays["rewards"].astype(float), stretch.part.numpy()
    over = stretch.arrays["ends"] | stretch.arrays["truncations"]
    totals, whole = np.bincount(parts, rewards), np.bincount(parts[stretch.arrays["starts"]], minlength=parts[-1] + 1)
    ended = np.bincount(parts[over], minlength=parts[-1] + 1)
    found = totals[(whole > 0) & (ended > 0)]
    figures = {"reward_a_step": float(rewards.sum() / max(1, stretch.steps)), "episodes": float(len(found))}
    return figures | ({"episode_return": float(found.mean())} if len(found) else {})
