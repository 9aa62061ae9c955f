"""What other programs make of the output, which they read as `vanish help scripts` says.

A reader gives a table column by column: what kind of thing the program takes its cells for, and
the cells, None where the program has none.
"""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import jq
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Table = dict[str, "Seen"]

# The kinds of columns. Of a column without a cell nothing is known.
EMPTY, TEXT, WHOLE, NUMBER, FLAG, EITHER = "empty", "text", "whole", "number", "flag", "either"

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PYTHON = {bool: FLAG, int: WHOLE, float: NUMBER, str: TEXT}


class Seen(NamedTuple):
    """A column as a program has it."""

    kind: str
    cells: list[Any]


def kind_of(cells: Iterable[Any]) -> str:
    """Return what kind of thing a column's cells are."""
    return _common(_PYTHON[type(cell)] for cell in cells if cell is not None)


def _common(kinds: Iterable[str]) -> str:
    found = {*kinds}
    return found.pop() if len(found) == 1 else EITHER if found else EMPTY


# --- pandas ---


def pandas_delimited(path: Path, text: Sequence[str] = ()) -> Table:
    """Read csv or tsv; `text` names the columns that are to be left as text."""
    dtype = dict.fromkeys(text, str)
    return _of_frame(pd.read_csv(path, sep=_SEPARATORS[path.suffix], dtype=dtype))


def pandas_nullable(path: Path, text: Sequence[str] = ()) -> Table:
    """Read csv or tsv into types that have a place for what is missing."""
    separator, dtype = _SEPARATORS[path.suffix], dict.fromkeys(text, "string")
    return _of_frame(pd.read_csv(path, sep=separator, dtype=dtype, dtype_backend="numpy_nullable"))


def pandas_lines(path: Path) -> Table:
    return _of_frame(pd.read_json(path, lines=True, dtype=False, precise_float=True))


def pandas_document(path: Path) -> Table:
    document = json.loads(path.read_text(encoding="utf-8"))
    if "runs" in document:
        return _of_frame(pd.json_normalize(document["runs"], "layers"))
    return _of_frame(pd.DataFrame(document["rows"]))


def _of_frame(frame: pd.DataFrame) -> Table:
    return {name: _of_series(frame[name]) for name in frame.columns}


def _of_series(series: pd.Series) -> Seen:
    types = pd.api.types
    cells = [None if pd.isna(cell) else cell for cell in series.tolist()]
    if series.isna().all():
        return Seen(EMPTY, cells)
    if types.is_bool_dtype(series.dtype):
        return Seen(FLAG, cells)
    if types.is_integer_dtype(series.dtype):
        return Seen(WHOLE, cells)
    if types.is_float_dtype(series.dtype):
        return Seen(NUMBER, cells)
    return Seen(kind_of(cells), cells)


# --- duckdb ---

_DUCKDB = {
    "VARCHAR": TEXT,
    "BIGINT": WHOLE,
    "UBIGINT": WHOLE,
    "HUGEINT": WHOLE,
    "DOUBLE": NUMBER,
    "BOOLEAN": FLAG,
    "JSON": EITHER,
}


def duckdb_delimited(path: Path, text: Sequence[str] = ()) -> Table:
    """Read csv or tsv; `text` names the columns that are to be left as text."""
    types = ", ".join(f"'{name}': 'VARCHAR'" for name in text)
    option = f", types = {{{types}}}" if text else ""
    return _of_query(f"FROM read_csv($path, sample_size = -1{option})", path)


def duckdb_lines(path: Path) -> Table:
    return _of_query("FROM read_json($path, sample_size = -1)", path)


def duckdb_document(path: Path) -> Table:
    rows = "SELECT unnest(rows) AS row FROM read_json($path, sample_size = -1)"
    if "runs" in json.loads(path.read_text(encoding="utf-8")):
        runs = "SELECT unnest(runs) AS run FROM read_json($path, sample_size = -1)"
        rows = f"SELECT unnest(run.layers) AS row FROM ({runs})"
    return _of_query(f"SELECT row.* FROM ({rows})", path)


def _of_query(query: str, path: Path) -> Table:
    with duckdb.connect() as connection:
        given = {"path": str(path)}
        columns = connection.execute(f"DESCRIBE {query}", given).fetchall()
        rows = connection.execute(query, given).fetchall()
    found = {}
    for (name, kind, *_), cells in zip(columns, zip(*rows, strict=True), strict=True):
        read = [json.loads(each) if kind == "JSON" and each is not None else each for each in cells]
        known = any(each is not None for each in read)
        found[name] = Seen(_DUCKDB[kind] if known else EMPTY, read)
    return found


