"""The page of a run's report."""

import pytest
import torch

from sqair_wm.reporting.report import write_report
from sqair_wm.world.world_model import WorldModel
from tests.conftest import MovingSquares, small

POSITIONS = {f"position_error{name}_{n}": 1.0 for name in ("", "_still", "_velocity") for n in (1, 2, 5, 10, 20)}
RECORDS = {"training": [(0, {"loss": 1.0, "objects": 1.0, "discovered": 0.0})]}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    torch.manual_seed(0)
    batch, folder = MovingSquares().first(4, 4, torch.device("cpu")), tmp_path_factory.mktemp("run") / "<b>&'run'"
    folder.mkdir()
    model = WorldModel(small()).eval().requires_grad_(False)
    metrics = {"mota": 0.123456, "unheard_of<i>": 2.0, **POSITIONS}
    page = write_report(folder, model, batch, metrics, RECORDS, "path: <script>alert(1)</script>", 2, scenes=2)
    return page.read_text(), metrics


def test_whatever_a_run_is_called_its_page_is_one(written):
    page, _ = written
    assert "<title>&lt;b&gt;&amp;&#39;run&#39;</title>" in page and "<script>" not in page and "<i>" not in page
    assert "<pre>path: &lt;script&gt;alert(1)&lt;/script&gt;</pre>" in page


def test_every_figure_stands_there_with_its_meaning(written):
    page, _ = written
    assert "<td><code>mota</code></td><td>0.1235</td><td>tracking accuracy" in page
    assert "<td><code>position_error_still</code></td>" in page and "after seeing 2 frames" in page


def test_all_pictures_are_in_the_page(written):
    page, _ = written
    assert page.count("data:image/gif;base64") == 4 and page.count("data:image/png;base64") == 2
    assert "src=" in page and page.count("src=") == page.count('src="data:image/')
