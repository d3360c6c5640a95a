import json

import pytest

from sqair_wm.reporting.table import main


def test_every_game_and_seed_has_its_row(tmp_path, capsys):
    for game, seed, value in (("Pong", 0, 1.25), ("Pong", 1, 2.0), ("Freeway", 0, 0.125)):
        (tmp_path / game).mkdir(exist_ok=True)
        (tmp_path / game / f"seed{seed}.json").write_text(json.dumps({"position_error_5": value, "seed": seed}))
    main([str(tmp_path), "--columns", "position_error_5", "reward_f1"])
    assert capsys.readouterr().out.splitlines() == [
        "|  | seed | position_error_5 | reward_f1 |",
        "| --- | --- | --- | --- |",
        "| Freeway | 0 | 0.125 |  |",
        "| Pong | 0 | 1.25 |  |",
        "| Pong | 1 | 2 |  |",
    ]


def test_columns_follow_the_folders_name(tmp_path, capsys):
    (tmp_path / "atari" / "Pong").mkdir(parents=True)
    figures = {"f_moving": 0.5, "components_f_moving": 0.25, "position_error_5": 3.0}
    (tmp_path / "atari" / "Pong" / "seed0.json").write_text(json.dumps(figures))
    main([str(tmp_path / "atari")])
    title, _, row = capsys.readouterr().out.splitlines()
    assert title.startswith("|  | seed | F moving | components |") and row.startswith("| Pong | 0 | 0.5 | 0.25 |")
    (tmp_path / "atari").rename(tmp_path / "other")
    main([str(tmp_path / "other")])
    assert "| 3 |" in capsys.readouterr().out


def test_a_folder_without_results_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match="holds no results"):
        main([str(tmp_path)])


def test_seeds_without_a_folder_of_their_own_and_shares_near_one(tmp_path, capsys):
    (tmp_path / "pedestrians").mkdir()
    (tmp_path / "pedestrians" / "seed3.json").write_text(json.dumps({"counting_accuracy": 0.99713, "mota": 0.51234}))
    main([str(tmp_path / "pedestrians"), "--columns", "counting_accuracy", "mota"])
    assert capsys.readouterr().out.splitlines()[2] == "| pedestrians | 3 | 0.9971 | 0.512 |"
