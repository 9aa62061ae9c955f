"""Command lines and files of every kind, for as long as asked: an answer or one line each.

`python tests/fuzz.py --lines 20000 --files 10000` runs so many, of another seed with `--seed`;
`make fuzz` does. Options are taken from the commands themselves, so that none is forgotten.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer
from arrayfile import npy, npz
from checkpoints import safetensors, transformer
from command import Result, run_in_process

from vanish.cli.commands import build, every
from vanish.errors import VanishError
from vanish.files.networks import read_network
from vanish.files.rows import read_rows
from vanish.files.survey import survey
from vanish.network import activations, initializers
from vanish.simulation import names
from vanish.simulation.settings import Settings
from vanish.training.data import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

# What a run of one such command may take; a longer one is stopped and counted apart, since
# as many epochs as the user likes are no fault.
_PATIENCE = 5.0

STATUSES = {"sweep": {0, 1, 2}, "": {0, 2, 3}}
TOML = "config.toml"
FILES = {
    "row.txt": b"1 2 3\n",
    "rows.npy": npy(np.arange(6.0).reshape(2, 3)),
    "huge.txt": b"1e308 -1e308 1e-308\n",
    "zeros.txt": b"0 0 0\n",
    "nan.txt": b"nan\n",
    "net.npz": npz(W1=np.eye(3), W2=np.ones((2, 3)), b2=np.ones(2)),
    "huge.npz": npz(W1=np.full((3, 3), 1e308), W2=np.full((3, 3), -1e308)),
    "tiny.npz": npz(W1=np.full((3, 3), 5e-324), b1=np.full(3, 5e-324)),
    "kernels.npz": npz(**{"dense/kernel": np.ones((3, 2)), "dense/bias": np.ones((1, 2))}),
    "square.npz": npz(arr_0=np.arange(9.0).reshape(3, 3)),
    "named.csv": b"a,b,c\n1,2,3\n",
    "column.txt": b"1\n2\n3\n",
    "zero.npz": npz(W1=np.zeros((3, 3)), W2=np.zeros((3, 3))),
    "block.npz": npz(W1=np.eye(3), V1=np.eye(3), c1=np.ones(3), block="x + V S(Wx) + c", layers=1),
    "rnn.npz": npz(
        W=np.eye(3), U=np.ones((3, 2)), u=np.ones((4, 2)), x=np.ones((2, 3)), block="rnn"
    ),
    "torn.npz": npz(W1=np.eye(3))[:-30],
    "data.csv": b"".join(b"%d,%d,%s\n" % (i, i * i % 7, b"ab"[i % 2 :][:1]) for i in range(20)),
    "net.safetensors": safetensors({"W1": np.eye(3), "W2": np.ones((2, 3)), "b2": np.ones(2)}),
    "mixed.safetensors": safetensors(transformer(2, 3), {"format": "pt"}),
    "block.safetensors": safetensors(
        {"W1": np.eye(2), "W2": np.eye(2)}, {"vanish.block": "x + S(Wx)", "vanish.layers": "2"}
    ),
    "net.pt": b"PK\x03\x04",
    "net.h5": b"\x89HDF",
    "data.npz": npz(X=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2),
    TOML: b'layers = [2, 3]\nwidth = 2\ngain = "0.5:1:2"\njobs = 1\nact = ["relu"]\n',
    "nested.toml": b"layers = " + b"[" * 900 + b"]" * 900,
}

# Whatever comes out of a shell; a process gets no NUL in its arguments.
_ANYTHING = (
    *("", " ", ",", ",,", "-", "--", "=", ":", "::", "\n", "\r", "\t", "\x1b[31m", "Ⅷ", "٣", "½"),
    *(
        "\udcff",
        "e\u0301",
        "\u202e",
        "%s",
        "{0}",
        "[red]",
        "/",
        "~",
        "$x$",
        "a" * 5000,
        "a " * 3000,
    ),
)
# What a chain of these takes is small, or more than any machine has.
_WHOLE = (
    *("1", "2", "3", "3", "7", "0", "-1", "-0", "+2", "1e3", "1.0", "0x2", "1_0", "", "٣", " 2 "),
    *("nan", "inf", "9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("9" * 30, "9" * 160, "9" * 400, "9" * 4300, "1" * 4400, "-" + "9" * 4400),
)
_NUMBER = (
    *("1", "0.5", "3", "1e-3", "0", "-0.0", "-1", "nan", "-nan", "inf", "-inf", "1e308", "1e-308"),
    *("5e-324", "1e200", "1e-200", "1e999", "-1e999", "1e-999", "", "1,5", "0x1p3", "1_0", "٣.٥"),
    *("1e45", "1e300", "infinity", "1e", "1e+", ".5", "5.", "1 ", "1e1000000000", "9" * 4400),
)
_RANGES = (
    *(
        "1:2:3",
        "0:1:2",
        "1:1e999:3",
        "nan:1:2",
        "-1e308:1e308:3",
        "1:2:0",
        "1:2:-1",
        "1:2",
        "1:2:3:4",
    ),
    *(":::", "1:2:1e3", "2:3:2,5", "1:2:" + "9" * 4400, "1:2:1000001", "1e-300:1e300:3", "2:4:2"),
)
_TARGETS = (
    *(
        "out.txt",
        "out.html",
        "out.tsv",
        "out.csv",
        "out.json",
        "out.jsonl",
        "out.md",
        "out.tex",
        "out",
        "out.x",
    ),
    *(
        "-",
        "",
        ".",
        "missing/out.tsv",
        "/dev/null",
        "/dev/full",
        "row.txt/out.tsv",
        "b" * 300 + ".csv",
    ),
)
_NAMES: dict[str, Sequence[str]] = {
    "act": (
        *(*activations.names(), "swish", "LeakyReLU", "relu,tanh", "tanh,", "all"),
        *("x*tanh(x)", "leaky_relu(0.2)", "max(x,0)^2,relu", "sin(30", "x^", "1/x", "elu(a=-1)"),
    ),
    "init": (
        *(
            *initializers.names(),
            "auto",
            "he",
            "HE_NORMAL",
            "auto,orthogonal",
            "normal(0.02),zeros",
        ),
        *("uniform(-1,1)", "uniform(1,-1)", "constant(0.5)", "he_normal(a=0.2", "normal(1e999)"),
        *("normal()", "(", "siren(0)", "truncated_normal(0.1)", "orthogonal(gain=sqrt(2))"),
    ),
    "bias_init": (
        "zeros",
        "normal(0.1)",
        "uniform(-1,1)",
        "constant(-1)",
        "torch",
        "he_normal",
        "",
    ),
    "loss": names.LOSSES.split(", "),
    "engine": names.ENGINES.split(", "),
    "block": (
        *("residual", "Pre-Norm", "rnn", "x + S(Wx+b),S(LN(Wx))", "S(Wx+b)", "x + 0.5 S(Wx)"),
        *("S(W'x)", "x", "S(Wx", "LN(x + V S(Wx+b) + c)", "1/0 x", "S(BN(Wx+b))", "x/2 + Wx", ","),
    ),
    "hidden": ("4x", "3", "0", "0x", "x", "-1", "1e9x", "9" * 400, "2.5"),
    "weight_std": ("1.5", "W=1.5,V=0.1", "W=", "=1", "W=1,W=2", "Q=1", "nan", "-1", "0.5:3:3"),
    "weights_layout": names.LAYOUTS.split(", "),
    "select": ("*", "W*", "fc?", "layers.*.weight", "[", "[!", "W1,W2", ",", "**" * 40, "*a" * 30),
    "fail_on": ("vanishing", "exploding,dead", "stable", ","),
    "format_name": (*names.WITH_PAGE.split(", "), "text", "latex"),
    "optimizer": ("sgd", "momentum", "adam", "adamw"),
    "by": ("W1", "b2", "x", "W0", "W99", "W-1", "W" + "9" * 4400, "w1", "W1.0", "b", "S"),
    "data": ("data.csv", "data.npz", "row.txt", "missing.csv", "net.npz", "spirals", "digits", "-"),
    "memory": ("1GB", "500MB", "1", "0", "-1", "1e5", "1 KiB", "9" * 400 + "GB", "0.0001", "GB"),
    # No address that a scheduler could be asked at: that takes seconds.
    "scheduler": ("", "nonsense", "\x1b", "a" * 5000),
    "config": (TOML, "nested.toml", "row.txt", "missing.toml", "-", "", "."),
}
_NAMES["format"] = _NAMES["format_name"]
_NAMES |= {"layer_acts": _NAMES["act"], "last_act": _NAMES["act"], "names": _NAMES["act"]}
_PICTURES = ("out.png", "out.svg", "out.pdf")
_READ = {"input", "target", "weights", "steps", "file"}
_WRITTEN = {"output", "save_weights", "plot"}
_LISTED = {"widths", "layers", "width", "seed", "batch", "trials"}

# A small run: what stands behind it may change that. A process a sweep would cost most.
_SMALL = {
    "": (["--width=3", "--layers=3"], ["--layers=2", "--width=2"], ["--widths=3,2,3"], []),
    "acts": ([],),
    "help": ([], ["signal"]),
    "blocks": ([],),
    "show": ([],),
    "collapse": (["--width=3", "--layers=3"],),
    "derive": ([],),
    "fix": (["--width=2", "--layers=2", "--trials=1"], ["--width=3", "--layers=3", "--trials=2"]),
    "sweep": (["--jobs=1", "--width=2", "--layers=2,3"], ["--jobs=1", "--config=" + TOML]),
    "theory": (["--act=relu"], ["--act=tanh"], ["--act=relu", "--width=3", "--layers=3"]),
    "train": (["--epochs=1", "--layers=1", "--width=2", "--data=data.csv"],),
}


class Report(NamedTuple):
    """What came of many command lines or files.

    Attributes
    ----------
    tried
        How many there were.
    ends
        How often each exit status came, or how often a file was read and refused.
    faults
        What should not have been: the case, and what is wrong with it.
    """

    tried: int
    ends: Counter[str]
    faults: list[str]

    def __str__(self) -> str:
        ends = ", ".join(f"{count:,} {end}" for end, count in sorted(self.ends.items()))
        return f"{self.tried:,}: {ends}; {len(self.faults)} faults"


class _StoppedError(BaseException):
    """A run that takes longer than the fuzz has patience for."""


def commands() -> dict[str, list[Any]]:
    """Return the parameters of every command, of `vanish` itself under an empty name.

    Typer's own two, for completion, are left out: they write to the home directory of whoever
    runs this, and ask which shell that is.
    """
    group: Any = typer.main.get_command(build(every()))
    own = [each for each in group.params if not each.name.endswith("_completion")]
    return {"": own} | {name: each.params for name, each in group.commands.items()}


def command_line(draw: random.Random, parameters: dict[str, list[Any]]) -> list[str]:
    """Return the words of a command line: some options of a command, and what they are given."""
    command = draw.choice(["", "", *parameters])
    words = [*([command] if command else []), *draw.choice(_SMALL[command])]
    for _ in range(draw.randint(1, 4)):
        parameter = draw.choice(parameters[command])
        if not draw.randrange(12):
            words.append(draw.choice((*_ANYTHING, "--help", "--version", "-h", *parameters)))
        elif parameter.param_type_name == "argument":
            words.append(_value(draw, parameter))
        else:
            option = draw.choice([*parameter.opts, *parameter.secondary_opts])
            if getattr(parameter, "is_flag", False):
                words.append(option)
            else:
                value = _value(draw, parameter)
                words += [f"{option}={value}"] if option.startswith("--") else [option, value]
    return words


def _value(draw: random.Random, parameter: Any) -> str:
    """Return something for an option, most often what it may be."""
    name, kind = parameter.name, parameter.type.name
    if name == "plot":  # one takes half a second: mostly those that cannot be written
        return draw.choice(_TARGETS if draw.randrange(40) else _PICTURES)
    if name in _WRITTEN:
        return draw.choice(_TARGETS)
    if not draw.randrange(12):
        return draw.choice(_ANYTHING)
    if name in _READ:
        return draw.choice([*FILES, "missing", ".", "", "-", "/dev/null", "row.txt/x", "c" * 300])
    if name in _NAMES:
        return draw.choice(_NAMES[name])
    few = draw.randrange(2)  # the first ones are what most chains may have
    if "int" in kind:
        return draw.choice(_WHOLE[:4] if few else _WHOLE)
    if "float" in kind:
        return draw.choice(_NUMBER[:4] if few else _NUMBER)
    pool = (*_WHOLE, *_RANGES) if name in _LISTED else (*_NUMBER, *_RANGES)
    return ",".join(draw.choice(pool[:4] if few else pool) for _ in range(draw.randint(1, 3)))


def try_lines(count: int, draw: random.Random, until: float = float("inf")) -> Report:
    """Run so many command lines in this process, in the current directory."""
    parameters, ends, faults = commands(), Counter[str](), []
    before = _restored()
    for _ in range(count):
        words = command_line(draw, parameters)
        stdin = draw.choice([b"", b"1 2 3", b"\xff", FILES["rows.npy"], FILES["net.npz"]])
        result, wrong = _outcome(words, stdin)
        if result is None:
            ends["raised" if wrong else "stopped"] += 1
        else:
            if result.status == 130:  # Ctrl-C
                raise KeyboardInterrupt
            ends[f"of status {result.status}"] += 1
            wrong = wrong or complaint(words, result)
        hidden = {path.name for path in Path().rglob(".*")}
        left = {path.name for path in Path().iterdir()} - before - {*_TARGETS, *_PICTURES}
        if hidden | {name for name in left if not name.endswith(".part")}:
            wrong = wrong or f"stray files {sorted(hidden | left)}"
        before = _restored()
        if wrong:
            faults.append(f"{words!r:.2000} with {stdin!r:.20}: {wrong}")
        if time.monotonic() > until:
            break
    return Report(ends.total(), ends, faults)


def _outcome(words: list[str], stdin: bytes) -> tuple[Result | None, str]:
    """Run one command line: return its result, or what it raised."""
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        with warnings.catch_warnings(action="error"):
            return run_in_process(*words, stdin=stdin), ""
    except _StoppedError:
        return None, ""
    except BaseException:  # noqa: BLE001 - it looks for any error, an exit too
        return None, traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _stop(_: int, __: FrameType | None) -> None:
    raise _StoppedError


def _restored() -> set[str]:
    """Put the current directory back to the files that the fuzz reads; return their names."""
    for path in Path().iterdir():
        if path.name not in FILES:
            path.unlink()
    for name, content in FILES.items():
        if not Path(name).exists() or Path(name).read_bytes() != content:
            Path(name).write_bytes(content)
    return {*FILES}


def complaint(words: Sequence[str], result: Result) -> str:
    """Return what is wrong with how a command line ended; empty where nothing is."""
    command = words[0] if words and words[0] in STATUSES else ""
    # What was taken of a range is said before the work, which may still fail.
    said = re.compile(r"^--[a-z-]+ \S+: [\d,]+ numbers? .*\n", re.MULTILINE)
    error = said.sub("", result.stderr.decode(errors="replace"))
    if result.status not in STATUSES[command]:
        return f"status {result.status}"
    if result.status == 2:
        if not (error.startswith("Error: ") and error.endswith("\n") and error.count("\n") == 1):
            return f"not one line: {error!r:.500}"
        if not error[:-1].isprintable():
            return f"control characters: {error!r:.500}"
        if len(error) > 2000:
            return f"a line of {len(error):,} characters"
        return (
            f"data beside an error: {error!r:.300}" if result.stdout and command != "sweep" else ""
        )
    if re.search(rb"\bnan\b", result.stdout.lower()):
        return "a nan in the output"
    return f"an error beside data: {error!r:.500}" if "Error: " in error else ""


READERS: dict[str, Callable[[str], object]] = {
    "rows": read_rows,
    "network": read_network,
    "block": lambda path: Settings(weights=read_network(path), layers=None).model.graph,
    "data": load,
    "show": survey,
    "select": lambda path: read_network(path, select=["*"]),
    "config": lambda path: run_in_process("sweep", "--dry-run", "--config", path),
}
_SEEDS = (
    *("row.txt", "rows.npy", "net.npz", "kernels.npz", "square.npz", "named.csv", "column.txt"),
    *("data.csv", "data.npz", TOML, "block.npz", "rnn.npz"),
    *("net.safetensors", "mixed.safetensors", "block.safetensors"),
)


_FITTING = {
    "data.csv": ["data", "data", "rows"],
    "data.npz": ["data", "data", "network"],
    TOML: ["config"],
    "net.npz": ["network", "show", "select"],
    "net.safetensors": ["network", "show"],
    "mixed.safetensors": ["network", "show", "select"],
    "block.safetensors": ["network", "block"],
    "block.npz": ["network", "block"],
    "rnn.npz": ["network", "block"],
    "kernels.npz": ["network"],
    "square.npz": ["network"],
    "row.txt": ["rows"],
    "rows.npy": ["rows"],
}


def mutated(draw: random.Random, content: bytes) -> bytes:
    """Return a file's bytes with some changed, put in, left out or doubled, and perhaps cut."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) + 1)
        match draw.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                changed[at:at] = draw.choice(_PIECES)
            case 2:
                del changed[at : at + draw.randint(1, 9)]
            case 3:
                changed[at:at] = changed[at : at + draw.randint(1, 40)]
            case _:
                if not draw.randrange(3):
                    del changed[at:]
    return bytes(changed)


