"""Every gradient and every column of blocks, against PyTorch's autograd of their formulas' texts.

The texts are read a second time, see `blockoracle`. Errors are relative to each array's own
largest entry, or to each number's own size: nothing may hide behind an absolute tolerance.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import blockoracle
import numpy as np
import pytest

from vanish.network.formulas.named import NAMED
from vanish.readings import dense
from vanish.simulation.run import Simulation
from vanish.simulation.run import compare as compare_all
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockoracle import Judged
    from conftest import Plant

    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.layers import LayerRecord

TOLERANCE = 1e-10

OTHERS = {
    "several coefficients": "x + 0.5 S(Wx+b) - 1/sqrt(layers) S(Vx)",
    "S in S in S": "V S(W S(Ux+b)+c)",
    "norms side by side": "LN(x) + 1/layers S(W RMS(x) + b) - 0.25 V S(Mx)",
    "biases alone": "x - S(b + c + Wx) + d",
    "a bias between norms": "RMS(LN(Wx) + b) + S(x) + 2 c",
    "twice in a layer": "S(W S(Wx+b)+b)",
    "twice, and a skip": "x + W S(Wx+2 b) - b",
    "norm of two S": "RMS(S(Wx+b) + S(Vx)) - x",
    "norms in each other": "x + V LN(S(RMS(Wx+b)))",
    "u everywhere": "S(W~x + Uu + b) + 0.1 u + RMS(u)",
    "S of the input, S of u": "S(x) + V S(S(Wx) + S(u)) - S(u)",
    "minus and brackets": "-2/3 S(Ax + Bu - d) + sqrt(layers)/4 (x - LN(x + c))",
    "shared, twice in a layer": "x + W~ S(W~ x + b~) + b~",
    "shared under a norm": "S(LN(W~x) + b~) + 0.5 x",
    "matrices alone": "0.5 W V x + U~ x",
    "BN in the middle": "x + V S(BN(W S(x)+b)) + c",
}
NAMES = {record.name: record.text for record in NAMED}
TEXTS = NAMES | OTHERS

# Beside tanh, which the quick suite has.
REST, SLOW = ("relu", "gelu"), pytest.mark.slow

# Around a skip n_in and n_out are equal, also where a letter that is used twice makes them so.
RECTANGULAR = {
    "plain": (5, 3, 6, 4),
    "layernorm": (5, 3, 6, 4),
    "layernorm_after": (5, 3, 6, 4),
    "rmsnorm": (5, 3, 6, 4),
    "rmsnorm_after": (5, 3, 6, 4),
    "batchnorm": (5, 3, 6, 4),
    "rnn_untied": (5, 3, 6, 4),
    "S in S in S": (5, 3, 6, 4),
}
SKIPS = ("residual", "bottleneck", "prenorm", "postnorm", "norm of two S", "biases alone")
HIDDEN: dict[str, int | str] = {"bottleneck": 7, "prenorm": "2x", "S in S in S": "0.5x", "rnn": 3}


def texts_of(settings: Settings, text: str, *, skip: bool) -> list[str]:
    """Return the formula of each layer: S(Wx+b) where a skip does not fit."""
    return [
        "S(Wx+b)" if skip and n_in != n_out else text
        for n_in, n_out in pairwise(settings.model.sizes)
    ]


def run(name: str, act: str, **options: Any) -> Simulation:
    text = TEXTS[name]
    if "BN" in text:
        # Of two rows BN makes ±1 whatever they are.
        options["batch"] = max(3, options.get("batch", 1))
    if "widths" not in options:
        options |= {"width": 7, "layers": 3}
    if not any(letter.islower() for letter, _ in blockoracle.letters(text)):
        options["bias_std"] = 0.0
    return Simulation(Settings(block=text, act=act, hidden=HIDDEN.get(name), **options))


def size(array: FloatArray) -> float:
    return float(np.abs(array).max())


def noise(name: str, judge: Judged) -> float:
    """Return below which size a gradient that mathematics has as zero is rounding.

    What every row or unit has in common a norm subtracts, and what is divided by its own
    size has no gradient along itself: bits cancel, of which the signals around say how large
    they were.
    """
    k = name[1:]
    around = [size(each) for key, each in judge.gradients.items() if not k or key[1:] == k]
    return 1e-14 * max(around)


def compare(simulation: Simulation, texts: list[str]) -> tuple[int, int]:
    """Compare everything there is; return how many gradients, and how many of them are zero."""
    judge = blockoracle.judged(simulation, texts)
    found = {
        str(variable): array.with_exponent(0).values
        for variable, array in dense.arrays(simulation.trace, simulation.loss_gradient)
    }
    zeros = 0
    for name, right in judge.gradients.items():
        assert found[name].shape == right.shape, name
        if size(right) <= noise(name, judge):
            zeros += 1
            assert size(found[name]) <= noise(name, judge), name
        else:
            assert size(found[name] - right) <= TOLERANCE * size(right), name
    compare_columns(simulation, judge)
    return len(judge.gradients), zeros


def norm(*arrays: FloatArray) -> float:
    return math.sqrt(math.fsum(float((each**2).sum()) for each in arrays))


def close(actual: float | None, right: float) -> bool:
    return actual == pytest.approx(right, rel=TOLERANCE, abs=0.0)


def compare_columns(simulation: Simulation, judge: Judged) -> None:
    profile = simulation.profile()
    depth = len(judge.slopes)
    plain = simulation.settings.model.graph.is_plain
    for k, (layer, row) in enumerate(zip(profile.layers, profile.rows(), strict=True), 1):
        here = {name[0]: each for name, each in judge.gradients.items() if name[1:] == str(k)}
        by_w = norm(*(each for letter, each in here.items() if letter.isupper()))
        by_b = [each for letter, each in here.items() if letter in "bcd"]
        by_a = [each for letter, each in here.items() if letter in blockoracle.ARGUMENTS]
        weight = norm(*judge.weights[k - 1])
        logs = {
            "log10_grad_w": by_w,
            "log10_grad_f": norm(here["f"]),
            "log10_rel_grad_w": by_w / weight,
        }
        if by_b and max(map(size, by_b)) > noise(f"b{k}", judge):
            logs["log10_grad_b"] = norm(*by_b)
        if by_a:
            logs["log10_grad_a"] = norm(*by_a)
        if k < depth:
            signal = "a" if plain else "f"
            above = norm(judge.gradients[f"{signal}{k + 1}"])
            logs["log10_gain_back"] = norm(here[signal]) / above if above else 0.0
        for column, right in logs.items():
            value = row[column]
            if right == 0.0:
                assert value is None, column
                continue
            assert isinstance(value, float), column
            # Not the logarithm: its own relative error says nothing near 1.
            assert close(10.0**value, right), column
        assert close(float(layer.grad_w), by_w)
        assert close(float(layer.weight), weight)
        f = judge.values[k]
        assert close(float(layer.value), norm(f) / math.sqrt(f.size))
        compare_slopes(layer, judge.slopes[k - 1])
        compare_forward(row, f, judge.arguments[k - 1])
        if layer.saturated is not None:
            limit = simulation.chain.activation(k).sup_slope / 20.0
            assert layer.saturated == np.mean(np.abs(judge.slopes[k - 1]) < limit)


def compare_forward(row: Mapping[str, Any], f: FloatArray, a: FloatArray) -> None:
    """Compare the columns of the signal going forward, of entries all of the size of 1."""
    assert abs(row["mean_f"] - float(f.mean())) <= 1e-13 * size(f)
    assert abs(row["std_f"] - float(f.std())) <= 1e-13 * size(f)
    if not a.size:
        assert row["log10_rms_a"] is row["max_abs_a"] is row["saturated"] is None
        return
    assert close(10.0 ** row["log10_rms_a"], norm(a) / math.sqrt(a.size))
    assert close(row["max_abs_a"], size(a))


def compare_slopes(layer: LayerRecord, slopes: FloatArray) -> None:
    if not slopes.size:
        assert layer.slope_mean is layer.slope_max is layer.zero_fraction is None
        return
    assert close(layer.slope_mean, float(np.abs(slopes).mean()))
    assert close(layer.slope_max, float(np.abs(slopes).max()))
    assert layer.zero_fraction == pytest.approx(np.mean(slopes == 0.0), rel=1e-15, abs=0.0)
    if layer.active_units is not None:
        assert close(layer.active_units, float(np.count_nonzero(slopes, axis=1).mean()))
        assert layer.dead_fraction == np.mean(~slopes.any(axis=0))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("act", ["tanh", *(pytest.param(each, marks=SLOW) for each in REST)])
@pytest.mark.parametrize(("batch", "bias_std"), [(1, 0.3), (3, 0.3), (3, 0.0)])
def test_gradients_and_columns_are_autograds(
    name: str, act: str, batch: int, bias_std: float
) -> None:
    simulation = run(name, act, batch=batch, bias_std=bias_std, seed=1)
    many, zeros = compare(simulation, [TEXTS[name]] * 3)
    assert many - zeros >= many // 2


@pytest.mark.parametrize("name", TEXTS)
def test_gradients_of_sigmoid_blocks_of_other_weights_are_autograds(name: str) -> None:
    options = {"weight_std": 1.7, "gain": 0.8, "batch": 2, "bias_std": 0.1}
    compare(run(name, "sigmoid", **options), [TEXTS[name]] * 3)


@pytest.mark.parametrize("name", RECTANGULAR)
@pytest.mark.parametrize("act", ["tanh", "relu"])
def test_gradients_of_layers_of_other_sizes_are_autograds(name: str, act: str) -> None:
    simulation = run(name, act, widths=RECTANGULAR[name], batch=3, bias_std=0.3)
    compare(simulation, texts_of(simulation.settings, TEXTS[name], skip=False))


@pytest.mark.parametrize("name", SKIPS)
def test_where_a_skip_does_not_fit_a_layer_is_the_articles(name: str) -> None:
    simulation = run(name, "tanh", widths=(4, 6, 6, 6, 3, 3), batch=3, bias_std=0.3)
    texts = texts_of(simulation.settings, TEXTS[name], skip=True)
    assert [each == "S(Wx+b)" for each in texts] == [True, False, False, True, False]
    compare(simulation, texts)


def test_named_blocks_are_all_judged() -> None:
    assert {record.name for record in NAMED} <= TEXTS.keys()
    assert len(OTHERS) >= 10


# --- the second reader, and the faults it must see ---


def test_the_second_reader_works_out_a_formula_by_hand() -> None:
    torch = pytest.importorskip("torch")
    x, u = torch.tensor([[1.0, 2.0]]), torch.tensor([[10.0, 0.0]])
    w = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    text = "-2/sqrt(layers) x + 1/2 (W u - b) + S(W W x)"
    parameters = {"W": w, "b": torch.tensor([4.0, 6.0])}
    read = blockoracle.Evaluation(text, x, u, parameters, torch.square, 4)
    # -(1, 2) + ((0, 20) - (4, 6))/2 + (2, 4)²
    assert read.value.tolist() == [[-1.0 - 2.0 + 4.0, -2.0 + 7.0 + 16.0]]
    assert read.arguments[0].tolist() == [[2.0, 4.0]]


def wrong_norm(_: Any, __: Any, ___: int, kept: Any, g: Any) -> tuple[Any]:
    """Divide by σ and forget the projection."""
    return (type(g)(g.values / kept.deviations.mantissas, g.exponent),)


@pytest.mark.parametrize(
    ("kind", "name", "back"),
    [
        ("layernorm", "prenorm", wrong_norm),
        ("add", "residual", lambda _, __, ___, ____, g: (g, g + g)),
        ("scale", "residual_scaled", lambda _, __, ___, ____, g: (g,)),
    ],
)
def test_a_planted_fault_is_noticed(kind: str, name: str, back: Any, plant: Plant) -> None:
    compare(run(name, "tanh"), [TEXTS[name]] * 3)
    plant(dense.DENSE, kind, back=back)
    with pytest.raises(AssertionError):
        compare(run(name, "tanh"), [TEXTS[name]] * 3)


# --- what has no S, and what a norm takes away ---


@pytest.mark.parametrize("engine", ["dense", "sampled"])
@pytest.mark.parametrize("block", ["x + 0.3 Wx", "x - LN(x)", "x + 0.5 x", "x + S(u)"])
def test_blocks_without_a_slope_of_their_own_run(block: str, engine: str) -> None:
    settings = Settings(block=block, engine=engine, layers=3, width=4, act="relu", trials=2)
    (profile,) = compare_all([settings])
    assert [row["log10_slope_bound"] for row in profile.rows()] == [None] * 3
    assert [row["log10_grad_a"] for row in profile.rows()] == [None] * 3
    assert all(row["log10_grad_f"] is not None for row in profile.rows())


@pytest.mark.parametrize("engine", ["dense", "sampled"])
@pytest.mark.parametrize(
    ("block", "options"),
    [
        # The units of LN sum to 0, a column of BN too, whatever comes in: a loss that adds them
        # up, or takes all rows alike, has a gradient of nothing.
        ("layernorm_after", {"loss": "sum"}),
        ("postnorm", {"loss": "sum"}),
        ("BN(x + S(Wx+b))", {"batch": 5}),
    ],
)
def test_what_a_norm_takes_away_is_a_true_zero(
    block: str, options: dict[str, Any], engine: str
) -> None:
    settings = Settings(block=block, engine=engine, layers=3, width=6, act="tanh", **options)
    (profile,) = compare_all([settings])
    assert [row["status"] for row in profile.rows()] == ["zero"] * 3
    assert profile.verdict == "dead"
