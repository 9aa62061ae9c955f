"""The sampled engine draws what the dense one does: by Kolmogorov-Smirnov, and exactly.

Sampled trials are judged by two others: by the dense engine, and, where many trials or
large batches are wanted, by chains whose matrices are drawn here in full, all trials at
once. Trial by trial the two judges are shown to say the same of the same matrices.

All comparisons in law are one family: Bonferroni keeps the chance that any of them fails
while the laws agree at about 0.001. Faults that are planted on purpose must be found at the
same level.
"""

from __future__ import annotations

import math
import re
from functools import cache
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from vanish.errors import ForwardOverflowError, MemoryLimitError
from vanish.network import activations, chainrule
from vanish.network.arrays import Rows
from vanish.network.graph import LAYER
from vanish.network.initializers import Law
from vanish.network.streams import LayerStreams, Role, Streams
from vanish.numbers.stack import Frame, Stack, dots, product, squares_of
from vanish.readings import conditioning, onerow, recursion
from vanish.readings.conditioning import MATRICES, Gaussian, Orthogonal
from vanish.readings.drawable import SAMPLED
from vanish.readings.recursion import UZ, WZ, YF
from vanish.simulation.plan import plan
from vanish.simulation.run import Simulation, measure
from vanish.simulation.sample import given_input, given_reference
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.network.activations import Activation
    from vanish.network.graph import Op
    from vanish.numbers.scaled import FloatArray
    from vanish.ops.affine import Met
    from vanish.readings.conditioning import RandomMatrix
    from vanish.readings.sampled import SampledChain
    from vanish.simulation.measured import Measured

    Plant = Callable[[pytest.MonkeyPatch], None]

SAMPLED_SEED, DENSE_SEED = 11, 22


# --- two tests of two samples ---


def kolmogorov(x: float) -> float:
    """The chance that the supremum of a Brownian bridge exceeds x."""
    if x < 0.2:
        return 1.0  # to 1e-12
    j = np.arange(1, 101)
    terms = (-1.0) ** (j - 1) * np.exp(-2.0 * (j * x) ** 2)
    return min(1.0, 2.0 * float(terms.sum()))


def distance(one: FloatArray, other: FloatArray) -> float:
    """The largest difference between two samples' distribution functions."""
    both = np.concatenate((one, other))
    shares = [
        np.searchsorted(np.sort(sample), both, side="right") / sample.size
        for sample in (one, other)
    ]
    return float(np.abs(shares[0] - shares[1]).max())


def ks(one: FloatArray, other: FloatArray) -> float:
    """Two samples' p-value by Kolmogorov and Smirnov.

    Asymptotic, with the factor of Stephens 1970, "Use of the Kolmogorov-Smirnov, Cramér-von
    Mises and related statistics without extensive tables", table 1A. Ties make it larger.
    """
    if not (one.size and other.size):
        return 1.0
    root = math.sqrt(one.size * other.size / (one.size + other.size))
    return kolmogorov((root + 0.12 + 0.11 / root) * distance(one, other))


def fisher(hits: int, size: int, other_hits: int, other_size: int) -> float:
    """The p-value of two shares being one, by Fisher's exact test, twice the smaller tail."""

    def log_binomial(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    total = hits + other_hits
    whole = log_binomial(size + other_size, total)
    chance = {
        k: math.exp(log_binomial(size, k) + log_binomial(other_size, total - k) - whole)
        for k in range(max(0, total - other_size), min(total, size) + 1)
    }
    at_most = math.fsum(each for k, each in chance.items() if k <= hits)
    at_least = math.fsum(each for k, each in chance.items() if k >= hits)
    return min(1.0, 2.0 * min(at_most, at_least))


@pytest.mark.parametrize("x", [0.25, 0.5, 0.8276, 1.2238, 1.3581, 1.6276, 2.8])
def test_kolmogorov_s_distribution_is_a_theta_function(x: float) -> None:
    # Σ (-1)^j e^(-2j²x²) over all integers j
    with mp.workdps(30):
        expected = float(1 - mp.jtheta(4, 0, mp.exp(-2 * mp.mpf(x) ** 2)))
    assert kolmogorov(x) == pytest.approx(expected, rel=1e-10)


def test_kolmogorov_s_distribution_has_the_critical_values_of_the_tables() -> None:
    found = [kolmogorov(x) for x in (1.2238, 1.3581, 1.6276, 1.9495)]
    assert found == pytest.approx([0.10, 0.05, 0.01, 0.001], rel=2e-3)


def test_distance_of_two_samples_worked_by_hand() -> None:
    one, other = np.array([4.0, 1.0, 2.0, 3.0]), np.array([2.5, 3.5, 4.5, 5.5, 9.0])
    # Below 2.5 lie 2 of 4 and none; up to 4 lie 4 of 4 and 2 of 5.
    assert distance(one, other) == pytest.approx(0.6)
    tied = np.array([0.0, 0.0, 0.0, 1.0])
    assert distance(tied, np.array([0.0, 1.0])) == pytest.approx(0.25)


@pytest.mark.parametrize("steps", [40, 60, 90])
def test_ks_p_value_is_close_to_the_exact_one(steps: int) -> None:
    # Gnedenko and Korolyuk 1951: two samples of n differ by at least k/n with the chance
    # 2 Σ_j (-1)^(j-1) C(2n, n-jk) / C(2n, n).
    n = 1000
    exact = 2 * sum(
        (-1) ** (j - 1) * math.comb(2 * n, n - j * steps) / math.comb(2 * n, n)
        for j in range(1, n // steps + 1)
    )
    one = np.arange(n, dtype=np.float64)
    found = ks(one, one + steps - 0.5)
    assert distance(one, one + steps - 0.5) == pytest.approx(steps / n)
    assert found == pytest.approx(exact, rel=0.1)


def test_ks_p_values_of_one_law_are_uniform() -> None:
    generator = np.random.default_rng(0)
    p = [ks(generator.normal(size=300), generator.normal(size=700)) for _ in range(1000)]
    for level in (0.01, 0.05, 0.3):
        assert np.mean(np.array(p) <= level) == pytest.approx(
            level, abs=4.5 * math.sqrt(level / 1000)
        )


def test_fisher_s_lady_tasting_tea() -> None:
    # Of 4 cups with milk first and 4 with tea first she told 3 and 3: (16 + 1)/70 a tail.
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70, rel=1e-12)
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70, rel=1e-12)
    assert fisher(0, 4, 0, 9) == pytest.approx(1.0)
    assert fisher(9, 9, 4, 4) == pytest.approx(1.0)


