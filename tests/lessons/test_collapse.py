"""Why an activation: a chain without one is one affine map, a chain with one is not."""

from __future__ import annotations

import json
import math
import re
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from command import check_error, run_in_process
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp
from oracles import derivative
from snapshot import check

from vanish import Network, Rows, Settings, Simulation
from vanish.lessons.collapse import collapse, nonadditivity
from vanish.network import activations
from vanish.numbers.scaled import ZERO
from vanish.ops.affine import terms
from vanish.readings.affinemap import affine_maps
from vanish.render.columns import COLLAPSE

if TYPE_CHECKING:
    from pathlib import Path

    from vanish.network.weights import Weight
    from vanish.numbers.scaled import FloatArray, Scaled

SHOWN = {
    "collapse_one": "--act tanh --layers 5 --format table",
    "collapse_several": "--act sigmoid,relu,tanh --bias-std 0.5 --layers 6 --format table",
    "collapse_markdown": "--act relu --widths 8,6,4 --batch 3 --format markdown",
}

BENDING = [name for name in activations.names() if name != "identity"]


def simulation(**options: Any) -> Simulation:
    return Simulation(Settings(**{"act": "identity", "batch": 16, **options}))


def run_collapse(options: str) -> tuple[str, str]:
    result = run_in_process("collapse", *shlex.split(options))
    assert result.status == 0
    return result.stdout.decode(), result.stderr.decode()


def no_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is not JSON")


def rows(options: str) -> list[dict[str, Any]]:
    stdout, _ = run_collapse(f"{options} --format json")
    found: list[dict[str, Any]] = json.loads(stdout, parse_constant=no_constant)["rows"]
    return found


# The one map.


def relative_error(actual: Scaled, expected: Any) -> float:
    """Return the largest error of an entry beside the largest entry of mpmath's matrix."""
    with mp.workdps(60):
        error, size = mp.mpf(0), mp.mpf(0)
        for index, value in np.ndenumerate(actual.values):
            right = expected[index]
            error = max(error, abs(mp.ldexp(float(value), actual.exponent) - right))
            size = max(size, abs(right))
        return float(error / size)


@pytest.mark.parametrize(
    "options",
    [
        {"layers": 20, "width": 4},
        {"layers": 3, "width": 1, "bias_std": 2.0},
        {"widths": (3, 7, 2, 5), "bias_std": 0.7, "seed": 4},
        {"widths": (6, 1, 6), "init": "orthogonal", "bias_std": 0.1},
        {"layers": 30, "width": 3, "weight_std": 1e30, "bias_std": 1e10},
        {"layers": 30, "width": 3, "weight_std": 1e-30, "bias_std": 1e-300},
    ],
    ids=str,
)
def test_the_map_of_the_first_k_layers_is_the_product_in_60_digits(
    options: dict[str, Any],
) -> None:
    chain = simulation(**options).chain
    n_0 = chain.layer(1).weight.shape[1]
    with mp.workdps(60):
        weight = mp.eye(n_0)
        bias = mp.zeros(n_0, 1)
        for layer, affine in zip(chain.layers, affine_maps(chain, n_0), strict=True):
            matrix = mp.matrix(layer.weight.multiplied_out().tolist())
            weight, bias = matrix * weight, matrix * bias
            if layer.bias is not None:
                bias += mp.matrix(layer.bias.tolist())
            assert affine.weight.values.shape == (layer.weight.shape[0], n_0)
            assert relative_error(affine.weight, weight) < 1e-13
            if any(each for each in bias):
                assert relative_error(affine.bias, bias.T) < 1e-13
            else:
                assert not affine.bias.values.any()


def test_a_wrong_map_is_noticed() -> None:
    chain, n_0 = simulation(layers=2, width=3).chain, 3
    first, second = (mp.matrix(each.weight.multiplied_out().tolist()) for each in chain.layers)
    assert relative_error(affine_maps(chain, n_0)[-1].weight, second * first) < 1e-13
    assert relative_error(affine_maps(chain, n_0)[-1].weight, first * second) > 1e-2


