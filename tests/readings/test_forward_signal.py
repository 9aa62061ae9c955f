"""The signal going forward: what is said of a_k and f_k, against PyTorch, numpy and fractions."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import oracles
import pytest
from command import run_in_process
from hypothesis import given
from hypothesis import strategies as st
from oracles import Problem
from test_sampled_law import ks

import vanish
from vanish import Rows, Settings, Simulation
from vanish.network.graph import LAYER, Block, Node, Op, Slot
from vanish.numbers.scaled import Magnitude, Scaled
from vanish.numbers.signed import Signed, Signeds
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings import forwardsignal
from vanish.readings.forwardsignal import ForwardTally, LayerRows
from vanish.simulation.measured import signed_quantile
from vanish.simulation.run import compare, measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanish.columns import Cell
    from vanish.network.chainrule import Passed
    from vanish.numbers.scaled import FloatArray

FORWARD = ("log10_rms_a", "mean_f", "std_f", "saturated", "max_abs_a")


def close(actual: Cell, right: float, tolerance: float = 1e-12) -> bool:
    return actual == pytest.approx(right, rel=tolerance, abs=0.0)


# --- dense, of every activation ---


def forward_of(problem: Problem, act: str) -> list[tuple[Any, Any, Any]]:
    """Return a_k, f_k and S'(a_k) as PyTorch has them."""
    torch = oracles.pytorch()
    function, f, found = oracles.torch_activation(act), torch.tensor(problem.x), []
    for weight, bias in zip(problem.weights, problem.biases, strict=True):
        a = (f @ torch.tensor(weight).mT + torch.tensor(bias)).requires_grad_()
        f = function(a)
        slopes = torch.autograd.grad(f.sum(), a)[0].numpy()
        f = f.detach()
        found.append((a.detach().numpy(), f.numpy(), slopes))
    return found


@pytest.mark.parametrize("act", oracles.FORMULAS)
@pytest.mark.parametrize(("batch", "widths"), [(1, (20, 40, 40, 7)), (5, (6, 30, 30, 30))])
def test_columns_are_what_pytorch_has(act: str, batch: int, widths: tuple[int, ...]) -> None:
    # Large enough for S to saturate somewhere.
    simulation = Simulation(
        Settings(act=act, widths=widths, batch=batch, weight_std=2.0, bias_std=0.3, seed=4)
    )
    sup = simulation.settings.model.activations[0].sup_slope
    right = forward_of(Problem.of(simulation), act)
    for row, (a, f, slopes) in zip(simulation.profile().rows(), right, strict=True):
        assert close(10.0 ** float(str(row["log10_rms_a"])), math.sqrt(np.mean(a * a)))
        assert close(row["max_abs_a"], float(np.abs(a).max()))
        assert row["mean_f"] == pytest.approx(float(f.mean()), abs=1e-13 * np.abs(f).max())
        assert close(row["std_f"], float(f.std()))
        assert row["saturated"] == np.mean(np.abs(slopes) < sup / 20)


def test_saturated_units_of_tanh_are_those_beyond_0_975() -> None:
    simulation = Simulation(Settings(act="tanh", layers=6, width=50, weight_std=4.0))
    (profile,) = compare([simulation.settings])
    for layer, f in zip(profile.layers, simulation.trace.outputs[1:], strict=True):
        # √(1 - 1/20) is 0.97468.
        assert layer.saturated == np.mean(np.abs(f.values) > math.sqrt(0.95))
    assert profile.layers[-1].saturated


def test_of_relu_the_saturated_units_are_the_inactive_ones() -> None:
    for engine in ("dense", "sampled"):
        (profile,) = compare([Settings(act="relu", layers=5, batch=3, trials=7, engine=engine)])
        assert [each.saturated for each in profile.layers] == [
            each.zero_fraction for each in profile.layers
        ]


# --- sampled: recomputed from what flowed, and in law ---


class Flowed(NamedTuple):
    """a_k and f_k of each layer, T networks each."""

    a: list[FloatArray]
    f: list[FloatArray]