# --- what is compared ---


class Logs(NamedTuple):
    """log10 of the norms of trials, -inf for a true zero.

    Attributes
    ----------
    w, b, f, weight
        ‖∂L/∂W_k‖, ‖∂L/∂b_k‖, ‖∂L/∂f_k‖ and ‖W_k‖, shape (N, T), layer 1 first.
    first, last
        ‖∂L/∂a_1‖ and ‖∂L/∂a_N‖, shape (T,).
    """

    w: FloatArray
    b: FloatArray
    f: FloatArray
    weight: FloatArray
    first: FloatArray
    last: FloatArray

    @classmethod
    def of(cls, measured: Measured) -> Logs:
        """Take them from an engine's results."""
        norms = measured.grad_w, measured.grad_b, measured.grad_f, measured.weight
        ends = measured.grad_a.at(0), measured.grad_a.at(-1)
        return cls(*(each.log10 for each in (*norms, *ends)))


STATISTICS: dict[str, Callable[[Logs], FloatArray]] = {
    "∂W_1": lambda logs: logs.w[0],
    "∂W in the middle": lambda logs: logs.w[len(logs.w) // 2],
    "∂W_N": lambda logs: logs.w[-1],
    "∂b_1": lambda logs: logs.b[0],
    "∂f_1": lambda logs: logs.f[0],
    "W_1": lambda logs: logs.weight[0],
    "W_N": lambda logs: logs.weight[-1],
    # What layers have in common shows in their ratios.
    "∂W_1 / ∂W_N": lambda logs: logs.w[0] - logs.w[-1],
    "∂W_2 / ∂W_1": lambda logs: logs.w[1] - logs.w[0],
    "∂a_1 / ∂a_N": lambda logs: logs.first - logs.last,
    "∂b_1 / ∂a_1": lambda logs: logs.b[0] - logs.first,
    "∂W_1 / W_1": lambda logs: logs.w[0] - logs.weight[0],
    "∂W_N / W_N": lambda logs: logs.w[-1] - logs.weight[-1],
    "∂W_1 / W_2": lambda logs: logs.w[0] - logs.weight[1],
}


def p_values(one: Logs, other: Logs) -> dict[str, float]:
    """Two p-values a statistic: of the shares of true zeros, and of the rest."""
    found = {}
    for name, statistic in STATISTICS.items():
        with np.errstate(invalid="ignore"):  # a zero over a zero
            # Values of positive probability, such as √(K/n), differ by rounding.
            values = [statistic(logs).round(9) for logs in (one, other)]
        some = [np.isfinite(each) for each in values]
        zeros = [int(each.size - each.sum()) for each in some]
        found[f"zeros of {name}"] = fisher(zeros[0], some[0].size, zeros[1], some[1].size)
        found[name] = ks(values[0][some[0]], values[1][some[1]])
    return found


# --- chains drawn in full ---


def norms_in_full(
    weights: Sequence[FloatArray],
    biases: Sequence[FloatArray],
    chain: Sequence[Activation],
    x: FloatArray,
    loss: Callable[[FloatArray], FloatArray],
) -> Logs:
    """Return the logs of T chains from arrays whose first axis is T.

    Parameters
    ----------
    weights, biases
        Shapes (T, n_out, n_in) and (T, 1, n_out).
    chain
        S of each layer.
    x
        Shape (T, B, n_0).
    loss
        Maps f_N to ∂L/∂f_N.
    """
    inputs, slopes = [x], []
    for w, b, activation in zip(weights, biases, chain, strict=True):
        f, slope = activation.pair(inputs[-1] @ w.swapaxes(1, 2) + b)
        inputs.append(f)
        slopes.append(slope)
    by_f = loss(inputs.pop())
    rows: list[list[FloatArray]] = []
    for w, f, slope in zip(weights[::-1], inputs[::-1], slopes[::-1], strict=True):
        d = by_f * slope
        rows.append([d.swapaxes(1, 2) @ f, d.sum(axis=1), by_f, w, d])
        by_f = d @ w
    with np.errstate(divide="ignore"):
        by_w, by_b, by_f_k, sizes, by_a = (
            np.log10([np.sqrt((each**2).reshape(len(x), -1).sum(axis=1)) for each in column])
            for column in zip(*rows[::-1], strict=True)
        )
    return Logs(by_w, by_b, by_f_k, sizes, by_a[0], by_a[-1])


def matrices(law: Law, generator: np.random.Generator, shape: tuple[int, int, int]) -> FloatArray:
    """Draw T unscaled (n_out, n_in) matrices."""
    trials, n_out, n_in = shape
    if law is Law.NORMAL:
        return generator.standard_normal(shape)
    if law is Law.UNIFORM:
        return generator.uniform(-math.sqrt(3.0), math.sqrt(3.0), shape)
    m = max(n_out, n_in)
    q, r = np.linalg.qr(generator.standard_normal((trials, m, m)))
    haar = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    return np.asarray(haar[:, :n_out, :n_in])


def drawn_in_full(settings: Settings) -> Logs:
    """Return the logs of all trials of some settings, with random numbers of its own."""
    generator, trials = np.random.default_rng(settings.seed), settings.trials
    weights, biases = [], []
    shapes = zip(settings.model.initializers, pairwise(settings.model.sizes), strict=True)
    for k, (initializer, (n_in, n_out)) in enumerate(shapes, 1):
        scale = initializer.scale(n_in, n_out) * float(settings.model.gain(k))
        weights.append(scale * matrices(initializer.law, generator, (trials, n_out, n_in)))
        biases.append(settings.bias_std * generator.standard_normal((trials, 1, n_out)))
    x = generator.standard_normal((trials, settings.rows, settings.model.n_in))
    if (given := given_input(settings)) is not None:
        x = np.broadcast_to(given, x.shape)
    readout = generator.choice((-1.0, 1.0), (trials, 1, settings.model.n_out))

    def loss(f: FloatArray) -> FloatArray:
        return loss_gradient(settings, f, readout / math.sqrt(settings.model.n_out))

    return norms_in_full(weights, biases, settings.model.activations, x, loss)


def loss_gradient(settings: Settings, f: FloatArray, readout: FloatArray) -> FloatArray:
    """Return ∂L/∂f_N, shape (T, B, n_N)."""
    if settings.loss == "mse":
        reference = given_reference(settings)
        assert reference is not None
        return np.asarray((f - reference) / settings.rows)
    rows = readout if settings.loss == "readout" else np.ones(settings.model.n_out)
    return np.asarray(np.broadcast_to(rows, f.shape) / settings.rows)


@pytest.mark.parametrize("loss", ["readout", "sum", "mse"])
@pytest.mark.parametrize("init", ["he_normal", "orthogonal"])
@pytest.mark.parametrize("rows", [1, 6])
def test_chains_drawn_in_full_are_those_of_the_dense_engine(
    loss: str, init: str, rows: int
) -> None:
    settings = Settings(
        act="gelu",
        widths=(3, 9, 5, 2),
        init=init,
        bias_std=0.3,
        batch=rows,
        loss=loss,
        trials=4,
        engine="dense",
        norm_bound=False,
    )
    runs = [Simulation(settings, trial=trial) for trial in range(settings.trials)]
    layers = list(zip(*(run.chain.layers for run in runs), strict=True))
    biases = []
    for each in layers:
        for layer in each:
            assert layer.bias is not None
        biases.append(np.array([layer.bias for layer in each])[:, None])
    references = np.array([np.atleast_2d(run.reference) for run in runs])
    found = norms_in_full(
        [np.array([layer.weight.multiplied_out() for layer in each]) for each in layers],
        biases,
        settings.model.activations,
        np.array([run.x for run in runs]),
        lambda f: loss_gradient(settings, f, references),
    )
    for name, ours, engine_s in zip(Logs._fields, found, Logs.of(measure(settings)), strict=True):
        assert np.abs(ours - engine_s).max() <= 1e-12, name


# --- the laws agree ---

WEIGHT_STD = {"sigmoid": 5.0, "tanh": 2.0, "relu": math.sqrt(2.0), "gelu": 1.7}
RECTANGULAR = (3, 9, 5, 7, 2)
# Batches below, at and above the widths.
SHAPES: tuple[tuple[tuple[int, ...], int], ...] = (
    ((4,) * 5, 1),
    ((4,) * 4, 6),
    ((16,) * 4, 1),
    ((16,) * 4, 3),
    (RECTANGULAR, 1),
    (RECTANGULAR, 3),
    (RECTANGULAR, 6),
)


def law_options(act: str, *, orthogonal: bool) -> dict[str, Any]:
    """Return settings of weights as large as the activation can do with."""
    if orthogonal:
        return {"act": act, "init": "orthogonal", "gain": WEIGHT_STD[act]}
    return {"act": act, "weight_std": WEIGHT_STD[act]}


def cases() -> dict[str, dict[str, Any]]:
    """Return the settings that are compared, by name."""
    found = []
    # Of three losses, two biases and seven shapes all combinations come to pass.
    losses, biases = cycle(("readout", "sum", "mse")), cycle((0.0, 0.4))
    for orthogonal in (False, True):
        for act in WEIGHT_STD:
            for widths, rows in SHAPES:
                options: dict[str, Any] = {
                    "widths": widths,
                    "batch": rows,
                    "loss": next(losses),
                }
                if options["loss"] == "mse":
                    options["target"] = np.linspace(-0.5, 1.0, widths[-1])
                found.append(
                    law_options(act, orthogonal=orthogonal) | options | {"bias_std": next(biases)}
                )
    for act, rows in (("sigmoid", 1), ("tanh", 3), ("relu", 1), ("gelu", 1)):
        found.append(law_options(act, orthogonal=False) | {"widths": (64,) * 4, "batch": rows})
    found.append(law_options("relu", orthogonal=True) | {"widths": (64, 64, 32, 64), "batch": 3})
    for act, orthogonal in (("sigmoid", False), ("tanh", True), ("relu", False), ("gelu", True)):
        found.append(
            law_options(act, orthogonal=orthogonal) | {"widths": (6,) * 9, "bias_std": 0.1}
        )
    # Where single faults show best.
    found.append(law_options("relu", orthogonal=False) | {"widths": (4,) * 6, "bias_std": 1.0})
    found.append(law_options("relu", orthogonal=True) | {"widths": (4, 3, 2, 1)})
    one, other, zero = [1.0, -0.5, 0.3, 0.8], [0.2, 0.9, -1.0, 0.1], [0.0] * 4
    for orthogonal in (False, True):
        for act, given_rows in (
            ("sigmoid", [zero]),
            ("relu", [one, one, one]),
            ("sigmoid", [one, zero, other]),
            ("tanh", [one, [-2.0 * each for each in one], other]),
        ):
            options = {"input": np.array(given_rows), "widths": (4, 6, 4, 3, 5)}
            found.append(law_options(act, orthogonal=orthogonal) | options | {"bias_std": 0.4})
    return {named(options): options for options in found}


def named(options: dict[str, Any]) -> str:
    """Return a test's name."""
    words = [options["act"], options.get("init", "gaussian")]
    words.append("-".join(map(str, options["widths"])))
    if "input" in options:
        words.append("rows " + "/".join(f"{row[0]:g}" for row in options["input"]))
    words.append(f"batch {options.get('batch', 1)} {options.get('loss', 'readout')}")
    words.append(f"bias {options.get('bias_std', 0.0)}")
    return " ".join(words)


CASES = cases()

# The dense engine itself, also far from 1 where the tangents of silu and gelu begin.
ENGINE_CASES: dict[str, dict[str, Any]] = {
    "sigmoid": {"act": "sigmoid", "weight_std": 5.0, "width": 4, "bias_std": 0.3},
    "tanh": {"act": "tanh", "init": "orthogonal", "gain": 2.0, "widths": RECTANGULAR},
    "relu": {"act": "relu", "width": 5, "batch": 3, "loss": "mse"},
    "relu orthogonal": {"act": "relu", "init": "orthogonal", "gain": 1.4, "width": 4, "batch": 6},
    "gelu": {"act": "gelu", "width": 16, "bias_std": 0.2, "loss": "sum"},
    "wide": {"act": "relu", "width": 64},
    "silu on its tangent": {"act": "silu", "widths": (2, 5, 4, 5), "input": [1e-150, 2e-151]},
    "gelu on its tangent": {"act": "gelu", "widths": (1, 5, 4, 5), "input": [1e-200]},
    "tiny weights": {"act": "identity", "weight_std": 1e-250, "bias_std": 0.3, "width": 4},
    "certain": {"act": "identity", "weight_std": 30.0, "width": 3, "loss": "cross_entropy"},
    "huge weights": {"act": "identity", "weight_std": 1e250, "bias_std": 1.0, "width": 4},
}

# And a few single ones further down.
TESTS = 2 * len(STATISTICS) * (len(CASES) + len(ENGINE_CASES)) + 20
LEVEL = 1e-3 / TESTS


def trials_in_full(options: dict[str, Any]) -> int:
    """Return how many trials cost some tenths of a second."""
    return 1200 if max(options["widths"]) >= 64 else 4000


def sampled(options: dict[str, Any], trials: int = 5000) -> Logs:
    """Return the logs of sampled trials."""
    settings = Settings(**options, trials=trials, engine="sampled", seed=SAMPLED_SEED)
    return Logs.of(measure(settings))


@cache
def in_full(name: str) -> Logs:
    """Return the logs of one case's chains drawn in full."""
    options = CASES[name]
    return drawn_in_full(Settings(**options, trials=trials_in_full(options), seed=DENSE_SEED))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_sampled_gradients_have_the_law_of_chains_drawn_in_full(name: str) -> None:
    found = p_values(sampled(CASES[name]), in_full(name))
    assert {key: p for key, p in found.items() if p < LEVEL} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINE_CASES)
