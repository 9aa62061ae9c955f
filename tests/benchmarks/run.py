"""Measure vanish side by side with numpy, PyTorch and JAX, and write RESULTS.md.

python tests/benchmarks/run.py [--quick] [--only WORD]
"""

from __future__ import annotations

import argparse
import compileall
import gc
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jobs import GROUPS
from measure import Contender, measure

import vanish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Group, Sample

RESULTS = Path(__file__).parent / "RESULTS.md"
ROUNDS = 13
QUICK_ROUNDS = 3

PREFACE = """\
# Speed

Written by `make bench`. All contenders of a table take turns in random order; a time is
the median over {rounds} rounds with its quartiles, a ratio that of two medians. Tables that
take long have fewer rounds, and say so. One call before the first round does not count: in
process it fills the caches, and JAX compiles. Memory is the largest resident set of a process.

The engine alone is `vanish.simulation.run.measure`; `vanish.simulate(…).layers` adds the record of
every layer: quantiles over the trials, and what theory expects.

PyTorch and JAX do what the dense engine does: they draw all weights, run the chain forward
and back in float64, and take the norm of every layer's gradient. The sampled engine draws as
many numbers as the normals alone (`draw_normals.py`), and never a weight.

{machine}
"""


def main() -> None:
    """Parse the command line, measure and report."""
    parser = argparse.ArgumentParser(description="Measure vanish side by side with others.")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds; {RESULTS.name} stays as it is"
    )
    parser.add_argument(
        "--only",
        metavar="WORD",
        default="",
        help=f"the tables whose title contains it; {RESULTS.name} stays as it is",
    )
    arguments = parser.parse_args()
    rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    groups = [group for group in GROUPS if arguments.only.lower() in group.title.lower()]
    if not groups:
        titles = "\n".join(group.title for group in GROUPS)
        parser.error(f"--only {arguments.only}: no title contains it:\n{titles}")
    # As an installed package is: an editable one would be compiled at every start where
    # Python may not write bytecode.
    compileall.compile_dir(Path(vanish.__file__).parent, quiet=1)
    # PyTorch's and JAX's hundreds of thousands of objects would be searched for garbage in
    # the time of whoever makes new ones; who uses vanish alone does not have them.
    gc.collect()
    gc.freeze()
    report = PREFACE.format(rounds=rounds, machine=machine())
    for number, group in enumerate(groups, 1):
        sys.stderr.write(f"{number}/{len(groups)} {group.title}\n")
        report += "\n" + "\n".join(table(group, rounds)) + "\n"
    if not (arguments.quick or arguments.only):
        RESULTS.write_text(report, encoding="utf-8")
    sys.stdout.write(report)


def table(group: Group, most: int) -> Iterator[str]:
    """Measure a group in at most so many rounds and yield the lines of its Markdown table."""
    rounds = min(most, group.rounds or most)
    samples = measure(group, rounds)
    yield f"## {group.title}"
    yield ""
    if rounds < most:
        yield f"{rounds} round{'s' if rounds > 1 else ''}."
        yield ""
    yield f"| | {group.measured} | against | {group.measured} | ratio | target | |"
    yield "|:--|--:|:--|--:|--:|--:|:--|"
    for subject, reference, target in group.jobs:
        taken = samples[subject]
        cells = [subject.name, shown(taken, group), reference.name]
        if isinstance(reference, Contender):
            allowed = samples[reference].median
            cells += [shown(samples[reference], group)]
        else:
            allowed = reference.amount
            cells += [amount(allowed, group)]
        ratio = taken.median / allowed
        cells += [digits(ratio)]
        cells += ["", ""] if target is None else [f"≤ {digits(target)}", verdict(ratio, target)]
        yield f"| {' | '.join(cells)} |"


def verdict(ratio: float, target: float) -> str:
    """Return whether a ratio keeps what was promised."""
    return "met" if ratio <= target else "**missed**"


def shown(sample: Sample, group: Group) -> str:
    """Return a median and, where there are several rounds, its quartiles."""
    median = amount(sample.median, group)
    if len(sample.taken) == 1:
        return median
    low, high = (amount(quartile, group).split()[0] for quartile in sample.quartiles)
    return f"{median} ({low} to {high})"


def amount(taken: float, group: Group) -> str:
    """Return seconds in milliseconds, or bytes in megabytes."""
    if group.measured == "memory":
        return f"{digits(taken / 1e6)} MB"
    return f"{digits(1e3 * taken)} ms"


def digits(number: float) -> str:
    """Return three digits of a number, or all before the point."""
    decimals = next((d for d in (0, 1, 2, 3) if number * 10**d >= 99.95), 4)
    return f"{number:,.{decimals}f}"


def machine() -> str:
    """Describe what the times depend on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return (
        f"{processor()}, {os.cpu_count()} logical processors, {memory:.0f} GB,"
        f" {platform.system()} {platform.machine()};"
        f" Python {platform.python_version()}, vanish {vanish.__version__},"
        f" numpy {np.__version__} with {blas['name']} {blas['version']},"
        f" PyTorch {torch.__version__} on {torch.get_num_threads()} threads,"
        f" JAX {version('jax')} on the CPU; load average"
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
