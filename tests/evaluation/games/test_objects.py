import numpy as np
import pytest
import torch

from sqair_wm.evaluation.games.objects import BASELINE_FIGURES, baseline_settings, object_metrics
from tests.evaluation.games.straight import SIZE, Foreseer, Paths

pytestmark = pytest.mark.filterwarnings("ignore:Number of distinct clusters")
LENGTH = 24


class Played(Paths):
    """`Paths` with pictures: white squares on black, where `drawn` `[F, 2]` says."""

    def __init__(self, path, drawn=None, length=LENGTH):
        super().__init__(path, episodes=2, length=length)
        self.frame_size, self.channels = (SIZE, SIZE), 4
        self.pictures = np.zeros((len(self), SIZE, SIZE, 3), np.uint8)
        self.backgrounds, self.background = np.zeros_like(self.pictures), np.zeros((SIZE, SIZE, 3), np.uint8)
        drawn = self.there.numpy() if drawn is None else drawn
        for f, n in zip(*np.nonzero(drawn), strict=True):
            top, left = (self.centres[f, n].numpy() - 3).astype(int)
            self.pictures[f, top : top + 6, left : left + 6] = 255


class Changed(Foreseer):
    """A `Foreseer` that changes what it has seen."""

    def __init__(self, change):
        super().__init__(speed=1)
        self.change = change

    def observe(self, slots, frame, action=None, **options):
        slots, terms = super().observe(slots, frame, action, **options)
        return self.change(slots), terms


def walking(t):
    return 10 + 2.0 * t, 100.0, True


def measured(model=None, path=walking):
    play = Played(path)
    return object_metrics(model or Foreseer(speed=1), play, play.truth())


@pytest.fixture(scope="module")
def perfect():
    return measured()


def test_a_model_that_sees_everything_is_perfect(perfect):
    for name in ("precision", "recall", "f"):
        assert perfect[f"{name}_moving"] == perfect[f"{name}_relevant"] == 1
    assert perfect["exact_count"] == perfect["exact_count_relevant"] == perfect["f_moving_kept"] == 1
    assert perfect["mota"] == perfect["idf1"] == 1 and perfect["switches_per_100"] == 0
    assert perfect["hota"] > 0.95, "places are exact up to rounding"
    assert perfect["ap_moving"] > 0.95, "its windows are 8 pixels wide, what it paints and true boxes 6"


def test_both_baselines_stand_beside_it(perfect):
    assert {f"{b}_{name}" for b in ("components", "difference") for name in BASELINE_FIGURES} <= set(perfect)
    assert perfect["components_f_moving"] == perfect["components_mota"] == perfect["components_f_relevant"] == 1
    assert perfect["difference_f_relevant"] < 1, "what stands still makes no difference"


def test_all_frames_of_whole_episodes_count():
    def first_only(slots):
        there = slots.presence * (slots.step == 1)[:, None]
        return slots.replace(presence=there, identity=torch.where(there > 0, slots.identity, -1))

    found = measured(Changed(first_only))
    assert found["recall_moving"] == pytest.approx(1 / LENGTH) and found["precision_moving"] == 1


def test_new_names_are_switches():
    def rename(slots):
        return slots.replace(identity=torch.where(slots.identity == 0, 5 + (slots.step[:, None] > 12), slots.identity))

    found = measured(Changed(rename))
    assert found["switches_per_100"] == pytest.approx(100 / LENGTH) and found["f_moving"] == 1
    assert found["mota"] == pytest.approx(1 - 1 / LENGTH)


def test_what_is_kept_unseen_is_no_detection():
    found = measured(Changed(lambda slots: slots.replace(unseen=1 - slots.identity.clamp(0, 1))))
    assert (found["f_moving"], found["f_moving_kept"]) == (0, 1)
    assert found["recall_relevant"] == 0.5


def test_a_box_on_nothing_is_a_mistake_and_one_on_a_still_object_is_none(perfect):
    def invent(slots):
        presence, identity = slots.presence.clone(), slots.identity.clone()
        presence[:, 2], identity[:, 2] = 1, 2
        return slots.replace(presence=presence, identity=identity)

    found = measured(Changed(invent))
    assert found["precision_moving"] == pytest.approx(1 / 2) and found["precision_relevant"] == pytest.approx(2 / 3)
    assert found["exact_count"] == 0 and found["mota"] == pytest.approx(0)


def test_classes_are_told_from_the_codes():
    def code(slots):
        what = torch.zeros_like(slots.what)
        what[..., 0] = slots.identity
        return slots.replace(what=what)

    found = measured(Changed(code))
    assert found["fewshot_1"] == found["fewshot_16"] == 1 and found["ami"] == pytest.approx(1)


def test_without_motion_only_relevant_objects_are_judged():
    found = measured(path=lambda t: (60.0, 100.0, True))
    assert found["f_relevant"] == 1 and not {"f_moving", "mota", "exact_count"} & set(found)


def test_baselines_take_their_lengths_from_the_model():
    settings = baseline_settings(Foreseer(speed=1))
    assert settings.least_area == pytest.approx(0.2 * 64) and settings.gate == pytest.approx(0.18 * SIZE)