def test_sampled_gradients_have_the_law_of_the_dense_engine(name: str) -> None:
    options = ENGINE_CASES[name]
    if "widths" not in options:
        options = options | {"layers": 3}
    settings = Settings(**options, trials=600, engine="dense", norm_bound=False, seed=DENSE_SEED)
    found = p_values(sampled(options), Logs.of(measure(settings)))
    assert {key: p for key, p in found.items() if p < LEVEL} == {}


def test_cases_reach_true_zeros() -> None:
    (dead,) = (name for name in CASES if name.startswith("relu gaussian 4-4-4-4-4 batch 1"))
    assert 0.05 < np.isneginf(in_full(dead).w[0]).mean() < 0.95


# --- planted faults are caught ---


def case(start: str) -> str:
    """Return the one case whose name starts so."""
    (name,) = (each for each in CASES if each.startswith(start))
    return name


def without_conditioning(law: type[Gaussian | Orthogonal]) -> Plant:
    """Leave out (D Gᵀ) Q: along the frame the transposed product is 0."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        def pull_back(
            matrix: Any,
            rows: Stack,
            frame: Frame,
            response: FloatArray,
            normals: FloatArray,
            factor: float,
        ) -> tuple[FloatArray, FloatArray | None]:
            pulled, shadow = whole(matrix, rows, frame, response, normals, factor)
            along = dots(rows.values, response[..., : rows.values.shape[-1]])
            return pulled - factor * frame.span(along), shadow

        whole: Any = law.pull_back
        monkeypatch.setattr(law, "pull_back", pull_back)

    return plant


def without_projection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fresh normals reach the frame too."""

    def pull_back(
        matrix: Gaussian,
        rows: Stack,
        frame: Frame,
        response: FloatArray,
        normals: FloatArray,
        factor: float,
    ) -> tuple[FloatArray, FloatArray | None]:
        pulled, shadow = whole(matrix, rows, frame, response, normals, factor)
        assert shadow is not None
        return pulled + factor * frame.span(rows.coefficients @ shadow), shadow

    whole = Gaussian.pull_back
    monkeypatch.setattr(Gaussian, "pull_back", pull_back)