def flowed(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> tuple[Flowed, vanish.Profile]:
    """Return what went through a tally, as plain numbers, and what came of it."""
    seen: dict[int, list[tuple[FloatArray, FloatArray]]] = {}
    take, add_layers = ForwardTally.take, ForwardTally.add_layers

    def plain(rows: Stack | LayerRows) -> FloatArray:
        powers = np.broadcast_to(rows.exponents, rows.values.shape[:-2])
        return np.array(np.ldexp(rows.values, powers[..., None, None]))

    def note(tally: ForwardTally, passed: Passed) -> None:
        take(tally, passed)
        pair = plain(passed.named("a")), plain(passed.named("f"))
        seen.setdefault(passed.layer, []).append(pair)

    def note_layers(tally: ForwardTally, first: int, a: LayerRows, f: LayerRows) -> None:
        add_layers(tally, first, a, f)
        for k, pair in enumerate(zip(plain(a), plain(f), strict=True), first):
            seen.setdefault(k, []).append(pair)

    monkeypatch.setattr(ForwardTally, "take", note)
    monkeypatch.setattr(ForwardTally, "add_layers", note_layers)
    profile = vanish.Profile(settings, "sampled", measure(settings, jobs=1, forward=True))
    layers = [[np.concatenate(each) for each in zip(*seen[k], strict=True)] for k in sorted(seen)]
    return Flowed([each[0] for each in layers], [each[1] for each in layers]), profile


@pytest.mark.parametrize("act", oracles.FORMULAS)
@pytest.mark.parametrize(("trials", "batch"), [(1, 1), (9, 3), (200, 1)])
def test_sampled_columns_are_the_medians_of_what_flowed(
    act: str, trials: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        act=act,
        widths=(5, 64, 64, 64, 9),
        trials=trials,
        batch=batch,
        engine="sampled",
        bias_std=0.2,
        weight_std=1.5,
    )
    went, profile = flowed(monkeypatch, settings)
    middle = max(0, math.ceil(trials / 2) - 1)
    sup = settings.model.activations[0].sup_slope

    def median(numbers: FloatArray) -> float:
        return float(np.sort(numbers)[middle])

    for layer, a, f in zip(profile.layers, went.a, went.f, strict=True):
        slopes = settings.model.activations[0].slope(a)
        arguments, values, sizes = (each.reshape(trials, -1) for each in (a, f, np.abs(slopes)))
        assert layer.rms_a is not None
        assert layer.mean_f is not None
        assert close(float(layer.rms_a), median(np.sqrt((arguments**2).mean(axis=1))))
        assert close(float(str(layer.max_abs_a)), median(np.abs(arguments).max(axis=1)))
        mean = float(str(layer.mean_f.exact()))
        assert mean == pytest.approx(median(values.mean(axis=1)), abs=1e-14 * np.abs(f).max())
        assert close(float(str(layer.std_f)), median(values.std(axis=1)))
        assert layer.saturated == median(np.mean(sizes < sup / 20, axis=1))


LAWS: dict[str, dict[str, Any]] = {
    "tanh": {"act": "tanh", "weight_std": 2.0, "bias_std": 0.3, "widths": (4, 12, 12, 5)},
    "relu, orthogonal": {"act": "relu", "init": "orthogonal", "layers": 3, "width": 8},
    "sigmoid, a batch": {"act": "sigmoid", "weight_std": 3.0, "batch": 4, "layers": 3, "width": 8},
    "two S": {"act": "tanh", "block": "x+S(Wx+b)+V S(S(x))", "bias_std": 0.2, "layers": 3},
    "prenorm": {"act": "gelu", "block": "prenorm", "layers": 3, "width": 8, "hidden": 5},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_sampled_signals_have_the_law_of_the_dense_engine(name: str) -> None:
    parts = []
    for engine, trials, seed in (("sampled", 2000, 3), ("dense", 400, 7)):
        settings = Settings(
            **({"width": 10} | LAWS[name] if "widths" not in LAWS[name] else LAWS[name]),
            engine=engine,
            trials=trials,
            seed=seed,
            norm_bound=False,
        )
        measured = measure(settings, forward=True)
        assert measured.forward is not None
        rms, largest, mean, std = measured.forward
        numbers = np.ldexp(mean.mantissas, mean.exponents)
        parts.append([rms.log10, largest.log10, numbers, std.log10, measured.slopes.saturated])
    p_values = [
        ks(one, other)
        for sampled, dense in zip(*parts, strict=True)
        for one, other in zip(sampled, dense, strict=True)
    ]
    # Bonferroni, over all of them.
    assert min(p_values) > 0.001 / (len(p_values) * len(LAWS))


# --- far outside float64 ---


@pytest.mark.parametrize("engine", ["dense", "sampled"])
@pytest.mark.parametrize("trials", [1, 5])
@pytest.mark.parametrize("act", ["relu", "identity"])
def test_the_signal_far_outside_float64_is_that_within_times_a_power(
    engine: str, trials: int, act: str
) -> None:
    # 2^-200 is about 1e-60.
    shared: dict[str, Any] = {
        "act": act,
        "layers": 100,
        "width": 16,
        "trials": trials,
        "engine": engine,
    }
    near, far = compare([Settings(**shared), Settings(**shared, gain=2.0**-200)])
    for k, (one, other) in enumerate(zip(near.layers, far.layers, strict=True), 1):
        shift = Magnitude.of(1.0, -200 * k)
        for name in ("rms_a", "std_f", "max_abs_a", "predicted_rms_a"):
            here, there = getattr(one, name) * shift, getattr(other, name)
            assert there.exponent == here.exponent, name
            assert close(there.mantissa, here.mantissa), name
        assert one.mean_f is not None
        assert other.mean_f is not None
        assert other.mean_f.exponent == one.mean_f.exponent - 200 * k
        # It is a small difference.
        assert other.mean_f.mantissa == pytest.approx(one.mean_f.mantissa, rel=1e-9)
        assert one.saturated == other.saturated


@pytest.mark.parametrize("engine", ["dense", "sampled"])
def test_numbers_beyond_float64_are_decimal_text(engine: str) -> None:
    options = ("--act", "identity", "--layers", "100", "--gain", "1e-60", "--engine", engine)
    result = run_in_process(*options, "--seed", "1", "--format", "tsv", "--quiet")
    head, *rows = [line.split("\t") for line in result.stdout.decode().splitlines()]
    last = dict(zip(head, rows[-1], strict=True))
    assert float(last["log10_rms_a"]) == pytest.approx(-6000, abs=3)
    assert float(last["log10_predicted_rms_a"]) == pytest.approx(-6000, abs=3)
    sizes = [last[name] for name in ("mean_f", "std_f", "max_abs_a")]
    assert all(each.split("e")[1].startswith(("-5", "-6")) for each in sizes), sizes
    signs = {row[head.index("mean_f")].startswith("-") for row in rows}
    assert signs == {True, False}


def test_values_whose_squares_overflow_are_told() -> None:
    (profile,) = compare([Settings(act="identity", layers=3, width=4, weight_std=1e90, gain=1e9)])
    for layer, row in zip(profile.layers, profile.rows(), strict=True):
        assert row["log10_rms_a"] is not None
        assert layer.rms_a is not None
        assert layer.std_f is not None
        assert layer.max_abs_a is not None
        assert layer.rms_a.log10 == pytest.approx(99 * layer.layer, abs=1)
        # With S(a) = a they are of the same numbers.
        assert layer.mean_f is not None
        whole = layer.std_f * layer.std_f + layer.mean_f.squared()
        assert close(float(whole / (layer.rms_a * layer.rms_a)), 1.0)


# --- one reading of arrays of any kind ---


def pair_of(values: FloatArray, power: int) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """Return mean square, largest size, mean and variance, exactly."""
    entries = [Fraction(each) * Fraction(2) ** power for each in values.ravel().tolist()]
    mean = sum(entries, Fraction(0)) / len(entries)
    square = sum((each * each for each in entries), Fraction(0)) / len(entries)
    return square, max(map(abs, entries)), mean, square - mean * mean


def fraction(mantissa: float, exponent: int) -> Fraction:
    return Fraction(mantissa) * Fraction(2) ** exponent


def tally_of(*layers: tuple[list[Any], Any], trials: int = 1) -> forwardsignal.ForwardSignal:
    """Return what a tally says of layers, each the arguments of S and f."""
    tally = ForwardTally(trials)
    for k, (arguments, f) in enumerate(layers, 1):
        blocks = {0: NO_S, 1: LAYER, 2: TWO_S}
        values = [None, *arguments, f]
        tally.take(_Passed(blocks[len(arguments)], k, values))  # type: ignore[arg-type]  # a part
    return tally.read()


def parts_of(signal: forwardsignal.ForwardSignal) -> list[NDArray[Any]]:
    """Return all mantissas and exponents."""
    return [part for numbers in signal for part in numbers]


class _Passed(NamedTuple):
    block: Block
    layer: int
    values: list[Any]


NO_S = Block(Node(Op("affine", (Slot("W"),)), (0,), "f"))
TWO_S = Block(
    Node(Op("affine", (Slot("W"),)), (0,), "a"),
    Node(Op("affine", (Slot("V"),)), (0,), "g"),
    Node(Op("activate"), (1,)),
    Node(Op("activate"), (2,)),
    Node(Op("add"), (3, 4), "f"),
)

ENTRIES = st.one_of(
    st.floats(-2.0, 2.0),
    st.floats(-1e300, 1e300),
    st.floats(-1e-290, 1e-290),
    st.sampled_from([0.0, 1.0, 0.1, 1.0 + 2.0**-40, 1.7e308, -1.7e308, 2.0**-1022]),
)


@given(st.lists(ENTRIES, min_size=1, max_size=12), st.sampled_from([0, -3000, 700]))
def test_any_numbers_are_read_as_fractions_have_them(entries: list[float], power: int) -> None:
    values = np.array([entries])
    found = tally_of(([Scaled(values, power)], Scaled(values, power)))
    rms, largest, mean, std = (
        fraction(each.mantissas.item(), each.exponents.item()) for each in found
    )
    square, most, middle, variance = pair_of(values, power)
    assert largest == most
    # Of numbers below the smallest normal one float64 has no more digits to tell.
    least = Fraction(2) ** (-1070 + power)
    assert abs(rms * rms - square) <= Fraction(1, 10**13) * square + least * most
    assert abs(mean - middle) <= Fraction(1, 10**15) * len(entries) * most + least
    # What is nearly constant is told from its first entry on.
    apart = max(abs(Fraction(each) - Fraction(entries[0])) for each in entries)
    apart *= Fraction(2) ** power
    assert abs(std * std - variance) <= Fraction(1, 10**12) * apart * apart + least * most
    if len({*entries}) == 1:
        assert std == 0
        assert mean == middle


@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 70),
    st.integers(0, 2**32),
    st.sampled_from(["normal", "constant", "zero", "offset"]),
)
def test_mean_square_is_that_of_mean_and_deviation(
    trials: int, rows: int, units: int, seed: int, kind: str
) -> None:
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((trials, rows, units))
    values = {"normal": values, "constant": 0.0 * values + 0.3, "zero": 0.0 * values}.get(
        kind, values * 1e-6 + 0.5
    )
    stack = Stack(values, generator.integers(-5000, 5000, trials))
    found = tally_of(([stack], stack), trials=trials)
    whole = Magnitudes(np.abs(found.mean_f.mantissas), found.mean_f.exponents)
    right = whole * whole + found.std_f * found.std_f
    square = found.rms_a * found.rms_a
    for one, other in zip(right.at(0).listed(), square.at(0).listed(), strict=True):
        assert close(float(one / other), 1.0) if other else not one
    if kind in ("constant", "zero"):
        assert not found.std_f.mantissas.any()
    if kind == "offset":
        deviations = np.ldexp(found.std_f.mantissas[0], found.std_f.exponents[0] - stack.exponents)
        assert deviations == pytest.approx(values.reshape(trials, -1).std(axis=1), rel=1e-9)


