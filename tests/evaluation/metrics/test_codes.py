import numpy as np
import pytest

from sqair_wm.evaluation.metrics.codes import code_metrics


def classes(apart, number=400, kinds=3):
    random = np.random.default_rng(0)
    labels = random.integers(0, kinds, number)
    codes = random.normal(size=(number, 5))
    codes[np.arange(number), labels] += apart
    return codes, labels, np.arange(number) < number / 2


def test_classes_that_are_apart_are_told_apart():
    found = code_metrics(*classes(apart=20))
    assert found["fewshot_1"] == found["fewshot_64"] == 1 and found["ami"] == pytest.approx(1)
    assert 1 / 3 <= found["fewshot_guess"] < 0.5


def test_labels_help_where_classes_are_close_and_noise_says_nothing():
    close = code_metrics(*classes(apart=2))
    assert close["fewshot_1"] < close["fewshot_16"] <= 1 and 0 < close["ami"] < 1
    noise = code_metrics(*classes(apart=0))
    assert abs(noise["ami"]) < 0.05 and noise["fewshot_64"] < 0.45


def test_examples_are_drawn_from_the_first_part_only():
    codes, labels, early = classes(apart=20)
    codes[~early] = 0
    assert code_metrics(codes, labels, early)["fewshot_64"] < 0.6


def test_classes_of_one_part_are_left_out():
    codes, labels, early = classes(apart=20)
    labels[~early & (labels == 2)] = 3
    assert code_metrics(codes, labels, early)["fewshot_16"] == 1
    assert code_metrics(codes, np.zeros_like(labels), early) == {}