def without_what_the_corner_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go back as if the columns beyond n_out were 0."""

    def pull_back(
        matrix: Orthogonal,
        rows: Stack,
        frame: Frame,
        response: FloatArray,
        normals: FloatArray,
        factor: float,
    ) -> tuple[FloatArray, FloatArray | None]:
        within = np.arange(response.shape[-1]) < rows.values.shape[-1]
        return whole(matrix, rows, frame, response * within, normals, factor)

    whole = Orthogonal.pull_back
    monkeypatch.setattr(Orthogonal, "pull_back", pull_back)


def with_a_for_u(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remember u + b as what W made of the input."""

    def forward(run: SampledChain, op: Op, k: int, inputs: Stack) -> tuple[Stack, Met]:
        a, met = whole.forward(run, op, k, inputs)
        weight = run.weight(op.slots[0], k)
        bias = run.bias(op.slots[1], k, weight.n_out)
        assert bias is not None
        lengths = weight.factor * met.coefficients
        moved = bias.values / np.where(lengths, lengths, np.inf)
        return a, met._replace(response=met.response + moved)

    whole = SAMPLED.rule(LAYER.nodes[0].op)
    monkeypatch.setitem(SAMPLED._rules, "affine", whole._replace(forward=forward))
    monkeypatch.setattr(chainrule, "_compiled", chainrule._compiled.__wrapped__)


def with_the_forward_draws_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_layer(streams: Streams, _: Role, layers: int, block: int = 0) -> LayerStreams:
        return whole(streams, Role.FORWARD, layers, block)

    whole = Streams.by_layer
    monkeypatch.setattr(Streams, "by_layer", by_layer)


def without_the_remainder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take ‖W‖ for the norm of what the two products have met."""

    def init(matrix: Gaussian, n_in: int, n_out: int, rows: int) -> None:
        whole(matrix, n_in, n_out, rows)
        matrix.remainder = 0

    whole = Gaussian.__init__
    monkeypatch.setattr(Gaussian, "__init__", init)


def with_qr_for_a_uniform_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the signs."""

    def frame(normals: FloatArray) -> FloatArray:
        return np.asarray(np.linalg.qr(normals.swapaxes(1, 2))[0].swapaxes(1, 2))

    monkeypatch.setattr(conditioning, "uniform_frame", frame)


