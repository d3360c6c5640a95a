"""The page in a real browser: keys, the dream, branches, dragging; what the screenshots have to show."""

import time

import cv2
import numpy as np
import pytest

from tests.browsers import browser
from tests.browsers import chromium as started

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
pytestmark = pytest.mark.skipif(browser() is None, reason="there is no Chromium or Chrome: apt-get install chromium")

GROUND, WALL = (144, 72, 17), (236, 236, 236)
PATIENCE = 60
"""Seconds to wait for the page on a busy machine."""

COLOURS = [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167)]
"""Colours of the first identities, as in draw.js."""


@pytest.fixture(scope="module")
def chromium():
    with started() as opened:
        yield opened


@pytest.fixture
def page(chromium, running):
    opened = chromium.new_page(viewport={"width": 1100, "height": 1000})
    opened.set_default_timeout(1000 * PATIENCE)
    wrong = []
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(running.address)
    opened.locator(".numbers", has_text="score").wait_for()
    yield opened
    opened.close()
    assert not wrong


def frame(page):
    return int(page.locator(".frame").input_value())


def wait_for(page, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, page.locator(".panel").inner_text()
        page.wait_for_timeout(30)


def play(page, key, frames):
    """Play on for some frames while a key is pressed."""
    start = frame(page)
    page.keyboard.down(key)
    page.keyboard.press("p")
    wait_for(page, lambda: frame(page) >= start + frames)
    page.keyboard.press("p")
    page.keyboard.up(key)
    page.get_by_role("button", name="Play", exact=True).wait_for()
    stopped = None
    while stopped != frame(page):  # frames that were already requested still arrive
        stopped = frame(page)
        page.wait_for_timeout(150)


def shot(page, name):
    """What a canvas shows, `[H, W, 3]`, without its border."""
    encoded = np.frombuffer(page.locator(f"canvas.{name}").screenshot(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)[5:-5, 5:-5].astype(int)


def share(picture, colour):
    return (np.abs(picture - colour).max(-1) < 12).mean()


def shows(picture, identity):
    return share(picture, COLOURS[identity % len(COLOURS)]) > 3e-4


def rows(page):
    """By identity the places (y, x) of the objects: as the model sees them, and as they are dreamt."""
    found = {}
    for row in page.locator("tbody tr").all():
        cells = row.locator("td").all_inner_texts()
        seen, dreamt = ([float(x) for x in cells[i].split(",")] if cells[i] else None for i in (2, 5))
        found[int(cells[0])] = seen, dreamt
    return found


def test_a_person_plays_dreams_and_branches(page):
    play(page, "ArrowUp", 15)
    assert "RIGHT" in page.locator(".numbers").inner_text()
    stopped = frame(page)
    real, seen = shot(page, "real"), shot(page, "model")
    assert share(real, GROUND) > 0.6 and share(seen, GROUND) > 0.6 and share(real, WALL) > 0.05
    known = rows(page)
    assert known and all(shows(real, i) and shows(seen, i) for i in known)
    assert frame(page) == stopped  # it stays paused

    page.keyboard.press("Enter")
    page.locator(".other", has_text="Inside the model").wait_for()
    play(page, "ArrowDown", 10)
    dream = shot(page, "model")
    dreamt = {i: place for i, (_, place) in rows(page).items() if place}
    assert share(dream, GROUND) > 0.6 and dreamt and all(shows(dream, i) for i in dreamt)
    mine = min(known, key=lambda i: abs(known[i][0][1] - 70))
    assert dreamt[mine][0] > known[mine][0][0] + 5  # it went down in the dream
    assert rows(page)[mine][0][0] > known[mine][0][0] + 5  # and in the game

    page.keyboard.press(",")
    page.keyboard.press(",")
    wait_for(page, lambda: frame(page) == int(page.locator(".frame").get_attribute("max")) - 2)
    page.keyboard.down("ArrowUp")
    page.keyboard.press(".")
    page.keyboard.up("ArrowUp")
    wait_for(page, lambda: page.locator(".branch option").count() == 2)
    page.keyboard.press("b")
    wait_for(page, lambda: page.locator(".branch option").count() == 3)
    page.keyboard.press("Enter")
    page.locator(".other", has_text="What the model sees").wait_for()


def test_an_object_is_dragged_futures_are_shown_and_a_film_is_saved(page):
    play(page, "ArrowUp", 12)
    known = {i: seen for i, (seen, _) in rows(page).items() if seen}
    mine = max(known, key=lambda i: known[i][1])
    box = page.locator("canvas.model").bounding_box()

    def point(y, x):
        return box["x"] + (x + 0.5) / 80 * box["width"], box["y"] + (y + 0.5) / 80 * box["height"]

    page.mouse.move(*point(*known[mine]))
    page.mouse.down()
    page.mouse.move(*point(45, 50))
    page.mouse.move(*point(40, 40))
    page.mouse.up()
    page.locator(".other", has_text="Inside the model").wait_for()
    there = rows(page)[mine][1]
    assert there == pytest.approx([40, 40], abs=2)

    page.keyboard.press("f")
    cards = page.locator(".futures button")
    wait_for(page, lambda: cards.count() == 6)
    assert "reward" in cards.nth(2).inner_text() and "uncertainty" in cards.nth(2).inner_text()
    before = shot(page, "model")
    cards.nth(2).hover()
    assert (np.abs(shot(page, "model") - before).max(-1) > 30).sum() > 20  # where objects would go

    with page.expect_download() as saved:
        page.keyboard.press("g")
    assert saved.value.suggested_filename.endswith(".gif")

    page.set_viewport_size({"width": 380, "height": 800})  # a phone
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert page.locator("canvas.real").bounding_box()["width"] > 300


def test_pages_of_others_reach_nothing(chromium, running):
    other = chromium.new_page()
    tried = f"""new Promise((say) => {{
        const socket = new WebSocket("ws://127.0.0.1:{running.port}/play/0");
        socket.onopen = () => say("open");
        socket.onerror = () => say("refused");
    }})"""
    assert other.evaluate(tried) == "refused"
    other.close()
