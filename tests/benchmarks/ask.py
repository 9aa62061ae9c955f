"""Ask a peer in a process of its own: what it answers, or how long a second call takes.

Arguments: [--first|--second|--given FILE] PEER ARGUMENT…. A peer is a module beside this one
with a function `answer`, or `answer_for` a chain that `vanish --save-weights FILE.npz` wrote.
Prints a line for each layer, or point; or the seconds of the first or the second call.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

import numpy as np

_CALLS = {"--first": 1, "--second": 2}


def ask(peer: str, *arguments: str) -> list[tuple[Any, ...]]:
    """Return the answer of a peer; an argument that looks like a whole number is one."""
    answer = importlib.import_module(peer).answer
    rows: list[tuple[Any, ...]] = answer(*map(_number, arguments))
    return rows


def ask_for(file: str, peer: str, act: str, *arguments: str) -> list[tuple[Any, ...]]:
    """Return the answer of a peer for the chain in a file."""
    answer_for = importlib.import_module(peer).answer_for
    with np.load(file) as arrays:
        weights = [arrays[f"W{k}"] for k in range(1, 1 + sum(n[0] == "W" for n in arrays))]
        x, readout = arrays["x"].ravel(), arrays["r"].ravel()
    rows: list[tuple[Any, ...]] = answer_for(act, weights, x, readout, *map(_number, arguments))
    return rows


def _number(argument: str) -> int | str:
    return int(argument) if argument.isdigit() else argument


def seconds(calls: int, *question: str) -> float:
    """Return what the last of so many calls takes; importing does not count."""
    importlib.import_module(question[0])
    taken = 0.0
    for _ in range(calls):
        start = time.perf_counter()
        ask(*question)
        taken = time.perf_counter() - start
    return taken


def main(arguments: list[str]) -> None:
    """Print what is asked for."""
    calls = _CALLS.get(arguments[0])
    if calls is not None:
        sys.stdout.write(f"{seconds(calls, *arguments[1:])}\n")
        return
    given = arguments[0] == "--given"
    for row in ask_for(*arguments[1:]) if given else ask(*arguments):
        sys.stdout.write("\t".join(map(str, row)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
