"""Numbers and configurations of every kind, and what a user's environment must not change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command import Result, check_error, run, run_in_process
from fuzz import commands, complaint

from vanish import TrainingSettings
from vanish.cli import app, grouped, simulate
from vanish.cli.parse import size
from vanish.errors import UsageError, VanishError, shortened
from vanish.simulation.settings import Settings
from vanish.simulation.table import LARGEST_COUNT

if TYPE_CHECKING:
    from collections.abc import Callable

# A line that a person reads to its end.
READABLE = 400

OPTIONS = [
    (command, parameter.opts[0])
    for command, parameters in commands().items()
    for parameter in parameters
    if parameter.param_type_name == "option" and not parameter.is_flag
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def readable(result: Result) -> None:
    """Check that a command ended with one line that a person can read."""
    assert result.status == 2, result
    assert result.stderr.startswith(b"Error: ")
    assert result.stderr.count(b"\n") == 1
    assert len(result.stderr) < READABLE


def test_options_are_taken_from_the_commands() -> None:
    assert {command for command, _ in OPTIONS} == {"", *grouped.SUBCOMMANDS} - {"help"}
    assert {("", "--gain"), ("train", "--epochs"), ("theory", "--bias-std")} <= {*OPTIONS}


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_a_number_of_4400_digits_is_not_repeated(command: str, option: str) -> None:
    result = run_in_process(*command.split(), option, "9" * 4400)
    readable(result)
    assert not [*Path().iterdir()]


COUNTS = [
    *("--layers", "--width", "--batch", "--trials", "--widths 3,", "acts --layers"),
    *("collapse --layers", "collapse --width", "collapse --batch", "derive --layers"),
    *("derive --values --width", "theory --act relu --width 3 --layers"),
    *("theory --act relu --layers 3 --width", "train --layers", "train --width", "train --epochs"),
    *("theory --act relu --layers 3 --input-rms 2 --width", "train --batch", "train --trials"),
    *("sweep --layers", "sweep --width", "sweep --widths 3,", "sweep --batch", "sweep --trials"),
]


@pytest.mark.parametrize("digits", ["9223372036854775807", "9223372036854775808", "9" * 160])
@pytest.mark.parametrize("line", COUNTS)
def test_more_than_there_can_be_is_one_line(line: str, digits: str) -> None:
    words = f"{line}{digits}" if line.endswith(",") else f"{line} {digits}"
    result = run_in_process(*words.split())
    readable(result)
    assert b"give at most 1,000,000,000,000,000" in result.stderr


@pytest.mark.parametrize("kind", [Settings, TrainingSettings])
@pytest.mark.parametrize("name", ["layers", "width", "batch", "trials"])
def test_a_count_has_a_largest_value(kind: Callable[..., object], name: str) -> None:
    for value, says in [(10**19, f"{name} 1"), (10**200, "201 digits"), (10**5000, "thousands")]:
        with pytest.raises(UsageError, match=says):
            kind(**{name: value})
    with pytest.raises(UsageError, match="of 201 digits: give at least 1"):
        kind(**{name: -(10**200)})
    if kind is Settings:
        largest: dict[str, Any] = {name: LARGEST_COUNT}
        assert getattr(Settings(**largest), name) == LARGEST_COUNT


def test_a_seed_may_have_any_number_of_digits() -> None:
    result = run_in_process("--layers=2", "--width=2", "--seed", "9" * 4000, "--format=json")
    assert result.status == 0
    with pytest.raises(UsageError, match="seed of thousands of digits"):
        Settings(seed=-(10**5000))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *(("7", 7), ("7B", 7), ("500MB", 500 * 10**6), ("2G", 2 * 10**9), ("3k", 3000)),
        *(("1 KiB", 2**10), ("1.5 GiB", 3 * 2**29), ("4mib", 2**22), ("2TiB", 2**41)),
        ("0.0001", 1),
    ],
)
def test_an_amount_of_memory_is_in_bytes(given: str, expected: int) -> None:
    assert size(given) == expected


@pytest.mark.parametrize("given", ["9" * 400, "9" * 400 + "GB", "0", "0.0GB", "1e5", "-1", "٣MB"])
def test_an_amount_of_memory_is_one(given: str) -> None:
    with pytest.raises(UsageError, match="no amount of memory"):
        size(given)


def test_more_processes_than_points_take_no_less_time() -> None:
    dry = ["sweep", "--layers=2,3", "--width=2", "--dry-run", "--jobs"]
    assert run_in_process(*dry, "9" * 400).status == 0


def test_the_middle_of_a_long_text_is_left_out() -> None:
    assert shortened("a short one: give another") == "a short one: give another"
    assert shortened("x" * 300) == "x" * 300
    long = shortened(f"{'1' * 4400}: give fewer digits")
    assert long == f"{'1' * 60}…(4,321 more)…{'1' * 19}: give fewer digits"
    words = shortened("start " + "word " * 1000 + "end")
    assert len(words) < 1500
    assert words.startswith("start word")
    assert words.endswith("word end")
    assert str(VanishError("y" * 400)) != "y" * 400


TOMLS = {
    "deep": "layers = " + "[" * 900 + "]" * 900,
    "deeper": "layers = " + "[" * 90_000,
    "lists": "layers = [[[1]]]",
    "digits": "layers = " + "1" * 4400,
    "many_digits": "gain = [1, " + "1" * 4200 + "]",
    "jobs": "jobs = " + "9" * 4400,
    "nul": 'layers = "\\u0000"',
    "nul_output": 'layers = 2\nwidth = 2\noutput = "a\\u0000.csv"',
    "nul_input": 'input = "a\\u0000"',
    "nul_weights": 'weights = ["a\\u0000"]',
    "nul_plot": 'layers = [2, 3]\nplot = "a\\u0000.png"',
    "nul_name": '"a\\u0000" = 1',
    "nul_byte": "layers = \0",
    "date": "layers = 2026-01-01",
    "table": "[layers]\na = 1",
    "inf": "gain = inf",
    "nan": "gain = [1, nan]",
    "huge": "gain = 1e999",
    "negative": "layers = -0x8000000000000000",
    "utf16": "layers = 3".encode("utf-16").decode("latin-1"),
}


@pytest.mark.parametrize("name", TOMLS)
def test_a_configuration_of_any_kind_is_one_line(name: str) -> None:
    Path("a.toml").write_bytes(TOMLS[name].encode("latin-1"))
    result = run_in_process("sweep", "--jobs=1", "--config=a.toml")
    readable(result)
    assert b"\0" not in result.stderr
    assert [path.name for path in Path().iterdir()] == ["a.toml"]


FINISHED = ["sweep", "--layers=2,3", "--width=2", "--jobs=1", "--quiet"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("out.csv", b"\n", b"\r"),
        ("out.csv", b"sigmoid", b"sig\rmoid"),
        ("out.tsv", b"sigmoid", b"s" * 200_000),
        ("out.csv", b"sigmoid", b'"sigmoid'),
        ("out.csv", b"sigmoid", b"sig\0moid"),
        ("out.jsonl", b'"sigmoid"', b"[" * 90_000),
        ("out.jsonl", b'"layers": 2', b'"layers": ' + b"2" * 4400),
    ],
)
def test_a_finished_file_that_was_changed_is_told(name: str, old: bytes, new: bytes) -> None:
    assert run_in_process(*FINISHED, "--output", name).status == 0
    content = Path(name).read_bytes()
    assert old in content
    Path(name).write_bytes(content.replace(old, new))
    result = run_in_process(*FINISHED, "--output", name, "--resume")
    readable(result)
    assert b"results of another grid" in result.stderr


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(28, "No space left", "/a/journal"), "/a/journal: no space left"),
        (OSError(18, "Cross-device link", "a", None, "b"), "a and b: cross-device link"),
        (BlockingIOError(11, "Resource unavailable"), "the system refuses: resource unavailable"),
    ],
)
def test_an_error_that_nobody_foresaw_names_its_own_file(
    error: OSError, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("vanish.cli.parse.split_list", fail)
    check_error("--layers 2", says)


def test_the_check_of_a_line_catches_what_it_should() -> None:
    good = Result(2, b"", b"Error: x: give y\n")
    assert complaint([], good) == ""
    assert complaint([], good._replace(stderr=b"Warning: x\nError: y\n"))
    assert complaint([], good._replace(stderr=b"Traceback\n"))
    assert complaint([], good._replace(stderr=b"Error: \x1b[31mx: give y\n"))
    assert complaint([], good._replace(stderr=b"Error: " + b"x" * 2000 + b"\n"))
    assert complaint([], good._replace(stdout=b"data"))
    assert complaint([], Result(1, b"", b""))
    assert not complaint(["sweep"], Result(1, b"", b""))
    assert complaint([], Result(0, b"1\tNaN\n", b""))


# Products large enough that several threads would share one: on two cores their last digits
# followed OPENBLAS_NUM_THREADS before.
MATRICES = [
    "--batch 300 --width 300 --layers 3 --act tanh --engine dense",
    "train --epochs 1 --layers 2 --width 200 --batch 128 --act tanh",
    "--batch 40 --width 300 --layers 3 --act tanh --engine sampled --trials 2",
]


@pytest.mark.slow
@pytest.mark.parametrize("line", MATRICES)
def test_threads_that_the_environment_asks_for_change_no_byte(line: str) -> None:
    words = [*line.split(), "--quiet", "--format=json"]
    one, several = (
        run(*words, env={"OMP_NUM_THREADS": omp, "OPENBLAS_NUM_THREADS": blas})
        for omp, blas in [("1", "1"), ("4", "2")]
    )
    assert one.status == 0
    assert several == one


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"])
@pytest.mark.parametrize("words", [[], ["theory"]])
def test_linear_algebra_has_one_thread_whatever_is_set(
    name: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "7")
    seen: list[str] = []

    def note(*_: object, **__: object) -> int:
        seen.append(os.environ[name])
        return 0

    monkeypatch.setattr(simulate, "run", note)
    monkeypatch.setattr("vanish.cli.commands.build", lambda _: note)
    monkeypatch.setattr("sys.argv", ["vanish", *words])
    assert app.main() == 0
    assert seen == ["1"]


@pytest.mark.slow
def test_a_figure_is_the_same_for_every_user() -> None:
    pytest.importorskip("matplotlib")
    line = ["--layers=2", "--width=2", "--quiet", "--plot"]
    assert run(*line, "plain.svg").status == 0
    wrong = "text.usetex: True\nfont.size: 30\naxes.facecolor: no\nunknown: 1\n"
    Path("matplotlibrc").write_text(wrong, encoding="utf-8")
    result = run(*line, "user.svg", env={"MPLBACKEND": "nonsense"})
    assert (result.status, result.stderr) == (0, b"")
    assert Path("user.svg").read_bytes() == Path("plain.svg").read_bytes()


def test_a_matplotlibrc_that_cannot_be_read_is_one_line() -> None:
    pytest.importorskip("matplotlib")
    Path("matplotlibrc").write_bytes(b"\xff\n")
    result = run("--layers=2", "--width=2", "--quiet", "--plot=a.svg")
    readable(result)
    assert b"see to the file matplotlibrc" in result.stderr
