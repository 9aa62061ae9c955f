"""What is noted of a run's entries, beside numpy on PyTorch's arrays and on the walk itself."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import oracles
import pytest
from oracles import Problem, torch_activation

import vanish
from vanish.network import activations
from vanish.simulation import census
from vanish.simulation import run as simulation
from vanish.simulation import trials as ensemble
from vanish.simulation.census import Census, Entries, Signal
from vanish.simulation.plan import plan
from vanish.simulation.precision import losses
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from vanish.network.chainrule import Passed
    from vanish.network.graph import Variable
    from vanish.numbers.scaled import FloatArray
    from vanish.readings.forwardsignal import LayerRows
    from vanish.simulation.measured import Measured


def entries_of(settings: Settings) -> Entries:
    found = simulation.measure(settings, entries=True).entries
    assert found is not None
    return found


def log2_of(arrays: list[FloatArray]) -> Signal:
    """Return the largest |entry| and the root mean square, by numpy."""
    with np.errstate(divide="ignore"):
        return Signal(
            np.log2([np.abs(array).max() for array in arrays]),
            np.log2([math.sqrt(np.square(array).mean()) for array in arrays]),
        )


def check(found: Signal, expected: Signal, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(found.largest, expected.largest, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.rms, expected.rms, rtol=0, atol=tolerance)


def forward_by_torch(problem: Problem) -> tuple[list[FloatArray], list[FloatArray]]:
    """Return f_0, …, f_N and a_1, …, a_N."""
    torch = oracles.pytorch()
    f, a = [torch.tensor(problem.x)], []
    for weight, bias, act in zip(problem.weights, problem.biases, problem.acts, strict=True):
        a.append(f[-1] @ torch.tensor(weight).T + torch.tensor(bias))
        f.append(torch_activation(act)(a[-1]))
    return [each.numpy() for each in f], [each.numpy() for each in a]


DENSE: dict[str, dict[str, Any]] = {
    "one row": {"act": "identity", "layers": 6, "width": 9},
    "a batch": {"act": "leaky_relu", "layers": 5, "width": 7, "batch": 4},
    "biases, widths": {"act": "identity", "widths": (5, 9, 3, 80, 4), "bias_std": 0.3},
    "mse": {"act": "identity", "layers": 4, "width": 6, "batch": 3, "loss": "mse"},
    "more rows than are formed": {"act": "leaky_relu", "layers": 3, "width": 90, "batch": 5},
    "longer than what is read together": {
        "act": "identity",
        "layers": 2,
        "width": 300,
        "batch": 60,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("options", DENSE.values(), ids=DENSE)
def test_dense_entries_are_those_of_pytorchs_arrays(options: dict[str, Any]) -> None:
    # With these activations the largest |a| counts on both sides.
    settings = Settings(engine="dense", norm_bound=False, **options)
    problem = Problem.of(Simulation(settings))
    gradients = oracles.autograd(problem)
    values, preactivations = forward_by_torch(problem)
    found, layers = entries_of(settings), range(1, settings.model.depth + 1)
    check(found.weight, log2_of(problem.weights))
    check(found.preactivation, log2_of(preactivations))
    check(found.value, log2_of(values))
    check(found.grad_f, log2_of([gradients[f"f{k}"] for k in layers]))
    check(found.grad_a, log2_of([gradients[f"a{k}"] for k in layers]))
    check(found.grad_w, log2_of([gradients[f"W{k}"] for k in layers]))


@pytest.mark.parametrize("act", [each.name for each in activations.registered()])
def test_an_infinite_a_does_harm_where_pytorch_gives_no_finite_value(act: str) -> None:
    torch = oracles.pytorch()
    for end, bears in zip((math.inf, -math.inf), activations.get(act).bears_infinity, strict=True):
        a = torch.tensor([end], dtype=torch.float16, requires_grad=True)
        value = torch_activation(act)(a)
        (slope,) = torch.autograd.grad(value.sum(), a)
        assert bears is bool(torch.isfinite(value).all() and torch.isfinite(slope).all())


def test_a_formula_that_refuses_infinity_does_not_bear_it() -> None:
    def pair(a: FloatArray) -> tuple[FloatArray, FloatArray]:
        values = np.fromiter(map(math.sin, a.ravel()), float).reshape(a.shape)
        return values, np.cos(a)

    act = vanish.Activation(
        name="refusing", pair=pair, sup_slope=1.0, sup_at=0.0, lower=-1.0, upper=1.0
    )
    assert act.bears_infinity == (False, False)


@pytest.mark.parametrize(
    ("act", "sides"),
    [("tanh", ()), ("relu", (1.0,)), ("log_sigmoid", (-1.0,)), ("silu", (1.0, -1.0))],
)
def test_the_largest_a_is_that_on_the_sides_where_it_does_harm(
    act: str, sides: tuple[float, ...]
) -> None:
    settings = Settings(act=act, layers=5, width=12, engine="dense", weight_std=1.0)
    _, a = forward_by_torch(Problem.of(Simulation(settings)))
    largest = [max((float((side * each).max()) for side in sides), default=0.0) for each in a]
    with np.errstate(divide="ignore"):
        expected = np.log2(largest)
    np.testing.assert_allclose(entries_of(settings).preactivation.largest, expected, atol=1e-9)


class Recorder(Census):
    """Keeps all arrays of the first trial besides."""

    kept: ClassVar[list[Recorder]] = []  # emptied by the test that fills it

    def __init__(self, x: FloatArray) -> None:
        super().__init__(x)
        self.kept.append(self)
        self.x = x
        self.arrays: dict[str, list[tuple[FloatArray, int]]] = {name: [] for name in "af∂d"}

    def take(self, passed: Passed) -> None:
        for name in "af":
            self.record(name, passed.named(name))
        super().take(passed)

    def take_back(self, variable: Variable, gradient: Any) -> None:
        if variable.letter in "af" and variable.layer:
            self.record({"f": "∂", "a": "d"}[variable.letter], gradient)
        super().take_back(variable, gradient)

    def take_layers(self, a: LayerRows, f: LayerRows) -> None:
        self.record_layers("a", a)
        self.record_layers("f", f)
        super().take_layers(a, f)

    def take_back_layers(self, letter: str, gradients: LayerRows) -> None:
        self.record_layers({"f": "∂", "a": "d"}[letter], gradients)
        super().take_back_layers(letter, gradients)

    def record_layers(self, name: str, rows: LayerRows) -> None:
        powers = np.broadcast_to(rows.exponents, rows.values.shape[:2])[:, 0].tolist()
        self.arrays[name] += zip(rows.values[:, 0].copy(), powers, strict=True)

    def record(self, name: str, rows: Any) -> None:
        power = rows.exponents if isinstance(rows.exponents, int) else int(rows.exponents[0])
        self.arrays[name].append((rows.values[0].copy(), power))


def log2_scaled(arrays: list[tuple[FloatArray, int]]) -> Signal:
    found = log2_of([values for values, _ in arrays])
    powers = np.array([power for _, power in arrays])
    return Signal(found.largest + powers, found.rms + powers)


SAMPLED: dict[str, dict[str, Any]] = {
    "one row": {"act": "relu", "layers": 30, "width": 16},
    "a batch": {"act": "tanh", "layers": 12, "width": 10, "batch": 3, "bias_std": 0.2},
    "more rows than are formed": {"act": "elu", "layers": 4, "width": 100, "batch": 3},
    "trials": {"act": "softplus", "layers": 8, "width": 8, "trials": 7},
    "widths": {"act": "selu", "widths": (5, 40, 3, 3, 17, 6)},
    "orthogonal": {"act": "identity", "layers": 9, "width": 6, "init": "orthogonal"},
    "10^-600": {"act": "tanh", "layers": 60, "width": 8, "weight_std": 1e-10},
    "10^+600": {"act": "relu", "layers": 60, "width": 8, "weight_std": 1e10},
    "segments": {"act": "sigmoid", "layers": 40, "width": 8, "init": "orthogonal"},
}


@pytest.mark.parametrize("name", SAMPLED)
def test_sampled_entries_are_those_of_the_walk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "Census", Recorder)
    monkeypatch.setattr(Recorder, "kept", [])
    settings = Settings(engine="sampled", **SAMPLED[name])
    limit = 4_000 if name == "segments" else None
    if limit is not None:
        assert plan(settings, 1, limit).segment < settings.model.depth
    found = simulation.measure(settings, entries=True, memory_limit=limit).entries
    (recorder,) = Recorder.kept
    assert found is not None
    a, f, gradients_f, gradients_a = (recorder.arrays[each] for each in "af∂d")
    assert len(a) == len(f) == len(gradients_f) == len(gradients_a) == settings.model.depth
    # The walk's own S: what is noted as a and as f belong together.
    plain = [(x, y) for (x, p), (y, q) in zip(a, f, strict=True) if p == q == 0]
    for (x, y), act in zip(plain, settings.model.activations, strict=False):
        np.testing.assert_allclose(act.value(x), y, rtol=1e-12)
    np.testing.assert_allclose(found.preactivation.rms, log2_scaled(a).rms, rtol=0, atol=1e-9)
    check(found.value, log2_scaled([(recorder.x, 0), *f]))
    check(found.grad_f, log2_scaled(gradients_f[::-1]))
    check(found.grad_a, log2_scaled(gradients_a[::-1]))
    products = [
        (d.T @ y, p + q)
        for (d, p), (y, q) in zip(gradients_a[::-1], [(recorder.x, 0), *f[:-1]], strict=True)
    ]
    check(found.grad_w, log2_scaled(products))


def test_a_weight_that_was_never_drawn_has_the_largest_entry_of_its_law() -> None:
    generator = np.random.default_rng(1)
    for init, scale in (("he_normal", math.sqrt(2.0 / 64)), ("orthogonal", 1.0 / math.sqrt(64))):
        settings = Settings(act="relu", layers=400, width=64, init=init, engine="sampled")
        found = entries_of(settings).weight
        drawn = np.abs(generator.standard_normal((400, 64 * 64))).max(axis=1).mean() * scale
        # A bound by a tenth above what is expected: a seventh of a bit.
        assert 0.0 < found.largest.mean() - math.log2(drawn) < 0.25
        assert found.rms.mean() == pytest.approx(math.log2(scale), abs=0.01)


@pytest.mark.parametrize("engine", ["dense", "sampled"])
def test_entries_are_those_of_the_plain_run(engine: str) -> None:
    options: dict[str, Any] = {"act": "gelu", "layers": 6, "width": 12, "engine": engine}
    one = entries_of(Settings(**options, trials=1))
    several = entries_of(Settings(**options, trials=40))
    for single, first in zip(one, several, strict=True):
        check(first, single)


def test_true_zeros_have_no_logarithm() -> None:
    found = entries_of(Settings(act="relu", layers=8, width=2, engine="dense"))
    dead = np.isneginf(found.grad_a.rms)
    assert dead.any()
    assert np.isneginf(found.grad_w.largest[dead]).all()
    assert not np.isnan(np.concatenate([each for signal in found for each in signal])).any()


def test_who_does_not_ask_does_not_pay() -> None:
    for engine in ("dense", "sampled"):
        settings = Settings(act="relu", layers=3, width=4, engine=engine)
        assert simulation.measure(settings).entries is None
        [without] = simulation.compare([settings], entries=False)
        assert without.measured.entries is None
        [plain] = simulation.compare([settings])
        assert plain.measured.entries is not None


@pytest.mark.parametrize("act", ["tanh", "gelu"])
@pytest.mark.parametrize("trials", [1, 5])
def test_what_takes_a_second_run_is_run_when_it_is_asked_for(
    act: str, trials: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(act=act, layers=30, width=8, trials=trials, engine="sampled")
    limit = 1000
    [now] = simulation.compare([settings], entries=True, memory_limit=limit)
    counted = 0
    of_settings = ensemble.measure

    def measure(*args: Any, **options: Any) -> Measured:
        nonlocal counted
        counted += 1
        return of_settings(*args, **options)

    monkeypatch.setattr(ensemble, "measure", measure)
    [later] = simulation.compare([settings], memory_limit=limit)
    assert (counted, later.measured.entries) == (1, None)
    later = pickle.loads(pickle.dumps(later))
    assert losses(later) == losses(now)
    assert counted == 2
    for one, other in zip(later.entries or (), now.entries or (), strict=True):
        assert np.array_equal(one.largest, other.largest)
        assert np.array_equal(one.rms, other.rms)
    assert counted == 2


@pytest.mark.parametrize(
    ("layers", "trials", "is_light"), [(8, 1, True), (10, 1, False), (10, 4, True)]
)
def test_entries_are_taken_at_once_where_they_are_a_small_part(
    layers: int, trials: int, is_light: bool
) -> None:
    settings = Settings(act="relu", layers=layers, width=8192, trials=trials, engine="sampled")
    [now] = simulation.compare([settings], entries=True)
    [found] = simulation.compare([settings])
    assert (found.measured.entries is not None) is is_light
    assert losses(found) == losses(now)


def test_squares_beyond_float64_are_read_right() -> None:
    # Biases of 1e200 have squares that float64 cannot hold, the weights' share of a is lost.
    settings = Settings(act="tanh", layers=3, width=50, bias_std=1e200, engine="sampled")
    found = entries_of(settings).preactivation.rms
    np.testing.assert_allclose(found, math.log2(1e200), atol=0.5)


def test_gradients_noted_in_the_wrong_order_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Swapping(Census):
        def take_back(self, variable: Variable, gradient: Any) -> None:
            other = {"a": "f", "f": "a"}.get(variable.letter, variable.letter)
            super().take_back(variable._replace(letter=other), gradient)

    monkeypatch.setattr(census, "Census", Swapping)
    with pytest.raises(AssertionError):
        test_dense_entries_are_those_of_pytorchs_arrays(DENSE["a batch"])
