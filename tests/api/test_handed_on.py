"""Results of the Python API as data: what the command writes as JSON, and its rows in pandas."""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest import mock

import pandas as pd
import pytest
from checkpoints import SMALL
from command import run_in_process

import vanish
from vanish import VanishError
from vanish.api.shown import Shown

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
    f"show {SMALL}": lambda: vanish.show(SMALL),
    "collapse --layers=3 --act=tanh,relu": lambda: vanish.collapse(["tanh", "relu"], layers=3),
    "theory --act=tanh,relu": lambda: vanish.theory(["tanh", "relu"]),
    "theory --act=tanh --weight-std=0.9,1.1 --layers=5 --width=6": lambda: vanish.theory(
        "tanh", weight_std=[0.9, 1.1], layers=5, width=6
    ),
    "theory --act=tanh --weight-std=1:2:3,4 --bias-std=0:0.1:2": lambda: vanish.theory(
        "tanh", weight_std=[1.0, 1.5, 2.0, 4.0], bias_std=[0.0, 0.1]
    ),
    "theory --act=tanh --init=HeNormal": lambda: vanish.theory("tanh", init="HeNormal"),
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
    "fix --act=tanh --layers=6 --width=4 --gain=0.2 --framework=torch": lambda: vanish.fix(
        act="tanh", layers=6, width=4, gain=0.2, framework="torch"
    ),
    "train --act=relu --layers=1,2 --epochs=2": lambda: vanish.train(
        [vanish.TrainingSettings(act="relu", layers=n, epochs=2) for n in (1, 2)]
    ),
    "train --act=relu --layers=1 --epochs=2": lambda: vanish.train(act="relu", layers=1, epochs=2),
    "train --act=relu --layers=1,2 --width=4 --epochs=1 --per-layer": lambda: (
        vanish.train(
            [vanish.TrainingSettings(act="relu", layers=n, width=4, epochs=1) for n in (1, 2)],
            history=range(2),
        ).by_layer
    ),
}


def results(kind: type = Shown) -> set[type]:
    """Return the types of results that functions return."""
    below: list[type] = kind.__subclasses__()
    # What PyTorch's modules give is tested beside them, tests/modules.
    here = [each for each in below if not each.__module__.startswith("vanish.torch")]
    return {found for each in here for found in results(each)} or {kind}


@pytest.mark.slow
def test_no_result_is_left_out() -> None:
    assert {type(make()) for make in RESULTS.values()} == results()


@pytest.mark.slow
@pytest.mark.parametrize("line", RESULTS)
def test_to_dict_is_what_json_has(line: str) -> None:
    result = run_in_process(*line.split(), "--format", "json")
    assert result.status == 0
    expected, found = json.loads(result.stdout), RESULTS[line]().to_dict()
    assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("line", RESULTS)
def test_to_pandas_has_the_rows(line: str) -> None:
    result = RESULTS[line]()
    frame, found = result.to_pandas(), result.to_dict()
    runs = found.get("runs")
    rows = found["rows"] if runs is None else [row for run in runs for row in run["layers"]]
    assert [*frame.columns] == [*rows[0]]
    assert len(frame) == len(rows)
    for name, column in frame.items():
        for value, row in zip(column, rows, strict=True):
            # pandas has NaN in a column of numbers where JSON has null, and infinity as one.
            same = value == row[name] or str(value) == row[name] in ("inf", "-inf")
            assert same or (row[name] is None and pd.isna(value))


def test_pandas_has_numbers_as_numbers() -> None:
    frame = vanish.simulate(act="tanh", layers=4).to_pandas()
    numbers = pd.api.types.is_numeric_dtype
    assert [*frame["layer"]] == [1, 2, 3, 4]
    assert all(numbers(frame[name]) for name in ("layer", "n_in", "grad_w", "log10_grad_w"))
    assert not numbers(frame["act"])
    scales = vanish.theory(["tanh", "softplus"]).to_pandas()["depth_scale"]
    assert numbers(scales)
    assert scales[0] == float("inf")
    assert pd.isna(scales[1])


def test_pandas_reckons_with_columns_that_are_empty() -> None:
    # Of a batch theory expects nothing.
    frame = vanish.simulate(act="tanh", layers=4, batch=2).to_pandas()
    assert (frame["log10_grad_w"] - frame["log10_predicted"]).isna().all()
    assert frame["log10_predicted"].dtype == float


def test_layers_of_a_training_need_epochs_that_were_kept() -> None:
    with pytest.raises(VanishError) as why:
        _ = vanish.train(act="relu", layers=1, epochs=1).by_layer
    assert str(why.value) == "by_layer: no epoch was kept: give history, such as range(101)"


def test_layers_of_a_training_with_gaps_are_listed() -> None:
    trained = vanish.train(act="relu", layers=1, epochs=3, history=[0, 3])
    head, *rows = str(trained.by_layer).splitlines()
    assert head.split("\t") == [*trained.layer_rows()[0]]
    assert len(rows) == len(trained.by_layer.to_pandas()) == 4
    assert repr(trained.by_layer) == f"<TrainedLayers: {trained.summary()}>"


@pytest.mark.parametrize("call", [vanish.acts, vanish.derive])
def test_without_pandas_one_line_says_what_to_do(call: Any) -> None:
    with mock.patch.dict(sys.modules, {"pandas": None}), pytest.raises(VanishError) as why:
        call().to_pandas()
    assert str(why.value) == "to_pandas: pandas is not installed: pip install pandas"
