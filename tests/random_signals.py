"""Send signals at random moments to all commands, and look at what they leave behind.

    python tests/random_signals.py [COUNT [SEED]]

Each command runs in a directory of its own, half of the time over old files. SIGINT, SIGTERM
or SIGHUP is sent to it or to its whole group, at any moment of its life, sometimes two of
them. Then every file must be the old one or the whole new one, several outputs of a command
all old or all new; a journal must end in the same bytes; no other file and no process may be
left; the status must be the work's own or 128 + n; and no traceback may have been printed.

What Python does before it runs the first line of vanish is not ours: it ends by the signal
or prints a traceback without a line of vanish. These are counted, and must leave nothing.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from command import environment
from processes import PATIENCE, end_group, members, wait_for_nobody

COMMANDS = (
    "--layers 60 -o x.csv",
    "--layers 60 --format json",
    "--layers 60 -o x.md --plot x.svg",
    "--act relu --layers 60 --width 128 -o x.json --save-weights x.npz --plot x.png",
    "--act relu --layers 60 --width 256 --save-weights x.npz",
    "--layers 200 --trials 200 --width 32 -o x.tsv",
    "--help",
    "derive --layers 300 --full -o x.txt",
    "derive --layers 300 --full",
    "derive --layers 8 --values --act tanh --format latex -o x.tex",
    "theory --act tanh --weight-std 0.5:3:8 --bias-std 0:1:4 -o x.csv --plot x.pdf",
    "acts -o x.md --plot x.png",
    "acts relu",
    "collapse --act identity,tanh --layers 60 -o x.csv",
    "train --epochs 2 --layers 1,2 -o x.csv --plot x.png",
    "train --epochs 3 --layers 1,2 --per-layer -o x.jsonl",
    "sweep --layers 50 --seed 1:40:40 --jobs 1 -o x.csv",
    "sweep --layers 50 --seed 1:40:40 --jobs 2 -o x.csv",
    "sweep --layers 50 --seed 1:40:40 --jobs 3 --per-layer -o x.jsonl",
    "sweep --layers 50 --seed 1:40:40 --jobs 2 --format csv",
    "sweep --act tanh --layers 20,40 --weight-std 1:2:9 --jobs 2 -o x.csv --plot x.png",
    "sweep --act tanh --layers 20,40 --weight-std 1:2:9 --jobs 2 --force -o x.csv --plot x.png",
)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OLD = b"old\n"

# Whoever runs this may have switched some of them off.
SWITCHED_ON = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "signal.signal(signal.SIGTERM, signal.SIG_DFL); signal.signal(signal.SIGHUP, signal.SIG_DFL);"
    "import os; os.execv(sys.executable, [sys.executable, '-m', 'vanish', *sys.argv[1:]])"
)


class Undisturbed(NamedTuple):
    """What a command comes to by itself: its files, and its seconds."""

    files: dict[str, bytes]
    seconds: float


class Case(NamedTuple):
    """A command, and what is sent to it: pairs of a moment and a signal."""

    line: str
    over_old: bool
    to_group: bool
    sent: tuple[tuple[float, signal.Signals], ...]


class FoundError(Exception):
    """Something that must not be."""


def start(line: str, directory: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SWITCHED_ON, *shlex.split(line)],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def contents(directory: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def run_undisturbed(line: str, directory: str) -> Undisturbed:
    begun = time.monotonic()
    with start(line, directory) as process:
        _, stderr = process.communicate()
    if process.returncode or b"Traceback" in stderr:
        raise FoundError(f"{line}: {stderr.decode()}")
    return Undisturbed(contents(directory), time.monotonic() - begun)


def _signal(chance: np.random.Generator) -> signal.Signals:
    return SIGNALS[chance.integers(len(SIGNALS))]


def choose(chance: np.random.Generator, line: str, seconds: float) -> Case:
    first = chance.uniform(0.0, 1.1 * seconds)
    sent = [(first, _signal(chance))]
    if chance.random() < 0.25:
        sent.append((first + chance.uniform(0.0, 0.05), _signal(chance)))
    # A sweep does not write over what it does not know.
    may_be_over = "sweep" not in line or "--force" in line
    return Case(line, may_be_over and chance.random() < 0.5, chance.random() < 0.5, (*sent,))


def run(case: Case, expected: Undisturbed, directory: str) -> tuple[str, float]:
    """Run a case; return how it ended, and how long after the last signal."""
    if case.over_old:
        for name in expected.files:
            Path(directory, name).write_bytes(OLD)
    before = contents(directory)
    begun = last = time.monotonic()
    with start(case.line, directory) as process:
        try:
            for moment, number in case.sent:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, begun + moment - time.monotonic()))
                last = time.monotonic()
                with contextlib.suppress(ProcessLookupError):
                    (os.killpg if case.to_group else os.kill)(process.pid, number)
            _, stderr = process.communicate(timeout=PATIENCE)
            took = time.monotonic() - last
            wait_for_nobody(process.pid)
        except AssertionError:
            raise FoundError(f"processes are left: {members(process.pid)}") from None
        finally:
            end_group(process.pid)
    outcome = judge_end(case, process.returncode, stderr.decode())
    judge_files(case, expected, outcome, before, directory)
    return outcome, took


def judge_end(case: Case, status: int, stderr: str) -> str:
    numbers = [number for _, number in case.sent]
    is_pythons = status < 0 or (
        "KeyboardInterrupt" in stderr and "/vanish/" not in stderr and "Exception ign" not in stderr
    )
    if is_pythons and (status in (1, -signal.SIGINT) or -status in numbers):
        return "ended by Python, before vanish"
    if "Traceback" in stderr or "Exception ignored" in stderr or "Error" in stderr:
        raise FoundError(f"status {status}, on stderr:\n{stderr}")
    if status == 0:
        return "0, done"
    if status not in [128 + number for number in numbers]:
        raise FoundError(f"status {status}")
    return str(status)


def judge_files(
    case: Case, expected: Undisturbed, outcome: str, before: dict[str, bytes], directory: str
) -> None:
    after = contents(directory)
    journal = after.pop("x.csv.part", after.pop("x.jsonl.part", None))
    if after not in (before, expected.files):
        raise FoundError(f"files: { ({name: len(data) for name, data in after.items()}) }")
    if outcome.endswith("done") and after != expected.files:
        raise FoundError("done, and not written")
    if outcome.endswith("before vanish") and (after != before or journal is not None):
        raise FoundError("something was written before vanish began")
    if journal is None:
        return
    with start(f"{case.line} --resume --quiet", directory) as process:
        _, stderr = process.communicate()
    if process.returncode or stderr or contents(directory) != expected.files:
        raise FoundError(f"--resume: status {process.returncode}: {stderr.decode()}")


def main(count: int, seed: int) -> int:
    """Try so many; return how many went wrong."""
    chance = np.random.default_rng(seed)
    known: dict[str, Undisturbed] = {}
    ends: Counter[str] = Counter()
    slowest = 0.0
    wrong = 0
    for number in range(count):
        line = COMMANDS[number % len(COMMANDS)]
        if line not in known:
            with tempfile.TemporaryDirectory() as directory:
                known[line] = run_undisturbed(line, directory)
        case = choose(chance, line, known[line].seconds)
        with tempfile.TemporaryDirectory() as directory:
            try:
                end, took = run(case, known[line], directory)
            except (FoundError, subprocess.TimeoutExpired) as error:
                wrong += 1
                end, took = "WRONG", 0.0
                sys.stdout.write(f"{case}: {error}\n")
        ends[end] += 1
        slowest = max(slowest, took)
    for end, times in sorted(ends.items()):
        sys.stdout.write(f"{times:5}  {end}\n")
    sys.stdout.write(f"slowest end: {slowest:.2f} s after the last signal\n")
    return wrong


if __name__ == "__main__":
    arguments = [*map(int, sys.argv[1:])]
    sys.exit(min(main(*(arguments + [200, 0][len(arguments) :])), 100))
