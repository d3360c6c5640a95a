"""Figures of events, for models that are right and for models that are wrong in one way."""

import numpy as np
import pytest

from sqair_wm.evaluation.games.events import FoundObjects, event_metrics, found_event_metrics
from sqair_wm.evaluation.games.imagined_events import imagined_event_metrics
from sqair_wm.evaluation.games.object_sets import ObjectSets
from sqair_wm.evaluation.games.true_events import TrueEvents, contacts, standing, true_events, turns
from sqair_wm.evaluation.games.truth import GameTruth
from tests.evaluation.games.straight import Foreseer
from tests.evaluation.games.test_objects import Played
from tests.evaluation.games.test_true_events import boxes_at

FRAMES = 40
EPISODES = np.zeros(FRAMES, int)


def scene() -> TrueEvents:
    """A ball that meets a paddle in frame 20 and flies back; something that is there from frame 10 to 30."""
    ball = [(20.0, 60.0 - 2 * abs(20 - t)) for t in range(FRAMES)]
    guest = [(60.0, 2.0 * t) if 10 <= t <= 30 else None for t in range(FRAMES)]
    boxes, identity = boxes_at(ball, [(20.0, 65.0)] * FRAMES, guest)
    there = identity >= 0
    moves = there & np.array([True, False, True])
    return TrueEvents(
        truth=GameTruth(boxes, identity, np.array([0, 1, 2]), ("Ball", "Paddle", "Guest")),
        sets=ObjectSets(moves, there, np.zeros_like(there)),
        contacts=contacts(boxes, identity, moves, there),
        turns=turns(boxes, identity),
        standing=standing(boxes, identity),
    )


def figures(change=lambda identity: identity, shift: int = 0) -> dict[str, float]:
    """Figures of a model that finds every true object, `shift` frames late, with `change` applied to identities."""
    events = scene()
    identity = change(np.roll(events.truth.identity, shift, 0))
    here = events.truth.identity >= 0
    boxes = np.where(here[..., None], events.truth.boxes, np.roll(events.truth.boxes, shift, 0))
    named = np.where(here, identity, -1)
    return found_event_metrics(events, FoundObjects(boxes, identity, named), EPISODES)


def test_who_finds_everything_is_perfect() -> None:
    found = figures()
    assert found["contact_identity"] == found["birth_f1"] == found["death_f1"] == found["recall_worst_class"] == 1
    assert (found["contacts_seen"], found["births_seen"], found["deaths_seen"]) == (1, 1, 1)
    assert "recall_of_Paddle" not in found, "it never moves"
    assert "standing_seen" not in found


def test_an_identity_lost_at_a_contact() -> None:
    def exchange(identity: np.ndarray) -> np.ndarray:
        return np.where((identity == 0) & (np.arange(FRAMES)[:, None] > 20), 8, identity)

    found = figures(exchange)
    assert found["contact_identity"] == 0
    # Two births and two deaths are found where there is one of each.
    assert found["birth_f1"] == found["death_f1"] == pytest.approx(2 / 3)


def test_births_and_deaths_in_time() -> None:
    assert figures(shift=2)["birth_f1"] == 1
    assert figures(shift=4)["birth_f1"] == figures(shift=4)["death_f1"] == 0


def test_the_worst_class_is_named() -> None:
    def blind(identity: np.ndarray) -> np.ndarray:
        return np.where((identity == 2) & (np.arange(FRAMES)[:, None] < 20), -1, identity)

    found = figures(blind)
    assert found["recall_of_Ball"] == 1
    assert found["recall_worst_class"] == found["recall_of_Guest"] == pytest.approx(11 / 21)


def bouncing(t: int) -> tuple[float, float, bool]:
    return 40 + 3.0 * abs(30 - t), 100.0, True


@pytest.fixture(scope="module")
def straight_on() -> dict[str, float]:
    """Figures of a model that sees everything, and imagines that everything keeps its velocity."""
    play = Played(bouncing, length=60)
    return event_metrics(Foreseer(speed=1), play, play.truth())


def test_a_bounce_that_is_not_imagined(straight_on: dict[str, float]) -> None:
    # Starts are 3 frames apart; from those in frames 27 and 30 of both episodes it turns within 5 steps.
    assert (straight_on["turns_seen"], straight_on["turn_recall_5"]) == (4, 0)
    assert "turn_precision_5" not in straight_on, "nothing is imagined to turn"
    assert "turn_recall_5_of_Ball" not in straight_on, "four turns are too few to speak of the class"
    assert straight_on["position_error_quiet_10"] < 0.1 < 10 < straight_on["position_error_event_10"]
    velocity = straight_on["position_error_event_velocity_10"]
    assert straight_on["position_error_event_10"] == pytest.approx(velocity, abs=0.1)


def test_who_imagines_that_everything_turns() -> None:
    play = Played(bouncing, length=60)
    found = imagined_event_metrics(Foreseer(speed=-1), play, true_events(play.truth(), play))
    assert found["turn_recall_5"] == 1
    assert found["turn_precision_5"] == pytest.approx(4 / 28), "of 14 starts in each of two episodes"
    assert found["position_error_quiet_10"] > 10


def test_everything_stands_in_the_figures_of_a_recording(straight_on: dict[str, float]) -> None:
    for name in ("recall_worst_class", "recall_of_Ball", "components_recall_worst_class"):
        assert straight_on[name] == 1
    assert straight_on["events_10"] > 0
