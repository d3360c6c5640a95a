"""A report in a real browser: films play and pause, curves are read, and it fits phones, paper and reduced motion."""

import time

import cv2
import numpy as np
import pytest
import torch

from sqair_wm.reporting.report import write_report
from sqair_wm.world.world_model import WorldModel
from tests.browsers import PATIENCE, browser, chromium, page_without_errors
from tests.conftest import MovingSquares, small

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
pytestmark = pytest.mark.skipif(browser() is None, reason="there is no Chromium or Chrome: apt-get install chromium")

PHONE = {"width": 360, "height": 740}
METRICS = {f"position_error{name}_{n}": float(n) for name in ("", "_still", "_velocity") for n in (1, 2, 5, 10, 20)}
METRICS |= {"an_unusually_long_name_of_a_figure_that_nobody_has_ever_explained_to_anybody": 1.0}
RECORDS = {"training": [(k, {"loss": float(k), "objects": 1.0}) for k in range(30)]}


@pytest.fixture(scope="module")
def opened():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    torch.manual_seed(0)
    folder, batch = tmp_path_factory.mktemp("squares"), MovingSquares().first(4, 8, torch.device("cpu"))
    model = WorldModel(small()).eval().requires_grad_(False)
    wide = "a: " + 300 * "x"
    return write_report(folder, model, batch, METRICS, RECORDS, wide, 3, scenes=2).as_uri()


@pytest.fixture
def visit(opened, address):
    """Opens the report in a page with the given options."""
    made = []

    def go(**options):
        made.append(page_without_errors(opened, **options))
        page = made[-1].__enter__()
        page.goto(address)
        page.locator("body[data-ready]").wait_for()
        return page

    yield go
    for page in made:
        page.__exit__(None, None, None)


def frame(film):
    return int(film.locator("input").input_value())


def moves_on(film, before):
    end = time.monotonic() + PATIENCE
    while frame(film) == before:
        assert time.monotonic() < end
        film.page.wait_for_timeout(30)


def picture(film):
    shot = np.frombuffer(film.locator("canvas").first.screenshot(), np.uint8)
    return cv2.imdecode(shot, cv2.IMREAD_COLOR).astype(int)


def test_the_first_film_plays_until_it_is_stopped(visit):
    page = visit(reduced_motion="no-preference")
    film, others = page.locator(".film.first"), page.locator(".film:not(.first)")
    assert film.get_attribute("data-playing") == "true" and others.count() == 3
    assert {others.nth(k).get_attribute("data-playing") for k in range(3)} == {"false"}
    before = frame(film)
    moves_on(film, before)
    button = film.get_by_role("button", name="Pause")
    button.focus()
    page.keyboard.press("Enter")
    stopped, shown = frame(film), picture(film)
    page.wait_for_timeout(400)
    assert frame(film) == stopped and (picture(film) == shown).all() and shown.max() > 0
    film.get_by_role("button", name="Play").click()
    moves_on(film, stopped)


def test_who_wants_no_motion_sees_none_and_steps_with_the_keys(visit):
    page = visit(reduced_motion="reduce")
    film = page.locator(".film.first")
    page.wait_for_timeout(300)
    assert film.get_attribute("data-playing") == "false" and frame(film) == 0
    film.locator("input").focus()
    titles = film.locator(".title")
    assert titles.nth(1).inner_text() == "what the model sees"
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert frame(film) == 3 and titles.nth(1).inner_text() == "what the model imagines, step 1"
    assert film.locator("canvas.dream").count() == 1 and film.locator("output").inner_text() == "4 of 8"


def test_curves_are_read_with_the_pointer_and_with_the_keys(visit):
    page = visit()
    chart = page.locator(".chart", has_text="loss a frame")
    svg, reading = chart.locator("svg").first, chart.locator(".reading")
    svg.hover()
    assert reading.inner_text().startswith("iteration 1")
    svg.focus()
    page.keyboard.press("End")
    assert reading.inner_text() == "iteration 29: 29"
    page.keyboard.press("ArrowLeft")
    assert reading.inner_text() == "iteration 28: 28"
    several = page.locator(".chart", has_text="places, mean")
    several.locator("svg").first.focus()
    page.keyboard.press("Home")
    assert several.locator(".reading").inner_text().startswith("steps ahead 1: imagined 1, constant velocity 1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_with_everything_unfolded(visit, scheme):
    page = visit(viewport=PHONE, color_scheme=scheme)
    for part in page.locator("summary").all():
        part.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.locator(".first canvas").first.bounding_box()["width"] > 140
    assert page.locator("button").first.bounding_box()["height"] >= 44


def test_on_paper_the_figures_are_unfolded_and_nothing_is_dark(visit):
    page = visit(color_scheme="dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    unfolded = page.locator("details[open] > summary").all_inner_texts()
    assert "All figures" in unfolded and "Configuration" not in unfolded
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("button").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
