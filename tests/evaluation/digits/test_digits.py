"""Counting, on scenes whose count is known."""

import numpy as np
import pytest
import torch

from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.evaluation.digits.digits import counting
from sqair_wm.model.slots import StepTerms
from sqair_wm.world.world_model import WorldModel
from tests.conftest import Observes, small


class Scripted(Observes, WorldModel):
    """Reports as many objects as `script` says for each frame, whatever it is shown."""

    def __init__(self, script: list[int]):
        super().__init__(small(frame_size=(50, 50)))
        self.script = script

    def observe(self, slots, frame, action=None, **options):
        there = (torch.arange(3) < self.script[int(slots.step[0])]).float().expand_as(slots.presence)
        zero = torch.zeros(len(there))
        terms = StepTerms(**{name: zero for name in StepTerms.__dataclass_fields__})
        return slots.replace(presence=there, step=slots.step + 1), terms


class Weighing(Scripted):
    """Of two particles the second one sees nothing, and is a third as likely over two frames."""

    def observe(self, slots, frame, action=None, **options):
        slots, terms = super().observe(slots, frame, action, **options)
        if len(slots.presence) == len(frame):
            return slots, terms
        odd = torch.arange(len(slots.presence)) % 2
        terms.log_likelihood = -0.5 * np.log(3) * odd
        return slots.replace(presence=slots.presence * (1 - odd)[:, None]), terms


@pytest.fixture
def squares() -> MovingMNIST:
    """Up to one square."""
    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 8:20, 10:18] = 200
    return MovingMNIST(images, np.arange(4, dtype=np.uint8), most=1)


def test_the_share_of_right_counts(squares):
    truth = squares.first(200, 4, torch.device("cpu")).truth.presence[0].sum(1)
    one = float((truth == 1).float().mean())
    figures = counting(Scripted([1, 1, 1, 2]), squares, 200, 4)
    assert figures["counting_accuracy_once"] == pytest.approx(0.75 * one)
    assert figures["counting_accuracy_first"] == pytest.approx(one) and figures["counting_accuracy_last"] == 0
    assert figures["counting_error"] == pytest.approx((3 * (1 - one) + one + 2 * (1 - one)) / 4)


def test_explanations_count_by_their_weight(squares):
    model = Weighing([1, 1])
    truth = squares.first(100, 2, torch.device("cpu")).truth.presence[0].sum(1)
    one = float((truth == 1).float().mean())
    assert counting(model, squares, 100, 2, particles=2)["counting_accuracy"] == pytest.approx(
        0.25 + 0.5 * one, rel=1e-4
    )


def test_a_model_that_sees_nothing_is_right_about_empty_scenes(squares):
    figures = counting(Scripted([0, 0]), squares, 100, 2)
    truth = squares.first(100, 2, torch.device("cpu")).truth.presence[0].sum(1)
    assert figures["counting_accuracy_once"] == pytest.approx(float((truth == 0).float().mean()))


def test_frames_of_a_model_without_memory_are_weighed_one_by_one(squares):
    model = Weighing([1, 1])
    model.sqair.independent_frames = True
    truth = squares.first(100, 2, torch.device("cpu")).truth.presence[0].sum(1)
    one, first = float((truth == 1).float().mean()), 1 / (1 + 3**-0.5)
    figures = counting(model, squares, 100, 2, particles=2)
    assert figures["counting_accuracy"] == pytest.approx(first * one + (1 - first) * (1 - one), rel=1e-4)