def without_products(*columns: int) -> Plant:
    """Return what lets the way back of one row take some inner products for 0."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        settle = recursion.Products.settle

        def wrong(products: recursion.Products) -> None:
            settle(products)
            products.of[:, list(columns)] = 0.0

        monkeypatch.setattr(recursion.Products, "settle", wrong)

    return plant


FAULTS: dict[str, tuple[Plant, str]] = {
    "no conditioning, relu": (without_conditioning(Gaussian), "relu gaussian 4-4-4-4-4 "),
    "no conditioning, sigmoid": (without_conditioning(Gaussian), "sigmoid gaussian 6-"),
    "no conditioning, batch": (without_conditioning(Gaussian), "relu gaussian 16-16-16-16 batch 3"),
    "no conditioning, orthogonal relu": (
        without_conditioning(Orthogonal),
        "relu orthogonal 4-4-4-4-4 ",
    ),
    "no conditioning, orthogonal sigmoid": (
        without_conditioning(Orthogonal),
        "sigmoid orthogonal 4-4-4-4-4 ",
    ),
    "no projection": (without_projection, "sigmoid gaussian 4-4-4-4-4 "),
    "a for u": (with_a_for_u, "relu gaussian 4-4-4-4-4-4 "),
    "forward draws used twice": (with_the_forward_draws_used_twice, "sigmoid gaussian 4-4-4-4-4 "),
    "no remainder": (without_the_remainder, "tanh gaussian 4-4-4-4-4 "),
    "no signs": (with_qr_for_a_uniform_frame, "relu orthogonal 16-16-16-16 batch 3"),
    "one row, no conditioning": (without_products(UZ, WZ), "relu gaussian 4-4-4-4-4 "),
    "one row, no projection": (without_products(YF), "sigmoid gaussian 4-4-4-4-4 "),
    "half a corner": (without_what_the_corner_leaves_out, "relu orthogonal 4-3-2-1 "),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, start = FAULTS[fault]
    name = case(start)
    expected = in_full(name)
    if "one row" not in fault:
        monkeypatch.setattr(onerow, "applies", lambda *_: False)
    plant(monkeypatch)
    found = p_values(sampled(CASES[name]), expected)
    assert min(found.values()) < LEVEL


def uniform_and_normal(act: str) -> dict[str, float]:
    """p-values of uniform weights, drawn in full, against sampled normal ones."""
    options: dict[str, Any] = {"act": act, "widths": (3,) * 4}
    uniform = Settings(**options, init="he_uniform", trials=4000, seed=DENSE_SEED)
    return p_values(sampled(options | {"init": "he_normal"}), drawn_in_full(uniform))


@pytest.mark.parametrize("act", ["relu", "gelu"])
def test_uniform_weights_are_told_from_normal_ones_by_the_gradients_alone(act: str) -> None:
    found = uniform_and_normal(act)
    assert min(found[name] for name in ("∂W_1", "∂b_1", "∂f_1", "∂a_1 / ∂a_N")) < LEVEL


# --- identities that hold trial by trial ---


class Products(NamedTuple):
    """One random matrix's two products, T times."""

    inputs: FloatArray
    outputs: FloatArray
    rows: Stack
    frame: FloatArray
    response: FloatArray
    normals: FloatArray
    pulled: FloatArray
    shadow: FloatArray | None
    matrix: RandomMatrix

    @property
    def squares(self) -> FloatArray:
        """‖W‖_F² without its remainder, of each trial."""
        known = self.matrix.squared_norm
        if known is not None:
            return np.full(len(self.inputs), known)
        assert self.shadow is not None
        met, drawn, shadow = map(squares_of, (self.response, self.normals, self.shadow))
        return met + drawn - shadow

    @property
    def scale(self) -> float:
        """What rounding errors are measured by."""
        size = np.linalg.norm(self.response) + np.linalg.norm(self.normals)
        return float(
            (1.0 + np.linalg.norm(self.inputs)) * (1.0 + np.linalg.norm(self.rows.values)) * size
        )


def dependent(generator: np.random.Generator, shape: tuple[int, int, int], kind: str) -> FloatArray:
    """Return rows that are independent, all the same, or of which the first is zero."""
    rows = generator.standard_normal(shape)
    if kind == "equal":
        rows[:] = rows[:, :1]
    if kind == "zero":
        rows[:, 0] = 0.0
    return rows


kinds = st.sampled_from(["free", "equal", "zero"])


@st.composite
def products(draw: st.DrawFn, laws: Sequence[Law] = tuple(MATRICES)) -> Products:
    law, seed = draw(st.sampled_from(laws)), draw(st.integers(0, 10**6))
    trials, rows = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    n_in, n_out = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    generator = np.random.default_rng(seed)
    inputs = Stack(dependent(generator, (trials, rows, n_in), draw(kinds))).balanced()
    back = Stack(dependent(generator, (trials, rows, n_out), draw(kinds))).balanced()
    matrix: RandomMatrix = MATRICES[law](n_in, n_out, rows)
    coefficients, frame = inputs.coordinates
    response = matrix.response(generator.standard_normal((trials, *matrix.forward)))
    normals = generator.standard_normal((trials, *matrix.backward))
    # They are spent.
    pulled, shadow = matrix.pull_back(back, frame, response, normals.copy())
    outputs = coefficients @ response[..., :n_out]
    rows_of_frame = frame.rows / frame.lengths
    return Products(
        *(inputs.values, outputs, back, rows_of_frame, response, normals, pulled, shadow, matrix)
    )


def gram(rows: FloatArray) -> FloatArray:
    return np.asarray(rows @ rows.swapaxes(1, 2))


@given(products())
def test_both_products_are_of_one_matrix(found: Products) -> None:
    # (D W) Hᵀ = D (H Wᵀ)ᵀ
    left = found.pulled @ found.inputs.swapaxes(1, 2)
    right = found.rows.values @ found.outputs.swapaxes(1, 2)
    assert np.abs(left - right).max() <= 1e-12 * found.scale


