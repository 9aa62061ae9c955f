"""Rows that are made by column, some at a time: the bytes are those of a row at a time."""

from __future__ import annotations

import gc
import json
import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import run_in_process

import vanish
from vanish.cli import simulate as simulate_command
from vanish.columns import PIECE
from vanish.numbers.scaled import Magnitude
from vanish.render import delimited, jsonrows
from vanish.render.json import document, document_parts, dumped, lines, run
from vanish.simulation import cells, layers
from vanish.simulation.columns import LAYERS
from vanish.simulation.layers import LayerRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.columns import Cell

OPTIONS: dict[str, dict[str, Any]] = {
    "vanishing beyond float64": {"weight_std": 1e-6, "layers": 60, "engine": "sampled"},
    "exploding beyond float64": {"act": "leaky_relu", "weight_std": 1e6, "layers": 60},
    "dying": {"act": "relu", "weight_std": 1.0, "width": 2, "layers": 31},
    "trials": {"act": "tanh", "trials": 9, "layers": 12, "engine": "sampled"},
    "no S in between": {"act": "relu", "last_act": "identity", "block": "x+S(Wx+b)", "layers": 7},
    "no theory": {"act": "gelu", "batch": 3, "layers": 9},
    "one layer": {"layers": 1},
}


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """So few rows are made at a time that there are many pieces."""
    for module in (cells, layers, sys.modules["vanish.render.json"]):
        monkeypatch.setattr(module, "PIECE", 7)
    return 7


def simulated(**options: Any) -> vanish.Profile:
    return vanish.simulate(**{"width": 4, "seed": 5, **options})


def rows_one_by_one(profile: vanish.Profile) -> list[dict[str, Cell]]:
    """The rows by their records, each column asked for each cell."""
    return [LAYERS.row(profile, record) for record in profile.layers]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("name", OPTIONS)
def test_bytes_are_those_of_a_row_at_a_time(name: str) -> None:
    profile = simulated(**OPTIONS[name])
    rows = rows_one_by_one(profile)
    assert profile.rows() == rows
    for delimiter in ("\t", ","):
        parts = [
            delimited.lines(lot, delimiter, header=not i) for i, lot in enumerate(profile.lots())
        ]
        assert "".join(parts) == delimited.delimited(rows, delimiter)
    assert "".join(map(jsonrows.lines, profile.lots())) == lines(rows)
    found = json.loads(document([profile, profile]))
    assert document([profile, profile]) == dumped(found, indent=1) + "\n"
    assert found["runs"][0] == json.loads(dumped(run(profile)))
    assert found["runs"][0]["layers"] == [json.loads(line) for line in lines(rows).splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("count", [PIECE - 1, PIECE, PIECE + 1])
def test_no_row_is_lost_where_pieces_end(count: int) -> None:
    profile = simulated(layers=count, width=1, act="relu", engine="sampled", weight_std=2.0)
    assert [row["layer"] for row in profile.rows()] == list(range(1, count + 1))
    assert [record.layer for record in profile.layers] == list(range(1, count + 1))
    numbers = re.findall(r'"layer": (\d+)', document([profile]))
    assert numbers == [str(k) for k in range(1, count + 1)]


@pytest.mark.usefixtures("small_pieces")
def test_chosen_columns_are_made_alone() -> None:
    profile = simulated(act="tanh", layers=20)
    names = ("max_abs_a", "layer", "status", "engine")
    chosen = [{name: row[name] for name in names} for row in profile.rows()]
    lots = list(profile.lots(names))
    assert [len(lot["layer"]) for lot in lots] == [7, 7, 6]
    assert "".join(map(jsonrows.lines, lots)) == lines(chosen)
    options = ("--layers", "20", "--width", "4", "--seed", "5", "--act", "tanh", "-f", "csv")
    done = run_in_process(*options, "--quiet", "--columns", ",".join(names))
    assert done.stdout == delimited.delimited(chosen, ",").encode()


def alive() -> int:
    """How many records there are, in all of this process."""
    return sum(type(each) is LayerRecord for each in gc.get_objects())


@pytest.mark.slow
def test_records_are_made_when_they_are_read_and_not_all_kept(small_pieces: int) -> None:
    depth = 140
    profile = simulated(act="relu", layers=depth, engine="sampled")
    before = alive()
    found = [alive() - before for record in profile.layers if record.layer % 35 == 0]
    assert max(found) <= small_pieces * layers._MOST_PIECES < depth


@pytest.mark.slow
@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "json"])
def test_writers_keep_no_rows(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is written is never held by whoever makes it: part by part, of a few rows each.
    sizes: list[int] = []
    records: list[int] = []
    rendered = simulate_command._rendered

    def watched(*args: Any) -> Iterator[str]:
        for part in rendered(*args):
            if "tanh" in part and "dense" in part:
                sizes.append(part.count("dense"))
                records.append(alive())
            yield part

    monkeypatch.setattr(simulate_command, "_rendered", watched)
    options = ("--layers", "46", "--width", "4", "--act", "tanh", "--format", form, "--quiet")
    assert run_in_process(*options).status == 0
    assert sizes == [7] * 6 + [4]
    assert max(records) == min(records)


@pytest.mark.usefixtures("small_pieces")
def test_layers_are_a_sequence_like_the_tuple_of_them() -> None:
    one, same, other = (simulated(act="tanh", layers=40, seed=seed).layers for seed in (1, 1, 2))
    assert len(one) == len(tuple(one)) == 40
    assert [record.layer for record in one] == list(range(1, 41))
    assert one[0].layer == 1
    assert one[-1] is one[39]
    assert [record.layer for record in one[5:30:4]] == [6, 10, 14, 18, 22, 26, 30]
    assert isinstance(one[3:5], tuple)
    with pytest.raises(IndexError):
        one[40]
    assert one == same == tuple(one)
    assert tuple(one) == one
    assert hash(one) == hash(same)
    assert one != other
    assert one != list(one)
    assert one[3] in one
    assert one.index(one[9]) == 9
    assert repr(one) == repr(tuple(one))


def test_infinities_and_numbers_beyond_float64_are_text() -> None:
    big = Magnitude.of(1.0, 5000).exact()
    column = [1.5, np.inf, -np.inf, None, "a\nb", 3, True, big]
    assert jsonrows.texts(column) == [
        *("1.5", '"inf"', '"-inf"', "null", '"a\\nb"', "3", "true"),
        f'"{delimited.cell(big)}"',
    ]
    cells_of_csv = delimited.lines({"x": column, "y": [1] * 8}, ",").splitlines()[1:]
    assert cells_of_csv[:4] == ["1.5,1", ",1", ",1", ",1"]
    assert jsonrows.texts([1, True]) == ["1", "true"]
    assert list(document_parts([]))[-1].endswith("}\n")