_PIECES = (
    *(b"\0", b"\n", b"\r", b",", b"nan", b"inf", b"1e999", b"-", b'"', b"'", b"[[[[", b"\xff\xfe"),
    *(
        b"9" * 30,
        b"9" * 4400,
        b"\x1b[31m",
        b"\xef\xbb\xbf",
        b"\x93NUMPY",
        b"PK\x03\x04",
        b"#",
        b"=",
    ),
    *(b"[" * 900, b"a" * 140_000),
)


def try_files(count: int, draw: random.Random, until: float = float("inf")) -> Report:
    """Read so many damaged files in this process."""
    ends, faults = Counter[str](), []
    for _ in range(count):
        name = draw.choice(_SEEDS)
        content = mutated(draw, FILES[name])
        kind = draw.choice(_FITTING.get(name, ["rows", "network"]))
        suffix = ".safetensors" if name.endswith(".safetensors") else ""
        if kind == "data":
            suffix = ".npz" if content.startswith(b"PK") else ".csv"
        path = Path(f"file{suffix}")
        path.write_bytes(content)
        wrong = ""
        try:
            with warnings.catch_warnings(action="error"):
                found = READERS[kind](str(path))
            if isinstance(found, Result):
                wrong = complaint(["sweep"], found)
                ends["refused" if found.status == 2 else "read"] += 1
            else:
                ends["read"] += 1
        except VanishError as error:
            ends["refused"] += 1
            if "\n" in (text := str(error)).strip() or len(text) > 2000:
                wrong = f"not one line: {text!r:.300}"
        except Exception:  # noqa: BLE001 - what it looks for is any error
            ends["raised"] += 1
            wrong = traceback.format_exc()
        path.unlink()
        if wrong:
            faults.append(f"{kind} of {content!r:.1500}: {wrong}")
        if time.monotonic() > until:
            break
    return Report(ends.total(), ends, faults)


def main() -> int:
    """Run what is asked for, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, chdir(directory):
        reports = {
            "command lines": try_lines(asked.lines, drawing(asked.seed)),
            "files": try_files(asked.files, drawing(asked.seed)),
        }
    for name, report in reports.items():
        sys.stdout.write(f"{name} {report}\n")
        sys.stdout.writelines(f"  {fault}\n" for fault in report.faults)
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = largest / (1e3 if sys.platform == "linux" else 1e6)
    sys.stdout.write(f"largest resident set {megabytes:,.0f} MB\n")
    return any(report.faults for report in reports.values())


def drawing(seed: int) -> random.Random:
    """Return what draws, the same things for the same seed."""
    return random.Random(seed)  # noqa: S311 - draws test inputs, no secrets


if __name__ == "__main__":
    sys.exit(main())
