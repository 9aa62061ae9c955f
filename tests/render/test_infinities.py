"""What is infinite says so in JSON, whose null means none; in tsv and csv both are empty."""

from __future__ import annotations

import csv
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from command import run_in_process

import vanish
from vanish.render import json as render

# Command lines of every table, so that all have infinities that can; with the columns that do.
LINES: dict[str, set[str]] = {
    "-n 3": set(),
    "-n 4 --act relu --width 2 --trials 5": set(),
    "-n 8 --act relu --width 2": set(),
    "-n 3 --act identity --gain 1e-300": set(),
    "sweep -n 2,3 --act relu --width 2": set(),
    "sweep -n 2 --width 4,40000 --memory 1M": set(),
    "sweep -n 8 --act relu --width 2 --per-layer": set(),
    "train -n 1,2 --width 4 --epochs 1": set(),
    "train -n 1 --width 4 --epochs 2 --lr 1e300": set(),
    "train -n 2 --width 4 --epochs 2 --lr 1e300 --per-layer": set(),
    "theory": {"depth_scale", "q_star"},
    "theory --act identity,elu --weight-std 0.5,1,2": {"depth_scale", "q_star"},
    "theory --act tanh,relu --layers 3 --width 4": {"depth_scale"},
    "theory --block residual,plain --act relu,identity --weight-std 1,2": {"p_star", "q_star"},
    "theory --block residual --act relu -n 3": set(),
    "acts": set(),
    "blocks": set(),
    "collapse -n 3 --act relu,tanh": set(),
    "collapse -n 3 --act identity": set(),
}

INFINITE = ("inf", "-inf")


def printed(line: str, format_name: str) -> str:
    result = run_in_process(*line.split(), "--format", format_name)
    assert result.status in (0, 1), result.stderr
    return result.stdout.decode()


def strict(text: str) -> Any:
    """Return JSON as a parser reads it that knows no Infinity and no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def rows_of(line: str) -> list[dict[str, Any]]:
    """Return the rows of a JSON document, of all runs."""
    found = strict(printed(line, "json"))
    runs = found.get("runs")
    return found["rows"] if runs is None else [row for run in runs for row in run["layers"]]


def as_json(cell: str) -> set[Any]:
    """Return what a cell of tsv or csv may be in JSON."""
    if not cell:
        return {None, "", *INFINITE}
    if cell in ("true", "false"):
        return {cell == "true"}
    try:
        return {cell, float(cell), Decimal(cell)}
    except (ArithmeticError, ValueError):
        return {cell}


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_all_formats_have_the_same_numbers_and_json_infinities(line: str) -> None:
    rows = rows_of(line)
    assert rows
    assert rows == [strict(each) for each in printed(line, "jsonl").splitlines()]
    for format_name, delimiter in (("tsv", "\t"), ("csv", ",")):
        text = printed(line, format_name).splitlines()
        for row, cells in zip(rows, csv.DictReader(text, delimiter=delimiter), strict=True):
            assert all(row[name] in as_json(cells[name]) for name in row)
    infinite = {name for row in rows for name, cell in row.items() if cell in INFINITE}
    assert infinite == LINES[line]


@pytest.mark.parametrize("weight_std", [None, 0.5, 1.0, 2.0])
def test_json_has_all_that_theory_has(weight_std: float | None) -> None:
    acts = ["identity", "softplus", "elu"]
    blocks = ["residual", "plain", "bottleneck"]
    tables: list[Any] = [vanish.theory(acts, weight_std=weight_std)]
    tables.append(vanish.theory(acts, weight_std=weight_std, block=blocks))
    for table in tables:
        for point, row in zip(table, table.to_dict()["rows"], strict=True):
            for name, value in point._asdict().items():
                if value is None:
                    assert row[name] is None
                elif isinstance(value, float):
                    assert float(row[name]) == value
                    assert isinstance(row[name], str) is math.isinf(value)


def test_infinity_is_text_in_json_and_nothing_else_is_lost() -> None:
    row = {"a": math.inf, "b": -math.inf, "c": None, "d": 0.5, "e": "inf x", "f": Decimal("1e-999")}
    expected = {
        "a": "inf",
        "b": "-inf",
        "c": None,
        "d": 0.5,
        "e": "inf x",
        "f": "1.0000000000000000e-999",
    }
    (line,) = render.lines([row]).splitlines()
    assert strict(line) == expected
    assert strict(render.table([row], {}))["rows"] == [expected]
    assert strict("".join(render.parts([[row], [row]], {})))["rows"] == [expected, expected]
    with pytest.raises(ValueError, match="not JSON compliant"):
        render.lines([{"a": math.nan}])
