"""What networks make of their initialisers and of the laws of their biases."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import run_in_process

import vanish
from vanish import Settings
from vanish.network import initializers
from vanish.network.activations import Activation
from vanish.network.graph import Variable
from vanish.network.streams import Role, Streams
from vanish.simulation.run import Simulation
from vanish.simulation.verdict import explain
from vanish.training.run import Run
from vanish.training.settings import TrainingSettings

if TYPE_CHECKING:
    from pathlib import Path

    from vanish.numbers.scaled import FloatArray


def leaky(slope: float, init: str = "he_normal") -> Activation:
    def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.where(x > 0.0, x, slope * x), np.where(x > 0.0, 1.0, slope)

    return Activation(
        name="leaky",
        pair=pair,
        sup_slope=max(1.0, slope),
        sup_at="x > 0",
        lower=-math.inf,
        upper=math.inf,
        kinks=(0.0,),
        homogeneous=True,
        init=init,
    )


def waves(omega: float, init: str) -> Activation:
    def pair(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.sin(omega * x), omega * np.cos(omega * x)

    return Activation(
        name="waves",
        pair=pair,
        sup_slope=omega,
        sup_at=0.0,
        lower=-1.0,
        upper=1.0,
        attained=("lower", "upper"),
        init=init,
    )


# --- leaky slopes ---


@pytest.mark.parametrize("slope", [0.01, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("by", ["act", "init"])
def test_a_leaky_slope_costs_what_eq_15_says(slope: float, by: str) -> None:
    # He et al. 2015, eq. 15: E S'² = (1 + a²)/2.
    plain = leaky(slope)
    fitted = leaky(slope, f"he_normal(a={slope})") if by == "act" else plain
    init = "auto" if by == "act" else f"he_normal({slope})"
    for act, given, decades in (
        (plain, "he_normal", 0.5 * math.log10(1.0 + slope**2)),
        (fitted, init, 0.0),
    ):
        profile = vanish.simulate(act=act, init=given, layers=20, width=512, trials=64)
        assert profile.engine == "sampled"
        assert profile.predicted_decades_per_layer == pytest.approx(decades, abs=1e-12)
        # The median of a product of 19 chi-squares of 512 lies 19·(5 + …)/(4·512) nepers below.
        assert profile.decades_per_layer == pytest.approx(decades, abs=0.004)
        assert profile.settings.as_dict()["init"] == initializers.spelled(
            f"he_normal({slope})" if decades == 0.0 else "he_normal"
        )


# --- SIREN ---


def test_siren_has_a_flat_profile_at_omega_30() -> None:
    # At infinite width and ω: q = 2·E sin²(√q z) = 1 - e^(-2q) for the argument of sin, and
    # χ = 2·E cos²(√q z) = 1 + e^(-2q).
    q = 1.0
    for _ in range(200):
        q = 1.0 - math.exp(-2.0 * q)
    decades = 0.5 * math.log10(1.0 + math.exp(-2.0 * q))
    options: dict[str, Any] = {"layers": 12, "width": 256, "trials": 8, "engine": "dense"}
    flat = vanish.simulate(act=waves(30.0, "siren"), **options)
    assert str(flat.verdict) == "stable"
    inner = [layer for layer in flat.layers if 3 <= layer.layer <= 12]
    # V = q/2 is what a unit puts out; the slope costs ω² that W's 1/ω² takes back.
    assert [float(layer.value) for layer in inner] == pytest.approx(
        [math.sqrt(0.5 * q)] * 10, rel=0.03
    )
    signals = [layer.signal.log10 or 0.0 for layer in inner]
    assert (signals[0] - signals[-1]) / 9 == pytest.approx(decades, abs=0.01)
    assert flat.predicted_decades_per_layer is not None
    predicted = [layer.predicted_signal for layer in inner]
    steps = [(a / b).log10 for a, b in pairwise(predicted) if a and b]
    assert steps[2:] == pytest.approx([decades] * 7, abs=1e-3)
    # By a law of neither ω nor layer 1 the same network explodes.
    other = vanish.simulate(act=waves(30.0, "siren"), init="xavier_uniform", **options)
    assert str(other.verdict) == "exploding"
    assert other.decades_per_layer is not None
    assert other.decades_per_layer > 1.0


def test_layer_1_of_siren_is_drawn_by_its_own_law() -> None:
    run = Simulation(Settings(act="sin", init="siren(10)", widths=(50, 60, 70)))
    first, second = (layer.weight.multiplied_out() for layer in run.chain.layers)
    assert 0.95 / 50 <= np.abs(first).max() <= 1 / 50
    edge = math.sqrt(6 / 60) / 10
    assert 0.95 * edge <= np.abs(second).max() <= edge


# --- biases ---


def biases(**options: Any) -> dict[Variable, FloatArray | None]:
    chain = Simulation(Settings(**options)).chain
    return {
        address: found  # type: ignore[misc] # a matrix is a Weight
        for address, found in chain.parameters.items()
        if address.letter.islower()
    }


@pytest.mark.parametrize("engine", ["dense", "sampled"])
def test_normal_biases_are_those_of_bias_std(engine: str) -> None:
    options: dict[str, Any] = {"act": "tanh", "layers": 5, "width": 7, "trials": 3}
    one = vanish.simulate(bias_std=0.3, engine=engine, **options)
    other = vanish.simulate(bias_init="normal(0.3)", engine=engine, **options)
    assert one.rows() == other.rows()
    assert one.settings.as_dict()["bias_init"] is None
    assert other.settings.as_dict()["bias_init"] == "normal(0.3)"


def test_biases_of_torch_go_by_the_matrix_beside_them() -> None:
    options: dict[str, Any] = {"act": "relu", "widths": (400, 900, 900), "init": "torch"}
    for address, b in biases(**options).items():
        assert b is not None
        edge = 1 / math.sqrt({1: 400, 2: 900}[address.layer])
        assert 0.98 * edge <= np.abs(b).max() <= edge
    # b stands beside W and c beside V; alone it goes by its own size.
    for block, letter, n_in in (
        ("x + V S(Wx + b) + c", "b", 900),
        ("x + V S(Wx + b) + c", "c", 400),
        ("x + S(V S(Wx) + b)", "b", 400),
        ("x + S(Wx) + d", "d", 900),
    ):
        hidden = 400 if "V" in block else None
        found = biases(act="relu", init="torch", block=block, layers=2, width=900, hidden=hidden)
        edge = 1 / math.sqrt(n_in)
        for b in (each for address, each in found.items() if address.letter == letter):
            assert b is not None
            assert 0.97 * edge <= np.abs(b).max() <= edge


def test_biases_are_the_initialisers_unless_somebody_says_so() -> None:
    options: dict[str, Any] = {"act": "tanh", "layers": 2, "width": 30}
    assert set(biases(**options).values()) == {None}
    assert set(biases(init="keras", **options).values()) == {None}
    assert set(biases(init="torch", bias_init="zeros", **options).values()) == {None}
    assert set(biases(bias_init="constant(0)", **options).values()) == {None}
    for b in biases(init="torch", bias_std=3.0, **options).values():
        assert b is not None
        assert np.abs(b).max() > 1.0
    for b in biases(bias_init="constant(-0.5)", **options).values():
        assert b is not None
        assert np.array_equal(b, np.full(30, -0.5))
    for b in biases(bias_init="uniform(2,3)", **options).values():
        assert b is not None
        assert 2.0 < b.min() < b.max() < 3.0
    torch, own = (biases(init=init, **options) for init in ("torch", "keras"))
    assert set(own) == set(torch)
    beside = biases(bias_init="torch", **options)
    assert all(np.array_equal(torch[at], beside[at]) for at in torch)  # type: ignore[arg-type]  # there is one


def test_a_seed_means_the_same_weights_and_biases_as_ever() -> None:
    run = Simulation(Settings(act="tanh", widths=(3, 4), weight_std=0.7, bias_std=0.3, seed=5))
    [layer] = run.chain.layers
    weights, shifts = (Streams(5).generator(role, 1) for role in (Role.WEIGHTS, Role.BIAS))
    w = (0.7 / math.sqrt(3)) * weights.standard_normal((4, 3))
    assert np.allclose(layer.weight.multiplied_out(), w, rtol=1e-15, atol=0.0)
    assert np.array_equal(layer.bias, 0.3 * shifts.standard_normal(4))  # type: ignore[arg-type]  # there is one


def test_other_biases_change_no_weight() -> None:
    options: dict[str, Any] = {"act": "tanh", "layers": 2, "width": 5, "init": "torch"}
    one, other = (
        Simulation(Settings(bias_init=each, **options)).chain for each in ("zeros", "torch")
    )
    for left, right in zip(one.layers, other.layers, strict=True):
        assert np.array_equal(left.weight.multiplied_out(), right.weight.multiplied_out())


@pytest.mark.parametrize("law", ["torch", "uniform(-1,1)", "uniform(0,1)", "constant(0.5)"])
def test_both_engines_draw_the_same_biases(law: str) -> None:
    # Of trial 0 they come from the same streams, and layer 1 alone has no other randomness.
    options: dict[str, Any] = {"act": "sigmoid", "widths": (4, 2000), "init": "normal(1e-9)"}
    dense, sampled = (
        vanish.simulate(bias_init=law, engine=engine, trials=2, **options)
        for engine in ("dense", "sampled")
    )
    for one, other in zip(dense.layers, sampled.layers, strict=True):
        assert float(one.value) == pytest.approx(float(other.value), rel=1e-8)


# --- theory ---


def test_theory_takes_the_variance_of_torchs_biases() -> None:
    sizes = (40, 90, 60, 30, 50)
    settings = Settings(act="relu", widths=sizes, init="torch")
    profile = vanish.simulate(settings)
    x = Simulation(settings).x
    v = float(np.mean(x**2))
    for layer, n_in in zip(profile.layers, sizes, strict=False):
        q = v / 3.0 + 1.0 / (3.0 * n_in)
        assert layer.predicted_rms_a is not None
        assert float(layer.predicted_rms_a) == pytest.approx(math.sqrt(q), rel=1e-12)
        v = q / 2.0
    without = vanish.simulate(act="relu", widths=sizes, init="torch", bias_init="zeros")
    found = without.layers[-1].predicted_rms_a
    assert found is not None
    assert float(found) < 0.9 * math.sqrt(2.0 * v)


@pytest.mark.slow
@pytest.mark.parametrize("act", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize(
    "init", ["torch", "keras", "flax", "normal(0.05)", "uniform(-0.2,0.2)", "truncated_normal(0.1)"]
)
def test_wide_networks_do_what_theory_says_of_the_law(act: str, init: str) -> None:
    options: dict[str, Any] = {"act": act, "init": init, "layers": 6, "width": 400, "trials": 12}
    profile = vanish.simulate(engine="dense", **options)
    assert profile.predicted_decades_per_layer is not None
    assert profile.decades_per_layer == pytest.approx(profile.predicted_decades_per_layer, abs=0.02)
    for layer in profile.layers:
        assert layer.predicted_signal is not None
        assert layer.signal.log10 == pytest.approx(layer.predicted_signal.log10, abs=0.1)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"init": "uniform(-1,2)"}, "init uniform(-1,2), whose mean is not 0"),
        ({"init": "constant(0.1)"}, "init constant(0.1), which is not random"),
        ({"init": "zeros"}, "init zeros, which is not random"),
        ({"init": "identity"}, "init identity, which is not random"),
        ({"bias_init": "constant(0.1)"}, "bias_init constant(0.1), which is not random"),
        ({"bias_init": "uniform(0,1)"}, "bias_init uniform(0,1), whose mean is not 0"),
        ({"bias_init": "uniform(-1,1)"}, "bias_init uniform(-1,1), which is not normal"),
        ({"bias_init": "zeros"}, ""),
        ({"bias_init": "torch"}, ""),
        ({"init": "uniform(-1,1)"}, ""),
    ],
)
def test_theory_says_nothing_of_laws_that_it_does_not_know(
    options: dict[str, Any], reason: str
) -> None:
    profile = vanish.simulate(act="tanh", layers=3, width=5, **options)
    assert profile.no_law == reason
    assert all((row["log10_predicted"] is None) == bool(reason) for row in profile.rows())
    assert profile.engine == "dense"


# --- units that are alike, and dead networks ---


@pytest.mark.parametrize(
    ("options", "alike"),
    [
        ({"act": "tanh", "init": "constant(0.01)"}, True),
        ({"act": "sigmoid", "init": "constant(-0.5)", "bias_init": "constant(0.3)"}, True),
        ({"act": "sigmoid", "init": "zeros"}, True),
        ({"act": "tanh", "init": "constant(0.01)", "bias_std": 0.1}, False),
        ({"act": "tanh", "init": "constant(0.01)", "bias_init": "torch"}, False),
        ({"act": "tanh", "init": "identity"}, False),
        ({"act": "tanh", "init": "uniform(0,0.1)"}, False),
        ({"act": "tanh", "init": "constant(0.01)", "block": "x + S(Wx+b)"}, False),
    ],
)
def test_units_that_nothing_tells_apart_are_told(options: dict[str, Any], alike: bool) -> None:
    settings = Settings(layers=4, width=6, **options)
    text = explain(vanish.simulate(settings)).text
    assert ("each such layer is as good as one unit" in text) == alike
    if settings.model.graph.is_plain:
        assert alike == are_alike(settings)


def are_alike(settings: Settings) -> bool:
    """Follow gradient descent: are the units of every hidden layer equal, and stay they so?"""
    run = Simulation(settings)
    pair = settings.model.activations[0].pair
    weights = [layer.weight.multiplied_out() for layer in run.chain.layers]
    shifts = [
        np.zeros(len(w)) if layer.bias is None else layer.bias
        for w, layer in zip(weights, run.chain.layers, strict=True)
    ]
    r = np.random.default_rng(0).standard_normal(len(weights[-1]))
    for _ in range(3):
        values, slopes = [run.x[0]], []
        for w, b in zip(weights, shifts, strict=True):
            f, slope = pair(w @ values[-1] + b)
            values.append(f)
            slopes.append(slope)
        g = r
        for k in reversed(range(len(weights))):
            d = slopes[k] * g
            g = weights[k].T @ d
            weights[k] = weights[k] - 0.1 * np.outer(d, values[k])
            shifts[k] = shifts[k] - 0.1 * d
    hidden = values[1:-1]
    return all(np.ptp(f) <= 1e-12 * np.abs(f).max() for f in hidden)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        ("relu", "Every weight is zero, so every gradient is exactly 0 and nothing ever moves."),
        ("tanh", "so no weight gets a gradient, and none ever will; only biases do."),
        ("sigmoid", "Layer 4 does; once it has moved, those before it learn in their turn."),
    ],
)
def test_zeros_are_dead_and_told_truly(act: str, sentence: str) -> None:
    profile = vanish.simulate(act=act, init="zeros", layers=4, width=6)
    assert str(profile.verdict) == "dead"
    text = explain(profile).text
    assert sentence in text
    grads = [bool(layer.grad_w) for layer in profile.layers]
    assert grads == [False, False, False, act == "sigmoid"]
    # What moves is what the words say: train it.
    run = Run(TrainingSettings(act=act, init="zeros", layers=3, width=6), split(), 0)
    for _ in range(3):
        run.epoch()
    moved = [bool(run.parameters.by_address[Variable("W", k)].any()) for k in range(1, 5)]
    assert moved == [act == "sigmoid"] * 4


def split() -> Any:
    return TrainingSettings().source.split(Streams(0), 0)


# --- training, files, the command line ---


def test_training_starts_from_the_laws_of_the_initialiser() -> None:
    settings = TrainingSettings(act="tanh", init="torch", layers=2, width=200)
    run = Run(settings, split(), 0)
    for address, values in run.parameters.by_address.items():
        edge = 1 / math.sqrt({1: 2, 2: 200, 3: 200}[address.layer])
        assert np.abs(values).max() <= edge
        assert len(values) < 10 or np.abs(values).max() > 0.9 * edge
    zeros = Run(TrainingSettings(act="tanh", init="keras", layers=2, width=200), split(), 0)
    assert not zeros.parameters.by_address[Variable("b", 2)].any()
    assert zeros.parameters.by_address[Variable("W", 2)].any()


@pytest.mark.parametrize("init", ["torch", "uniform(0,0.1)", "constant(0.1)", "identity", "siren"])
def test_saved_weights_are_those_that_were_simulated(init: str, tmp_path: Path) -> None:
    path = str(tmp_path / "net.npz")
    line = ["--act=tanh", "--layers=3", "--width=5", "--format=jsonl"]
    one = run_in_process(*line, f"--init={init}", f"--save-weights={path}")
    other = run_in_process(*line[:1], "--format=jsonl", f"--weights={path}")
    first, second = (
        [json.loads(row)["log10_grad_w"] for row in each.stdout.splitlines()]
        for each in (one, other)
    )
    assert len(first) == 3
    assert first == pytest.approx(second, rel=1e-12)


def test_several_initialisers_with_numbers_are_compared() -> None:
    result = run_in_process("--act=tanh", "--layers=3", "--init=normal(0.02),Uniform(-1, 1),torch")
    header, *rows = result.stdout.decode().splitlines()
    at = header.split("\t").index("init")
    assert [row.split("\t")[at] for row in rows] == [
        *["normal(0.02)"] * 3,
        *["uniform(-1,1)"] * 3,
        *["torch"] * 3,
    ]


@pytest.mark.slow
def test_initialisers_with_numbers_are_an_axis(tmp_path: Path) -> None:
    line = ["--act=tanh", "--layers=3", "--width=4", "--format=csv"]
    axes = ["--init=normal(0.2),uniform(-1,1)", "--bias-init=zeros,normal(0.1)"]
    one = run_in_process("sweep", *line, *axes)
    path = tmp_path / "sweep.toml"
    path.write_text('init = ["normal(0.2)", "uniform(-1,1)"]\nbias-init = ["zeros", "normal(0.1)"]')
    assert run_in_process("sweep", *line, f"--config={path}").stdout == one.stdout
    assert len(one.stdout.splitlines()) == 5
    rows = vanish.sweep(
        act="tanh", layers=3, width=4, init=["normal(0.2)", "uniform(-1,1)"], bias_init="torch"
    )
    assert [(row["init"], row["bias_init"]) for row in rows] == [
        ("normal(0.2)", "torch"),
        ("uniform(-1,1)", "torch"),
    ]


def test_a_remedy_replaces_an_initialiser_with_its_biases() -> None:
    line = ["--act=relu", "--layers=50", "--width=64", "--init=torch"]
    told = run_in_process(*line).stderr.decode()
    assert "Try --weight-std" in told
    assert "in place of --init" in told
    # Its numbers are those of the run that it proposes.
    std = told.partition("Try --weight-std ")[2].split()[0]
    got = told.partition("layer 1 then gets ")[2].split()[0]
    again = run_in_process(*line[:3], f"--weight-std={std}").stderr.decode()
    assert f"Layer 1 gets {got} " in again
