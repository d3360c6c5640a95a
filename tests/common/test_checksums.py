"""A changed byte is noticed in every kind of file, and the error names the file."""

import numpy as np
import pytest
import torch

from sqair_wm.common.checksums import DamagedError, check_seal, file_sum
from sqair_wm.common.notes import check_listed, list_sums, read_array, read_note, write_note
from sqair_wm.common.tensor_files import read_tensors, read_weights, save_tensors, save_weights
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint
from tests.faults.damage import WAYS, flip

TENSORS = {"iteration": torch.zeros(()), "weights": torch.arange(300.0)}
KINDS = {
    "checkpoint.pt": (save_checkpoint, load_checkpoint),
    "pool.safetensors": (save_tensors, lambda path: read_tensors(path, "again")[0]),
    "note.json": (lambda path, x: write_note(path, {k: v.tolist() for k, v in x.items()}), lambda p: read_note(p, "")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", KINDS)
def test_no_damage_is_read(tmp_path, name, way):
    (save, read), path = KINDS[name], tmp_path / name
    save(path, TENSORS)
    whole, same = path.read_bytes(), torch.as_tensor(read(path)["weights"])
    for seed in range(12):
        path.write_bytes(WAYS[way](whole, seed))
        try:
            found = read(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:  # where it does not matter, as in the dates of an archive
            assert torch.equal(torch.as_tensor(found["weights"]), same)


def test_the_payload_of_a_sealed_file_is_known_to_the_bit(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, {"length": "3"})
    assert read_tensors(path, "")[1]["length"] == "3"
    whole = path.read_bytes()
    for bit in range(8 * (len(whole) - 1200), 8 * len(whole), 97):
        path.write_bytes(flip(whole, bit))
        with pytest.raises(DamagedError, match=r"x\.safetensors is damaged.*\(delete it\)"):
            read_tensors(path, "delete it")


def test_weights_come_back_and_those_of_older_versions_too(tmp_path):
    from safetensors.torch import save_model

    first, second = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    save_weights(tmp_path / "new", first)
    save_model(first, str(tmp_path / "old"))
    assert check_seal(tmp_path / "new", "") and not check_seal(tmp_path / "old", "")
    for name in ("new", "old"):
        read_weights(tmp_path / name, second, "")
        assert torch.equal(first.weight, second.weight)


def test_a_folder_knows_its_files(tmp_path):
    assert not check_listed(tmp_path, "")
    np.save(tmp_path / "a.npy", np.arange(5))
    list_sums(tmp_path)
    assert check_listed(tmp_path, "")
    np.save(tmp_path / "a.npy", np.arange(1, 6))
    with pytest.raises(DamagedError, match=r"a\.npy is damaged.*\(record again\)"):
        check_listed(tmp_path, "record again")
    (tmp_path / "a.npy").unlink()
    with pytest.raises(DamagedError, match=r"a\.npy is missing"):
        check_listed(tmp_path, "record again")


def test_the_size_of_an_array_is_looked_at_before_memory_is_taken(tmp_path):
    path = tmp_path / "a.npy"
    np.lib.format.write_array_header_1_0(path.open("wb"), {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)})
    with pytest.raises(DamagedError, match=r"a\.npy is damaged"):
        read_array(path, (-1,), np.uint8, "")
    np.save(path, np.zeros((3, 4), np.uint8))
    with pytest.raises(DamagedError, match=r"is \[3, 4\] uint8, it has to be \[3, 5\] uint8"):
        read_array(path, (3, 5), np.uint8, "")


def test_sums_are_those_of_everybody(tmp_path):
    (tmp_path / "x").write_bytes(b"123456789")
    assert file_sum(tmp_path / "x") == "crc32:cbf43926"
