"""The figures of the rounds of an agent's run, also where a run was killed or a line is damaged."""

import json

from sqair_wm.agents.evaluate import _learned_from
from sqair_wm.agents.progress import PROGRESS, read_progress, write_progress


def record(number, **more):
    return {"round": number, "real_steps": 10 * number, "imagined_steps": 5, "minutes": 1.0} | more


def test_records_are_read_as_they_were_written(tmp_path):
    assert read_progress(tmp_path) == []
    write_progress(tmp_path, [record(1), record(2)])
    assert read_progress(tmp_path) == [record(1), record(2)] and _learned_from(tmp_path) == 20


def test_damaged_lines_are_left_out_and_of_a_repeated_round_the_last_is_taken(tmp_path):
    lines = ['{"round": 1, "real_st', "[]", "3", json.dumps({"round": 1}), json.dumps(record(2)), "\xff"]
    lines += [json.dumps(record(1)), json.dumps(record(2, reward=3.0))]
    (tmp_path / PROGRESS).write_bytes("\n".join(lines).encode("latin-1"))
    assert read_progress(tmp_path) == [record(1), record(2, reward=3.0)]
