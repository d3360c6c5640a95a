"""The page of a run's report."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from sqair_wm.common.frame import Frame
from sqair_wm.reporting.model_films import liveliest, real_frames
from sqair_wm.reporting.report import write_report
from sqair_wm.world.world_model import WorldModel
from tests.conftest import MovingSquares, small
from tests.reporting.pages import album, check

POSITIONS = {f"position_error{name}_{n}": 1.0 for name in ("", "_still", "_velocity") for n in (1, 2, 5, 10, 20)}
RECORDS = {"training": [(k, {"loss": 1.0 / (k + 1), "objects": 1.0, "discovered": 0.0}) for k in range(3)]}
SEEN, LENGTH = 2, 5


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    torch.manual_seed(0)
    batch, folder = MovingSquares().first(4, LENGTH, torch.device("cpu")), tmp_path_factory.mktemp("run") / "<b>&'run'"
    folder.mkdir()
    model = WorldModel(small()).eval().requires_grad_(False)
    metrics = {"mota": 0.123456, "unheard_of<i>": 2.0, **POSITIONS}
    text = "path: <script>alert(1)</script>"
    page = write_report(folder, model, batch, metrics, RECORDS, text, SEEN, scenes=2, machine="<u>a machine</u>")
    return page.read_text(), folder, batch


def test_it_is_one_whole_page_that_needs_nothing_else(written):
    outline = check(written[0])
    assert [name for name, _ in outline.tags].count("details") == 4
    assert {p.name for p in written[1].iterdir()} == {"report.html", "tracking.gif", "imagination.gif"}


def test_whatever_a_run_is_called_its_page_is_one(written):
    page = written[0]
    assert "<title>&lt;b&gt;&amp;&#39;run&#39;</title>" in page and "<script>alert" not in page and "<i>" not in page
    assert ">path: &lt;script&gt;alert(1)&lt;/script&gt;</pre>" in page and "&lt;u&gt;a machine" in page


def test_every_figure_stands_there_with_its_meaning(written):
    page = written[0]
    assert "<td><code>mota</code></td><td>0.1235</td><td>" in page and "<code>unheard_of&lt;i&gt;</code>" in page
    assert "<td><code>position_error_still</code></td>" in page and f"saw {SEEN} frames" in page


def test_films_hold_every_frame_and_what_was_seen_and_imagined(written):
    page, _, batch = written
    found = album(page)
    assert len(found["films"]) == 4 and {film["frames"] for film in found["films"]} == {LENGTH}
    imagined, tracked = found["films"][:2]
    real, model = imagined["panels"]
    assert (real["dream"], model["dream"]) == (None, SEEN) and len(model["boxes"]) == LENGTH
    assert len(tracked["panels"]) == 4 and tracked["panels"][0]["strip"] == real["strip"], "one image for both"
    strip = found["strips"][real["strip"]]
    data = strip["source"].removeprefix("data:image/webp;base64,")
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    frame, columns = 4, strip["columns"]
    y, x = frame // columns * 24, frame % columns * 24
    truth = (255 * batch.frames.foreground[frame, :, 0]).byte().numpy()
    shown = {int(s) for s in liveliest(batch, 2)}
    assert any((sheet[y : y + 24, x : x + 24, 0] == truth[s]).all() for s in shown)


def test_curves_are_drawn_of_what_was_recorded(written):
    outline = check(written[0])
    named = [said["aria-label"] for said in outline.of("svg") if "aria-label" in said]
    assert "loss a frame (nats), over iteration" in named and len(named) == 3 + 1


def test_what_is_painted_beyond_black_and_white_is_black_and_white():
    frames = Frame(torch.tensor([-0.5, 0.5, 1.5]).reshape(3, 1, 1, 1))
    assert real_frames(frames).flatten().tolist() == [0, 0, 0, 127, 127, 127, 255, 255, 255]
