"""The table of somebody's own network, of records that nobody measured."""

from __future__ import annotations

import pytest
from handmade import course, record

from vanish.render.modules import view
from vanish.render.table import Canvas, table
from vanish.simulation.course import Verdict
from vanish.simulation.modulecolumns import MODULES


def test_a_network_without_repeats_has_a_row_a_layer() -> None:
    found = course(record(1, "in", 1e-6), record(2, "mid", None), record(3, "out", 0.1, dead=0.9))
    lines = table(view(found), Canvas(100)).splitlines()
    assert lines[0] == (
        "Net · 3 layers · 330 parameters · float64 · training mode · loss mse_loss 0.5"
    )
    rows = [line.split() for line in lines if " Linear " in line]
    assert [row[:3] for row in rows] == [
        ["1", "in", "Linear"],
        ["2", "mid", "Linear"],
        ["3", "out", "Linear"],
    ]
    assert rows[0][3] == "1.00e-06"
    assert rows[2][-3:] == ["90", "of", "100"]
    assert "One parameter: embed.weight, head.weight" in lines
    assert "Not called: spare" in lines
    text = " ".join(lines)
    assert "VANISHING. The signal going back shrinks 1.00e+05-fold a layer; layer 1 gets" in text
    assert "Layer 1 is 'in' and layer 3 is 'out'." in text


def test_repeated_layers_are_a_row_with_both_ends() -> None:
    layers = [record(k + 1, f"block.{k}.fc", 10.0**k) for k in range(4)]
    found = course(*layers, is_chain=False)
    lines = table(view(found), Canvas(100)).splitlines()
    (row,) = [line for line in lines if "block.{0-3}.fc" in line]
    assert row.split()[0] == "1-4"
    assert "1 … 1.00e+03" in row
    assert (
        sum("block." in line for line in table(view(found, fold=False), Canvas(100)).splitlines())
        > 4
    )
    assert found.decades_per_layer is None
    assert "a layer" not in found.story.text


@pytest.mark.parametrize(
    ("signals", "says"),
    [
        ((0.0, 1.0), "The signal is exactly 0 in float64 in layer 1, and not in layer 2."),
        ((0.0, 0.0, 0.0), "The signal is exactly 0 in float64 in every layer."),
    ],
)
def test_a_dead_network_says_where_the_signal_is_0(signals: tuple[float, ...], says: str) -> None:
    found = course(*(record(k, f"l{k}", each) for k, each in enumerate(signals, 1)))
    assert found.verdict is Verdict.DEAD
    assert found.story.text.startswith(f"DEAD. {says}")


def test_every_column_has_a_meaning_of_its_own() -> None:
    rows = course(record(1, "in", 1.0)).rows()
    assert [*rows[0]] == [*MODULES.names]
    assert len({*MODULES.names}) == len(MODULES.names)
    assert all(column.meaning for column in MODULES.columns)
