"""A reward that the game gives once is imagined once, at the right time: crossing the road in Freeway."""

import numpy as np
import torch

from sqair_wm.evaluation.games.foresight import Imagination
from sqair_wm.games.branches import Branching
from sqair_wm.world.scenes import load_for_game
from tests.conftest import ROOT

UP, STEPS, EVERY, FIRST = 1, 30, 15, 30


def test_a_crossing_that_is_imagined_thirty_steps_ahead_is_paid_once() -> None:
    model = load_for_game(ROOT / "pretrained" / "Freeway", "cpu")
    game, foresight, scenes, true = Branching(model.make_env()), Imagination(model, discover=True), [], []
    frame, _ = game.reset(seed=2_000_000)
    foresight.begin(frame)
    for t in range(1, 451):
        frame, *_ = game.step(UP)
        foresight.see(frame, UP, lost=False)
        if t >= FIRST and t % EVERY == 0:
            true.append(float(game.try_out(np.full((STEPS, 1), UP)).sum()))
            scenes.append(foresight.scene().map(torch.clone))
    game.close()
    imagined, crosses = foresight.rewards(scenes, np.full((STEPS, len(scenes), 1), UP)).sum((0, 2)), np.array(true)
    assert set(true) == {0, 1} and len(true) == 29
    right = (imagined > 0.5) == (crosses > 0)
    assert right.mean() > 0.9
    paid = imagined[right & (crosses > 0)]
    assert paid.min() > 0.9 and paid.max() < 1.5 and paid.mean() < 1.2
    assert imagined[right & (crosses == 0)].max() < 0.1
