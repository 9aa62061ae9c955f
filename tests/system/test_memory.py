"""What a process may take: control groups, limits, and runs that would take more."""

from __future__ import annotations

import csv
import io
import resource
from typing import TYPE_CHECKING

import pytest
from command import run_in_process
from limits import MB, check_refused, limited

from vanish.errors import MemoryLimitError
from vanish.system import limits, memory

if TYPE_CHECKING:
    from pathlib import Path

# Control groups: a system in a directory, as the kernel writes it.


class System:
    """The files under /proc and /sys/fs/cgroup of a machine with 8 GB free."""

    def __init__(self, root: Path) -> None:
        self.root, self.proc = root, root / "proc"
        (self.proc / "self").mkdir(parents=True)
        self.write("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n")

    def write(self, path: str, content: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    def is_in(self, line: str, root: str, mounted: str, kind: str) -> None:
        """Say which group this process is in, and where what part of the groups is mounted."""
        self.write("proc/self/cgroup", f"3:cpuset:/other\n{line}\n")
        place = str(self.root / mounted).replace(" ", "\\040")
        self.write(
            "proc/self/mountinfo",
            f"22 1 0:21 / /proc rw,nosuid - proc proc rw\n"
            f"30 22 0:26 {root} {place} rw,relatime shared:4 - {kind}\n",
        )


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    made = System(tmp_path / "a machine")
    monkeypatch.setattr(limits, "PROC", made.proc)
    return made


def test_without_groups_and_limits_it_is_what_is_free(system: System) -> None:
    assert memory.available() == 8_000_000 * 1024
    assert limits.allowed() is None
    assert system.proc.exists()


V2, V1 = "cgroup2 cgroup rw", "cgroup cgroup rw,memory"


def test_a_group_of_version_2_leaves_its_limit_less_what_it_takes(system: System) -> None:
    system.is_in("0::/app/run", "/", "sys/fs/cgroup", V2)
    system.write("sys/fs/cgroup/app/run/memory.max", "600000000\n")
    system.write("sys/fs/cgroup/app/run/memory.current", "150000000\n")
    assert memory.available() == 450 * MB
    # Pages of files are given back when they are needed.
    stat = "anon 100000000\nfile 50000000\ninactive_file 20000000\nactive_file 30000000\n"
    system.write("sys/fs/cgroup/app/run/memory.stat", stat)
    assert memory.available() == 500 * MB
    system.write("sys/fs/cgroup/app/run/memory.high", "300000000\n")
    assert memory.available() == 200 * MB
    system.write("sys/fs/cgroup/app/run/memory.high", "max\n")
    system.write("sys/fs/cgroup/app/run/memory.max", "max\n")
    assert limits.allowed() is None


def test_every_group_above_counts(system: System) -> None:
    system.is_in("0::/app/run", "/", "sys/fs/cgroup", V2)
    for group, limit, taken in (("app/run", 900, 100), ("app", 700, 300), (".", 5000, 1000)):
        system.write(f"sys/fs/cgroup/{group}/memory.max", f"{limit * MB}\n")
        system.write(f"sys/fs/cgroup/{group}/memory.current", f"{taken * MB}\n")
    assert memory.available() == 400 * MB
    # What lies above the mount is no group.
    system.write("sys/fs/memory.max", "1\n")
    system.write("sys/fs/memory.current", "1\n")
    assert memory.available() == 400 * MB


@pytest.mark.parametrize(
    ("line", "root", "group"),
    [
        ("4:memory:/docker/1f", "/", "docker/1f"),
        ("4:cpu,memory:/docker/1f", "/docker/1f", "."),
        ("4:memory:/docker/1f/inner", "/docker/1f", "inner"),
        ("4:memory:/elsewhere", "/docker/1f", "."),
    ],
)
def test_a_group_of_version_1_may_be_all_that_a_container_sees(
    system: System, line: str, root: str, group: str
) -> None:
    system.is_in(line, root, "sys/fs/cgroup/memory", V1)
    base = f"sys/fs/cgroup/memory/{group}"
    system.write(f"{base}/memory.limit_in_bytes", "9223372036854771712\n")
    system.write(f"{base}/memory.usage_in_bytes", "200000000\n")
    assert memory.available() == limits.free()
    system.write(f"{base}/memory.limit_in_bytes", "600000000\n")
    assert memory.available() == 400 * MB


@pytest.mark.parametrize("name", ["cgroup", "mountinfo", "statm"])
def test_what_the_system_writes_otherwise_is_no_limit(system: System, name: str) -> None:
    system.is_in("0::/app", "/", "sys/fs/cgroup", V2)
    system.write(f"proc/self/{name}", "\n:\n::\nnonsense - \n - cgroup2\n")
    assert memory.available() == limits.free()


def test_a_container_of_600_mb_refuses_a_dense_chain_of_width_4096(system: System) -> None:
    system.is_in("0::/", "/..", "sys/fs/cgroup", V2)
    system.write("sys/fs/cgroup/memory.max", "600000000\n")
    system.write("sys/fs/cgroup/memory.current", "30000000\n")
    result = run_in_process("--width", "4096", "--engine", "dense")
    assert (result.status, result.stdout) == (2, b"")
    (line,) = result.stderr.decode().splitlines()
    assert "this process may take 570.0 MB: give fewer --layers" in line
    # Of sampled chains less is kept at a time.
    assert run_in_process("--width", "4096", "--engine", "sampled", "--quiet").status == 0


def test_the_least_counts_and_is_named(system: System) -> None:
    system.is_in("0::/", "/", "sys/fs/cgroup", V2)
    system.write("sys/fs/cgroup/memory.max", "20000000000\n")
    system.write("sys/fs/cgroup/memory.current", "0\n")
    with pytest.raises(MemoryLimitError, match=r"this machine has 8\.1 GB free"):
        memory.require(10**11, "it", "give less")
    system.write("sys/fs/cgroup/memory.max", "100000000\n")
    with pytest.raises(MemoryLimitError, match=r"this process may take 100\.0 MB"):
        memory.require(10**11, "it", "give less")


@pytest.mark.parametrize(("name", "pages"), [("RLIMIT_AS", 5000), ("RLIMIT_DATA", 1000)])
def test_a_limit_leaves_what_is_not_taken_of_the_same(
    system: System, monkeypatch: pytest.MonkeyPatch, name: str, pages: int
) -> None:
    system.write("proc/self/statm", "5000 2000 300 20 0 1000 0\n")
    number, limit = getattr(resource, name), 10**9

    def getrlimit(which: int) -> tuple[int, int]:
        return (limit if which == number else resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    assert limits.allowed() == limit - pages * resource.getpagesize()


def test_a_small_run_is_not_refused_where_nothing_is_free(system: System) -> None:
    system.write("proc/meminfo", "MemAvailable:          0 kB\n")
    system.is_in("0::/", "/", "sys/fs/cgroup", V2)
    system.write("sys/fs/cgroup/memory.max", "100\n")
    system.write("sys/fs/cgroup/memory.current", "200\n")
    assert memory.available() == 0
    assert run_in_process("--quiet").status == 0
    assert run_in_process("--input", "-", "--quiet", stdin=b"1 2 3").status == 0
    assert run_in_process("--layers", "100000").status == 2


# Limits of the process, for real.


@pytest.mark.slow
def test_ulimit_counts_beside_what_is_free() -> None:
    result = limited("exec $VANISH --width 4096 --engine dense", "-v 1000000")
    check_refused(result, "a chain of 20 layers of width 4,096 needs", "this process may take")


def test_a_limit_on_data_counts_too() -> None:
    result = limited("exec $VANISH --width 4096 --engine dense", "-d 600000")
    check_refused(result, "this process may take")


def test_a_file_of_six_bytes_is_read_whatever_is_free(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"1 2 3\n")
    result = limited("exec $VANISH --input x.txt --quiet", "-v 600000", tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "--trials 2000 --engine sampled -j 2",
            "can be started, the limits of this system forbid it",
        ),
        ("sweep --layers 2,3 -j 2 -f csv", "2 processes cannot be started: "),
    ],
)
def test_where_no_thread_can_be_started_that_is_one_line(line: str, says: str) -> None:
    # The system asks for a stack of 4 GB for each, which the other limit forbids.
    result = limited(f"exec $VANISH {line}", "-s 4000000,-v 2000000")
    check_refused(result, says)


