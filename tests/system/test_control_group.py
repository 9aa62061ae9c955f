"""Runs in a real control group that limits memory; trees like one are in test_memory.py."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import VANISH, environment
from limits import MB

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


class Group:
    """A group of version 1 inside this process's own, for what it starts."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()

    def run(self, line: str, limit: int) -> subprocess.CompletedProcess[str]:
        (self.place / "memory.limit_in_bytes").write_text(str(limit))
        # A shell goes into the group, and becomes the command.
        enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"'
        command = ["sh", "-c", enter, str(self.place), *VANISH, *line.split()]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment(), check=False, timeout=120
        )

    @property
    def times_full(self) -> int:
        return int((self.place / "memory.failcnt").read_text())


@pytest.fixture
def group() -> Iterator[Group]:
    own = re.search(
        r"^\d+:memory:(.+)$", Path("/proc/self/cgroup").read_text("utf-8"), re.MULTILINE
    )
    if own is None:
        pytest.skip("no group of version 1 limits memory here")
    place = Path(f"/sys/fs/cgroup/memory{own[1]}", f"vanish-test-{os.getpid()}")
    try:
        made = Group(place)
    except OSError as error:
        pytest.skip(f"a process may make no group here: {error}")
    try:
        yield made
    finally:
        with suppress(OSError):
            place.rmdir()


CHAIN = "--layers 60 --width 768 --engine dense --format tsv --quiet"  # 283 MB of weights


@pytest.mark.parametrize("line", [CHAIN, f"fix --act sigmoid {CHAIN}", "train --width 3000"])
def test_what_does_not_fit_is_refused_in_one_line(line: str, group: Group) -> None:
    done = group.run(line, 200 * MB)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"Error: .* needs [\d.]+ [MG]B of memory, this process may .*\n", done.stderr
    )
    assert group.times_full == 0


@pytest.mark.parametrize(
    "line",
    [
        CHAIN,
        f"{CHAIN} --act tanh --trials 2",
        f"{CHAIN} --act tanh,relu --init uniform(-0.05,0.05) --trials 2",
        "--layers 100000 --width 64 --act tanh --engine sampled --format json --quiet",
    ],
)
def test_what_fits_runs_to_its_end(line: str, group: Group) -> None:
    done = group.run(line, 400 * MB)
    assert (done.returncode, done.stderr) == (0, "")
    assert group.times_full == 0
