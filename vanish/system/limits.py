"""What sets bounds to the memory of this process.

Three things do: what the machine has free, the memory controllers of its control groups (a
container's limit is one), and the limits that the process was started with (``ulimit -v``). The
least counts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where Linux tells about this process and about the machine.
PROC = Path("/proc")


def free() -> int | None:
    """Return how many bytes the machine has left, or None where it does not tell.

    On Linux that is what it can free without swapping; elsewhere all that is installed.
    """
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _read(PROC / "meminfo"), re.MULTILINE)
    if found:
        return int(found[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def allowed() -> int | None:
    """Return how many more bytes this process may take; None where nothing limits it.

    It is at least 0, also where a limit was lowered below what is taken.
    """
    left = [*_left_by_groups(), *_left_by_limits()]
    return max(0, min(left)) if left else None


def _left_by_limits() -> Iterator[int]:
    """Yield what RLIMIT_AS and RLIMIT_DATA leave of addresses and of data, in bytes."""
    try:
        import resource  # noqa: PLC0415 - start-up; and not every system has it
    except ImportError:
        return
    # In pages: addresses, resident, shared, code, libraries, data and stack, dirty; see proc(5).
    pages = [int(each) for each in re.findall(r"\d+", _read(PROC / "self/statm"))]
    size = resource.getpagesize()
    for name, field in (("RLIMIT_AS", 0), ("RLIMIT_DATA", 5)):
        limit = resource.getrlimit(getattr(resource, name))[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - size * (pages[field] if field < len(pages) else 0)


# Control groups, see cgroups(7) and the kernel's admin-guide/cgroup-v2, cgroup-v1/memory.


class _Controller(Record):
    """What the files of a memory controller are called.

    Attributes
    ----------
    limits
        What a group and all below it may take; ``memory.high`` slows a process down until it
        is as good as stopped.
    taken
        What they take.
    droppable
        The lines of ``memory.stat`` about files' pages, which are taken, but given back as soon
        as they are needed.
    """

    limits: tuple[str, ...]
    taken: str
    droppable: tuple[str, ...]


_V2 = _Controller(("memory.max", "memory.high"), "memory.current", ("inactive_file", "active_file"))
_V1 = _Controller(
    ("memory.limit_in_bytes",),
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)


def _left_by_groups() -> Iterator[int]:
    """Yield what each control group that this process is in has left, in bytes."""
    # A line is NUMBER:CONTROLLERS:PATH; version 2 has the number 0 and names no controllers.
    lines = (line.split(":", 2) for line in _read(PROC / "self/cgroup").splitlines())
    paths = {
        _V2 if parts[1] == "" else _V1: parts[2]
        for parts in lines
        if len(parts) == 3 and (parts[1] == "" or "memory" in parts[1].split(","))
    }
    if not paths:
        return
    for controller, root, mounted in _mounts():
        if controller not in paths:
            continue
        # A container may be shown its own part alone, under the path that it has outside.
        inside = Path("/", paths[controller])
        below = inside.relative_to(root) if inside.is_relative_to(root) else Path()
        group = mounted / below
        # Every group above has a limit for all below it.
        for each in (group, *(up for up in group.parents if up.is_relative_to(mounted))):
            left = _left_by(each, controller)
            if left is not None:
                yield left


def _mounts() -> Iterator[tuple[_Controller, Path, Path]]:
    """Yield where memory controllers are mounted: which part of their tree, and where."""
    for line in _read(PROC / "self/mountinfo").splitlines():
        mount, _, system = line.partition(" - ")
        places, kind = mount.split(" "), system.split(" ")
        if len(places) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            controller = _V2
        elif kind[0] == "cgroup" and "memory" in kind[2].split(","):
            controller = _V1
        else:
            continue
        root, mounted = (re.sub(r"\\([0-7]{3})", _character, each) for each in places[3:5])
        yield controller, Path(root), Path(mounted)


def _character(octal: re.Match[str]) -> str:
    return chr(int(octal[1], 8))


def _left_by(group: Path, controller: _Controller) -> int | None:
    """Return what the limits of one group leave, in bytes; None where it has none."""
    limits = [_read(group / name).strip() for name in controller.limits]
    numbers = [int(limit) for limit in limits if limit.isdecimal()]
    taken = _read(group / controller.taken).strip()
    if not numbers or not taken.isdecimal():
        return None
    counts = re.findall(r"^(\w+) (\d+)$", _read(group / "memory.stat"), re.MULTILINE)
    droppable = sum(int(count) for name, count in counts if name in controller.droppable)
    return min(numbers) - max(0, int(taken) - droppable)


def _read(path: Path) -> str:
    """Return a file of the system, empty if there is none."""
    try:
        return path.read_text("utf-8", errors="replace")
    except (OSError, ValueError):
        return ""
