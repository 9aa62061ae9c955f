"""pandas, duckdb, sqlite and jq read what every command prints, as what it is declared to be."""

from __future__ import annotations

import math
import re
import shlex
import shutil
from contextlib import chdir
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import readers
from checkpoints import LARGE, SMALL
from command import run_in_process
from readers import EITHER, EMPTY, FLAG, NUMBER, TEXT, WHOLE, Seen
from test_columns import PRINTED, table_of

import vanish
from vanish import Rows, TrainingSettings
from vanish.columns import Scale
from vanish.render.delimited import cell as as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from vanish.columns import Cell

# Names of files that would end a cell, or that a spreadsheet would run.
NAMES = ['a, "b" é.txt', "=1+2", "semi;colon", "'", "a|b"]

TRAINED = [TrainingSettings(act="relu", layers=n, width=4, epochs=2) for n in (1, 2)]


def with_options(rows: Iterable[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
    """Return rows whose errors name options as the command line has them."""
    known = {"weight_std": "--weight-std", "gain": "--gain"}
    return [
        {**row, "error": re.sub("|".join(known), lambda each: known[each[0]], str(row["error"]))}
        if row["error"]
        else {**row}
        for row in rows
    ]


# Of each command line the same in Python.
CASES: dict[str, Callable[[], Any]] = {
    "-n 3 --width 4 --act tanh": lambda: vanish.simulate(layers=3, width=4, act="tanh"),
    "-n 3 --width 4 --act tanh,relu --init he_normal,orthogonal --batch 2": lambda: vanish.compare(
        layers=3, width=4, act=["tanh", "relu"], init=["he_normal", "orthogonal"], batch=2
    ),
    "-n 4 --width 3 --act relu --trials 5": lambda: vanish.simulate(
        layers=4, width=3, act="relu", trials=5
    ),
    "-n 3 --width 4 --act tanh --block prenorm": lambda: vanish.simulate(
        layers=3, width=4, act="tanh", block="prenorm"
    ),
    # Below float64, above it, and 0.
    "-n 30 --width 4 --act sigmoid --gain 1e-20": lambda: vanish.simulate(
        layers=30, width=4, act="sigmoid", gain=1e-20
    ),
    "-n 6 --width 3 --act identity --gain 1e300": lambda: vanish.simulate(
        layers=6, width=3, act="identity", gain=1e300
    ),
    "--widths 1,1,1 --act relu,tanh --input zero": lambda: vanish.compare(
        widths=(1, 1, 1), act=["relu", "tanh"], input=[0.0]
    ),
    "sweep -n 2,3 --width 4 --act tanh,relu --trials 3": lambda: vanish.sweep(
        act=["tanh", "relu"], layers=[2, 3], width=4, trials=3
    ),
    # Points that fail, and settings of both kinds.
    "sweep -n 3 --width 4 --act softplus --gain 1,1e300 --norm-bound": lambda: with_options(
        vanish.sweep(layers=3, width=4, act="softplus", gain=[1.0, 1e300], norm_bound=True)
    ),
    "sweep --widths 4,3,2 --last-act identity": lambda: vanish.sweep(
        widths=(4, 3, 2), last_act="identity", act="sigmoid"
    ),
    "sweep -n 2 --width 4 --act tanh --block bottleneck --hidden 2,2x"
    " --weight-std 1 --weight-std W=1,V=2": lambda: vanish.sweep(
        layers=2,
        width=4,
        act="tanh",
        block="bottleneck",
        weight_std=[1.0, {"W": 1.0, "V": 2.0}],
        hidden=[2, "2x"],
    ),
    "sweep -n 2 --width 1 --act tanh --seed 9223372036854775807 "
    + shlex.join(f"--input={name}" for name in NAMES): lambda: vanish.sweep(
        layers=2,
        width=1,
        act="tanh",
        seed=2**63 - 1,
        input=[Rows(np.array([1.0]), name) for name in NAMES],
    ),
    "sweep --per-layer -n 2,3 --width 4 --act tanh,relu": lambda: vanish.sweep(
        act=["tanh", "relu"], layers=[2, 3], width=4, per_layer=True
    ),
    "sweep --per-layer -n 3 --width 4 --act softplus --gain 1,1e300": lambda: with_options(
        vanish.sweep(layers=3, width=4, act="softplus", gain=[1.0, 1e300], per_layer=True)
    ),
    "train -n 1,2 --width 4 --epochs 2 --act relu": lambda: vanish.train(TRAINED),
    "train --per-layer -n 1,2 --width 4 --epochs 2 --act relu": lambda: (
        vanish.train(TRAINED, history=range(3)).by_layer
    ),
    # One that diverges.
    "train -n 1 --width 4 --epochs 1 --act relu --lr 1e30 --trials 2": lambda: vanish.train(
        layers=1, width=4, epochs=1, act="relu", lr=1e30, trials=2
    ),
    # Flags that are not always known, and infinite depth scales.
    "theory --act tanh,relu,softplus": lambda: vanish.theory(["tanh", "relu", "softplus"]),
    "theory --act tanh,softplus --weight-std 1,2": lambda: vanish.theory(
        ["tanh", "softplus"], weight_std=[1.0, 2.0]
    ),
    "theory --act relu,softplus --layers 3 --width 4": lambda: vanish.theory(
        ["relu", "softplus"], layers=3, width=4
    ),
    "theory --act tanh,relu --block residual,batchnorm": lambda: vanish.theory(
        ["tanh", "relu"], block=["residual", "batchnorm"]
    ),
    "theory --act relu --block bottleneck,batchnorm --weight-std 1e3 -n 40": lambda: vanish.theory(
        "relu", block=["bottleneck", "batchnorm"], weight_std=1e3, layers=40
    ),
    "acts": vanish.acts,
    "acts sigmoid -n 2000": lambda: vanish.acts("sigmoid", layers=2000),
    "blocks": vanish.blocks,
    "collapse --act identity,tanh,relu -n 3 --width 4": lambda: vanish.collapse(
        ["identity", "tanh", "relu"], layers=3, width=4
    ),
    # Numbers of several kinds, and empty cells.
    f"show {SMALL}": lambda: vanish.show(SMALL),
    f"show {LARGE} --full": lambda: vanish.show(LARGE, full=True),
    "fix -n 6 --width 4 --act tanh --gain 0.2": lambda: vanish.fix(
        layers=6, width=4, act="tanh", gain=0.2
    ),
    "fix -n 8 --width 2 --act relu --weight-std 1": lambda: vanish.fix(
        layers=8, width=2, act="relu", weight_std=1.0
    ),
    "derive": vanish.derive,
    "derive --values --layers 2": lambda: vanish.derive(values=True, layers=2),
}


# What JSON has for what is no number of it; csv and tsv have nothing.
INFINITE = ("inf", "-inf")


def command_of(line: str) -> str:
    """Return the command line by whose columns a case is printed."""
    words = line.split()
    if words[0] == "derive":
        return "vanish derive --format json"
    command = "vanish" if words[0].startswith("-") else f"vanish {words[0]}"
    if "--per-layer" in words:
        return f"{command} --per-layer"
    if command != "vanish theory":
        return command
    layered = {"--layers", "-n"} & {*words}
    if "--block" in words:
        return f"{command} --block --layers" if layered else f"{command} --block"
    return f"{command} --layers --width" if layered else command


def declared(line: str, rows: Iterable[Mapping[str, Cell]]) -> readers.Table:
    """Return the columns that a command line prints, of rows as Python has them."""
    kinds = {
        Scale.TEXT: TEXT,
        Scale.COUNT: WHOLE,
        Scale.NUMBER: NUMBER,
        Scale.SHARE: NUMBER,
        Scale.LOG10: NUMBER,
        Scale.FLAG: FLAG,
    }
    found = {}
    for column in table_of(command_of(line)):
        cells = [row[column.name] for row in rows]
        read = [
            str(each) if isinstance(each, float) and math.isinf(each) else each
            for each in (as_text(each) if isinstance(each, Decimal) else each for each in cells)
        ]
        kind = kinds.get(column.scale, EITHER)
        if kind == NUMBER and {*INFINITE} & {*read}:
            kind = EITHER
        if all(each is None for each in read):
            kind = EMPTY
        elif kind is EITHER:
            kind = readers.kind_of(read)
        found[column.name] = Seen(kind, read)
    return found


def as_texts(cells: Iterable[Cell]) -> Seen:
    """Return a column as what csv and tsv have in its place."""
    return Seen(TEXT, [None if each is None else as_text(each) for each in cells])


class Printed:
    """What a command line prints in a format, and what it is to be read as."""

    def __init__(self, line: str, place: Path) -> None:
        self.line = line
        with chdir(place):
            for name in NAMES:
                (place / name).write_text("1.0\n", encoding="utf-8")
            (place / "zero").write_text("0\n", encoding="utf-8")
            formats = ["json"] if line.startswith("derive") else ["csv", "tsv", "json", "jsonl"]
            self.paths = {}
            for each in formats:
                words = [*shlex.split(line), "--output", f"printed.{each}"]
                quiet = [] if words[0] in ("acts", "blocks", "derive", "show") else ["--quiet"]
                assert run_in_process(*words, *quiet).status in (0, 1)
                self.paths[each] = place / f"printed.{each}"
        result = CASES[line]()
        rows = result if isinstance(result, list) else [*result.rows()]
        assert rows
        self.table = declared(line, rows)

    def delimited(self) -> readers.Table:
        """Return what csv and tsv say: nothing for no text, and all as text where some is."""
        found = {}
        for name, (kind, cells) in self.table.items():
            read = [None if each in ("", *INFINITE) else each for each in cells]
            infinite = bool({*INFINITE} & {*cells})
            if kind == EITHER and not infinite:
                found[name] = as_texts(read)
            else:
                known = any(each is not None for each in read)
                found[name] = Seen((NUMBER if infinite else kind) if known else EMPTY, read)
        return found

    def text(self) -> list[str]:
        """Return the columns that have to be read as text to keep what float64 cannot hold."""
        return [
            column.name
            for column in table_of(command_of(self.line))
            if column.scale is Scale.EXACT and self.delimited()[column.name].kind == TEXT
        ]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Printed]:
    return cache(lambda line: Printed(line, tmp_path_factory.mktemp("printed")))


def faults(found: readers.Table, expected: readers.Table, share: float = 0.0) -> list[str]:
    """Return what a program has otherwise than Python.

    Parameters
    ----------
    found, expected
        The table as each of them has it.
    share
        By what share of itself a number may differ.
    """
    if [*found] != [*expected]:
        return [f"columns {[*found]}, not {[*expected]}"]
    wrong = []
    for name, (kind, cells) in expected.items():
        seen = found[name]
        if seen.kind != kind:
            wrong.append(f"{name}: {seen.kind}, not {kind}")
        elif len(seen.cells) != len(cells):
            wrong.append(f"{name}: {len(seen.cells)} cells, not {len(cells)}")
        else:
            pairs = zip(seen.cells, cells, strict=True)
            wrong += [
                f"{name}: {one!r}, not {each!r}" for one, each in pairs if differ(one, each, share)
            ]
    return wrong


def differ(one: Any, other: Any, share: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return not math.isclose(one, other, rel_tol=share)
    return bool(one != other)


def as_kind(table: readers.Table, kinds: Mapping[str, str], gaps: bool = False) -> readers.Table:
    """Return a table for a program that takes some kinds for others; `gaps`: only beside None."""
    return {
        name: Seen(kinds.get(kind, kind) if not gaps or None in cells else kind, cells)
        for name, (kind, cells) in table.items()
    }


def test_no_table_is_left_out() -> None:
    assert {command_of(line) for line in CASES} == {*PRINTED}


by_case = pytest.mark.parametrize(
    "line",
    # A fix tries every cure.
    [
        pytest.param(line, marks=[pytest.mark.slow] if line.startswith("fix") else [])
        for line in CASES
    ],
)


@pytest.mark.slow
@by_case
def test_pandas(line: str, printed: Callable[[str], Printed]) -> None:
    case = printed(line)
    # Its whole numbers have no place for what is missing.
    table, delimited = (
        as_kind(each, {WHOLE: NUMBER}, gaps=True) for each in (case.table, case.delimited())
    )
    for name, path in case.paths.items():
        if name == "json":
            assert not faults(readers.pandas_document(path), table)
        elif name == "jsonl":
            assert not faults(readers.pandas_lines(path), table)
        else:
            assert not faults(readers.pandas_delimited(path, case.text()), delimited)
            assert not faults(readers.pandas_nullable(path, case.text()), case.delimited())


@pytest.mark.slow
@by_case
def test_duckdb(line: str, printed: Callable[[str], Printed]) -> None:
    case = printed(line)
    for name, path in case.paths.items():
        if name == "json":
            assert not faults(readers.duckdb_document(path), case.table)
        elif name == "jsonl":
            assert not faults(readers.duckdb_lines(path), case.table)
        else:
            assert not faults(readers.duckdb_delimited(path, case.text()), case.delimited())


# What SQLite promises to keep of a number.
FIFTEEN_DIGITS = 1e-15


@pytest.mark.slow
@by_case
def test_sqlite(line: str, printed: Callable[[str], Printed]) -> None:
    case = printed(line)
    # It has no type for true and false.
    delimited = {
        name: as_texts(cells) if kind == FLAG else Seen(kind, cells)
        for name, (kind, cells) in case.delimited().items()
    }
    kinds = {name: kind for name, (kind, _) in delimited.items()}
    for name, path in case.paths.items():
        if name == "json":
            assert not faults(readers.sqlite_document(path), case.table, FIFTEEN_DIGITS)
        elif name == "jsonl":
            assert not faults(readers.sqlite_lines(path), case.table, FIFTEEN_DIGITS)
        else:
            for read in (readers.sqlite_delimited, readers.sqlite_imported):
                found = read(path, kinds)
                assert found is None or not faults(found, delimited, FIFTEEN_DIGITS)


@pytest.mark.slow
@by_case
def test_jq(line: str, printed: Callable[[str], Printed]) -> None:
    case = printed(line)
    # It has one kind of number, which is float64.
    table = {
        name: Seen(NUMBER, [None if each is None else float(each) for each in cells])
        if kind == WHOLE
        else Seen(kind, cells)
        for name, (kind, cells) in case.table.items()
    }
    for program in (False, True) if shutil.which("jq") else (False,):
        assert not faults(readers.jq_document(case.paths["json"], program=program), table)
        if "jsonl" in case.paths:
            assert not faults(readers.jq_lines(case.paths["jsonl"], program=program), table)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"a": Seen(NUMBER, [1.0, None])}, "columns"),
        ({"a": Seen(NUMBER, [1.0, None]), "b": Seen(WHOLE, [1, 0])}, "b: whole, not flag"),
        ({"a": Seen(NUMBER, [1.0]), "b": Seen(FLAG, [True, False])}, "a: 1 cells, not 2"),
        ({"a": Seen(NUMBER, [1.0 + 2**-52, None]), "b": Seen(FLAG, [True, False])}, "a: 1.0000"),
        ({"a": Seen(NUMBER, [1.0, 0.0]), "b": Seen(FLAG, [True, False])}, "a: 0.0, not None"),
        ({"a": Seen(NUMBER, [1.0, None]), "b": Seen(FLAG, [True, True])}, "b: True, not False"),
    ],
)
def test_what_a_program_has_otherwise_is_found(found: readers.Table, says: str) -> None:
    table = {"a": Seen(NUMBER, [1.0, None]), "b": Seen(FLAG, [True, False])}
    assert not faults(table, table)
    (fault,) = faults(found, table)
    assert fault.startswith(says)