@given(products())
def test_products_are_finite_and_a_zero_row_s_are_zero(found: Products) -> None:
    for before, after in ((found.inputs, found.outputs), (found.rows.values, found.pulled)):
        assert np.isfinite(after).all()
        zero = ~before.any(axis=2)
        assert np.abs(after[zero]).max(initial=0.0) <= 1e-14 * found.scale


@given(products())
def test_equal_rows_have_equal_products(found: Products) -> None:
    for before, after in ((found.inputs, found.outputs), (found.rows.values, found.pulled)):
        equal = (before == before[:, :1]).all(axis=2)
        difference = (after - after[:, :1])[equal]
        assert np.abs(difference).max() <= 1e-13 * found.scale


@given(products((Law.ORTHOGONAL,)))
def test_an_orthogonal_matrix_keeps_lengths_and_angles_where_it_has_room(found: Products) -> None:
    n_in, n_out = found.inputs.shape[2], found.rows.values.shape[2]
    for before, after, room in (
        (found.inputs, found.outputs, n_out >= n_in),
        (found.rows.values, found.pulled, n_in >= n_out),
    ):
        lost = gram(before) - gram(after)
        if room:
            assert np.abs(lost).max() <= 1e-12 * (1.0 + np.abs(gram(before)).max())
        else:
            # A corner shortens.
            least = np.linalg.eigvalsh(lost).min()
            assert least >= -1e-12 * (1.0 + np.abs(gram(before)).max())
    assert (found.squares == min(n_in, n_out)).all()


@given(products())
def test_inputs_that_span_everything_leave_nothing_to_draw(found: Products) -> None:
    n_in, n_out = found.inputs.shape[2], found.rows.values.shape[2]
    if found.frame.shape[1] < n_in:
        return
    w = found.response[..., :n_out].swapaxes(1, 2) @ found.frame
    assert np.abs(found.rows.values @ w - found.pulled).max() <= 1e-12 * found.scale
    if found.matrix.remainder == 0:
        assert (w**2).sum(axis=(1, 2)) == pytest.approx(found.squares, rel=1e-9)


@given(products((Law.NORMAL,)))
def test_squared_norm_is_that_of_what_the_products_have_met(found: Products) -> None:
    # With P an orthonormal frame of D: W Qᵀ, and of P W what lies off Q.
    coefficients = found.rows.coefficients
    if np.linalg.cond(coefficients).max() > 1e3:
        return
    p_w = np.linalg.pinv(coefficients) @ found.pulled
    off = p_w - product(dots(p_w, found.frame), found.frame)
    met = (found.response**2).sum(axis=(1, 2)) + (off**2).sum(axis=(1, 2))
    assert met == pytest.approx(found.squares, rel=1e-9)
    r, n_out = found.matrix.forward
    p, n_in = found.matrix.backward
    # All n_out · n_in numbers are accounted for.
    assert r * n_out + p * (n_in - r) + found.matrix.remainder == n_out * n_in


@given(st.integers(1, 6), st.integers(1, 7), st.integers(1, 7), st.booleans())
def test_a_batch_of_zeros_comes_through_as_zeros(
    rows: int, n_in: int, n_out: int, orthogonal: bool
) -> None:
    matrix = MATRICES[Law.ORTHOGONAL if orthogonal else Law.NORMAL](n_in, n_out, rows)
    generator = np.random.default_rng(0)
    coefficients, frame = Stack(np.zeros((2, rows, n_in))).coordinates
    assert gram(frame.rows / frame.lengths) == pytest.approx(
        np.broadcast_to(np.eye(min(rows, n_in)), (2, *[min(rows, n_in)] * 2)), abs=1e-12
    )
    response = matrix.response(generator.standard_normal((2, *matrix.forward)))
    normals = generator.standard_normal((2, *matrix.backward))
    pulled, _ = matrix.pull_back(Stack(np.zeros((2, rows, n_out))), frame, response, normals)
    assert not (coefficients @ response).any()
    assert not pulled.any()


@pytest.mark.parametrize("rows", [1, 3, 9])
def test_a_linear_orthogonal_chain_multiplies_every_length_by_its_gain(rows: int) -> None:
    # Also of ∂L/∂f, so that ‖∂L/∂a‖ = ‖r‖/√B · gain^(N-k).
    settings = Settings(
        act="identity",
        init="orthogonal",
        gain=3.0,
        width=7,
        layers=6,
        batch=rows,
        trials=50,
        engine="sampled",
    )
    logs = Logs.of(measure(settings))
    steps = math.log10(3.0) * np.arange(5, -1, -1)[:, None] - 0.5 * math.log10(rows)
    assert np.abs(logs.f - steps).max() <= 1e-12
    assert np.abs(logs.w - logs.w[:1]).max() <= 1e-12
    assert np.abs(logs.weight - math.log10(3.0 * math.sqrt(7.0))).max() <= 1e-12


@pytest.mark.parametrize("init", ["xavier_normal", "orthogonal"])
@pytest.mark.parametrize(
    "rows", [[[0.0] * 5] * 3, [[1.0] * 5] * 3, [[1.0] * 5, [0.0] * 5], [0.0] * 5]
)
def test_a_batch_of_equal_or_zero_rows_has_finite_gradients(init: str, rows: list[Any]) -> None:
    given_rows = np.array(rows)
    settings = Settings(
        act="sigmoid",
        init=init,
        widths=(5, 2, 6, 4),
        input=Rows(given_rows),
        trials=500,
        engine="sampled",
    )
    measured = measure(settings)
    logs = Logs.of(measured)
    if given_rows.any():
        assert np.isfinite(logs.w).all()
    else:
        assert np.isneginf(logs.w[0]).all()
        assert np.isfinite(logs.w[1:]).all()
    assert all(np.isfinite(each).all() for each in logs[1:])
    assert all(np.isfinite(each).all() for each in measured.slopes)


def test_equal_rows_are_one_row() -> None:
    row = [1.0, -0.5, 0.3, 0.8]
    options: dict[str, Any] = {"act": "sigmoid", "weight_std": 5.0, "widths": (4, 6, 3, 5)}
    once, thrice = (sampled(options | {"input": np.array([row] * rows)}) for rows in (1, 3))
    for one, other in ((once.w, thrice.w), (once.b, thrice.b)):
        assert min(ks(*pair) for pair in zip(one, other, strict=True)) >= LEVEL


