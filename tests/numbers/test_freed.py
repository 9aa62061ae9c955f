"""Memory of freed arrays: what the process keeps of it is given back when that is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command import environment

# Arrays with one that stays behind each, so that nothing can be cut off at the end of the heap.
SCRIPT = """
import re
import numpy as np
from vanish.numbers import freed

def taken():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024

freed.keep()
arrays = [(np.ones(2**17), np.ones(64)) for _ in range(100)]
before = taken()
stay = [each for _, each in arrays]
del arrays
kept = taken()
freed.give_back()
print(before - kept, kept - taken())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux' C library keeps it")
def test_what_is_kept_is_given_back() -> None:
    command = [sys.executable, "-c", SCRIPT]
    told = subprocess.run(command, capture_output=True, env=environment(), check=True).stdout
    gone, given = map(int, told.split())
    assert gone < 20
    assert given > 80