def test_several_arguments_are_read_together_whatever_their_size() -> None:
    one, other = np.array([[[3.0, 4.0]], [[1.0, -7.0]]]), np.array([[[12.0]], [[0.0]]])
    far = np.array([0, 2000])
    found = tally_of(
        ([Stack(one), Stack(other)], Stack(one)),
        ([], Stack(one)),
        ([Stack(other, far)], Stack(one)),
        ([Stack(0.0 * one, -5000), Stack(other, far)], Stack(one)),
        trials=2,
    )
    squares = (found.rms_a * found.rms_a).at((..., 0)).listed()
    # 3² + 4² + 12² = 169.
    assert list(map(float, squares)) == pytest.approx([169 / 3, 0.0, 144.0, 48.0], rel=1e-15)
    assert [float(each) for each in found.largest_a.at((..., 0)).listed()] == [12, 0, 12, 12]
    assert [float(each) for each in found.largest_a.at((..., 1)).listed()] == [7, 0, 0, 0]
    wide = np.array([[[1.0], [1.0]]]), np.array([[[1.0], [-3.0]]])
    found = tally_of(([Stack(wide[0], 3000), Stack(wide[1], 2999)], Stack(wide[0])))
    (top,), (rms,) = found.largest_a.at(0).listed(), found.rms_a.at(0).listed()
    assert float(top / Magnitude.of(1.0, 3000)) == 1.5
    assert close(float(rms / Magnitude.of(1.0, 3000)), math.sqrt((2 + 0.25 + 2.25) / 4))


