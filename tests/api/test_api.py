"""The Python API: a function a command, plain names, NumPy's numbers, its own words."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import math
import pickle
import pkgutil
import runpy
from fractions import Fraction
from functools import partial
from html import unescape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from checkpoints import SMALL
from command import run_in_process

import vanish
from vanish import (
    Activation,
    Data,
    Grid,
    Network,
    Rows,
    Settings,
    TrainingSettings,
    VanishError,
    api,
)
from vanish.errors import (
    ConflictError,
    ForwardOverflowError,
    MemoryLimitError,
    UsageError,
    in_python,
)
from vanish.simulation import table
from vanish.system import memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vanish.numbers.scaled import FloatArray

FUNCTIONS = ("acts", "collapse", "compare", "derive", "simulate", "sweep", "theory", "train")


def square(a: FloatArray) -> tuple[FloatArray, FloatArray]:
    return a * a / (1.0 + a * a), 2.0 * a / (1.0 + a * a) ** 2


SQUARE = Activation(
    name="square",
    pair=square,
    sup_slope=0.6495190528383290,
    sup_at=0.577,
    lower=0.0,
    upper=1.0,
)

# As a caller without a type checker has it: what is wrong is for vanish to say.
UNTYPED: Any = vanish


# --- names ---


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_command_is_a_function_with_an_example(name: str) -> None:
    function = getattr(vanish, name)
    assert inspect.isfunction(function)
    assert name in vanish.__all__
    runner = doctest.DocTestRunner(verbose=False)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=vars(api).copy())
    assert example.examples
    assert runner.run(example).failed == 0


def test_no_part_of_the_package_hides_a_function() -> None:
    for module in pkgutil.walk_packages(vanish.__path__, "vanish."):
        if module.name == "vanish.torch" and importlib.util.find_spec("torch") is None:
            continue
        if module.name != "vanish.__main__":
            importlib.import_module(module.name)
    assert all(callable(getattr(vanish, name)) for name in FUNCTIONS)


def test_a_star_imports_what_is_public(tmp_path: Path) -> None:
    (tmp_path / "star.py").write_text("from vanish import *\n")
    found = runpy.run_path(str(tmp_path / "star.py"))
    assert {name for name in found if not name.startswith("__")} == {*vanish.__all__}


# --- what is welcome ---


NUMPYS: dict[str, Any] = {
    "layers": np.int64(5),
    "width": np.uint8(7),
    "batch": np.int32(2),
    "seed": np.int16(3),
    "trials": np.int64(1),
    "weight_std": np.float64(1.5),
    "bias_std": np.float32(0.5),
    "gain": Fraction(1, 2),
    "vanish_below": 1,
    "explode_above": np.int64(10),
    "norm_bound": np.True_,
}


def test_numbers_of_numpy_are_numbers() -> None:
    plain = {name: each.item() if hasattr(each, "item") else each for name, each in NUMPYS.items()}
    plain["gain"] = 0.5
    found, expected = vanish.simulate(**NUMPYS), vanish.simulate(**plain)
    assert found.rows() == expected.rows()
    for name in NUMPYS:
        assert type(getattr(found.settings, name)) in (int, float, bool)


def test_lists_and_arrays_are_lists() -> None:
    for widths in ([4, 3, 2], np.array([4, 3, 2]), (np.int64(4), 3, 2)):
        options: Any = {"widths": widths, "layer_acts": ["relu", SQUARE]}
        settings = Settings(**options)
        assert settings.widths == (4, 3, 2)
        assert [act.name for act in settings.model.activations] == ["relu", "square"]


def test_an_activation_is_a_name_or_a_record() -> None:
    profile = vanish.simulate(act=SQUARE, layers=3)
    assert {layer.act for layer in profile.layers} == {"square"}
    assert [row["act"] for row in vanish.sweep(act=[SQUARE, "relu"], layers=3)] == [
        "square",
        "relu",
    ]
    assert "square" in str(vanish.compare(act=["tanh", SQUARE], layers=3))
    assert vanish.train(act=SQUARE, layers=1, epochs=1).settings.act_name == "square"
    assert vanish.derive(act=SQUARE, layers=1).derivation.activation is SQUARE
    assert vanish.acts(SQUARE)[0] is SQUARE


def test_weights_are_a_list_of_arrays_or_a_network() -> None:
    weights = [np.arange(6.0).reshape(3, 2), np.ones((1, 3))]
    as_list = vanish.simulate(weights=weights, act="tanh")
    as_network = vanish.simulate(weights=Network(tuple(weights)), act="tanh")
    as_lists = vanish.simulate(weights=[each.tolist() for each in weights], act="tanh")
    assert as_list.rows() == as_network.rows() == as_lists.rows()
    # The one axis that may be taken for a list of networks.
    (row,) = vanish.sweep(weights=weights, act="tanh")
    assert row["log10_ratio"] == as_list.log10_ratio
    assert len(vanish.sweep(weights=[weights, Network(tuple(weights))], act="tanh")) == 2


def test_an_axis_may_be_a_single_value() -> None:
    rows = vanish.sweep(
        act="tanh", widths=[(4, 4, 4), (3, 3)], input=[1.0, 2.0, 3.0], trials=np.int64(2)
    )
    assert [row["error"] is None for row in rows] == [False, True]
    assert len(vanish.sweep(widths=np.array([4, 4, 4]))) == 1
    assert len(vanish.sweep(layer_acts=[["relu", "tanh"], ["tanh", "tanh"]])) == 2
    assert len(vanish.sweep({"layers": range(2, 5)})) == 3
    assert len(vanish.sweep(Grid({"layers": [np.int64(2)]}))) == 1


def test_several_networks_are_trained_as_the_command_does() -> None:
    records = [TrainingSettings(act=act, layers=1, epochs=2) for act in ("tanh", "relu")]
    several = vanish.train(records)
    assert [each.row() for each in several] == [vanish.train(each).row() for each in records]
    with pytest.raises(UsageError, match=r"^settings beside layers: give one of them$"):
        vanish.train(records[0], layers=2)


# --- what is refused ---


WRONG: list[tuple[dict[str, Any], str]] = [
    *(({name: True}, f"{name} True: give a whole number") for name in ("layers", "seed", "batch")),
    ({"layers": np.True_}, "layers np.True_: give a whole number"),
    ({"layers": 20.0}, "layers 20.0: give a whole number"),
    ({"layers": "20"}, "layers '20': give a whole number"),
    ({"width": np.array([3, 4])}, r"width of type ndarray: give a whole number|width array"),
    ({"trials": None}, "trials None: give a whole number"),
    ({"layers": np.int64(0)}, "layers 0: give at least 1"),
    ({"gain": "2"}, "gain '2': give a number"),
    ({"gain": True}, "gain True: give a number"),
    ({"gain": 1j}, "gain 1j: give a number"),
    ({"gain": 10**400}, r"gain of 401 digits: give a number"),
    ({"weight_std": [1.0]}, r"weight_std \[1.0\]: give a number"),
    ({"act": 3}, "act 3: give one name, or an Activation"),
    ({"act": ["relu"]}, r"act \['relu'\]: give one name"),
    ({"layer_acts": "relu"}, "layer_acts 'relu': give a list of names"),
    ({"layer_acts": [1]}, r"layer_acts \[1\]: give a list of names"),
    ({"widths": 3}, "widths 3: give a list of whole numbers"),
    ({"widths": "3,4"}, "widths '3,4': give a list of whole numbers"),
    ({"widths": [3, True]}, r"widths \[3, True\]: give a list of whole numbers"),
    ({"loss": None}, "loss None: give one name"),
    ({"norm_bound": 1}, "norm_bound 1: give True or False"),
    ({"weights": 3}, "weights 3: give a list of arrays, arrays by their names, or a Network"),
    (
        {"weights": "net.npz"},
        "weights 'net.npz': give a list of arrays, arrays by their names, or a Network",
    ),
    ({"weights": [[1.0, 2.0], [3.0]]}, "arrays: W1 has shape"),
    ({"input": "x.npy"}, "array: entries of type <U5: give real numbers"),
    ({"input": [[1.0], [1.0, 2.0]]}, "array: rows of several lengths: give rows of one"),
    ({"weights": [[[1.0, 2.0], [3.0]]]}, "arrays: W1: rows of several lengths"),
    ({"layer": 3}, "unknown setting 'layer': did you mean layer_acts or layers"),
]


@pytest.mark.parametrize(("options", "complaint"), WRONG)
def test_a_wrong_type_is_told_in_the_settings_own_name(
    options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(VanishError, match=f"^(?:{complaint})") as caught:
        vanish.simulate(**options)
    text = str(caught.value)
    assert "--" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: vanish.train(layers=True), "layers True: give a whole number"),
        (lambda: vanish.train(epochs=1.5), "epochs 1.5: give a whole number"),
        (lambda: vanish.train(lr="fast"), "lr 'fast': give a number"),
        (lambda: vanish.train(lr=-1), "lr -1: give a finite number of at least 0"),
        (lambda: vanish.train(depth=3), "unknown setting 'depth'"),
        (lambda: vanish.derive(layers=True), "layers True: give a whole number"),
        (lambda: vanish.derive("W4"), "cannot differentiate by 'W4'"),
        (lambda: UNTYPED.derive(3), "wrt 3: give one name"),
        (lambda: vanish.derive(batch=2), "unknown setting 'batch'"),
        (lambda: vanish.acts(layers=True), "layers True: give a whole number"),
        (lambda: UNTYPED.acts(3), "act 3: give one name"),
        (lambda: vanish.acts("rleu"), "unknown activation 'rleu': did you mean relu"),
        (lambda: UNTYPED.theory("tanh", weight_std="1"), "weight_std '1': give a number"),
        (lambda: vanish.theory("tanh", input_rms=True), "input_rms True: give a number"),
        (lambda: vanish.theory("tanh", layers=3), "layers without width"),
        (lambda: vanish.theory("tanh", layers=3, width=0), "width 0: give at least 1"),
        (lambda: vanish.theory(init="he_normal", weight_std=1.0), "init beside weight_std"),
        (lambda: vanish.collapse(batch=1), "batch 1: give at least 2 inputs"),
        (lambda: vanish.collapse([]), "act is empty"),
        (lambda: vanish.collapse(loss="mse"), "unknown setting 'loss'"),
        (lambda: vanish.sweep(layers=[True]), "layers True: give a whole number"),
        (
            lambda: vanish.sweep(layer=[3]),
            "unknown setting 'layer': did you mean layer_acts or layers",
        ),
        (lambda: vanish.sweep(layers=[]), "layers: an empty list"),
        (lambda: vanish.sweep(layers=[2, np.int64(2)]), "layers: 2 is given twice"),
        (lambda: UNTYPED.sweep({"layers": 3}), "layers 3: give a list of values"),
        (lambda: vanish.sweep(Grid({}), layers=[3]), "settings beside layers"),
        (lambda: vanish.sweep(layers=3, jobs=0), "jobs 0: give at least 1"),
        (lambda: UNTYPED.simulate_grid(Grid({}), jobs="2"), "jobs '2': give a whole number"),
        (lambda: UNTYPED.simulate({"layers": 3}), "settings of type dict: give Settings"),
        (lambda: UNTYPED.train(Settings()), "settings of type Settings: give TrainingSettings"),
        (lambda: UNTYPED.compare(["relu"]), "settings of type str: give Settings"),
        (lambda: UNTYPED.simulate(memory_limit="1GB"), "memory_limit '1GB': give a whole number"),
        (lambda: vanish.simulate(memory_limit=0), "memory_limit 0: give at least 1"),
        (lambda: vanish.simulate(jobs=True), "jobs True: give a whole number"),
        (lambda: vanish.compare([Settings()], layers=3), "settings beside layers"),
        (lambda: vanish.compare(Settings(), layers=3), "settings beside layers"),
        (lambda: UNTYPED.compare(3), "settings of type int: give Settings, or a list of them"),
        (lambda: vanish.compare([]), "settings is empty: give at least one"),
        (lambda: vanish.compare(act=[]), "act is empty: give at least one"),
        (lambda: vanish.train([]), "settings is empty: give at least one"),
        (lambda: UNTYPED.train({"layers": 1}), "settings of type dict: give TrainingSettings"),
        (lambda: UNTYPED.train(data=3), "data 3: give a name, the path of a file, or Data"),
        (lambda: UNTYPED.train(data=None), "data None: give a name, the path of a file, or Data"),
        (lambda: UNTYPED.train(data=np.ones((3, 20))), "data of type ndarray: give a name, the"),
        (lambda: UNTYPED.train(history=None), r"history None: give a list of epochs, such as ra"),
        (lambda: UNTYPED.train(history=[0.5]), "history 0.5: give a whole number"),
        (lambda: vanish.theory("tanh", bias_std=[]), "bias_std is empty: give at least one"),
        (lambda: UNTYPED.theory("tanh", bias_std=None), "bias_std None: give a number"),
        (lambda: vanish.theory("tanh", weight_std=[]), "weight_std is empty: give at least one"),
        (lambda: UNTYPED.theory("tanh", input_rms=[1, 2]), r"input_rms \[1, 2\]: give a number$"),
        (lambda: UNTYPED.theory("tanh", input_rms="1"), "input_rms '1': give a number$"),
        (lambda: UNTYPED.theory("tanh", init=3), "init 3: give one name"),
        (lambda: UNTYPED.theory("tanh", block=3), "block 3: give one name"),
        (lambda: vanish.theory("tanh", block=[]), "block is empty: give at least one"),
        (
            lambda: UNTYPED.theory("tanh", weight_std={"W": 1}),
            "weight_std by letters without block: give a number",
        ),
        (
            lambda: UNTYPED.theory("tanh", weight_std=[1.0, {"W": 1}]),
            "weight_std by letters without block: give a number",
        ),
        (lambda: UNTYPED.blocks(3), "block 3: give one name"),
        (lambda: UNTYPED.load(SMALL, layout=None), "weights layout None: give one name"),
        (lambda: UNTYPED.show(SMALL, layout=3), "weights layout 3: give one name"),
        (lambda: UNTYPED.load(SMALL, 3), "select 3: give a glob, or a list of globs"),
        (lambda: UNTYPED.sweep([1]), r"a grid \[1\]: give lists of values by the names"),
        (lambda: UNTYPED.sweep(scheduler=3), "scheduler 3: give a text"),
        (lambda: UNTYPED.sweep(act=None), "act None: give one name, or an Activation"),
        (lambda: UNTYPED.Grid(3), "a grid 3: give lists of values by the names of settings"),
        (lambda: UNTYPED.Grid({3: [1]}), "unknown setting 3"),
        (lambda: UNTYPED.Network(3), "arrays: weights 3: give a list of arrays"),
        (lambda: UNTYPED.Network([[[1.0]]], biases=3), "arrays: biases 3: give a list of arrays"),
        (lambda: UNTYPED.derive(values=3), "values 3: give True or False"),
    ],
)
def test_every_function_refuses_in_the_words_of_python(call: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=f"^{complaint}") as caught:
        call()
    assert "--" not in str(caught.value)


JUNK: list[Any] = [
    *(3, 0, None, "", "x", b"x", [], [1], [None], {}, {"a": 1}, True, 1.5, 1j, object(), len),
    *(np.array([1.0, 2.0]), np.array(["relu", "tanh"]), np.array("relu"), np.array(3), [[]]),
    *((("W", 1.0),), np.zeros((2, 2, 2)), Settings, Settings(layers=1, width=2)),
]
SHAPED: dict[str, Any] = {"layers": 1, "width": 2}
TAKERS: dict[str, Any] = {
    **{
        f"theory {name}": lambda given, name=name: vanish.theory("tanh", **{name: given})
        for name in ("weight_std", "bias_std", "input_rms", "init", "block")
    },
    **{
        f"theory of blocks {name}": lambda given, name=name: vanish.theory(
            "tanh", block="residual", **{name: given}
        )
        for name in ("weight_std", "bias_std", "input_rms", "init", "layers")
    },
    **{name: getattr(vanish, name) for name in ("acts", "blocks", "load", "show", "Grid", "Rows")},
    "theory": lambda given: vanish.theory(given, weight_std=1.0),
    "collapse": lambda given: UNTYPED.collapse(given, **SHAPED),
    "compare": UNTYPED.compare,
    "compare act": lambda given: vanish.compare(act=given, **SHAPED),
    "compare init": lambda given: vanish.compare(init=given, **SHAPED),
    "simulate_grid": lambda given: [*UNTYPED.simulate_grid(given)],
    "load select": lambda given: UNTYPED.load(SMALL, given),
    "load layout": lambda given: UNTYPED.load(SMALL, layout=given),
    "show full": lambda given: UNTYPED.show(SMALL, full=given),
    "Network": UNTYPED.Network,
    "Network.of": UNTYPED.Network.of,
    "biases": lambda given: UNTYPED.Network.of([np.eye(2)], given),
    "readout": lambda given: UNTYPED.Network.of([np.eye(2)], readout=given),
    "data": lambda given: TrainingSettings(data=given),
    "history": lambda given: UNTYPED.train(layers=1, width=2, epochs=1, history=given),
    "labels": lambda given: UNTYPED.Data.of(np.ones((10, 2)), given),
    **{
        f"sweep {name}": lambda given, name=name: vanish.sweep(**SHAPED | {name: given})
        for name in ("act", "layer_acts", "last_act", "weight_std", "widths", "scheduler", "input")
    },
}


def refusal(take: Callable[[Any], object], given: Any) -> str:
    """Return why something is refused; an empty text if it is taken."""
    try:
        take(given)
    except VanishError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", TAKERS)
def test_whatever_is_given_is_taken_or_refused_in_a_line(name: str) -> None:
    told = [refusal(TAKERS[name], given) for given in [*JUNK, iter([0, 1])]]
    assert any(told)
    assert not [each for each in told if "\n" in each]


def test_texts_in_arrays_are_texts_in_a_list() -> None:
    names = np.array(["relu", "tanh"])
    assert [each.name for each in vanish.acts(names)] == ["relu", "tanh"]
    assert str(vanish.theory(names)) == str(vanish.theory(["relu", "tanh"]))
    assert len(vanish.compare(act=names, **SHAPED)) == 2
    assert len(vanish.collapse(names, **SHAPED).chains) == 2
    assert len(vanish.sweep(act=names, **SHAPED)) == 2


def test_all_is_all_in_any_case_as_on_the_command_line() -> None:
    every = [each.name for each in vanish.acts("all")]
    assert len(every) > 10
    assert [each.name for each in vanish.acts("ALL")] == every
    assert [each.name for each in vanish.acts([" All"])] == every
    assert [row["act"] for row in vanish.sweep(act="All", **SHAPED)] == every
    assert [row["act"] for row in vanish.sweep(act=["ALL"], **SHAPED)] == every
    assert len(vanish.compare(act="ALL", **SHAPED)) == len(every)


def test_one_record_or_mapping_will_do_where_several_may_be_given() -> None:
    settings = Settings(act="tanh", **SHAPED)
    assert vanish.compare(settings).rows() == vanish.compare([settings]).rows()
    axes: dict[str, Any] = {"act": ["tanh"], "layers": [1], "width": [2]}
    assert [*vanish.simulate_grid(axes)] == [*vanish.simulate_grid(Grid(axes))]
    # What may be left out may be left out at some points.
    rows = vanish.sweep(last_act=[None, "identity"], layer_acts=None, act="relu", **SHAPED)
    assert [row["last_act"] for row in rows] == [None, "identity"]


def test_a_file_is_named_by_whatever_names_files(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("".join(f"{i},{i % 3},{'ab'[i % 2]}\n" for i in range(20)))
    assert TrainingSettings(data=path).source.name == str(path)
    assert UNTYPED.train(data=bytes(path), layers=1, width=2, epochs=1).settings.data.features == 2
    assert UNTYPED.load(SMALL.encode()).depth == vanish.load(SMALL).depth


def test_epochs_may_be_listed_by_anything() -> None:
    options: dict[str, Any] = {"layers": 1, "width": 2, "epochs": 2}
    expected = vanish.train(history=[0, 1], **options).layer_rows()
    for history in (iter([0, 1]), np.array([1, 0]), {0, 1}, range(2)):
        assert vanish.train(history=history, **options).layer_rows() == expected


def test_parameters_of_pytorch_are_refused_with_what_to_do() -> None:
    torch = pytest.importorskip("torch")
    parameter = torch.nn.Linear(2, 2).weight
    half = torch.ones((2, 2), dtype=torch.bfloat16)
    given: list[dict[str, Any]] = [
        {"weights": [parameter]},
        {"weights": [half]},
        {"weights": {"W1": parameter}, "block": "residual"},
        {"input": parameter},
        {"input": half},
        {"weights": {"W1": np.eye(2), "x": parameter}, "block": "residual"},
    ]
    for options in given:
        with pytest.raises(
            UsageError, match=r"which NumPy cannot read: .*detach\(\)\.numpy"
        ) as why:
            vanish.simulate(**options)
        assert "\n" not in str(why.value)
        assert "float()" in str(why.value)
    for rows in (parameter, half):
        with pytest.raises(UsageError, match="which NumPy cannot read"):
            Data.of(rows, [0, 1])
        with pytest.raises(UsageError, match="which NumPy cannot read"):
            Network.of([np.eye(2)], x=rows)
    numbers = parameter.detach().numpy()
    profile = vanish.simulate(weights=[parameter.detach()], act="tanh")
    assert profile.rows() == vanish.simulate(weights=[numbers], act="tanh").rows()


def test_a_derivation_of_any_activation_names_none() -> None:
    assert vanish.derive().to_dict()["settings"]["act"] is None
    assert vanish.derive(act="tanh").to_dict()["settings"]["act"] == "tanh"
    assert vanish.derive(values=True).to_dict()["settings"]["act"] == "sigmoid"


def test_overflow_is_answered_with_what_can_be_set() -> None:
    square: dict[str, Any] = {"act": "x*x", "layers": 12}
    with pytest.raises(VanishError, match=r"give a smaller weight_std, or fewer layers$"):
        vanish.collapse("x*x", layers=12)
    with pytest.raises(VanishError, match=r"give a smaller weight_std or gain, or fewer layers$"):
        vanish.simulate(**square)
    with pytest.raises(VanishError, match=r"give a smaller gain$"):
        vanish.simulate(act="x*x", weights=[np.eye(2) * 1e200, np.eye(2)])


OVERFLOW: dict[str, Any] = {"act": "softplus", "gain": 1e300, "layers": 3}


def test_a_remedy_names_the_option_as_it_is_called_where_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        (OVERFLOW, "give a smaller weight_std or gain", "give a smaller --weight-std or --gain"),
        ({"loss": "bce"}, "give last_act identity", "give --last-act identity"),
    ]
    for options, in_words, in_flags in cases:
        line = [f"--{name}={value}" for name, value in ({"act": "sigmoid"} | options).items()]
        with pytest.raises(VanishError, match=in_words) as caught:
            vanish.simulate(**options)
        assert in_flags in caught.value.on_command_line
        assert in_flags in run_in_process(*line).stderr.decode()
    assert "give a smaller weight_std or gain" in vanish.sweep(**OVERFLOW)[0]["error"]
    swept = run_in_process("sweep", *(f"--{name}={each}" for name, each in OVERFLOW.items()))
    assert b"give a smaller --weight-std or --gain" in swept.stdout
    monkeypatch.setattr(memory, "available", lambda: 10**8)
    with pytest.raises(MemoryLimitError, match="give fewer layers, a smaller width") as caught:
        vanish.simulate(layers=10**9)
    assert "give fewer --layers, a smaller --width" in caught.value.on_command_line


def test_what_was_given_is_quoted_as_it_is() -> None:
    assert in_python("give --weight-std (--gain) or --memory") == (
        "give weight_std (gain) or memory_limit"
    )
    for text in ("'--act' x", "a--b", "--", "a --- b", "unknown activation '--layers 3': what"):
        assert in_python(text) == text
    with pytest.raises(VanishError, match=r"^unknown activation '--act': choose"):
        vanish.acts("--act")


# --- the gradients themselves ---


def test_gradients_are_those_of_a_walk_back_by_hand() -> None:
    rng = np.random.default_rng(5)
    sizes = (4, 3, 5, 2)
    weights = [rng.standard_normal((m, n)) for n, m in pairwise(sizes)]
    biases = [rng.standard_normal(m) for m in sizes[1:]]
    x = rng.standard_normal((6, 4))
    network = Network(tuple(weights), tuple(biases))
    found = vanish.simulate(weights=network, act="tanh", input=x, loss="sum").gradients

    values = [x]
    for weight, bias in zip(weights, biases, strict=True):
        values.append(np.tanh(values[-1] @ weight.T + bias))
    back = np.full_like(values[-1], 1 / 6)  # the mean over the rows of the sum of outputs
    expected = {}
    for k in (3, 2, 1):
        expected[f"f{k}"] = back
        expected[f"a{k}"] = back * (1 - values[k] ** 2)
        expected[f"W{k}"] = expected[f"a{k}"].T @ values[k - 1]
        expected[f"b{k}"] = expected[f"a{k}"].sum(axis=0)
        back = expected[f"a{k}"] @ weights[k - 1]
    expected["x"] = back
    assert [*found] == [f"{letter}{k}" for k in (1, 2, 3) for letter in "Wbaf"] + ["x"]
    for name, array in expected.items():
        assert array.shape == found[name].shape
        assert np.abs(found[name] - array).max() <= 1e-13 * np.abs(array).max(), name
        assert isinstance(found[name], np.ndarray)


def test_gradients_are_those_that_the_profile_measures() -> None:
    profile = vanish.simulate(act="relu", layers=5, width=8, batch=3)
    for layer in profile.layers:
        for name in ("W", "b", "a", "f"):
            norm = np.linalg.norm(profile.gradients[f"{name}{layer.layer}"])
            assert math.isclose(norm, float(getattr(layer, f"grad_{name.lower()}")), rel_tol=1e-12)


def test_gradients_are_computed_once_and_only_if_asked_for() -> None:
    profile = vanish.simulate(layers=2, width=3)
    assert "gradients" not in vars(profile)
    assert profile.gradients is profile.gradients
    with pytest.raises(KeyError):
        profile.gradients["W3"]
    assert repr(profile.gradients) == ("<Gradients: W1 (3, 3), b1 (3,), a1 (1, 3), f1 (1, 3), …>")


def test_a_gradient_outside_float64_is_refused_and_there_in_full() -> None:
    profile = vanish.simulate(act="sigmoid", layers=1000, width=4, engine="dense")
    found = profile.gradients
    assert found["W1000"].any()
    first = profile.layers[0].grad_w.log10
    assert first is not None
    assert first < -400
    with pytest.raises(UsageError, match=r"outside float64: take gradients.scaled\('W1'\)") as why:
        found["W1"]
    assert f"about 1e{math.floor(first):+d}" in str(why.value)
    scaled = found.scaled("W1").norm().log10
    assert scaled is not None
    assert math.isclose(scaled, first, rel_tol=1e-12)
    # Above float64, too.
    large = vanish.simulate(act="identity", layers=5, width=4, gain=1e100).gradients
    with pytest.raises(UsageError, match=r"of about 1e\+399"):
        large["W1"]
    # A true zero is no small number.
    dead = vanish.simulate(act="relu", layers=3, width=2, input=[0.0, 0.0]).gradients
    assert not dead["W1"].any()


# --- how they look ---


SHOWN: dict[str, Any] = {
    "--act=sigmoid --layers=8": lambda: vanish.simulate(act="sigmoid", layers=8),
    "--act=tanh --layers=5": lambda: vanish.simulate(act="tanh", layers=5),
    "--layers=8": lambda: vanish.compare(act=["sigmoid", "relu"], layers=8),
    "--layers=4 --init=auto,orthogonal": lambda: vanish.compare(
        layers=4, init=["auto", "orthogonal"]
    ),
    "--layer-acts=relu,tanh": lambda: vanish.compare(layer_acts=["relu", "tanh"]),
    "derive": vanish.derive,
    "derive --values --layers=2": lambda: vanish.derive(values=True, layers=2),
    "theory --act=tanh,relu": lambda: vanish.theory(["tanh", "relu"]),
    "theory --act=relu --layers=5 --width=6": lambda: vanish.theory("relu", layers=5, width=6),
    "acts": vanish.acts,
    "acts selu": lambda: vanish.acts("selu"),
    "collapse --layers=3": lambda: vanish.collapse(layers=3),
    "collapse --layers=3 --act=tanh,relu": lambda: vanish.collapse(["tanh", "relu"], layers=3),
    "sweep --act=tanh,relu --layers=2:4:3": lambda: vanish.sweep(
        act=["tanh", "relu"], layers=[2, 3, 4]
    ),
    "train --act=relu --layers=1 --epochs=2": lambda: vanish.train(act="relu", layers=1, epochs=2),
    "train --act=relu --layers=1,2 --width=4 --epochs=1": lambda: vanish.train(
        [TrainingSettings(act="relu", layers=n, width=4, epochs=1) for n in (1, 2)]
    ),
    "train --act=relu --layers=1 --width=4 --epochs=1 --per-layer": lambda: (
        vanish.train(act="relu", layers=1, width=4, epochs=1, history=range(2)).by_layer
    ),
    "theory --act=relu --block=residual": lambda: vanish.theory("relu", block="residual"),
    "theory --act=relu --block=residual --layers=3": lambda: vanish.theory(
        "relu", block="residual", layers=3
    ),
    f"show {SMALL}": lambda: vanish.show(SMALL),
    "blocks": vanish.blocks,
    "blocks residual": lambda: vanish.blocks("residual"),
}


@pytest.mark.parametrize("line", SHOWN)
def test_print_shows_what_the_command_writes_into_a_pipe(line: str) -> None:
    result: Any = SHOWN[line]()
    form = "text" if line.startswith("derive") else "table"
    piped = run_in_process(*line.split(), "--format", form).stdout.decode()
    assert f"{result}\n" == piped
    assert "\n" not in repr(result)
    assert repr(result).startswith(f"<{type(result).__name__}: ")
    html = result._repr_html_()
    inner = html.removeprefix("<pre>").removesuffix("</pre>")
    assert "<" not in inner
    assert ">" not in inner
    assert unescape(inner) == str(result)


def test_a_notebook_shows_names_as_text() -> None:
    network = Network((np.eye(2),), name="<script>alert('&')</script>")
    result: Any = vanish.simulate(weights=network, act="tanh")
    html = result._repr_html_()
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in html
    assert "<script" not in html


def test_a_repr_says_what_it_is() -> None:
    one = vanish.simulate(act="relu", layers=1)
    assert repr(one) == "<Profile: relu, 1 layer, stable>"
    assert repr(vanish.derive("b2")) == "<Derived: ∂L/∂b2>"
    assert repr(vanish.sweep(**OVERFLOW)) == "<Sweep: 1 point, 1 failed>"
    assert repr(vanish.acts(["relu", "tanh"])) == "<Activations: relu, tanh>"
    found = repr(vanish.simulate(act="tanh", last_act="identity", layers=10))
    assert found.startswith("<Profile: tanh (last identity), 10 layers, stable, log10_ratio ")


def test_rows_a_layer_are_shown_as_they_are() -> None:
    swept = vanish.sweep(layers=2, act="relu", per_layer=True)
    lines = str(swept).splitlines()
    assert len(lines) == 3
    assert lines[0].split("\t") == [*swept[0]]


# --- pickles ---


RECORDS: dict[str, Any] = {
    "settings": lambda: Settings(layers=3, input=Rows(np.ones(2)), act=SQUARE),
    "network": lambda: Network((np.eye(2),)),
    "rows": lambda: Rows(np.ones(3)),
    "activation": lambda: SQUARE,
    "profile": lambda: vanish.simulate(layers=3, width=4, trials=2),
    "gradients": lambda: vanish.simulate(layers=3, width=4).gradients,
    "layer": lambda: vanish.simulate(layers=3, width=4).layers[0],
    "magnitude": lambda: vanish.Magnitude.of(0.3, -5000),
    "verdict": lambda: vanish.Verdict.DEAD,
    "grid": lambda: Grid({"act": [SQUARE, "relu"], "layers": [2]}),
    "training settings": lambda: TrainingSettings(layers=1, epochs=1),
    "training": lambda: vanish.train(layers=1, epochs=1),
    "data": lambda: TrainingSettings(layers=1).source,
    "comparison": lambda: vanish.compare(act=["tanh", "relu"], layers=3),
    "sweep": lambda: vanish.sweep(act=["tanh", "relu"], layers=3),
    "derived": lambda: vanish.derive(values=True),
    "theory": lambda: vanish.theory("tanh", layers=3, width=4),
    "acts": lambda: vanish.acts(["tanh", SQUARE]),
    "collapse": lambda: vanish.collapse(layers=3),
    "theory of blocks": lambda: vanish.theory("tanh", block="residual", layers=3),
    "blocks": vanish.blocks,
    "contents": lambda: vanish.show(SMALL),
    "loaded": lambda: vanish.load(SMALL),
    "cures": lambda: vanish.fix(act="sigmoid", layers=6, width=8, trials=1, framework="torch"),
    "remedy": lambda: vanish.simulate(act="sigmoid", layers=8).remedy,
    "data of arrays": lambda: Data.of(np.ones((10, 2)), [0, 1] * 5),
    "layers of a training": lambda: vanish.train(layers=1, width=4, epochs=1, history=[1]).by_layer,
}


def content(value: Any, seen: frozenset[int] = frozenset()) -> Any:
    """Return all that a record holds, as what compares by value."""
    if id(value) in seen:
        return "again"
    seen |= {id(value)}
    if isinstance(value, np.ndarray):
        return value.shape, value.tolist()
    if isinstance(value, partial):
        return value.func, content(value.args, seen)
    if isinstance(value, dict):
        return [(content(name, seen), content(each, seen)) for name, each in value.items()]
    kept: Any = None
    if type(value).__module__.startswith("vanish") and not callable(value):
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        own = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        kept = content(getattr(value, "__dict__", {}) | own, seen)
    if isinstance(value, list | tuple):
        return type(value).__name__, [content(each, seen) for each in value], kept
    return value if kept is None else (type(value).__name__, kept)


def test_a_difference_between_records_is_seen() -> None:
    for one, other in (
        (Settings(layers=3), Settings(layers=4)),
        (vanish.Magnitude.of(0.5), vanish.Magnitude.of(0.25)),
        (Network((np.eye(2),)), Network((np.eye(2) * 2,))),
        (vanish.derive(), vanish.derive(values=True)),
    ):
        assert content(one) == content(one)
        assert content(one) != content(other)


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_survives_a_pickle(name: str) -> None:
    record = RECORDS[name]()
    again = pickle.loads(pickle.dumps(record))
    assert type(again) is type(record)
    assert content(again) == content(record)
    if hasattr(record, "draw"):
        assert str(again) == str(record)
        assert repr(again) == repr(record)


def test_a_simulation_survives_a_pickle() -> None:
    simulation = vanish.Simulation(Settings(layers=3, width=4))
    again = pickle.loads(pickle.dumps(simulation))
    assert again.profile().rows() == simulation.profile().rows()


def test_every_error_survives_a_pickle() -> None:
    for error in (
        VanishError("x"),
        ForwardOverflowError("values grow", "give fewer --layers"),
        ConflictError("a beside b: give one --gain", "a", "b"),
        MemoryLimitError("a chain needs 1 GB", "there are 5 MB", "give fewer --layers"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


# --- one table ---


def test_the_functions_take_every_setting_of_the_table() -> None:
    given: dict[str, Any] = {name: option.default for name, option in table.SETTINGS.items()}
    assert vanish.simulate(**given).rows() == vanish.simulate().rows()
    with pytest.raises(UsageError, match="unknown setting 'jobss'"):
        vanish.simulate(**given, jobss=1)


def test_a_derivation_of_real_weights_has_their_layers() -> None:
    weights = [np.full((4, 3), 0.5), np.full((2, 4), 0.25)]
    found = vanish.derive(act="tanh", weights=weights, values=True)
    assert "L(S(W₂S(W₁x+b₁)+b₂))" in str(found)
    with pytest.raises(UsageError, match="layers beside weights"):
        vanish.derive(weights=weights, layers=3, values=True)


@pytest.mark.parametrize("block", [5, ["residual"], None, True])
def test_what_is_no_formula_is_told_as_by_any_command(block: Any) -> None:
    for command in (vanish.derive, vanish.simulate):
        with pytest.raises(UsageError, match=r"^block .*: give a formula such as"):
            command(block=block)
