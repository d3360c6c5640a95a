import json

import pytest
from PIL import Image

from sqair_wm.reporting.curves import curves, main


def write(folder, seed, **figures):
    folder.mkdir(exist_ok=True)
    (folder / f"seed{seed}.json").write_text(json.dumps(figures))


def test_a_curve_goes_through_the_snapshots_to_the_end(tmp_path):
    after = {"counting_accuracy_after_10": 0.9, "counting_accuracy_after_5": 0.5, "counting_accuracy_once_after_5": 0.4}
    write(tmp_path / "ours", 0, counting_accuracy=0.99, computing_minutes=19.5, **after)
    write(tmp_path / "ours", 1, counting_accuracy=0.98, computing_minutes=20.0)
    write(tmp_path / "vrnn", 0, log_px=5000.0, computing_minutes=13.0)
    found = curves([tmp_path / "ours", tmp_path / "vrnn"])
    assert found == {"ours": [[(5, 0.5), (10, 0.9), (19.5, 0.99)], [(20, 0.98)]]}


def test_the_picture_is_written_also_of_perfect_counts(tmp_path, capsys):
    write(tmp_path / "ours", 0, counting_accuracy=1.0, computing_minutes=5.0, counting_accuracy_after_1=0.8)
    main([str(tmp_path / "ours"), "--out", str(tmp_path / "new" / "curves.png")])
    with Image.open(tmp_path / "new" / "curves.png") as picture:
        assert picture.width > 300
    assert "curves.png" in capsys.readouterr().out


def test_nothing_counted_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match="no results"):
        main([str(tmp_path)])
    write(tmp_path / "vrnn", 0, log_px=5000.0, computing_minutes=13.0)
    with pytest.raises(SystemExit, match="counting_accuracy"):
        main([str(tmp_path / "vrnn")])