@pytest.mark.parametrize("read", [readers.pandas_delimited, readers.duckdb_delimited])
@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("-n 30 --width 4 --act sigmoid --gain 1e-20", 0.0),
        ("-n 6 --width 3 --act identity --gain 1e300", math.inf),
    ],
)
def test_what_float64_cannot_hold_has_to_be_asked_for_as_text(
    read: Callable[..., readers.Table], line: str, instead: float, printed: Callable[[str], Printed]
) -> None:
    case = printed(line)
    assert "grad_w" in case.text()
    for name in ("csv", "tsv"):
        kind, cells = read(case.paths[name])["grad_w"]
        assert (kind, cells[0]) == (NUMBER, instead)


def test_the_largest_seeds_are_whole_to_pandas_and_duckdb_alone(tmp_path: Path) -> None:
    seed = 2**64 - 1
    path = {name: tmp_path / f"seeds.{name}" for name in ("csv", "jsonl")}
    for each in path.values():
        line = f"sweep -n 2 --width 1 --act tanh --seed {seed} --quiet --output"
        assert run_in_process(*line.split(), str(each)).status == 0
    whole, rounded = Seen(WHOLE, [seed]), Seen(NUMBER, [float(seed)])
    assert readers.pandas_delimited(path["csv"])["seed"] == whole
    assert readers.pandas_lines(path["jsonl"])["seed"] == whole
    assert readers.duckdb_lines(path["jsonl"])["seed"] == whole
    assert readers.jq_lines(path["jsonl"])["seed"] == rounded
    assert readers.sqlite_lines(path["jsonl"])["seed"].cells == [float(seed)]