@pytest.mark.slow
@pytest.mark.parametrize("shapes", [[(3, 2, 5)] * 4, [(3, 1, 9000)] * 2 + [(3, 1, 4)] * 3000])
def test_layers_are_read_together_or_alone_with_the_same_result(
    shapes: list[tuple[int, ...]],
) -> None:
    generator = np.random.default_rng(0)
    stacks = [
        Stack(generator.standard_normal(shape), k % 3 if k % 2 else np.array([k, 0, -k]))
        for k, shape in enumerate(shapes)
    ]
    together = tally_of(*(([each], each) for each in stacks), trials=3)
    for k, stack in enumerate(stacks):
        alone = tally_of(([stack], stack), trials=3)
        for one, other in zip(parts_of(alone), parts_of(together), strict=True):
            assert np.array_equal(one[0], other[k])


@pytest.mark.parametrize("apart", [1.0, 0.1, 1e-2, 1e-6, 1e-12, 0.0])
@pytest.mark.parametrize("power", [0, 490, -490])
def test_a_mean_with_known_squares_loses_no_digits_where_entries_are_alike(
    apart: float, power: int
) -> None:
    # One trial is all alike, one is not, and one is zero.
    generator = np.random.default_rng(2)
    spread = np.array([apart, 1.0, 0.0])[:, None, None]
    middle = np.array([0.5, 0.1, 0.0])[:, None, None]
    values = np.ldexp(middle + spread * generator.standard_normal((3, 1, 200)), power)
    stack = Stack(values)
    with np.errstate(over="ignore", under="ignore"):
        assert stack.squares.shape == (3,)
        found = tally_of(([], stack), trials=3)
    for trial, row in enumerate(values[:, 0]):
        exact = list(map(Fraction, row.tolist()))
        mean = sum(exact) / len(exact)
        variance = sum((each - mean) ** 2 for each in exact) / len(exact)
        std = found.std_f.at((0, trial)).at(None).listed()[0]
        right = Magnitude.of(math.sqrt(variance / Fraction(4) ** power), power)
        assert (
            close(float(std / right), 1.0, 1e-13 + 1e-15 / max(apart, 1e-12)) if right else not std
        )
        size = Magnitude.of(abs(float(mean)))
        one = Magnitude(
            abs(float(found.mean_f.mantissas[0, trial])), int(found.mean_f.exponents[0, trial])
        )
        assert close(float(one / size), 1.0, 1e-13) if size else not one


