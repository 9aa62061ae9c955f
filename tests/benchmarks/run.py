"""Measure vanish side by side with numpy, PyTorch, JAX and others, and write RESULTS.md.

python tests/benchmarks/run.py [--quick] [--only WORD]

Ends with the targets that are missed, and exit status 1 if there are any.
"""

from __future__ import annotations

import argparse
import compileall
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import peers_page
from jobs import GROUPS
from measure import measure
from peers_jobs import missing
from report import machine, misses, table

import vanish

if TYPE_CHECKING:
    from measure import Contender, Sample

RESULTS = Path(__file__).parent / "RESULTS.md"
ROUNDS = 13
QUICK_ROUNDS = 3

PREFACE = """\
# Speed

Written by `make bench`. All contenders of a table take turns in random order; a time is
the median over {rounds} rounds with its quartiles, a ratio that of two medians. Tables that
take long have fewer rounds, and say so. One call before the first round does not count: in
process it fills the caches. Memory is the largest resident set of a process.

The engine alone is `vanish.simulation.run.measure`; `vanish.simulate(…).layers` adds the record of
every layer: quantiles over the trials, and what theory expects.

PyTorch does what the dense engine does: it draws all weights, runs the chain forward and back
in float64, and takes the norm of every layer's gradient. The sampled engine draws as many
numbers as the normals alone (`draw_normals.py`), and never a weight.

Peers are what a user would pick instead. Each is asked in a process of its own (`ask.py`): from
its start to its end, or for the second of two calls, in which nothing is imported or compiled.

{machine}
"""


def main() -> None:
    """Parse the command line, measure and report."""
    parser = argparse.ArgumentParser(description="Measure vanish side by side with others.")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_ROUNDS} rounds; {RESULTS.name} and the manual stay as they are",
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
    report += "".join(f"\nLeft out: {reason}.\n" for reason in missing().values())
    missed: list[str] = []
    samples: dict[Contender, Sample] = {}
    for number, group in enumerate(groups, 1):
        sys.stderr.write(f"{number}/{len(groups)} {group.title}\n")
        taken = measure(group, min(rounds, group.rounds or rounds))
        samples |= taken
        missed += misses(group, taken)
        report += "\n" + "\n".join(table(group, taken, rounds)) + "\n"
    if not (arguments.quick or arguments.only):
        RESULTS.write_text(report, encoding="utf-8")
    sys.stdout.write(report)
    if not arguments.quick:
        peers_page.write(samples)
    if missed:
        sys.exit("\n".join(["missed targets:", *missed]))


if __name__ == "__main__":
    main()
