"""Measure vanish side by side with numpy and PyTorch, and write RESULTS.md.

python tests/benchmarks/run.py [--quick]
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jobs import GROUPS
from measure import measure

import vanish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Group, Timing

RESULTS = Path(__file__).parent / "RESULTS.md"
ROUNDS = 13
QUICK_ROUNDS = 3

PREFACE = """\
# Speed

Written by `make bench`. All contenders of a table take turns in random order; a time is
the median over {rounds} rounds with its quartiles, a ratio that of two medians.

{machine}
"""


def main() -> None:
    """Parse the command line, measure and report."""
    parser = argparse.ArgumentParser(description="Measure vanish side by side with others.")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds; {RESULTS.name} stays as it is"
    )
    quick = parser.parse_args().quick
    rounds = QUICK_ROUNDS if quick else ROUNDS
    # As an installed package is: an editable one would be compiled at every start where
    # Python may not write bytecode.
    compileall.compile_dir(Path(vanish.__file__).parent, quiet=1)
    report = PREFACE.format(rounds=rounds, machine=machine())
    for number, group in enumerate(GROUPS, 1):
        sys.stderr.write(f"{number}/{len(GROUPS)} {group.title}\n")
        report += "\n" + "\n".join(table(group, rounds)) + "\n"
    if not quick:
        RESULTS.write_text(report, encoding="utf-8")
    sys.stdout.write(report)


def table(group: Group, rounds: int) -> Iterator[str]:
    """Measure a group and yield the lines of its Markdown table."""
    timings = measure(group, rounds)
    yield f"## {group.title}"
    yield ""
    yield "| | time | against | time | ratio | target | |"
    yield "|:--|--:|:--|--:|--:|--:|:--|"
    for subject, reference, target in group.jobs:
        ratio = timings[subject].median / timings[reference].median
        cells = [subject.name, shown(timings[subject]), reference.name, shown(timings[reference])]
        cells += [f"{ratio:.2f}"]
        cells += ["", ""] if target is None else [f"≤ {target:.2f}", verdict(ratio, target)]
        yield f"| {' | '.join(cells)} |"


def verdict(ratio: float, target: float) -> str:
    """Return whether a ratio keeps what was promised."""
    return "met" if ratio <= target else "**missed**"


def shown(timing: Timing) -> str:
    """Return a median and its quartiles, in milliseconds."""
    low, high = timing.quartiles
    return f"{1e3 * timing.median:.0f} ms ({1e3 * low:.0f} to {1e3 * high:.0f})"


def machine() -> str:
    """Describe what the times depend on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return (
        f"{processor()}, {os.cpu_count()} logical processors, {memory:.0f} GB,"
        f" {platform.system()} {platform.machine()};"
        f" Python {platform.python_version()}, vanish {vanish.__version__},"
        f" numpy {np.__version__} with {blas['name']} {blas['version']},"
        f" PyTorch {torch.__version__} on {torch.get_num_threads()} threads; load average"
        f" {os.getloadavg()[0]:.1f} at the start, which is 0 on a machine at rest."
    )


def processor() -> str:
    """Return the processor's name, as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


if __name__ == "__main__":
    main()