# --- medians of numbers of any sign ---


@given(
    st.lists(
        st.tuples(st.floats(-1.0, 1.0, allow_subnormal=False), st.integers(-(10**6), 10**6)),
        min_size=1,
        max_size=9,
    ),
    st.sampled_from([0.05, 0.5, 0.95]),
)
def test_quantiles_are_order_statistics_of_any_sign(
    numbers: list[tuple[float, int]], share: float
) -> None:
    mantissas, powers = zip(*numbers, strict=True)
    for limit in (10**6, 400):
        clipped = np.clip(powers, -limit, limit)
        rows = Signeds.of(np.array([mantissas]), clipped[None])
        (found,) = signed_quantile(rows, share).listed()
        exact = sorted(map(fraction, mantissas, clipped.tolist()))
        right = exact[max(0, math.ceil(share * len(exact)) - 1)]
        assert fraction(found.mantissa, found.exponent) == right


@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, -1.5, 1e-300, -1e-300])
@pytest.mark.parametrize("power", [0, -4000, 5000, 10**9])
def test_signed_numbers_are_exact_as_magnitudes_are(value: float, power: int) -> None:
    size = Magnitude.of(abs(value), power).exact()
    found = Signed(value, power).exact()
    assert str(found) == ("-" if value < 0.0 else "") + str(size)


