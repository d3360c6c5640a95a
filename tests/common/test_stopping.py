"""Requests to stop work at any moment, even where Python drops an exception."""

import os
import signal

import pytest

from sqair_wm.common.command import in_one_line
from sqair_wm.common.stopping import Interruptible, StopRequests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_says_so(number):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit, match="the same command goes on"), in_one_line("the same command goes on"):
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_request_in_a_finaliser_is_not_lost():
    class Deaf:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):
                pass

    with Interruptible():
        Deaf()
        with StopRequests() as requests:
            assert requests.asked
    assert not Interruptible.asked and not StopRequests().asked


def test_mistakes_end_in_their_message():
    with pytest.raises(SystemExit, match="error: no such thing"), in_one_line(""):
        raise ValueError("no such thing")