# --- the same numbers ---

PARTS = ("grad_w", "grad_b", "grad_f", "weight", "grad_a", "value")


def same(one: Measured, other: Measured, trials: int | None = None) -> list[str]:
    """Return which results differ in some bit of the first trials."""
    different = [
        name
        for name in PARTS
        if not all(
            np.array_equal(left[..., :trials], right[..., :trials])
            for left, right in zip(getattr(one, name), getattr(other, name), strict=True)
        )
    ]
    return different + [
        name
        for name, left, right in zip(one.slopes._fields, one.slopes, other.slopes, strict=True)
        if not np.array_equal(left[:, :trials], right[:, :trials])
    ]


REPEATED: dict[str, dict[str, Any]] = {
    "relu": {"act": "relu"},
    "sigmoid": {"act": "sigmoid", "batch": 3, "bias_std": 0.3},
    "orthogonal": {"act": "tanh", "init": "orthogonal", "batch": 2, "loss": "mse"},
    "certain": {"act": "identity", "weight_std": 3.0, "loss": "cross_entropy"},
    "gelu": {"act": "gelu", "loss": "sum"},
}
SEGMENTED = {name for name, options in REPEATED.items() if "batch" in options}


def least_memory(settings: Settings, jobs: int) -> int:
    """Return nearly the least limit that a plan can be made for."""
    limit = 10_000
    while True:
        try:
            plan(settings, jobs, limit)
        except MemoryLimitError:
            limit += limit // 8
        else:
            return limit


@pytest.mark.slow
@pytest.mark.parametrize("name", REPEATED)
def test_neither_workers_nor_segments_change_a_number(name: str) -> None:
    # 128 trials a block: four blocks, the last one short.
    depth = 30
    settings = Settings(
        **REPEATED[name], layers=depth, width=64, trials=400, engine="sampled", seed=5
    )
    plain = measure(settings, jobs=1, memory_limit=10**9)
    assert plan(settings, 1, 10**9).segment == depth
    assert plan(settings, 5, 10**9).workers == 4
    for jobs in (1, 2, 5):
        assert same(measure(settings, jobs=jobs), plain) == []
        limit = least_memory(settings, jobs)
        assert (1 <= plan(settings, jobs, limit).segment < depth) == (name in SEGMENTED)
        assert same(measure(settings, jobs=jobs, memory_limit=limit), plain) == []


@pytest.mark.parametrize("depth", [1, 2, 7, 31])
def test_segments_that_do_not_divide_the_depth_change_no_number(depth: int) -> None:
    settings = Settings(
        act="tanh", layers=depth, width=8, batch=3, bias_std=0.2, trials=30, engine="sampled"
    )
    plain = measure(settings)
    tried = []
    for limit in range(20_000, 400_000, 20_000):
        try:
            tried.append(plan(settings, 1, limit).segment)
        except MemoryLimitError:
            continue
        if tried[-1] not in tried[:-1]:
            assert same(measure(settings, jobs=1, memory_limit=limit), plain) == []
    assert tried


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in REPEATED if name != "gelu"])
@pytest.mark.parametrize("width", [5, 64])
def test_the_first_trials_do_not_depend_on_how_many_follow(name: str, width: int) -> None:
    runs = {
        trials: measure(
            Settings(**REPEATED[name], layers=6, width=width, trials=trials, engine="sampled")
        )
        for trials in (1, 2, 300, 1000)
    }
    for few, many in pairwise(runs):
        assert same(runs[few], runs[many], few) == []


def test_a_dead_trial_leaves_the_others_as_they_are() -> None:
    options: dict[str, Any] = {"act": "relu", "layers": 6, "width": 5, "engine": "sampled"}
    found = measure(Settings(**options, trials=300))
    first = int(np.flatnonzero(found.grad_a.mantissas[0] == 0.0)[0])
    assert first > 0
    assert same(measure(Settings(**options, trials=first)), found, first) == []


@pytest.mark.parametrize("width", [5, 64])
def test_the_first_trials_of_gelu_depend_on_how_many_follow_by_rounding_only(width: int) -> None:
    # Small arrays take Φ from erfc, large ones from a polynomial: `gaussian.distribution`.
    runs = {
        trials: measure(
            Settings(act="gelu", layers=6, width=width, trials=trials, engine="sampled")
        )
        for trials in (1, 2, 300, 1000)
    }
    for few, many in pairwise(runs):
        for name, one, other in zip(
            Logs._fields, Logs.of(runs[few]), Logs.of(runs[many]), strict=True
        ):
            assert np.abs(one - other[..., :few]).max() <= 1e-12, name


def test_another_seed_has_other_numbers() -> None:
    options: dict[str, Any] = {"layers": 3, "width": 5, "trials": 40, "engine": "sampled"}
    one, other = (measure(Settings(**options, seed=seed)) for seed in (0, 1))
    assert not (one.grad_w.mantissas == other.grad_w.mantissas).any()


def test_trials_of_all_blocks_are_different() -> None:
    settings = Settings(act="tanh", layers=3, width=81, trials=450, engine="sampled")
    blocks = plan(settings, 1, 10**9).blocks
    assert [list(each.parts) for each in blocks] == [[(k, 101) for k in range(4)], [(4, 46)]]
    for part in (measure(settings).grad_w, measure(settings).weight):
        assert all(len(set(row)) == 450 for row in part.log10.tolist())


@pytest.mark.parametrize("widths", [(3, 40, 40, 40), (3, 40, 5, 30)])
def test_norms_of_weights_are_those_of_their_law(widths: tuple[int, ...]) -> None:
    trials = 400
    settings = Settings(act="tanh", widths=widths, trials=trials, weight_std=1.3, engine="sampled")
    found = np.mean(4.0 ** measure(settings).weight.log2, axis=1)
    n_in, n_out = (np.array(sizes) for sizes in (widths[:-1], widths[1:]))
    # ‖W_k‖² is σ²/n_in times a chi-squared number of n_in·n_out degrees of freedom.
    error = np.sqrt(2.0 / (n_in * n_out * trials))
    assert (np.abs(found / (1.3**2 * n_out) - 1.0) < 5.0 * error).all()


# --- far from 1 ---