# --- what theory expects, and what has nothing to say ---


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"act": "tanh", "weight_std": 1.5, "bias_std": 0.3},
        {"act": "relu"},
        {"act": "tanh", "block": "x + S(Wx+b) + V S(Ux)", "hidden": 40},
        {"act": "gelu", "block": "bottleneck", "hidden": 500, "bias_std": 0.5},
        {"act": "tanh", "block": "x + S(W S(Vx)+b)", "hidden": 90},
    ],
)
def test_predicted_is_the_root_mean_square_over_wide_networks(options: dict[str, Any]) -> None:
    settings = Settings(**options, layers=4, width=400, trials=60, engine="sampled")
    measured = measure(settings, forward=True)
    assert measured.forward is not None
    squares = (measured.forward.rms_a * measured.forward.rms_a).log10
    (profile,) = compare([settings])
    for layer, row in zip(profile.layers, squares, strict=True):
        assert layer.predicted_rms_a is not None
        found = math.sqrt(float(np.mean(10.0**row)))
        assert float(layer.predicted_rms_a) == pytest.approx(found, rel=0.03)


def test_where_theory_is_silent_or_there_is_no_s_cells_are_empty() -> None:
    silent: tuple[dict[str, Any], ...] = (
        {"batch": 2},
        {"loss": "sum"},
        {"block": "batchnorm", "batch": 4},
    )
    for profile in compare(Settings(layers=2, width=4, **each) for each in silent):
        assert [row["log10_predicted_rms_a"] for row in profile.rows()] == [None, None]
        assert all(row[name] is not None for row in profile.rows() for name in FORWARD)
    for engine in ("dense", "sampled"):
        settings = Settings(block="x + Wx", layers=2, width=4, engine=engine, trials=3)
        (profile,) = compare([settings])
        for row in profile.rows():
            empty = {name for name in (*FORWARD, "log10_predicted_rms_a") if row[name] is None}
            assert empty == {*FORWARD, "log10_predicted_rms_a"} - {"mean_f", "std_f"}


def test_a_dead_signal_is_zero_and_its_logarithm_empty() -> None:
    zeros = Rows(np.zeros((1, 3)))
    for engine in ("dense", "sampled"):
        settings = Settings(act="relu", layers=2, width=3, input=zeros, engine=engine)
        (profile,) = compare([settings])
        for row in profile.rows():
            assert [row[name] for name in FORWARD] == [None, 0.0, 0.0, 1.0, 0.0]


def rows_of(*words: str) -> list[dict[str, Any]]:
    result = run_in_process(*words, "-n", "2", "--format", "jsonl")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_nobody_pays_for_what_nobody_asked() -> None:
    settings = Settings(layers=3, width=4, trials=2)
    assert measure(settings).forward is None
    (profile,) = compare([settings], forward=False)
    for row in profile.rows():
        assert [row[name] for name in FORWARD] == [None] * 5
    # A sweep by points asks for none of it, one by layers for all.
    assert not {*FORWARD} & {*rows_of("sweep")[0]}
    rows = rows_of("sweep", "--per-layer")
    assert all(row[name] is not None for row in rows for name in FORWARD)


@pytest.mark.parametrize("trials", [3, 300])
def test_neither_workers_nor_segments_change_the_signal(trials: int) -> None:
    settings = Settings(act="tanh", layers=20, width=64, trials=trials, engine="sampled")
    one = measure(settings, jobs=1, forward=True).forward
    assert one is not None
    for jobs, limit in ((2, None), (1, 3_000_000)):
        other = measure(settings, jobs=jobs, memory_limit=limit, forward=True).forward
        assert other is not None
        for left, right in zip(parts_of(one), parts_of(other), strict=True):
            assert np.array_equal(left, right)


# --- planted faults ---


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("_sizes", lambda rows, *_: (rows.std(axis=1), np.abs(rows).max(axis=1))),
        ("_sizes", lambda rows, *_: (np.sqrt((rows * rows).mean(axis=1)), rows.max(axis=1))),
        ("_spread", lambda rows, *_: (np.abs(rows).mean(axis=1), rows.std(axis=1))),
        ("_spread", lambda rows, *_: (rows.mean(axis=1), rows.std(axis=1, ddof=1))),
    ],
)
def test_a_planted_fault_is_noticed(name: str, fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwardsignal, name, fault)
    with pytest.raises(AssertionError):
        test_columns_are_what_pytorch_has("tanh", 1, (20, 40, 40, 7))
