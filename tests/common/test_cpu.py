import ctypes
import resource
import sys

import pytest
import torch

from sqair_wm.common import cpu


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux")
def test_large_tensors_come_and_go_without_new_pages():
    threads = torch.get_num_threads()
    cpu.use_cpu(threads)
    assert torch.get_num_threads() == threads and cpu.keep_freed_memory()

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for size in (40, 60, 50, 70) * 5:
            torch.ones(size << 18)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults()
    assert faults() < 2000, "50 MiB are 12,800 pages"


def test_numbers_too_small_to_matter_are_zero_in_both_directions():
    cpu.use_cpu(torch.get_num_threads())
    try:
        tiny = torch.tensor([1e-30], requires_grad=True)
        (tiny * 1e-9).backward(torch.tensor([1e-30]))
        assert float((tiny * 1e-9).detach()) == 0 and tiny.grad is not None and float(tiny.grad) == 0
    finally:
        torch.set_flush_denormal(False)
    assert float(torch.tensor(1e-30) * 1e-9) > 0


@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_other_systems_are_left_alone(monkeypatch, error):
    def missing(name):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert not cpu.keep_freed_memory()
