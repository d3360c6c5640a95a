import numpy as np
import pytest
import torch
from scipy.io import savemat

from sqair_wm.data import foreground, video
from sqair_wm.data.footage import find_footage
from sqair_wm.data.people import check_fit, read_people
from sqair_wm.data.video import VideoSettings, open_video
from tests.data.films import FRAMES, place, walk, write_boxes, write_video

TWO = """<dataset>
<frame number="5"><objectlist>
  <object id="3"><box h="20" w="10" xc="15" yc="30"/></object><object id="4"><box h="8" w="4" xc="2" yc="4"/></object>
</objectlist></frame>
<frame number="6"><objectlist/></frame>
<frame number="7"><objectlist><object id="4"><box h="8" w="4" xc="50.5" yc="4"/></object></objectlist></frame>
</dataset>"""


def test_boxes_of_pets_are_read(tmp_path):
    (tmp_path / "two.xml").write_text(TWO)
    people = read_people(tmp_path / "two.xml", 5, 3, camera=0)
    assert people.identity.tolist() == [[3, 4], [-1, -1], [4, -1]]
    assert people.boxes[0].tolist() == [[20, 10, 20, 10], [0, 0, 8, 4]]
    assert people.boxes[2, 0].tolist() == [0, 48.5, 8, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "not a list of boxes"),
        ("<dataset/>", "annotates no frame"),
        ('<d><frame number="x"/></d>', "not a list of boxes"),
        ('<d><frame number="1"><object id="1"/></frame></d>', "not a list of boxes"),
        ('<d><frame number="1"><object id="1"><box h="1"/></object></frame></d>', "not a list of boxes"),
    ],
)
def test_broken_boxes_are_refused(tmp_path, text, message):
    (tmp_path / "x.xml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_people(tmp_path / "x.xml", 0, 1, camera=0)


def test_boxes_of_another_video_are_refused(tmp_path):
    with pytest.raises(ValueError, match="belong to another video"):
        read_people(write_boxes(tmp_path / "short.xml", range(20)), 0, FRAMES, camera=0, least=36)
    read_people(write_boxes(tmp_path / "late.xml", range(30, FRAMES)), 0, FRAMES, camera=0, least=36)
    people = read_people(write_boxes(tmp_path / "large.xml", grow=3), 0, FRAMES, camera=0)
    with pytest.raises(ValueError, match="outside the video"):
        check_fit(people, 96, 128, tmp_path / "large.xml")


@pytest.fixture
def duke(tmp_path):
    """A folder laid out as DukeMTMC was, with two cameras, the first with two files."""
    for camera, parts in ((1, [(0, 20), (20, FRAMES)]), (2, [(0, FRAMES)])):
        folder = tmp_path / "duke" / "videos" / f"camera{camera}"
        folder.mkdir(parents=True)
        for number, (first, behind) in enumerate(parts):
            write_video(folder / f"{number:05}.avi", walk()[first:behind])
    rows = [[c, 9 + c, t + 1, place(t)[1], place(t)[0], 12, 24] for c in (1, 2) for t in range(FRAMES)]
    (tmp_path / "duke" / "ground_truth").mkdir()
    savemat(tmp_path / "duke" / "ground_truth" / "trainval.mat", {"trainData": np.array(rows, float)})
    return tmp_path / "duke"


def test_a_folder_laid_out_as_duke_was_is_accepted(duke, tmp_path, monkeypatch):
    monkeypatch.setattr(video, "extract", foreground.subtract)
    chosen = VideoSettings(path=str(duke), width=64, size=32, length=3, every=1)
    _, test = open_video(chosen, tmp_path)
    assert [(c.frames, c.people is not None) for c in test.clips] == [(FRAMES, True), (FRAMES, True)]
    truth = test.first(20, 3, torch.device("cpu")).truth
    assert set(truth.identity[truth.presence].tolist()) == {10, 11}
    assert {int(c) for c, _ in test.starts(3)} == {0, 1}


def test_cameras_can_be_chosen(duke, tmp_path):
    assert [f.camera for f in find_footage(duke, (2,))] == [2]
    with pytest.raises(ValueError, match=r"has the cameras \[1, 2\]"):
        find_footage(duke, (5,))
    with pytest.raises(ValueError, match="holds neither images"):
        find_footage(tmp_path)
    with pytest.raises(ValueError, match="has no boxes of camera 3"):
        read_people(duke / "ground_truth" / "trainval.mat", 0, 5, camera=3)
    (tmp_path / "other.mat").write_bytes(b"hello")
    with pytest.raises(ValueError, match="not the ground truth of DukeMTMC"):
        read_people(tmp_path / "other.mat", 0, 5, camera=1)
