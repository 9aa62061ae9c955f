"""Every column that a command prints is declared with what it means, and the manual lists it."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from checkpoints import LARGE, SMALL
from command import run_in_process

from vanish import train
from vanish.columns import Column, Scale, Table
from vanish.network import activations
from vanish.render.contract import TABLES
from vanish.simulation.settings import Settings
from vanish.sweeps import columns as sweep
from vanish.sweeps.run import settings_cells
from vanish.training.columns import NETWORKS, layer_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

# Each command line that prints a table of its own, with some that fill cells else empty.
PRINTED = {
    "vanish": [
        *("-n 3", "-n 4 --act relu --trials 5", "-n 3 --act identity --gain 1e-300"),
        f"--weights {SMALL} --select layers.*.mlp.* --act tanh",
    ],
    "vanish sweep": [
        "-n 2,3",
        "--widths 4,3,2 --trials 5",
        "-n 2 --width 4,40000 --memory 1M",
        "--norm-bound -n 2",
        "--block bottleneck -n 2 --width 4 --hidden 2,2x --weight-std 1 --weight-std W=1,V=2",
    ],
    "vanish sweep --per-layer": ["-n 2", "--layer-acts relu,tanh --trials 3"],
    "vanish train": ["-n 1,2 --width 4 --epochs 1", "-n 1 --epochs 1 --trials 3 --act relu"],
    "vanish train --per-layer": ["-n 2 --width 4 --epochs 1"],
    "vanish theory": ["--act tanh,relu,softplus", "--act tanh,elu --weight-std 1,2"],
    "vanish theory --layers --width": ["--act relu,sigmoid --layers 3 --width 4"],
    "vanish theory --block": [
        "--block residual,layernorm_after,batchnorm --act tanh,relu",
        "--block rmsnorm_after,bottleneck --act sigmoid --weight-std W=2",
    ],
    "vanish theory --block --layers": [
        "--block residual,batchnorm --act relu -n 3",
        "--block bottleneck --weight-std V=2 --act relu -n 2000",
    ],
    "vanish acts": ["", "-n 2000"],
    "vanish blocks": ["", "residual"],
    "vanish collapse": ["", "--act identity,relu,tanh -n 3"],
    "vanish derive --format json": ["", "--values --act relu"],
    "vanish show": [SMALL, f"{SMALL} --full --weights-layout in_out", LARGE],
}


def table_of(command: str) -> list[Column[Any]]:
    """Return the declared columns that a command line prints, in their order."""
    # The spread stands behind the point.
    names = {command, "vanish theory"} if command.endswith("--width") else {command}
    found = [column for table in TABLES if names & {*table.printed_by} for column in table.columns]
    if command == "vanish sweep --per-layer":
        # What a layer has of its own takes the place of the point's.
        own = {name for table in TABLES if table.printed_by[0] == "vanish" for name in table.names}
        shared = [each for each in sweep.SETTINGS.columns if each.name in own]
        found = [each for each in found if each not in shared]
    if command.startswith("vanish sweep"):
        # What landed later stands behind the error, whatever it is about.
        forward = ("log10_rms_a", "log10_predicted_rms_a", "mean_f", "std_f", "saturated")
        last = (*forward, "max_abs_a", "slope_bound")
        later = ("log10_predicted_f", *sweep.LATER.names, *last, *sweep.LAST.names, "name")
        found = [each for each in found if each.name not in later] + [
            each for name in later for each in found if each.name == name
        ]
    return found


def rows_of(command: str, options: str) -> list[dict[str, Any]]:
    """Return what a command line prints for programs."""
    words = command.removeprefix("vanish").split()
    words = [each for each in words if each not in ("--block", "--layers", "--width")]
    if "derive" in words:
        result = run_in_process(*words, *options.split())
        rows: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
        return rows
    result = run_in_process(*words, *options.split(), "--format", "jsonl")
    return [json.loads(line) for line in result.stdout.splitlines()]


def fits(scale: Scale, cell: Any) -> bool:
    """Tell whether a cell is of its column's scale."""
    number = isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)
    match scale:
        case Scale.TEXT:
            return isinstance(cell, str)
        case Scale.FLAG:
            return isinstance(cell, bool)
        case Scale.COUNT:
            return number and isinstance(cell, int) and cell >= 0
        case Scale.SHARE:
            return number and 0.0 <= cell <= 1.0
        case Scale.EXACT:
            return number or (isinstance(cell, str) and Decimal(cell).is_finite())
        case Scale.NUMBER:
            # JSON has no number for what is infinite.
            return number or cell in ("inf", "-inf")
        case Scale.LOG10:
            return number
        case Scale.EITHER:
            return number or isinstance(cell, str)