# --- sqlite ---

_SQLITE = {"integer": WHOLE, "real": NUMBER, "text": TEXT, "true": FLAG, "false": FLAG}
_AFFINITIES = {WHOLE: "INTEGER", NUMBER: "REAL"}


def sqlite_delimited(path: Path, kinds: Mapping[str, str]) -> Table:
    """Read csv or tsv into a table that says of what kinds its columns are."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter=_SEPARATORS[path.suffix])
    assert header == [*kinds]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(_table(kinds))
        places = ", ".join("?" for _ in kinds)
        database.executemany(f"INSERT INTO layers VALUES ({places})", rows)
        return _of_table(database, kinds)


def sqlite_imported(path: Path, kinds: Mapping[str, str]) -> Table | None:
    """Read csv or tsv with the program; None where it is missing."""
    program = shutil.which("sqlite3")
    if program is None:
        return None
    database = path.with_suffix(f"{path.suffix}.db")
    mode = {".csv": ".mode csv", ".tsv": ".mode tabs"}[path.suffix]
    words = [_table(kinds), mode, f".import --skip 1 '{path}' layers"]
    done = subprocess.run([program, database, *words], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    with closing(sqlite3.connect(database)) as connection:
        return _of_table(connection, kinds)


def sqlite_lines(path: Path) -> Table:
    rows = path.read_text(encoding="utf-8").splitlines()
    return _of_json(f"[{','.join(rows)}]", "json_each($text)", json.loads(rows[0]))


def sqlite_document(path: Path) -> Table:
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)
    if "runs" in document:
        source = "json_each($text, '$.runs') AS run, json_each(run.value, '$.layers')"
        return _of_json(text, source, document["runs"][0]["layers"][0])
    return _of_json(text, "json_each($text, '$.rows')", document["rows"][0])


def _table(kinds: Mapping[str, str]) -> str:
    columns = (f"{name} {_AFFINITIES.get(kind, 'TEXT')}" for name, kind in kinds.items())
    return f"CREATE TABLE layers ({', '.join(columns)})"


def _of_table(database: sqlite3.Connection, names: Iterable[str]) -> Table:
    found = {}
    for name in names:
        # An empty cell is empty text.
        query = f"SELECT typeof({name}), {name} FROM (SELECT nullif({name}, '') {name} FROM layers)"
        found[name] = _of_cells(database.execute(query).fetchall())
    return found


def _of_json(text: str, source: str, names: Iterable[str]) -> Table:
    found = {}
    with closing(sqlite3.connect(":memory:")) as database:
        for name in names:
            cell = f"row.value, '$.{name}'"
            query = f"SELECT json_type({cell}), json_extract({cell}) FROM {source} AS row"
            found[name] = _of_cells(database.execute(query, {"text": text}).fetchall())
    return found


def _of_cells(rows: Iterable[tuple[str, Any]]) -> Seen:
    read = [(_SQLITE.get(kind), cell) for kind, cell in rows]
    # SQL has 1 and 0 for true and false.
    cells = [bool(cell) if kind == FLAG else cell for kind, cell in read]
    return Seen(_common(kind for kind, _ in read if kind is not None), cells)


# --- jq ---

_JQ = {"number": NUMBER, "string": TEXT, "boolean": FLAG}
_CELLS = "[to_entries[] | [.key, (.value | type), .value]]"


def jq_lines(path: Path, *, program: bool = False) -> Table:
    return _of_filter(path, _CELLS, program=program)


def jq_document(path: Path, *, program: bool = False) -> Table:
    rows = "if .runs then .runs[].layers[] else .rows[] end"
    return _of_filter(path, f"{rows} | {_CELLS}", program=program)


def _of_filter(path: Path, text: str, *, program: bool) -> Table:
    if program:
        done = subprocess.run(["jq", "-c", text, path], capture_output=True, check=True)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
    else:
        rows = jq.compile(text).input_text(path.read_text(encoding="utf-8")).all()
    found = {}
    for column in zip(*rows, strict=True):
        names, kinds, cells = zip(*column, strict=True)
        assert len({*names}) == 1
        # It has one kind of number, which is float64.
        read = [float(each) if type(each) is int else each for each in cells]
        found[names[0]] = Seen(_common(_JQ[kind] for kind in kinds if kind != "null"), read)
    return found
