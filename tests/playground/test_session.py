"""A person's play of Pong, in the game and in the dream."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from sqair_wm.common.tensors import field_names
from sqair_wm.model.slots import Slots
from sqair_wm.playground.pictures import from_png
from sqair_wm.playground.session import LONGEST_FILM, Session

PLAN = [2] * 8 + [3] * 8 + [0] * 4 + [1, 4, 5] * 2


def play(session, plan=PLAN):
    for action in plan:
        session.act(action)
    return session


def same(a, b):
    return all(torch.equal(getattr(a, n), getattr(b, n)) for n in field_names(Slots))


def alike(a, b):
    """Whether two moments show the same game, which the model sees in the same way."""
    real = (a.real.reward, a.real.score, a.real.over) == (b.real.reward, b.real.score, b.real.over)
    return a.picture == b.picture and real and same(a.real.scenes.slots, b.real.scenes.slots)


def test_the_same_keys_from_the_past_bring_the_same_again(session):
    play(session)
    session.seek(8)
    play(session, PLAN[8:])
    one, other = (branch.moments for branch in session.history.branches)
    assert len(one) == len(other) == len(PLAN) + 1 and one[20] is not other[20]
    assert all(alike(a, b) for a, b in zip(one, other, strict=True))
    assert one[10].picture != one[12].picture


def test_branches_go_their_own_ways_and_one_can_go_on_in_each(session):
    play(session, PLAN[:10])
    session.branch()
    play(session, [2] * 10)
    session.select(0)
    play(session, [3] * 10)
    up, down = session.history.branches[1].moments[-1], session.now
    assert not alike(up, down)
    session.select(1)
    play(session, [2])
    assert session.now.number == 21 and session.now.action == 2


def test_a_dream_begins_where_one_is_and_unrolls_the_model(session):
    play(session, PLAN[:20])
    session.toggle_dream()
    start = session.now
    assert same(start.dream.scenes.slots, start.real.scenes.slots) and start.dream_from == 20
    state = start.real.scenes.state
    play(session, PLAN[20:])
    scenes, outcome = session.world.unroll(state, torch.tensor(PLAN[20:])[:, None])
    dream = session.now.dream
    assert torch.equal(scenes.where[-1], dream.scenes.state.where)
    assert dream.score == pytest.approx(outcome.reward.sum().item(), abs=1e-5)
    assert dream.uncertainty == pytest.approx(outcome.uncertainty[-1].item())
    assert session.snapshot()["apart"] < 5


def test_the_real_game_goes_on_beside_a_dream_as_if_nobody_dreamt(session, pong):
    play(session, PLAN[:6]).toggle_dream()
    play(session, PLAN[6:16])
    awake = play(Session(pong), PLAN[:16])
    assert alike(session.now, awake.now)
    session.toggle_dream()
    assert session.now.dream is None and session.now.dream_from is None
    assert alike(play(session, [2]).now, play(awake, [2]).now)


def test_an_object_that_is_moved_is_there_and_the_dream_goes_on_from_there(session):
    play(session, [0] * 20)
    before = {o["identity"]: o for o in session.snapshot()["real"]["objects"]}
    identity = max(before, key=lambda i: before[i]["size"][0])
    session.move_object(identity, 30, 40)
    seen = session.snapshot()
    assert seen["dream_from"] == 20 and seen["branch"] == 1
    after = {o["identity"]: o for o in seen["dream"]["objects"]}
    top, left, height, width = after[identity]["box"]
    assert (top + height / 2, left + width / 2) == pytest.approx((30, 40), abs=0.6)
    assert after[identity]["row"] == before[identity]["row"]
    assert {i: o["place"] for i, o in after.items() if i != identity} == {
        i: o["place"] for i, o in before.items() if i != identity
    }
    assert seen["real"]["objects"] == list(before.values())
    play(session, [0])
    (there,) = [o for o in session.snapshot()["dream"]["objects"] if o["identity"] == identity]
    assert np.linalg.norm(np.subtract(there["place"], after[identity]["place"])) < 8


@pytest.mark.parametrize(
    ("place", "said"), [((99, 30, 40), "no object 99 now: choose one of"), ((0, 81, 40), "outside the frame")]
)
def test_what_can_not_be_moved_is_refused_and_nothing_changes(session, place, said):
    play(session, [0] * 8)
    with pytest.raises(ValueError, match=said):
        session.move_object(*place)
    assert session.now.dream is None and len(session.history.branches) == 1


def test_futures_say_what_each_action_would_bring(session):
    play(session, PLAN[:20])
    found = session.futures(6)
    assert [f["name"] for f in found] == list(session.reality.actions)
    held = session.world.unroll(session.now.real.scenes.state, torch.full((6, 1), 2))
    assert found[2]["reward"] == pytest.approx(held[1].reward.sum().item(), abs=1e-3)
    assert found[2]["uncertainty"] == pytest.approx(held[1].uncertainty.max().item(), abs=1e-3)
    mine = next(i for i in found[2]["paths"] if abs(found[2]["paths"][i][-1][0] - found[3]["paths"][i][-1][0]) > 3)
    assert len(found[2]["paths"][mine]) == 6 and found[2]["paths"][mine][-1][0] < found[3]["paths"][mine][-1][0]
    with pytest.raises(ValueError, match="0 steps can't be imagined: choose from 1 to 60"):
        session.futures(0)


def test_drawn_dreams_differ_and_likeliest_ones_do_not(session):
    play(session, PLAN[:10])

    def ends(drawn):
        session.draw(drawn)
        found = []
        for _ in range(2):
            session.seek(10)
            if session.now.dream is None:
                session.toggle_dream()
            found.append(play(session, [2] * 5).now.dream.scenes.state.where)
        return found

    assert torch.equal(*ends(False)) and not torch.equal(*ends(True))


def test_a_new_game_begins_in_a_branch_of_its_own_and_the_old_one_can_be_played_on(session):
    play(session, PLAN[:8])
    old = session.now
    session.new_game(seed=5)
    assert session.now.action is None and session.now.real.score == 0 and session.now.number == 9
    play(session, [2] * 3)
    session.select(0)
    assert session.now is old
    session.branch()
    once = play(session, [3] * 4).now
    session.select(0)
    assert alike(play(session, [3] * 4).now, once)


def test_others_play_too_in_the_game_and_in_the_dream(session):
    session.play("random")
    play(session, [None] * 20).toggle_dream()
    play(session, [None] * 20)
    assert len({m.action for m in session.history.branch.moments}) > 3
    with pytest.raises(ValueError, match="there is no player 'Ann': choose one of random"):
        session.play("Ann")
    session.play("you")
    with pytest.raises(ValueError, match="no action None: choose one from 0 to 5"):
        session.act(None)


def test_an_agent_of_pixels_sees_what_one_sees(pong):
    class Looks:
        seen: list = []  # noqa: RUF012

        def __init__(self, stage):
            self.stage = stage

        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            self.seen.append(self.stage.frames)
            return np.array([2]), None

    session = Session(replace(pong, policies={"looks": Looks}))
    session.play("looks")
    play(session, [None] * 2).toggle_dream()
    play(session, [None] * 3)
    real, dreamt = Looks.seen[1], Looks.seen[-1]
    assert real.shape == dreamt.shape == (1, 80, 80, 3) and real.dtype == dreamt.dtype == np.uint8
    assert (real[0] == from_png(session.history.branch.moments[1].picture)).all()


def test_a_snapshot_is_data_and_its_boxes_are_not_in_the_picture(session):
    play(session, PLAN[:20]).toggle_dream()
    seen = json.loads(json.dumps(session.snapshot(), allow_nan=False))
    assert (seen["frame"], seen["first"], seen["last"], seen["action"]) == (20, 0, 20, PLAN[19])
    assert all(url.startswith("data:image/png") for url in (seen["real"]["picture"], seen["seen"]))
    assert seen["dream"]["picture"] == seen["seen"]  # the first moment of a dream is what was seen
    picture = from_png(session.now.picture)
    assert picture.shape == (80, 80, 3)
    for thing in seen["real"]["objects"]:
        top, left, height, width = (round(x) for x in thing["box"])
        inside = picture[top : top + height, left : left + width].reshape(-1, 3).astype(int)
        assert np.abs(inside - picture[40, 40]).max() > 30  # there is something in every box


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_stretch_is_saved_as_a_film_of_both_sides(session, kind, tmp_path):
    play(session, PLAN[:6]).toggle_dream()
    play(session, PLAN[6:10])
    path = tmp_path / f"film.{kind}"
    path.write_bytes(session.film(2, 8, kind))
    reader, frames = cv2.VideoCapture(str(path)), []
    while (read := reader.read())[0]:
        frames.append(read[1])
    assert len(frames) == 7 and frames[0].shape[0] >= 240 and frames[0].shape[1] >= 480


def test_films_that_can_not_be_saved_are_refused(session, monkeypatch):
    play(session, [0] * 3)
    with pytest.raises(ValueError, match="saved as 'avi': choose one of gif, mp4"):
        session.film(0, 3, "avi")
    with pytest.raises(ValueError, match="no frames to save"):
        session.film(10, 20, "gif")
    monkeypatch.setattr("sqair_wm.playground.session.LONGEST_FILM", 2)
    with pytest.raises(ValueError, match="4 frames are too many"):
        session.film(0, LONGEST_FILM, "gif")
