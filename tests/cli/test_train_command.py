"""`vanish train` at the command line: rows, formats, figures, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shlex
from typing import TYPE_CHECKING

import pytest
from command import run_in_process
from snapshot import check

import vanish
from vanish.cli.train import OPTIMIZERS
from vanish.training import optimizers

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ("train", "--layers=1,3", "--epochs=3", "--width=6")


def rows(*options: str, name: str = "tsv") -> list[dict[str, str]]:
    result = run_in_process(*SMALL, *options, "-f", name, "--quiet")
    assert (result.status, result.stderr) == (0, b"")
    delimiter = {"tsv": "\t", "csv": ","}[name]
    return list(csv.DictReader(io.StringIO(result.stdout.decode()), delimiter=delimiter))


def test_the_help_names_every_optimizer() -> None:
    assert tuple(OPTIMIZERS.split(", ")) == optimizers.names()


def test_a_row_is_the_librarys() -> None:
    found = rows("--act=sigmoid,relu", "--seed=3")
    assert [(row["act"], row["layers"]) for row in found] == [
        *(("sigmoid", "1"), ("sigmoid", "3"), ("relu", "1"), ("relu", "3"))
    ]
    for row in found:
        training = vanish.train(
            act=row["act"], layers=int(row["layers"]), epochs=3, width=6, seed=3
        )
        for name, cell in training.row().items():
            expected = "" if cell is None else repr(cell) if isinstance(cell, float) else str(cell)
            assert row[name] == expected


@pytest.mark.slow
def test_all_formats_carry_the_same_numbers() -> None:
    first = rows("--trials=2")
    assert rows("--trials=2", name="csv") == first
    document = json.loads(run_in_process(*SMALL, "--trials=2", "-f", "json").stdout)
    assert document.keys() == {"schema", "version", "settings", "rows"}
    assert document["settings"]["layers"] == [1, 3]
    lines = run_in_process(*SMALL, "--trials=2", "-f", "jsonl").stdout.decode().splitlines()
    assert [json.loads(line) for line in lines] == document["rows"]
    for row, found in zip(document["rows"], first, strict=True):
        for name, value in row.items():
            assert found[name] == ("" if value is None else str(value))


def test_several_trials_have_quantiles_and_one_has_none() -> None:
    (many, *_), (one, *_) = rows("--trials=3"), rows()
    low, middle, high = (many[f"test_accuracy{end}"] for end in ("_p05", "", "_p95"))
    assert float(low) <= float(middle) <= float(high)
    assert one["test_accuracy_p05"] == one["outcome_share"] == ""


def test_per_layer_is_a_row_a_layer_and_epoch() -> None:
    found = rows("--per-layer", "--act=tanh")
    places = [(int(row["layers"]), int(row["epoch"]), int(row["layer"])) for row in found]
    assert places == [
        (depth, epoch, layer)
        for depth in (1, 3)
        for epoch in range(4)
        for layer in range(1, depth + 2)
    ]
    assert {row["change"] for row in found if row["epoch"] == "0"} == {"0.0"}


def test_what_diverges_says_so_and_has_no_numbers() -> None:
    (row, *_) = rows("--lr=1e30", "--act=identity")
    assert row["outcome"] == "diverged"
    assert row["loss"] == row["test_accuracy"] == row["change_first"] == ""


def test_what_does_not_move_says_so() -> None:
    (row, *_) = rows("--lr=0")
    assert (row["outcome"], row["change_first"]) == ("unchanged", "0.0")


def test_a_batch_larger_than_the_data_is_all_of_them() -> None:
    assert rows("--batch=100000") == rows("--batch=800")


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--per-layer",)])
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_figure_is_written(tmp_path: Path, suffix: str, options: tuple[str, ...]) -> None:
    figure = tmp_path / f"x.{suffix}"
    result = run_in_process(*SMALL, *options, "-q", "-f", "tsv", "--plot", str(figure))
    assert result.status == 0
    assert figure.read_bytes().startswith({"png": b"\x89PNG", "svg": b"<?xml"}[suffix])


def test_a_table_is_drawn_as_it_was() -> None:
    for name, options in (("train", ()), ("train_per_layer", ("--per-layer", "--act=relu"))):
        result = run_in_process(*SMALL, *options, "-f", "table")
        assert (result.status, result.stderr) == (0, b"")
        check(name, result.stdout.decode())


def test_verdicts_go_to_stderr_where_programs_read_the_rows() -> None:
    result = run_in_process(*SMALL, "-f", "tsv")
    assert result.stderr.decode().startswith("sigmoid: ")
    assert b"sigmoid: " not in result.stdout


def test_the_first_gradient_is_what_vanish_itself_says(tmp_path: Path) -> None:
    row = rows("--act=tanh")[1]
    ratio = float(row["log10_ratio_start"])
    assert math.isfinite(ratio)
    training = vanish.train(act="tanh", layers=3, epochs=1, width=6)
    assert training.median.start.log10_ratio == pytest.approx(ratio, rel=1e-12)
    assert not [*tmp_path.iterdir()]


def test_networks_that_differ_are_told_apart() -> None:
    result = run_in_process(
        *("train", "--act", "relu", "--init", "auto,he_normal", "--layers", "2", "--epochs", "2"),
        *("-f", "table"),
    )
    said = result.stdout.decode()
    assert "relu, auto LEARNED" in said
    assert "relu, he_normal LEARNED" in said
    assert "from 2 to 2" not in said


def test_a_command_that_is_told_can_be_pasted() -> None:
    result = run_in_process(
        *("train", "--act", "x*sigmoid(x)", "--layers", "8", "--init", "normal(0.001)"),
        *("--epochs", "1", "--width", "8", "-f", "table"),
    )
    said = " ".join(result.stdout.decode().split())
    command = re.search(r"Its gradient, layer by layer: (vanish .*?)\.(?: |$)", said + " ")
    assert command is not None
    words = shlex.split(command[1])
    assert words[words.index("--init") + 1] == "normal(0.001)"
    assert words[words.index("--act") + 1] == "x*sigmoid(x)"


@pytest.mark.parametrize("init", ["zeros", "normal(0.001)"])
def test_where_the_gradient_is_seen_is_a_command(init: str) -> None:
    result = run_in_process(
        *("train", "--act", "sigmoid", "--layers", "4", "--width", "8", "--init", init),
        *("--epochs", "1", "-f", "table"),
    )
    said = " ".join(result.stdout.decode().split())
    command = re.search(r"Its gradient, layer by layer: (vanish .*?)\.(?: |$)", said + " ")
    assert command is not None
    shown = run_in_process(*shlex.split(command[1])[1:], "-f", "table")
    assert shown.status == 0
    assert re.search("VANISHING|DEAD", shown.stdout.decode())


def test_dead_units_agree_in_number() -> None:
    for width, told in (("1", "the one unit is dead"), ("2", "2 of 2 units are dead")):
        found = []
        for seed in range(6):
            result = run_in_process(
                *("train", "--act", "relu", "--layers", "6", "--width", width, "--epochs", "1"),
                *("--seed", str(seed), "-f", "table"),
            )
            said = " ".join(result.stdout.decode().split())
            assert "1 of 1 units" not in said
            found += re.findall(r"In layer \d+, ([^:]*): slope 0 on every example", said)
        assert {*found} == {told}
