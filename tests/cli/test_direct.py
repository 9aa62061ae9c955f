"""The options that are read directly beside typer, which reads every line that is left to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from vanish.cli import commands, direct
from vanish.simulation import table
from vanish.simulation.option import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND: Any = typer.main.get_command(commands.build({}))

ROWS = {row.name: row for row in table.of("vanish")}
FLAGS = [flag for row in ROWS.values() for each in row.flags for flag in each.split("/")]


def by_typer(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return the options as typer reads them; None where it does something else than to run."""
    try:
        context = COMMAND.make_context("vanish", [*arguments])
    except (typer.Exit, typer.exceptions.TyperException):
        return None
    own = {name: value for name, value in context.params.items() if name in ROWS}
    return None if context._protected_args or context.args else own


def told(value: object) -> tuple[type, object]:
    """Return a value with its type: 1, 1.0 and True are equal."""
    return type(value), value


LINES = (
    "",
    "--layers 20 --act sigmoid --format tsv --quiet",
    "--layers=20 --act=sigmoid,relu --act tanh",
    "-a relu -q -f json -o out.json -j 2",
    "--act= --plot=",
    "--bias-std -1 --gain -0.5 --output -",
    "--layers 3 --layers 4 --quiet --quiet",
    "--norm-bound --no-norm-bound",
    "--no-norm-bound",
    "--block x+S(Wx+b)=1 --init normal(0.02) --init auto",
    "--weights=a=b.npz --columns layer,grad_w --columns act",
    "--seed 1_000 --trials ٣ --vanish-below 1e-3 --explode-above inf",
    "--fail-on vanishing --last-gain 0.1",
    "--act -- --layers 2",
)


@pytest.mark.parametrize("line", LINES)
def test_what_is_read_directly_is_what_typer_reads(line: str) -> None:
    arguments = line.split()
    read, expected = direct.options(arguments), by_typer(arguments)
    assert read is not None
    assert expected is not None
    assert {name: told(value) for name, value in read.items()} == {
        name: told(value) for name, value in expected.items()
    }


LEFT = (
    "--help",
    "-h",
    "--layers 3 -h",
    "--version",
    "--install-completion",
    "--layer 3",
    "--layers",
    "--layers x",
    "--bias-std x",
    "--layers=",
    "--quiet=1",
    "-qf tsv",
    "-atanh",
    "-a=tanh",
    "-x",
    "-",
    "--",
    "sweep",
    "sweep --layers 3",
    "--layers 3 sweep",
    "a b",
    "--layers 3 --bogus --act tanh",
)


@pytest.mark.parametrize("line", LEFT)
def test_what_is_more_than_options_with_their_values_is_left_to_typer(line: str) -> None:
    assert direct.options(line.split()) is None


def test_all_is_left_to_typer_while_a_shell_asks_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_VANISH_COMPLETE", "complete_bash")
    assert direct.options(["--layers", "3"]) is None


def test_all_is_left_to_typer_where_it_looks_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert direct.options(["--layers", "3"]) is None


WORDS = st.sampled_from([*FLAGS, "-h", "--help", "--", "-", "sweep", "--layer", "-qf"])
VALUES = st.sampled_from(
    ["3", "0.5", "-1", "", "relu", "1e400", "nan", " 7", "x=y", "--quiet", "a,b", "=", "1_0", "٣"]
)
JOINED = st.builds("{}={}".format, WORDS, VALUES)


def test_no_line_is_read_otherwise_than_by_typer() -> None:
    lines = []

    @given(st.lists(st.one_of(WORDS, VALUES, JOINED, st.tuples(WORDS, VALUES)), max_size=8))
    @settings(max_examples=400, deadline=None)
    def compare(words: list[str | tuple[str, str]]) -> None:
        arguments = [
            each for word in words for each in (word if isinstance(word, tuple) else (word,))
        ]
        read = direct.options(arguments)
        if read is None:
            return
        lines.append(arguments)
        expected = by_typer(arguments)
        assert expected is not None
        assert repr(sorted(read.items())) == repr(sorted(expected.items()))

    compare()
    assert len(lines) > 20


@pytest.mark.parametrize("name", ROWS)
def test_every_option_is_read_directly(name: str) -> None:
    row = ROWS[name]
    values = [] if row.kind is Kind.FLAG else ["3"]
    for flag in (flag for each in row.flags for flag in each.split("/")):
        assert (direct.options([flag, *values]) is None) == (name == "version")
