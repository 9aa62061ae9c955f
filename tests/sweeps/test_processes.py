"""Processes that die in the midst of telling what they found."""

from __future__ import annotations

import os
import struct
import sys
from concurrent.futures import BrokenExecutor, wait
from typing import TYPE_CHECKING

import pytest

from vanish.sweeps.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Sequence


def told_in_part(_: Sequence[int]) -> None:
    """Send the beginning of a result, and die."""
    frame = sys._getframe()
    while frame.f_code.co_name != "_process_worker":
        assert frame.f_back
        frame = frame.f_back
    # How many bytes follow, and one of them.
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1000) + b"x")
    os._exit(1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the worker is forked with its work")
def test_a_process_that_dies_while_it_sends_a_result_is_noticed() -> None:
    with Processes(told_in_part, 2) as processes:
        future = processes.submit([0])
        # The other process holds the pipe open: by itself the pool waits for ever.
        assert not wait([future], timeout=1.0).done
        processes.look()
        assert isinstance(future.exception(timeout=20), BrokenExecutor)
