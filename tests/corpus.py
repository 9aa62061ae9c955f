"""Run some hundred command lines with two copies of vanish, and compare all that comes out.

    python tests/corpus.py BEFORE [AFTER]

BEFORE and AFTER are directories that hold a `vanish/`, such as a worktree of an older commit;
AFTER is this one if it is not given. Of each line the status, stdout, stderr and every file
that it wrote are compared, byte by byte. What differs only in numbers, by at most 1e-13 of
them, is counted apart: the order of a sum has changed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product, zip_longest
from pathlib import Path

from command import environment

# Relative; where a sum's order changed, its last digits may.
TOLERANCE = 1e-13

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")

ACTS = [
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "hard_swish",
    "identity",
]
FORMATS = ("tsv", "csv", "json", "jsonl", "markdown", "table")


def command_lines() -> list[str]:
    """Return the lines: all commands, formats, engines, losses and activations."""
    lines = [f"--act {act} --layers {n} -f tsv" for act, n in product(ACTS, (1, 2, 20, 60))]
    lines += [f"--act {act} --layers 20 -f {form}" for act, form in product(ACTS[:4], FORMATS)]
    lines += [
        f"--layers 12 --trials 9 --act {act} -f {form}"
        for act, form in (
            *product(("tanh", "relu"), FORMATS),
            *product(("sigmoid", "gelu"), ("tsv", "json")),
        )
    ]
    engines = ("dense", "sampled")
    inits = ("xavier_normal", "xavier_uniform", "he_normal", "he_uniform", "lecun_normal",
             "orthogonal", "lecun_uniform",)  # fmt: skip
    lines += [
        f"--engine {engine} --init {init} --act {act} --layers 15 --width 24 -f json"
        for engine, init, act in product(engines, inits, ("tanh", "relu"))
    ]
    losses = ("readout", "sum", "mse", "cross_entropy", "bce")
    lines += [
        f"--loss {loss} --act tanh --last-act identity --layers 8 --width 10"
        f" --batch {batch} --seed {seed} -f json"
        for loss, batch, seed in product(losses, (1, 3), (0, 7))
    ]
    lines += [
        f"--act {act} --weight-std {std} --bias-std {bias} --layers 30 -f table"
        for act, std, bias in product(("sigmoid", "tanh", "relu"), (0.5, 3), (0, 0.3))
    ]
    lines += [
        "--widths 8,6,4 --act tanh -f json",
        "--widths 64,32,16,8,4 --act relu -f table",
        "--layer-acts tanh,relu,sigmoid -f json",
        "--act relu --gain 1e-3 --layers 500 -f tsv",
        "--act identity --gain 1e9 --layers 800 -f tsv",
        "--layers 5000 --width 64 --engine sampled --act relu -f tsv",
        "--act tanh --layers 40 --norm-bound -f json",
        "--act tanh --layers 40 --no-norm-bound -f json",
        "--layers 6 --act tanh --save-weights x.npz -o x.json",
        "--layers 6 --act tanh,relu --plot x.svg -o x.csv",
        "--act relu --trials 40 --layers 30 --width 8 -f table",
        "--fail-on vanishing --layers 20 -q",
        *(f"--engine sampled --act {act} --layers 25 -f tsv" for act in ACTS),
    ]
    lines += [
        f"derive --layers {n} --format {form} {more}".rstrip()
        for n, form, more in product(
            (1, 2, 5), ("text", "latex", "markdown", "json"), ("", "--full", "--values --act tanh")
        )
    ]
    lines += [f"theory --act {act} -f {form}" for act, form in product(ACTS, ("json", "table"))]
    lines += [
        "theory --act tanh --weight-std 0.5:3:6 --bias-std 0:1:3 -f csv",
        "theory --act relu --layers 20 --width 64 --weight-std 1.4 -f json",
        *(f"acts -f {form}" for form in FORMATS),
        *(f"acts {act} -f json" for act in ACTS),
        *(f"collapse --act {act} --layers 20 -f tsv" for act in ACTS),
        *(f"collapse --act identity,tanh --layers 9 -f {form}" for form in FORMATS),
    ]
    lines += [
        f"sweep --act tanh,relu --layers 5,20 --seed 0:2:3 -f {form} {more}".rstrip()
        for form, more in product(("tsv", "csv", "jsonl", "table"), ("", "--per-layer", "-j 2"))
        if (form, more) != ("table", "--per-layer")
    ]
    lines += [
        f"train --act {act} --layers 1,3 --epochs 2 -f {form}"
        for act, form in product(("sigmoid", "relu"), ("tsv", "json", "table"))
    ]
    lines += [
        f"{name} --help".strip()
        for name in ["acts", "collapse", "derive", "sweep", "theory", "train"]
    ]
    lines += ["--help", "--version", "--act nonsense", "--layers 0", "--width x", "nonsense"]
    return list(dict.fromkeys(lines))


def outcome(tree: Path, line: str) -> dict[str, bytes]:
    """Return all that a command line comes to: its status, its streams and its files."""
    program = "import sys; from vanish.__main__ import main; sys.exit(main())"
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [sys.executable, "-c", program, *shlex.split(line)],
            cwd=directory,
            env=environment({"PYTHONPATH": os.fspath(tree)}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        files = {path.name: path.read_bytes() for path in Path(directory).iterdir()}
    return {
        "status": b"%d" % done.returncode, "stdout": done.stdout, "stderr": done.stderr, **files,
    }  # fmt: skip


def difference(before: bytes, after: bytes) -> str:
    """Return "" for the same bytes, "digits" for the same up to rounding, else "text"."""
    if before == after:
        return ""
    if _NUMBER.sub(b"#", before) != _NUMBER.sub(b"#", after):
        return "text"
    pairs = zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True)
    return "digits" if all(_agree(*pair) for pair in pairs) else "text"


def _agree(before: bytes, after: bytes) -> bool:
    if before == after:
        return True
    a, b = float(before), float(after)
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b))


def compare(before: Path, after: Path, line: str) -> tuple[int, str]:
    """Return a line's old status and how its outcomes differ, with the place; "" if nowhere."""
    old, new = outcome(before, line), outcome(after, line)
    status, worst = int(old["status"]), ""
    for name in sorted({*old, *new}):
        kind = difference(old.get(name, b""), new.get(name, b""))
        if kind == "text":
            lines = zip_longest(*(each.get(name, b"").splitlines() for each in (old, new)))
            pair = next((pair for pair in lines if pair[0] != pair[1]), None)
            return status, f"text: {name}: {pair!r:.300}"
        worst = worst or kind
    return status, worst


def main() -> int:
    """Compare two trees; return whether anything but last digits differs."""
    before = Path(sys.argv[1]).resolve()
    after = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent.parent).resolve()
    lines = command_lines()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(lines, pool.map(partial(compare, before, after), lines), strict=True))
    counts = Counter(kind.partition(":")[0] or "the same" for _, kind in found.values())
    statuses = Counter(status for status, _ in found.values())
    for line, (_, kind) in found.items():
        if kind:
            sys.stdout.write(f"{line}\n    {kind}\n")
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    ends = ", ".join(f"{count} of status {status}" for status, count in sorted(statuses.items()))
    sys.stdout.write(f"{len(lines)} command lines ({ends}): {told}\n")
    return "text" in counts


if __name__ == "__main__":
    sys.exit(main())