@pytest.mark.slow
def test_where_no_thread_can_be_started_weights_are_drawn_by_one() -> None:
    line = "exec $VANISH --layers 4 --width 600 --engine dense --format tsv --quiet"
    alone, helped = limited(line, "-s 4000000,-v 2000000"), limited(line, "-v 2000000")
    assert (alone.returncode, alone.stderr) == (0, b"")
    assert alone.stdout == helped.stdout


# Whatever is as long as a number that was given.


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "--layers 3000000000",
        "--layers 3000000000 --engine sampled --last-act relu",
        "theory --layers 500000000 --width 5",
        "theory --act tanh --layers 100000000 --width 5",
        "derive --layers 1000000000",
        "collapse --layers 1000000000",
        "train --layers 1000000000",
        "train --epochs 1000000000000 --per-layer",
    ],
)
def test_what_is_too_long_is_refused_before_it_is_made(line: str) -> None:
    check_refused(limited(f"exec $VANISH {line}", "-v 1500000"), " of memory, ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    ["-j 2", "--last-act identity --per-layer", "--engine sampled --trials 9 --input x"],
)
def test_a_point_of_a_sweep_that_is_too_long_is_one_row(tmp_path: Path, options: str) -> None:
    (tmp_path / "x").write_text("1 2 3\n")
    line = f"exec $VANISH sweep --layers 2,3000000000 -f csv --quiet {options}"
    result = limited(line, "-v 1500000", tmp_path)
    assert (result.returncode, result.stderr) == (1, b"")
    rows = [*csv.DictReader(io.StringIO(result.stdout.decode()))]
    assert not any(row["error"] for row in rows[:-1])
    failed = rows[-1]
    assert failed.get("layers", "3000000000") == "3000000000"
    assert "3,000,000,000 layers" in failed["error"]
    assert failed["act"] == ("mixed" if "last-act" in options else "sigmoid")
    assert result.peak < 400 * MB


def test_an_estimate_of_a_sweep_makes_no_such_list_either() -> None:
    result = limited("exec $VANISH sweep --layers 2,3000000000 --dry-run", "-v 1500000")
    assert result.returncode == 0
    assert b"memory  about 3,6" in result.stdout
    assert result.peak < 400 * MB
