"""Results of the Python API as data: what the command writes as JSON, and its rows in pandas."""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest import mock

import pytest
from command import run_in_process

import vanish
from vanish import VanishError

RESULTS: dict[str, Any] = {
    "--act=tanh --layers=5": lambda: vanish.simulate(act="tanh", layers=5),
    # With a remedy, and with numbers outside float64.
    "--act=tanh,relu --layers=3 --width=4 --weight-std=1e-200": lambda: vanish.compare(
        act=["tanh", "relu"], layers=3, width=4, weight_std=1e-200
    ),
    "--act=tanh --layers=3 --block=prenorm": lambda: vanish.simulate(
        act="tanh", layers=3, block="prenorm"
    ),
    "derive": vanish.derive,
    "derive --values --layers=2": lambda: vanish.derive(values=True, layers=2),
    "acts": vanish.acts,
    "blocks": vanish.blocks,
    "collapse --layers=3 --act=tanh,relu": lambda: vanish.collapse(["tanh", "relu"], layers=3),
    "theory --act=tanh,relu": lambda: vanish.theory(["tanh", "relu"]),
    "theory --act=tanh --weight-std=0.9,1.1 --layers=5 --width=6": lambda: vanish.theory(
        "tanh", weight_std=[0.9, 1.1], layers=5, width=6
    ),
    "theory --act=tanh --block=prenorm": lambda: vanish.theory("tanh", block="prenorm"),
    "theory --act=tanh --block=prenorm --weight-std=W=1,V=2": lambda: vanish.theory(
        "tanh", block="prenorm", weight_std={"W": 1.0, "V": 2.0}
    ),
    "sweep --act=tanh,relu --layers=2:4:3": lambda: vanish.sweep(
        act=["tanh", "relu"], layers=[2, 3, 4]
    ),
    "sweep --act=tanh --layers=3 --per-layer": lambda: vanish.sweep(
        act="tanh", layers=3, per_layer=True
    ),
    "train --act=relu --layers=1,2 --epochs=2": lambda: vanish.train(
        [vanish.TrainingSettings(act="relu", layers=n, epochs=2) for n in (1, 2)]
    ),
    "train --act=relu --layers=1 --epochs=2": lambda: vanish.train(act="relu", layers=1, epochs=2),
}


@pytest.mark.parametrize("line", RESULTS)
def test_to_dict_is_what_json_has(line: str) -> None:
    result = run_in_process(*line.split(), "--format", "json")
    assert result.status == 0
    expected, found = json.loads(result.stdout), RESULTS[line]().to_dict()
    assert found.keys() == expected.keys()
    if line.startswith("theory"):
        # The command line has ranges as they were written.
        for each in (found, expected):
            for name in ("weight_std", "bias_std"):
                del each["settings"][name]
    assert found == expected


@pytest.mark.parametrize("line", RESULTS)
def test_to_pandas_has_the_rows(line: str) -> None:
    pandas = pytest.importorskip("pandas")
    result = RESULTS[line]()
    frame, found = result.to_pandas(), result.to_dict()
    runs = found.get("runs")
    rows = found["rows"] if runs is None else [row for run in runs for row in run["layers"]]
    assert [*frame.columns] == [*rows[0]]
    assert len(frame) == len(rows)
    for name, column in frame.items():
        for value, row in zip(column, rows, strict=True):
            # pandas has NaN in a column of numbers where JSON has null, and infinity as a number.
            same = value == row[name] or str(value) == row[name] in ("inf", "-inf")
            assert same or (row[name] is None and pandas.isna(value))


def test_pandas_has_numbers_as_numbers() -> None:
    pandas = pytest.importorskip("pandas")
    frame = vanish.simulate(act="tanh", layers=4).to_pandas()
    numbers = pandas.api.types.is_numeric_dtype
    assert [*frame["layer"]] == [1, 2, 3, 4]
    assert all(numbers(frame[name]) for name in ("layer", "n_in", "grad_w", "log10_grad_w"))
    assert not numbers(frame["act"])
    scales = vanish.theory(["tanh", "softplus"]).to_pandas()["depth_scale"]
    assert numbers(scales)
    assert scales[0] == float("inf")
    assert pandas.isna(scales[1])


@pytest.mark.parametrize("call", [vanish.acts, vanish.derive])
def test_without_pandas_one_line_says_what_to_do(call: Any) -> None:
    with mock.patch.dict(sys.modules, {"pandas": None}), pytest.raises(VanishError) as why:
        call().to_pandas()
    assert str(why.value) == "to_pandas: pandas is not installed: pip install pandas"