@pytest.mark.slow
@pytest.mark.parametrize("act", ["relu", "sigmoid"])
def test_no_false_zeros_3000_layers_deep(act: str) -> None:
    # That a layer of 64 units is dead has the chance 2^-64.
    settings = Settings(act=act, layers=3000, width=64, trials=8, engine="sampled")
    logs = Logs.of(measure(settings))
    assert all(np.isfinite(each).all() for each in logs)
    assert act == "relu" or logs.w[0].max() < -1500


@pytest.mark.slow
@pytest.mark.parametrize("act", ["silu", "gelu"])
def test_deep_chains_at_weight_std_1_agree_with_the_dense_engine_without_false_zeros(
    act: str,
) -> None:
    options: dict[str, Any] = {"act": act, "weight_std": 1.0, "layers": 1500, "width": 8}
    many = sampled(options, 200)
    assert all(np.isfinite(each).all() for each in many)
    few = Logs.of(
        measure(Settings(**options, trials=4, engine="dense", norm_bound=False, seed=DENSE_SEED))
    )
    for one, other in (
        (many.w[0], few.w[0]),
        (many.b[0], few.b[0]),
        (many.w[750], few.w[750]),
        (many.w[-1], few.w[-1]),
    ):
        error = float(one.std()) * math.sqrt(1 / one.size + 1 / other.size)
        assert abs(one.mean() - other.mean()) <= 4.5 * error
        assert ks(one, other) >= LEVEL


@pytest.mark.parametrize("act", ["identity", "relu", "leaky_relu"])
@pytest.mark.parametrize("power", [-830, 830])
@pytest.mark.parametrize("rows", [1, 3, 8])
def test_a_power_of_two_in_front_of_the_weights_goes_through_a_homogeneous_chain_exactly(
    act: str, power: int, rows: int
) -> None:
    # Decimally about 10^±250.
    options: dict[str, Any] = {"act": act, "layers": 5, "width": 6, "batch": rows, "trials": 300}
    plain, scaled = (
        measure(Settings(**options, weight_std=2.0**each, engine="sampled")) for each in (0, power)
    )
    above = np.arange(4, -1, -1)[:, None]
    for name, times in (("grad_w", 4), ("grad_b", above), ("grad_f", above), ("weight", 1)):
        one, other = getattr(plain, name), getattr(scaled, name)
        assert np.array_equal(other.mantissas, one.mantissas), name
        expected = np.where(one.mantissas > 0.0, one.exponents + times * power, 0)
        assert np.array_equal(other.exponents, expected), name


@pytest.mark.parametrize("weight_std", [1e-250, 1e250])
def test_weights_near_either_end_of_float64_scale_the_gradients_of_a_linear_chain(
    weight_std: float,
) -> None:
    options: dict[str, Any] = {"act": "identity", "layers": 5, "width": 6}
    plain, scaled = (
        sampled(options | {"weight_std": each}, trials=300) for each in (1.0, weight_std)
    )
    decades = math.log10(weight_std) * np.arange(4, -1, -1)[:, None]
    assert np.abs(scaled.b - decades - plain.b).max() <= 1e-11
    assert np.abs(scaled.w - decades[0] - plain.w).max() <= 1e-11


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("loss", ["readout", "mse"])
@pytest.mark.parametrize("power", [-1000, -600, 600, 1000])
def test_inputs_near_either_end_of_float64(rows: int, loss: str, power: int) -> None:
    x = np.random.default_rng(0).standard_normal((rows, 5))
    options: dict[str, Any] = {"act": "relu", "layers": 4, "width": 5, "loss": loss, "trials": 40}
    plain, scaled = (
        measure(Settings(**options, input=Rows(each), engine="sampled")).grad_w
        for each in (x, np.ldexp(x, power))
    )
    times = 2 if loss == "mse" else 1
    assert np.array_equal(scaled.mantissas, plain.mantissas)
    expected = np.where(plain.mantissas > 0.0, plain.exponents + times * power, 0)
    assert np.array_equal(scaled.exponents, expected)


def overflowing_layer(options: dict[str, Any], engine: str, **more: Any) -> int:
    """Return the layer that the error names."""
    with pytest.raises(ForwardOverflowError) as caught:
        measure(Settings(**options, engine=engine, **more))
    found = re.fullmatch(
        rf"layer (\d+): the values of {options['act']} grow past 1\.8e308, the largest"
        r" float64: give a smaller --weight-std or --gain, or fewer layers",
        caught.value.on_command_line,
    )
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    "act",
    [
        record.name
        for record in activations.registered()
        if math.isinf(record.upper - record.lower) and not record.homogeneous
    ],
)
@pytest.mark.parametrize(("weight_std", "layer"), [(1e100, 4), (1e10, 32), (1e290, 2)])
def test_values_that_overflow_name_the_layer_that_the_dense_engine_names(
    act: str, weight_std: float, layer: int
) -> None:
    # Wide enough for some unit to be on the side where S grows.
    options: dict[str, Any] = {"act": act, "weight_std": weight_std, "layers": 40, "width": 24}
    assert overflowing_layer(options, "dense") == layer
    assert overflowing_layer(options, "sampled", trials=20) == layer


@pytest.mark.slow
def test_the_layer_that_overflows_has_the_same_law() -> None:
    options: dict[str, Any] = {"act": "silu", "weight_std": 30.0, "layers": 300, "width": 16}
    dense_layers, sampled_layers = (
        np.array(
            [overflowing_layer(options, engine, seed=seed) for seed in range(count)], np.float64
        )
        for engine, count in (("dense", 15), ("sampled", 60))
    )
    assert len(set(sampled_layers)) > 3
    assert ks(dense_layers, sampled_layers) >= LEVEL


@pytest.mark.slow
def test_workers_change_nothing_of_an_overflow() -> None:
    # Some trials overflow layers before others do: the first block's is named.
    options: dict[str, Any] = {"act": "silu", "weight_std": 20.0, "layers": 400, "width": 64}
    settings = Settings(**options, trials=400, engine="sampled")
    found = set()
    for jobs in (1, 2, 5):
        with pytest.raises(ForwardOverflowError) as caught:
            measure(settings, jobs=jobs)
        found.add(str(caught.value))
    assert len(found) == 1