def faults(columns: Sequence[Column[Any]], rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return what printed rows and declared columns do not have in common."""
    names = [column.name for column in columns]
    found = [f"{[*row]} for {names}" for row in rows if [*row] != names]
    scales = {column.name: column.scale for column in columns}
    return found + [
        f"{name} {cell!r}: no {scales[name]}"
        for row in rows
        for name, cell in row.items()
        if name in scales and cell is not None and not fits(scales[name], cell)
    ]


@pytest.mark.parametrize("command", PRINTED)
def test_what_is_printed_is_what_is_declared(command: str) -> None:
    for options in PRINTED[command]:
        rows = rows_of(command, options)
        assert rows
        assert not faults(table_of(command), rows)


def test_no_table_is_left_out() -> None:
    assert {name for table in TABLES for name in table.printed_by} == {*PRINTED}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"act": "relu", "layer": 1}, "for"),
        ({"act": "relu"}, "for"),
        ({"layer": 1, "act": "relu", "share": 0.5}, "for"),
        ({"act": "relu", "layer": 1.0, "share": 0.5}, "layer 1.0"),
        ({"act": "relu", "layer": 1, "share": 1.5}, "share 1.5"),
        ({"act": 3, "layer": 1, "share": None}, "act 3"),
        ({"act": "relu", "layer": True, "share": None}, "layer True"),
    ],
)
def test_a_column_that_is_not_what_it_was_declared_is_found(
    row: dict[str, Any], fault: str
) -> None:
    columns: list[Column[[None]]] = [
        Column("act", Scale.TEXT, "the activation", lambda _: None),
        Column("layer", Scale.COUNT, "k", lambda _: None),
        Column("share", Scale.SHARE, "a share", lambda _: None),
    ]
    assert fault in faults(columns, [row])[0]


def test_columns_are_declared_with_a_meaning_that_is_no_sentence_cut_off() -> None:
    for table in TABLES:
        assert len({*table.names}) == len(table.columns)
        assert table.each
        for column in table.columns:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)
            assert column.meaning == column.meaning.strip(" .,;") != ""
            assert "\n" not in column.meaning
            assert "  " not in column.meaning


def test_a_row_is_got_column_by_column() -> None:
    table: Table[[int, str]] = Table(
        ("none",),
        "a word",
        Column("number", Scale.COUNT, "the number", lambda number, _: number),
        Column("word", Scale.TEXT, "the word, so often", lambda number, word: word * number),
    )
    assert table.row(2, "ab") == {"number": 2, "word": "abab"}
    assert table.names == ("number", "word")


def test_a_sweep_has_a_column_for_every_setting() -> None:
    # How weights were read came later, and rows keep their places.
    own = {name for name in Settings().as_dict() if not name.startswith("weights_layout")}
    columns = {*sweep.SETTINGS.names, *sweep.LATER.names, *sweep.LAST.names}
    assert columns == own == {*settings_cells(Settings(), "dense")}


def test_a_training_says_of_itself_what_the_command_prints() -> None:
    found = train(layers=2, width=4, epochs=2, trials=3, act="relu", history=range(3))
    assert found.row() == NETWORKS.row(found)
    assert found.layer_rows() == layer_rows(found)


def test_the_manual_lists_every_column_in_its_order() -> None:
    text = run_in_process("help", "columns").stdout.decode()
    # Behind the tables there is what the word columns means.
    _, *sections = text.partition("\n## The word")[0].split("\n## ")
    assert len(sections) == len(TABLES)
    for table, section in zip(TABLES, sections, strict=True):
        heading, _, lines = section.partition("\n")
        assert heading == ", ".join(f"`{command}`" for command in table.printed_by)
        assert re.findall(r"^- (.*)$", lines, re.MULTILINE) == [
            f"`{column.name}`: {column.meaning} ({column.scale})" for column in table.columns
        ]


def test_activations_have_all_that_their_columns_say() -> None:
    rows = rows_of("vanish acts", "")
    assert [row["act"] for row in rows] == [*activations.names()]
