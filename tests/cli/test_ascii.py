"""A terminal of ASCII: every command says in words what it has symbols for."""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

import pytest
from command import VANISH, environment, run, run_in_process, run_in_terminal

from vanish.cli.app import main
from vanish.cli.grouped import SUBCOMMANDS
from vanish.manual.pages import TOPICS
from vanish.render.spoken import spoken

if TYPE_CHECKING:
    from pathlib import Path

ASCII = {"TERM": "dumb", "PYTHONIOENCODING": "ascii"}

# Command lines of all commands, with every kind of table, verdict, remark and error.
LINES = [
    "",
    "--act sigmoid",
    "--act sigmoid --layers 60 --width 8",
    "--act relu --layers 8 --width 2",
    "--act relu --trials 5 --layers 6",
    "--layer-acts relu,tanh,sigmoid --widths 7,6,5,4",
    "--act tanh --block prenorm --layers 4",
    "--block residual,plain --act tanh,relu --init xavier_normal,orthogonal --layers 3",
    "--act tanh --block 'S(W~x + U~u + b~)' --layers 4",
    "--act gelu,tanh,relu,selu --layers 30",
    "--act tanh --weight-std 4 --layers 30 --width 16",
    "--act relu --layers 3 --columns layer,log10_grad_a,log10_active_paths",
    "--act tanh --layers 3 -f tsv",
    "--act tanh --layers 3 -f json",
    "--act tanh --layers 3 -f markdown",
    "--columns help",
    "acts",
    "acts gelu_tanh",
    "acts selu",
    "acts log_sigmoid -f csv",
    "acts --columns help",
    "blocks",
    "blocks postnorm -f jsonl",
    "collapse --layers 3",
    "collapse --act relu,tanh --layers 3",
    "collapse --act tanh --layers 3 -f markdown",
    "theory",
    "theory --act relu,tanh --layers 3 --width 4",
    "theory --act elu,identity --weight-std 0.5:2:4 --bias-std 0,0.1",
    "theory --block residual,batchnorm,bottleneck --act relu",
    "theory --block residual --act relu --layers 3",
    "theory --act tanh --columns chi_1,depth_scale",
    "theory --columns help",
    "derive --values",
    "derive --layers 12 --values --full --matrix --act gelu",
    "derive --block 'x + V S(W LN(x)+b)' --layers 2",
    "derive --block 'S(W~x + U~u + b~)' --wrt W --values",
    "derive --format markdown",
    "sweep --layers 2,3 --trials 5",
    "sweep --act tanh,sigmoid --layers 2:6:3 --weight-std 0.5:3:6 -j 1",
    "sweep --act softplus --layers 3 --gain 1,1e300",
    "sweep --layers 2:10:3 --dry-run",
    "sweep --columns help",
    "train --layers 1,2 --width 4 --epochs 1 --trials 3 --act relu --block plain,residual",
    "train --layers 1 --width 4 --epochs 2 --act sigmoid --per-layer",
    "help chi_1",
    "help 'norm bound'",
    "help gelu_tanh",
    "help log10_predicted_rms_a",
    # Errors.
    "--vanish-below 0",
    "--act nonsense",
    "--block 'x + S(Wx+b'",
    "--widths 3,,4",
    "sweep --layers 1:9:1000000000",
    "help zzzz",
    "theory --weight-std -1",
]
LINES += [f"help {topic}" for topic in TOPICS]
LINES += ["--help", *(f"{command} --help" for command in SUBCOMMANDS)]