@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=8),
    bias_std=st.sampled_from([0.0, 0.3, 100.0]),
    init=st.sampled_from(["xavier_normal", "he_uniform", "orthogonal"]),
    seed=st.integers(0, 10**6),
)
def test_without_an_activation_the_chain_and_the_map_agree_to_rounding(
    widths: list[int], bias_std: float, init: str, seed: int
) -> None:
    found = collapse(simulation(widths=tuple(widths), bias_std=bias_std, init=init, seed=seed))
    assert [layer.layer for layer in found] == list(range(1, len(widths)))
    assert [(layer.n_in, layer.n_out) for layer in found] == [*pairwise(widths)]
    for layer in found:
        assert layer.difference is not None
        assert layer.nonadditivity is not None
        assert float(layer.difference) < 1e-12
        assert float(layer.nonadditivity) < 1e-12


def test_the_norm_of_the_map_is_that_of_the_product() -> None:
    chain = simulation(widths=(5, 4, 6, 2))
    product = np.eye(5)
    for layer, found in zip(chain.chain.layers, collapse(chain), strict=True):
        product = layer.weight.multiplied_out() @ product
        expected = float(np.linalg.norm(product))
        assert float(found.map_norm) == pytest.approx(expected, rel=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("weight_std", [0.01, 100.0])
def test_3000_layers_stay_finite_and_affine(weight_std: float) -> None:
    run = simulation(layers=3000, width=4, weight_std=weight_std, bias_std=1.0, batch=2)
    found = collapse(run)
    assert len(found) == 3000
    for layer in found:
        assert layer.difference is not None
        assert layer.nonadditivity is not None
        assert float(layer.difference) < 1e-9
        assert float(layer.nonadditivity) < 1e-12
    # ‖Wv‖² is weight_std²/4 · χ²₄ for a unit vector v, so log10 of the norm grows by this on
    # the mean over the layers, and spreads by √(ψ₁(2)/4)/ln 10 = 0.17 times their root.
    growth = float(mp.digamma(2) + mp.log(weight_std**2 / 2)) / 2 / math.log(10)
    log10 = found[-1].map_norm.log10
    assert log10 == pytest.approx(3000 * growth, abs=4 * 0.17 * math.sqrt(3000))


# With an activation.


@pytest.mark.parametrize("act", BENDING)
def test_with_any_activation_the_chain_is_another_one(act: str) -> None:
    found = collapse(simulation(act=act, layers=4, width=16, bias_std=0.5))
    assert {layer.act for layer in found} == {act}
    assert min(float(layer.difference or 0.0) for layer in found) > 1e-3
    # Layer 1: deeper ones may stay where a hard_sigmoid is straight.
    assert float(found[0].nonadditivity or 0.0) > 1e-3


def by_definition(run: Simulation, k: int) -> float:
    """Return ‖g(u+v)+g(0)-g(u)-g(v)‖/‖g(u+v)-g(0)‖ of layer k on neighbouring rows."""
    layer = run.chain.layers[k - 1]
    weight, bias = layer.weight.multiplied_out(), layer.bias

    def g(rows: FloatArray) -> FloatArray:
        return layer.activation.value(rows @ weight.T + (0.0 if bias is None else bias))

    u = run.trace.inputs[k - 1].with_exponent(0).values
    v = u[[-1, *range(len(u) - 1)]]
    zero = np.zeros((1, weight.shape[1]))
    departure = g(u + v) + g(zero) - g(u) - g(v)
    return float(np.linalg.norm(departure) / np.linalg.norm(g(u + v) - g(zero)))


@pytest.mark.parametrize("act", ["relu", "sigmoid", "gelu", "sin", "hard_tanh"])
@pytest.mark.parametrize("batch", [2, 5])
def test_nonadditivity_is_what_it_says(act: str, batch: int) -> None:
    run = simulation(act=act, widths=(6, 9, 4), bias_std=0.8, batch=batch)
    for k in (1, 2):
        found = nonadditivity(run.chain, k, run.trace.inputs[k - 1])
        assert found is not None
        actual = float(found)
        assert actual == pytest.approx(by_definition(run, k), rel=1e-12)


@given(scale=st.floats(1e-150, 1e150))
def test_the_nonadditivity_of_relu_does_not_depend_on_the_scale_of_its_inputs(
    scale: float,
) -> None:
    x = np.random.default_rng(0).standard_normal((4, 6))
    found = [
        collapse(Simulation(Settings(act="relu", layers=2, width=6, input=Rows(x * factor))))
        for factor in (1.0, scale)
    ]
    for one, other in zip(*found, strict=True):
        assert one.nonadditivity is not None
        assert other.nonadditivity is not None
        assert float(one.nonadditivity) == pytest.approx(float(other.nonadditivity), rel=1e-9)


def test_a_constant_layer_has_no_nonadditivity() -> None:
    network = Network((np.zeros((2, 3)), np.eye(2)), (None, None))
    first, second = collapse(simulation(act="relu", weights=network, batch=4))
    for layer in (first, second):
        assert (layer.difference, layer.nonadditivity) == (None, None)
        assert not layer.map_norm
        assert {name for name, cell in COLLAPSE.row(layer).items() if cell is None} == {
            *("log10_map_norm", "difference", "nonadditivity"),
            *("difference_below", "nonadditivity_below"),
        }


@pytest.mark.slow
def test_a_difference_beyond_float64_is_no_infinity() -> None:
    # relu halves ‖f‖² a layer, the map without it does not: 1.4^2500 is 10^365.
    options = "--act relu --layers 2500 --width 16 --batch 4 --quiet"
    assert all(row["difference"] is not None for row in rows(options))
    assert "inf" not in run_collapse(f"{options} --format table")[0]


# What rounding hides.

# Departures at every size: of ε or ε² of the input, beside biases, at a fixed point.
SCALES = [
    *((weight_std, 0.0) for weight_std in (2.0, 1e-2, 1e-4, 1e-5, 1e-6, 1e-8, 1e-12)),
    *((1e-6, 1.0), (1e-9, 1e-3), (1e-6, 1e-6), (1.0, 1e3), (1.0, 1e6), (1.0, 1e12), (1e-4, 1e8)),
]


def exactly(run: Simulation) -> list[tuple[Any, Any]]:
    """Return difference and nonadditivity of each layer by mpmath, None for 0/0."""
    found = []
    with mp.workdps(250):  # exp(x)-1 of a tiny x
        number = np.vectorize(mp.mpf, otypes=[object])
        f = one_map = number(run.x)
        for k, layer in enumerate(run.chain.layers):
            s = np.frompyfunc(derivative(layer.activation.name), 1, 1)
            weight = number(layer.weight.multiplied_out())
            bias = 0 if layer.bias is None else number(layer.bias)

            def g(rows: Any, s: Any = s, weight: Any = weight, bias: Any = bias) -> Any:
                return s(rows.dot(weight.T) + bias)

            u = number(run.trace.inputs[k].with_exponent(0).values)
            v = np.roll(u, 1, axis=0)
            at_zero = g(0 * u[:1])
            change = g(u + v) - at_zero
            departure = change - (g(u) - at_zero) - (g(v) - at_zero)
            f, one_map = g(f), one_map.dot(weight.T) + bias
            found.append((ratio(f - one_map, f), ratio(departure, change)))
    return found


def ratio(difference: Any, whole: Any) -> Any:
    norm = mp.norm(whole.ravel().tolist())
    return mp.norm(difference.ravel().tolist()) / norm if norm else None


def misleading(act: str, weight_std: float, bias_std: float, **options: Any) -> list[str]:
    """Return which cells of a chain say what is not true."""
    run = simulation(act=act, weight_std=weight_std, bias_std=bias_std, batch=3, **options)
    wrong = []
    for layer, right in zip(collapse(run), exactly(run), strict=True):
        row = COLLAPSE.row(layer)
        for name, exact in zip(("difference", "nonadditivity"), right, strict=True):
            value, below = row[name], row[f"{name}_below"]
            where = f"{name} of layer {layer.layer}: {value}, below {below}, is {mp.nstr(exact, 5)}"
            if value is not None and not abs(mp.mpf(value) - exact) <= exact / 100:
                wrong.append(where)
            if below is not None and not exact < mp.mpf(below):
                wrong.append(where)
            if value is not None and below is not None:
                wrong.append(where)
    return wrong


ODD = ["tanh", "sin", "softsign", "hard_tanh"]


@pytest.mark.slow
@pytest.mark.parametrize("act", ["identity", *ODD, "gelu", "elu", "sigmoid", "relu"])
def test_a_departure_is_right_or_a_bound(act: str) -> None:
    for seed, (weight_std, bias_std) in enumerate(SCALES):
        widths = ((4, 6, 3), (1, 1, 1), (3, 1, 5))[seed % 3]
        assert not misleading(act, weight_std, bias_std, widths=widths, seed=seed)


def test_noise_that_is_taken_for_a_departure_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    chains = [(act, 1e-5, bias_std) for act in ODD for bias_std in (0.0, 1e-3)]
    assert not any(misleading(*chain, layers=3, width=4) for chain in chains)
    monkeypatch.setattr("vanish.lessons.collapse._KNOWN", 0.0)
    assert any(misleading(*chain, layers=3, width=4) for chain in chains)


def test_a_rounding_error_without_its_biases_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not misleading("identity", 1.0, 1e9, layers=2, width=4)

    def without(weight: Weight, _: FloatArray | None, f: Scaled) -> Scaled:
        return terms(weight, None, f)

    monkeypatch.setattr("vanish.lessons.collapse.affine_terms", without)
    monkeypatch.setattr(
        "vanish.lessons.collapse.abs", lambda array: array.times(ZERO), raising=False
    )
    assert misleading("identity", 1.0, 1e9, layers=2, width=4)


@pytest.mark.parametrize("act", ["tanh", "sin", "gelu", "softsign"])
def test_what_is_real_is_shown(act: str) -> None:
    """The departures of layer 1 at the scale ε: ε² of an odd smooth S, ε of the others."""
    power = 2 if act in ("tanh", "sin") else 1
    sizes = [
        rows(f"--act {act} --layers 1 --width 8 --weight-std {scale}")[0]["nonadditivity"]
        for scale in (1e-3, 1e-4, 1e-5)
    ]
    for larger, smaller in pairwise(sizes):
        assert larger / smaller == pytest.approx(10.0**power, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("bias_std", [1e3, 1e6, 1e12, 1e15, 1e30, 1e300])
@pytest.mark.parametrize("chain", ["--layers 5", "--widths 3,1,7,2", "--layers 30 --width 2"])
def test_an_affine_chain_is_affine_whatever_its_biases(bias_std: float, chain: str) -> None:
    for seed in (0, 1):
        options = f"{chain} --bias-std {bias_std} --seed {seed}"
        stdout, _ = run_collapse(f"{options} --format table")
        assert "NOT AFFINE" not in stdout
        assert "layers are one affine map" in " ".join(stdout.split())
        for row in rows(options):
            assert row["difference"] is row["nonadditivity"] is None


@pytest.mark.parametrize("act", ["leaky_relu", "relu", "gelu"])
def test_a_bent_chain_is_bent_whatever_its_biases(act: str) -> None:
    # From layer 2 on the values are as large as the biases.
    for bias_std in (0.0, 1e6, 1e12):
        stdout, _ = run_collapse(f"--act {act} --bias-std {bias_std} --format table")
        assert "NOT AFFINE" in stdout


def test_a_nearly_affine_chain_shows_no_noise_and_what_is_known() -> None:
    stdout, _ = run_collapse("--act tanh --weight-std 1e-5 --layers 4 --format table")
    cells = [line.split() for line in stdout.splitlines() if line[:5].strip().isdecimal()]
    found = [row["nonadditivity"] for row in rows("--act tanh --weight-std 1e-5 --layers 4")]
    assert [each is None for each in found] == [False, True, True, True]
    assert float(cells[0][-1]) == pytest.approx(found[0], rel=5e-3)
    assert [row[-1] for row in cells[1:]] == ["<1e-12"] * 3
    assert "by up to 1.78e-10" in " ".join(stdout.split())


@pytest.mark.parametrize("act", ["tanh", "sigmoid", "softsign"])
def test_a_saturated_chain_is_as_good_as_constant(act: str) -> None:
    stdout, _ = run_collapse(f"--act {act} --bias-std 1e12 --layers 3 --format table")
    said = " ".join(stdout.split())
    assert "AFFINE. On 16 random inputs no layer's output changes by more than its rounding" in said
    assert "NOT" not in said


# The command.


@pytest.mark.parametrize("name", SHOWN)
def test_a_collapse_is_shown_as_it_was(name: str) -> None:
    stdout, stderr = run_collapse(SHOWN[name])
    assert stderr == ""
    check(name, stdout)


def test_the_rows_are_those_of_the_library() -> None:
    options = "--act tanh,identity --widths 7,5,3 --bias-std 0.4 --batch 6 --seed 2"
    expected = [
        COLLAPSE.row(layer)
        for act in ("tanh", "identity")
        for layer in collapse(simulation(act=act, widths=(7, 5, 3), bias_std=0.4, batch=6, seed=2))
    ]
    assert rows(options) == expected
    stdout, _ = run_collapse(f"{options} --format json")
    settings = json.loads(stdout)["settings"]
    assert settings["act"] == ["tanh", "identity"]
    assert (settings["widths"], settings["batch"], settings["seed"]) == ([7, 5, 3], 6, 2)


@pytest.mark.parametrize("format_name", ["table", "tsv"])
def test_the_verdict_says_whether_depth_adds_anything(format_name: str) -> None:
    stdout, stderr = run_collapse(f"--layers 20 --act identity,tanh --format {format_name}")
    said = " ".join((stdout if format_name == "table" else stderr).split())
    last = rows("--layers 20")[-1]
    assert last["difference"] is None
    assert last["difference_below"] < 1e-12
    assert "the two differ by <1e-12 of the output" in said
    assert "20 layers are one affine map with a W of 64 × 64: on 16 random inputs" in said
    assert "NOT AFFINE. On 16 random inputs the chain differs" in said


def test_a_chain_that_stays_where_its_activation_is_straight_is_not_called_bent() -> None:
    stdout, _ = run_collapse("--act hard_sigmoid --weight-std 0.1 --layers 4 --format table")
    assert "NOT AFFINE" not in stdout


def test_one_layers_departure_is_no_range() -> None:
    stdout, _ = run_collapse("--act tanh --layers 1 --width 8 --format table")
    sentence = " ".join(stdout.partition("AFFINE")[2].split())
    assert re.search(r"its layers depart from additivity by [\d.e+-]+\d\.$", sentence)


def test_every_number_of_a_verdict_is_there_when_the_chain_dies() -> None:
    stdout, _ = run_collapse("--act relu --width 1 --layers 8 --format table")
    sentence = " ".join(stdout.partition("AFFINE")[2].split())
    assert "by times" not in sentence
    assert "by to" not in sentence


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("collapse --batch 1", "--batch 1"),
        ("collapse --batch 0", "--batch 0"),
        ("collapse --act sigmod", "did you mean sigmoid"),
        ("collapse --act relu,,tanh", "an empty name"),
        ("collapse --layers 0", "layers 0"),
        ("collapse --widths 3", "widths 3"),
        ("collapse --widths 3,x", "'x'"),
        ("collapse --weight-std 0", "weight_std 0"),
        ("collapse --init he_norml", "did you mean he_normal"),
        ("collapse --act softplus --weight-std 1e200 --layers 4", "softplus"),
        ("collapse --no-header --format json", "--no-header"),
        ("collapse --output missing/x.tsv", "missing/x.tsv"),
        ("collapse --layers 1000000000", "memory"),
        ("--layers 3 collapse", "--layers before collapse"),
    ],
)
def test_an_error_is_one_line_that_names_what_was_given(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_error(line, says)
    assert not list(tmp_path.iterdir())


def test_the_initialiser_of_each_chain_is_told() -> None:
    for acts in ("relu,identity", "identity,relu"):
        result = run_in_process("collapse", "--act", acts, "--layers", "2", "-f", "json", "-q")
        given = json.loads(result.stdout)["settings"]
        conventional = {"relu": "he_normal", "identity": "xavier_normal"}
        assert given["act"] == acts.split(",")
        assert given["init"] == [conventional[act] for act in given["act"]]
