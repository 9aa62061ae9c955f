"""What people see, as it was when somebody last looked at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from command import VANISH, run_in_process, run_in_terminal, without_progress
from snapshot import SNAPSHOTS, check

if TYPE_CHECKING:
    from collections.abc import Iterable

# Drawn for 80 columns, without colour. Standard input is a row of four zeros.
TABLES = {
    "table_one_run": "--act sigmoid",
    "table_comparison": "",
    "table_many_runs": "--act tanh,gelu,relu,selu",
    "table_several_inits": "--act tanh --init xavier_normal,he_uniform,orthogonal",
    "table_acts_and_inits": "--act tanh,relu --init auto,lecun_normal --layers 5",
    "table_mixed": "--layer-acts relu,tanh,sigmoid --widths 7,6,5,4",
    "table_dead": "--act relu --layers 8 --width 2",
    "table_dead_from_the_loss_on": "--act identity --layers 3 --width 4 --loss mse --input -",
    "table_dead_and_alive": "--act relu,leaky_relu --layers 8 --width 2",
    "table_exploding": "--act tanh --weight-std 4 --layers 30 --width 16",
    "table_exploding_batch": "--act leaky_relu --gain 3 --bias-std 0.5 --layers 12 --batch 4",
    "table_beyond_float64": "--act sigmoid --layers 700 --width 8 --rows 6",
    "table_one_layer": "--act relu --layers 1",
    "table_no_norm_bound": "--act gelu --layers 6 --no-norm-bound",
    "table_quiet": "--act relu --layers 4 --quiet",
    "table_fix": "fix --act tanh --gain 0.2 --layers 6 --width 8",
    "table_fix_where_nothing_works": "fix --act relu --layers 40 --width 2 --rows 8",
    "markdown_fix": "fix --act sigmoid --layers 5 --width 6 --gain 0.2 --format markdown --rows 6",
    "markdown_one_run": "--act tanh --layers 4 --format markdown",
    "markdown_comparison": "--layers 4 --format markdown",
}

NO_COLOUR = {"NO_COLOR": "1"}
ASCII = {"TERM": "dumb", "PYTHONIOENCODING": "ascii"}

# Drawn for a terminal: its columns and lines, the environment, the options.
TERMINALS: dict[str, tuple[int, int, dict[str, str], str]] = {
    "terminal_colour_one_run": (80, 50, {}, "--act sigmoid --layers 6"),
    "terminal_colour_comparison": (80, 50, {}, "--act sigmoid,relu,identity --layers 30"),
    "terminal_elided": (80, 24, NO_COLOUR, "--act sigmoid --layers 60"),
    "terminal_narrow": (40, 50, NO_COLOUR, "--act sigmoid"),
    "terminal_narrow_comparison": (40, 50, NO_COLOUR, ""),
    "terminal_wide": (120, 50, NO_COLOUR, "--act sigmoid"),
    "terminal_wide_comparison": (120, 50, NO_COLOUR, "--layers 60"),
    "terminal_fix": (80, 24, {}, "fix --act sigmoid --layers 10 --width 16"),
    "terminal_fix_wide": (120, 40, NO_COLOUR, "fix --act sigmoid --layers 10 --width 16"),
    "terminal_ascii": (80, 50, ASCII, "--act sigmoid --layers 6"),
    "terminal_ascii_comparison": (80, 50, ASCII, ""),
}


def some_slow(names: Iterable[str]) -> list[Any]:
    """Return names to try; `vanish fix` tries every cure, which takes its time."""
    return [pytest.param(each, marks=[pytest.mark.slow] if "fix" in each else []) for each in names]


@pytest.mark.parametrize("name", some_slow(TABLES))
def test_a_table_is_drawn_as_it_was(name: str) -> None:
    options = TABLES[name].split()
    if "--format" not in options:
        options += ["--format", "table"]
    result = run_in_process(*options, stdin=b"0 0 0 0\n")
    assert (result.status, result.stderr) == (0, b"")
    check(name, result.stdout.decode())


@pytest.mark.parametrize("name", some_slow(TERMINALS))
def test_a_terminal_shows_what_it_did(name: str) -> None:
    columns, lines, env, options = TERMINALS[name]
    status, text = run_in_terminal([*VANISH, *options.split()], columns, lines, env)
    assert status == 0
    check(name, without_progress(text))


def test_help_is_as_it_was() -> None:
    result = run_in_process("--help", env={"COLUMNS": "80"})
    assert (result.status, result.stderr) == (0, b"")
    check("help", result.stdout.decode())


def test_verdicts_on_stderr_are_as_they_were() -> None:
    result = run_in_process("--act", "sigmoid,relu,selu", "--weight-std", "2", "--layers", "30")
    assert result.status == 0
    check("verdicts", result.stderr.decode())


def test_no_snapshot_is_left_over() -> None:
    kinds = ("table_", "terminal_", "markdown_")
    kept = {path.stem for path in SNAPSHOTS.iterdir() if path.stem.startswith(kinds)}
    assert kept == {*TABLES, *TERMINALS}