class Screen(io.BytesIO):
    """What is written on a terminal."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


class Shown(NamedTuple):
    """How a command ended, and what it wrote on stdout and stderr."""

    status: int
    stdout: str
    stderr: str


def on_screen(line: str, encoding: str, columns: int = 80) -> Shown:
    """Run a command line in this process, on a terminal of an encoding."""
    screens = Screen(), Screen()
    stdout, stderr = (io.TextIOWrapper(each, encoding, write_through=True) for each in screens)
    size = os.terminal_size((columns, 50))
    with (
        mock.patch.object(sys, "argv", ["vanish", *shlex.split(line)]),
        mock.patch.object(sys, "stdout", stdout),
        mock.patch.object(sys, "stderr", stderr),
        mock.patch.object(os, "get_terminal_size", return_value=size),
        mock.patch.dict(os.environ, environment({"NO_COLOR": "1", "COLUMNS": ""}), clear=True),
    ):
        status = main()
        return Shown(status, *(each.getvalue().decode(encoding) for each in screens))


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_all_that_a_command_says_is_in_words(line: str) -> None:
    symbols, words = on_screen(line, "utf-8"), on_screen(line, "ascii")
    assert words.status == symbols.status
    for before, after in ((symbols.stdout, words.stdout), (symbols.stderr, words.stderr)):
        assert after.isascii()
        # Nothing was replaced, and nothing is lost but what a narrow window can do without.
        assert after.count("?") == before.count("?")
        assert bool(before) is bool(after)
    assert words.stdout or words.stderr


def test_the_lines_show_what_ascii_lacks() -> None:
    some = ("acts", "derive --values", "theory --act tanh", "--vanish-below 0", "help chi_1")
    for line in some:
        symbols = on_screen(line, "utf-8")
        assert not (symbols.stdout + symbols.stderr).isascii()


def test_a_comparison_is_laid_out_in_words() -> None:
    text = on_screen("--layers 6", "ascii").stdout
    assert text.startswith("6 layers, width 64, init auto, loss readout, seed 0\n")
    head, rule, first, *_ = text.splitlines()[3:]
    assert head.split("  ")[:2] == ["activation", "||dL/da_1||"]
    assert "log, 1e-04 ... 1e+00" in head
    assert set(rule) == {"-"}
    # A number ends where its head does.
    assert first[: head.index("||dL/da_1||") + 11].endswith("  2.44e-04")


def test_theory_says_inf_and_chi_1() -> None:
    text = on_screen("theory --act tanh", "ascii", 100).stdout
    assert re.search(r"q\*  +chi_1  +chi_q  +depth xi  +phase", text)
    assert re.search(r"^tanh +1 +0 +0 +1 +1 +inf +critical", text, re.MULTILINE)


def test_activations_are_formulas_that_python_could_read() -> None:
    text = on_screen("acts gelu_tanh", "ascii").stdout
    assert "  S(x)     x sigma(2 sqrt(2/pi)(x+0.044715x^3))\n" in text
    assert "  range    [-0.17004, inf)\n" in text


def test_a_map_keeps_a_sign_a_point() -> None:
    line = "sweep --act tanh --layers 4:20:5 --width 8 --weight-std 0.5:3:6 -q"
    symbols, words = (on_screen(line, each).stdout.splitlines() for each in ("utf-8", "ascii"))
    shades = str.maketrans("█▓▒░·…─", "#%=-..-")
    assert [row.translate(shades) for row in symbols[4:]] == words[4:]
    assert words[2] == "layers  weight_std 0.5 ... 3"


def test_errors_and_remarks_are_in_words_too() -> None:
    error = on_screen("--vanish-below 0", "ascii")
    assert error.stderr.endswith(": give 0 < vanish_below <= explode_above < inf\n")
    verdict = on_screen("--act relu --layers 6 -f tsv", "ascii").stderr
    assert "signal ||dL/da||" in verdict


def test_help_is_in_words_and_keeps_its_columns() -> None:
    lines = on_screen("theory --help", "ascii").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("multiplies the mean of ||dL/df||^2." in line for line in lines)


def test_the_manual_s_tables_are_tables_still() -> None:
    text = on_screen("help architecture", "ascii").stdout
    assert "| " not in text
    assert "||W||_2, ||f||" in text


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_words_keep_to_the_window(columns: int) -> None:
    for line in ("--act sigmoid --layers 6", "collapse --act tanh -n 3", "derive --values"):
        text = on_screen(line, "ascii", columns).stdout
        assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize("encoding", ["latin-1", "cp437", "koi8-r"])
def test_an_encoding_with_some_of_the_symbols_gets_words_too(encoding: str) -> None:
    found = on_screen("theory --act tanh", encoding).stdout
    # Some have lines to draw with.
    assert found.replace("─", "-") == on_screen("theory --act tanh", "ascii").stdout


@pytest.mark.slow
def test_a_real_terminal_gets_what_is_tested_here() -> None:
    for line in ("--layers 6", "acts", "theory --help", "--vanish-below 0", "help chi_1"):
        status, text = run_in_terminal([*VANISH, *shlex.split(line)], env=ASCII)
        expected = on_screen(line, "ascii")
        assert (status, text) == (expected.status, expected.stdout + expected.stderr)


@pytest.mark.slow
def test_a_pipe_and_a_file_have_their_symbols(tmp_path: Path) -> None:
    # Whatever the encoding is: a result has the same bytes for everybody.
    for line in ("--act relu --layers 3 -f table", "acts -f csv", "theory --help"):
        expected = run_in_process(*line.split())
        assert run(*line.split(), env=ASCII) == expected
        assert not expected.stdout.isascii()
    path = tmp_path / "x.txt"
    assert on_screen(f"--act relu --layers 3 -o {path}", "ascii").stdout == ""
    text = path.read_text("utf-8")
    assert text == run_in_process("--act", "relu", "--layers", "3", "-f", "table").stdout.decode()
    assert spoken(text) != text
