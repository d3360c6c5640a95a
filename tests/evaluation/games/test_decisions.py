"""The decision share: how much of the possible gain is gained by choosing with a foresight."""

import json
from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import torch

from sqair_wm.evaluation.games.choices import Choice, Decisions
from sqair_wm.evaluation.games.decisions import DecisionSettings, compare, decision_metrics, main
from sqair_wm.evaluation.games.foresight import Imagination
from sqair_wm.evaluation.games.players import LookaheadPlayer, sequences
from sqair_wm.games.branches import Branching
from sqair_wm.games.policies import RepeatingAgent
from sqair_wm.world.source import Source
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small

FEW = DecisionSettings(states=12, count=12, every=7)


class Meadow(gym.Env):
    """A goat on a line of 30 places: five have grass, worth 1 a step; the wolf in the last place ends the game."""

    observation_space, action_space = gym.spaces.Box(0, 255, (2, 2, 3), np.uint8), gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(5, 15))
        return np.zeros((2, 2, 3), np.uint8), {}

    def step(self, action):
        self.place = max(self.place + int(action) - 1, 0)
        eaten, caught = 3 <= self.place < 8, self.place == 30
        return np.zeros((2, 2, 3), np.uint8), eaten - 9.0 * caught, caught, False, {}


class Oracle:
    """Foresees by playing the game itself; if blind, it gives random returns, or the same for all plans."""

    def __init__(self, game: Branching, blind: str = ""):
        self.game, self.blind, self.random = game, blind, np.random.default_rng(0)

    def begin(self, frame: np.ndarray) -> None: ...

    def see(self, frame: np.ndarray, action: int, lost: bool) -> None: ...

    def scene(self) -> object:
        return self.game.save()

    def rewards(self, scenes: list, plans: np.ndarray) -> np.ndarray:
        if self.blind:
            return self.random.normal(size=plans.shape) if self.blind == "random" else np.zeros(plans.shape)
        rewards = []
        for k, scene in enumerate(scenes):
            self.game.restore(scene)
            rewards.append(self.game.try_out(plans[:, k]))
        return np.stack(rewards, 1)


def judged(blind: str, settings: DecisionSettings, better: bool = False) -> dict[str, float]:
    game = Branching(Meadow())
    return compare(game, Oracle(game, blind), settings, better=better).figures()


def test_who_knows_the_game_gains_all() -> None:
    figures = judged("", FEW)
    for steps in FEW.horizons:
        assert figures[f"decision_share_{steps}"] == figures[f"decision_share_{steps}_low"] == pytest.approx(1)
        assert figures[f"decision_correlation_{steps}"] == pytest.approx(1)
    assert figures["decision_share"] == figures["decision_share_24"]
    assert figures["decision_states_24"] == FEW.states


def test_who_knows_nothing_gains_nothing() -> None:
    same, drawn = judged("constant", FEW), judged("random", DecisionSettings(states=60, count=12, every=7))
    assert same["decision_share"] == pytest.approx(0) and same["decision_correlation"] == 0
    assert drawn["decision_share_low"] < 0 < drawn["decision_share_high"]
    assert abs(drawn["decision_share"]) < 0.3 and abs(drawn["decision_correlation"]) < 0.15


def test_figures_by_hand() -> None:
    right = Choice(np.array([[0.0, 0, 4, 0]]), np.array([[0.0, 1, 2, 1]]))  # gains 3 of 3
    wrong = Choice(np.array([[2.0, 0, 0, 2]]), np.array([[0.0, 3, 2, 1]]))  # gains -1 of 1
    torn = Choice(np.array([[6.0, 0, 0, 2]]), np.array([[1.0, 1, 0, 0]]))  # a tie between two: gains 1 of 4
    nothing = Choice(np.array([[5.0, 5, 5, 5]]), np.array([[0.0, 1, 2, 3]]))  # does not count
    figures = Decisions([right, wrong, torn, nothing], (24,), 24).figures("_better")
    assert figures["decision_states_24_better"] == 3
    assert figures["decision_share_better"] == figures["decision_share_24_better"] == pytest.approx(3 / 8)
    assert figures["decision_share_24_low_better"] == pytest.approx(-1) and figures["decision_share_high_better"] == 1
    hand = [np.corrcoef(*x)[0, 1] for x in ([[0, 0, 4, 0], [0, 1, 2, 1]], [[2, 0, 0, 2], [0, 3, 2, 1]])]
    hand.append(np.corrcoef([6, 0, 0, 2], [1, 1, 0, 0])[0, 1])
    assert figures["decision_correlation_better"] == pytest.approx(np.mean(hand))
    assert figures["decision_amount_24_better"] == pytest.approx((4 + 6 + 2) / (4 + 4 + 8))
    assert Decisions([nothing], (24,), 24).figures() == {"decision_states_24": 0}


def test_sequences_hold_each_action_and_then_random_ones() -> None:
    plans = sequences(np.random.default_rng(0), 3, 5, 10, 4)
    assert plans.shape == (10, 5) and (plans[:, :3] == np.arange(3)).all()
    assert (plans[:4, 3:] == plans[0, 3:]).all() and (plans[8:, 3:] == plans[8, 3:]).all()


def test_a_better_player_is_better() -> None:
    def earned(better: bool) -> float:
        game, total = Branching(Meadow()), 0.0
        player = LookaheadPlayer(game, 3, 1) if better else RepeatingAgent(3, 1)
        game.reset(seed=1)
        for _ in range(400):
            _, reward, terminated, *_ = game.step(player.act())
            total += float(reward)
            if terminated:
                game.reset()
        return total

    assert earned(True) > earned(False) + 100


def test_rewards_after_a_predicted_ending_do_not_count() -> None:
    model = WorldModel(small(frame_size=(80, 80), channels=4, scenery=3, actions=5), Source("Bouncing", 80)).eval()

    def step(slots, action, noise=None, *, discover):
        return slots, SimpleNamespace(reward=action.float(), ends=(action == 3).float())

    model.step = step  # type: ignore[method-assign]
    foresight = Imagination(model)
    foresight.begin(np.zeros((80, 80, 3), np.uint8))
    plans = np.array([[[1, 3], [2, 0]], [[1, 4], [3, 1]], [[2, 4], [4, 2]]])  # [T, K, C]
    expected = [[[1, 3], [2, 0]], [[1, 0], [3, 1]], [[2, 0], [0, 2]]]
    assert np.array_equal(foresight.rewards([foresight.scene()] * 2, plans), expected)


def test_the_command_says_what_the_function_says(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    torch.manual_seed(1)
    shape = small(frame_size=(80, 80), object_size=(8.0, 8.0), scenery=3, channels=4, actions=5)
    model = WorldModel(shape, Source("Bouncing", 80, memory=45)).eval()
    model.save(tmp_path)
    main([str(tmp_path), "--states", "1", "--count", "2", "--seed", "5", "--player", "random"])
    said = json.loads(capsys.readouterr().out)
    assert said.pop("decision_seconds") > 0
    figures = decision_metrics(model, DecisionSettings(states=1, count=2, seed=5))
    assert said == {k: pytest.approx(v, abs=1e-3) for k, v in figures.items() if not k.endswith("_better")}
    assert any(k.endswith("_better") for k in figures)
    with pytest.raises(SystemExit, match="no trained model"):
        main([str(tmp_path / "none")])


@pytest.mark.parametrize("wrong", [{"states": 0}, {"count": 1}, {"horizons": (8, 4)}, {"horizons": ()}])
def test_settings_that_compare_nothing_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        DecisionSettings(**wrong)
