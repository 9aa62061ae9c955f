"""The law of every initialiser, against oracles that know nothing of its code."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

import mpmath as mp
import numpy as np
import pytest

from vanish.errors import UsageError
from vanish.network import initializers
from vanish.network.initializers import Law
from vanish.network.initializers.laws import CUT_STD
from vanish.network.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.numbers.scaled import FloatArray

N_OUT, N_IN = 200, 500

# So improbable is a deviation that fails: there are some hundred comparisons.
RARE = 1e-8

erf = np.frompyfunc(math.erf, 1, 1)


class Expected(NamedTuple):
    """The law of an entry: its distribution function, mean, standard deviation and kurtosis."""

    distribution: Callable[[FloatArray], FloatArray]
    mean: float
    std: float
    kurtosis: float


def of_normal(x: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1.0 + erf(x / math.sqrt(2.0))), dtype=np.float64)


def normal(std: float) -> Expected:
    return Expected(lambda x: of_normal(x / std), 0.0, std, 3.0)


def uniform(low: float, high: float) -> Expected:
    def distribution(x: FloatArray) -> FloatArray:
        return np.clip((x - low) / (high - low), 0.0, 1.0)

    return Expected(distribution, 0.5 * (low + high), (high - low) / math.sqrt(12.0), 1.8)


@cache
def cut_moment(power: int) -> float:
    """Return a moment of a standard normal that is cut at ±2."""
    with mp.workdps(30):
        return float(
            mp.quad(lambda x: x**power * mp.npdf(x), [-2, 0, 2]) / mp.quad(mp.npdf, [-2, 0, 2])
        )


def truncated(std: float) -> Expected:
    """Return the law of a normal of that standard deviation that is cut at twice it."""
    outside = math.erfc(math.sqrt(2.0)) / 2.0

    def distribution(x: FloatArray) -> FloatArray:
        inside = of_normal(np.clip(x / std, -2.0, 2.0)) - outside
        return np.clip(inside / (1.0 - 2.0 * outside), 0.0, 1.0)

    variance = cut_moment(2)
    kurtosis = cut_moment(4) / variance**2
    return Expected(distribution, 0.0, std * math.sqrt(variance), kurtosis)


def within(edge: float) -> Expected:
    return uniform(-edge, edge)


LAWS = {
    "xavier_normal": normal(math.sqrt(2 / (N_IN + N_OUT))),
    "xavier_normal(gain=5/3)": normal(5 / 3 * math.sqrt(2 / (N_IN + N_OUT))),
    "xavier_uniform": within(math.sqrt(6 / (N_IN + N_OUT))),
    "he_normal": normal(math.sqrt(2 / N_IN)),
    "he_normal(a=0.5)": normal(math.sqrt(2 / 1.25 / N_IN)),
    "he_uniform": within(math.sqrt(6 / N_IN)),
    "kaiming_uniform(sqrt(5))": within(math.sqrt(1 / N_IN)),
    "lecun_normal": normal(math.sqrt(1 / N_IN)),
    "lecun_uniform": within(math.sqrt(3 / N_IN)),
    "normal(0.02)": normal(0.02),
    "uniform(-1,1)": uniform(-1.0, 1.0),
    "uniform(0,0.2)": uniform(0.0, 0.2),
    "uniform(low=-3, high=-2.5)": uniform(-3.0, -2.5),
    "truncated_normal(0.02)": truncated(0.02),
    "torch": within(1 / math.sqrt(N_IN)),
    "keras": within(math.sqrt(6 / (N_IN + N_OUT))),
    "flax": truncated(math.sqrt(1 / N_IN) / 0.87962566103423978),
    "siren": within(math.sqrt(6 / N_IN) / 30),
    "siren(omega=10)": within(math.sqrt(6 / N_IN) / 10),
}

# One law by two names.
TWINS = [{"torch", "kaiming_uniform(sqrt(5))"}, {"xavier_uniform", "keras"}]


@cache
def drawn(name: str) -> FloatArray:
    rule = initializers.get(name)
    unscaled = rule.draw(np.random.default_rng(5), N_OUT, N_IN)
    return np.sort((rule.scale(N_IN, N_OUT) * unscaled).ravel())


def deviation(sample: FloatArray, law: Expected) -> float:
    """Return the distance of Kolmogorov and Smirnov of a sorted sample, over what is rare."""
    steps = np.arange(len(sample) + 1) / len(sample)
    there = law.distribution(sample)
    distance = max((steps[1:] - there).max(), (there - steps[:-1]).max())
    return float(distance / math.sqrt(-0.5 * math.log(RARE / 2.0) / len(sample)))


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_entries_have_their_law_and_no_other(name: str) -> None:
    sample = drawn(name)
    for other, law in LAWS.items():
        same = name == other or {name, other} in TWINS
        assert (deviation(sample, law) <= 1.0) == same, other


@pytest.mark.parametrize("name", LAWS)
def test_entries_have_their_mean_and_variance(name: str) -> None:
    sample, law = drawn(name), LAWS[name]
    error = 5.0 / math.sqrt(len(sample))
    assert abs(sample.mean() - law.mean) <= error * law.std
    relative = sample.var() / law.std**2 - 1.0
    assert abs(relative) <= error * math.sqrt(law.kurtosis - 1.0)
    # What theory goes by: n_in times the mean square.
    square = N_IN * (law.mean**2 + law.std**2)
    assert initializers.get(name).weight_std(N_IN, N_OUT) ** 2 == pytest.approx(square, rel=1e-14)


def test_the_cut_leaves_what_mpmath_says() -> None:
    assert pytest.approx(math.sqrt(cut_moment(2)), rel=1e-15) == CUT_STD
    # Before the cut, not after it.
    sample = drawn("truncated_normal(0.02)")
    assert np.abs(sample).max() <= 0.04
    assert np.abs(sample).max() > 0.0399


@pytest.mark.parametrize("name", ["siren", "siren(10)"])
def test_layer_1_of_siren_has_another_law(name: str) -> None:
    rule = initializers.get(name)
    assert rule.at(2) is rule
    assert rule.at(1).name == rule.name
    for n_in in (3, N_IN):
        w = rule.at(1).scale(n_in, 7) * rule.draw(np.random.default_rng(1), N_OUT, N_IN)
        law, other = within(1 / n_in), within(math.sqrt(6 / n_in) / 30)
        assert deviation(np.sort(w.ravel()), law) <= 1.0
        assert deviation(np.sort(w.ravel()), other) > 1.0
    assert initializers.get("torch").at(1) is initializers.get("torch")


def test_biases_of_torch_have_the_edges_of_its_weights() -> None:
    bias = initializers.get("torch").bias
    assert bias is not None
    b = bias.scale(N_IN, N_OUT) * bias.entries(np.random.default_rng(2), (100_000,))
    assert deviation(np.sort(b), within(1 / math.sqrt(N_IN))) <= 1.0
    others = (name for name in LAWS if name != "torch")
    assert all(initializers.get(name).bias is None for name in others)


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (1, 1)])
def test_what_is_not_random_is_what_it_says(shape: tuple[int, int]) -> None:
    n_out, n_in = shape
    for name, expected in (
        ("identity", np.eye(n_out, n_in)),
        ("zeros", np.zeros(shape)),
        ("constant(0)", np.zeros(shape)),
        ("constant(0.5)", np.full(shape, 0.5)),
        ("constant(value=-3)", np.full(shape, -3.0)),
    ):
        rule = initializers.get(name)
        w = rule.scale(n_in, n_out) * rule.draw(np.random.default_rng(3), n_out, n_in)
        assert np.array_equal(w, expected)
        square = n_in * np.mean(w**2)
        assert rule.weight_std(n_in, n_out) ** 2 == pytest.approx(square, rel=1e-14)
        assert not rule.law.is_random
        assert rule.oddity == "which is not random"


def test_a_gain_multiplies_an_orthogonal_matrix() -> None:
    rule = initializers.get("orthogonal(sqrt(2))")
    w = rule.scale(6, 4) * rule.draw(np.random.default_rng(4), 4, 6)
    assert np.abs(w @ w.T - 2.0 * np.eye(4)).max() <= 1e-14


@pytest.mark.parametrize(
    ("given_text", "name"),
    [
        ("he_normal(a=0.2)", "he_normal(0.2)"),
        ("Kaiming-Normal( slope = 0.2 )", "he_normal(0.2)"),
        ("he_normal(0)", "he_normal"),
        ("xavier_uniform(1)", "xavier_uniform"),
        ("NORMAL(std=2e-2)", "normal(0.02)"),
        ("uniform(-1, 1.0)", "uniform(-1,1)"),
        ("trunc_normal(0.02)", "truncated_normal(0.02)"),
        ("siren(30)", "siren"),
        ("siren(w0=15)", "siren(15)"),
        ("Eye", "identity"),
        ("auto", "auto"),
        ("normal", "normal"),
        ("normal(", "normal("),
        ("nonsense(2)", "nonsense(2)"),
    ],
)
def test_a_name_is_written_one_way(given_text: str, name: str) -> None:
    assert initializers.spelled(given_text) == name
    if name not in ("auto", "normal", "normal(", "nonsense(2)"):
        assert initializers.get(given_text) == initializers.get(name)
        assert initializers.get(name).name == name


def test_every_example_is_one() -> None:
    for family in initializers.families():
        found = initializers.get(family.example)
        assert found.name in (family.example, family.name)
        assert initializers.get(found.name) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("normal", "needs std: write it such as 'normal(0.02)'"),
        ("uniform", "needs low and high"),
        ("normal(0)", "std 0: give a number from 1e-290"),
        ("normal(1e301)", "std 1e+301: give a number"),
        ("uniform(2,2)", "give the smaller number first"),
        ("uniform(0,1e-300)", "give the smaller number first"),
        ("lecun_normal(2)", "write lecun_normal alone"),
        ("he_normal(gain=2)", "he_normal has no gain: write he_normal(a=0)"),
        ("orthogonal(-1)", "gain -1: give a number"),
        ("auto", "auto takes no numbers"),
        ("he_norml(0.2)", "did you mean he_normal"),
    ],
)
def test_what_is_no_initialiser_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        initializers.get(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_biases_take_laws_of_entries_alone() -> None:
    for family in initializers.families():
        if family.of_biases:
            initializers.get_of_biases(family.example)
        else:
            with pytest.raises(UsageError, match="it draws matrices"):
                initializers.get_of_biases(family.example)
    assert initializers.get_of_biases("torch") == initializers.get("torch").bias


def test_what_differs_in_scale_alone_is_drawn_from_the_same_numbers() -> None:
    generator = partial(Streams(3).generator, 2, 1)
    names = ("he_normal", "normal(0.02)", "he_normal(0.2)", "xavier_normal(2)")
    one, *others = (initializers.get(name).draw(generator(), 5, 7) for name in names)
    assert all(np.array_equal(one, each) for each in others)
    edge = math.sqrt(3.0)
    assert np.array_equal(one, generator().standard_normal((5, 7)))
    uniforms = ("he_uniform", "torch", "keras", "siren", "uniform(-2,2)")
    for name in uniforms:
        found = initializers.get(name).draw(generator(), 5, 7)
        assert np.array_equal(found, generator().uniform(-edge, edge, (5, 7)))
    assert initializers.get("torch").law is Law.UNIFORM


# --- PyTorch's own draws ---


def two_samples(one: FloatArray, other: FloatArray) -> float:
    """Return the distance of two samples, over what is rare."""
    one, other = np.sort(one.ravel()), np.sort(other.ravel())
    both = np.concatenate([one, other])
    first, second = (np.searchsorted(each, both, "right") / each.size for each in (one, other))
    limit = math.sqrt(-0.5 * math.log(RARE / 2.0) * (1 / one.size + 1 / other.size))
    return float(np.abs(first - second).max() / limit)


@pytest.mark.slow
def test_pytorch_draws_as_these_do() -> None:
    torch = pytest.importorskip("torch")
    n_out, n_in = 2000, 500
    torch.manual_seed(0)

    def ours(name: str) -> FloatArray:
        rule = initializers.get(name)
        unscaled = rule.draw(np.random.default_rng(1), n_out, n_in)
        return np.asarray(rule.scale(n_in, n_out) * unscaled)

    def theirs(function: str, **options: float) -> FloatArray:
        w = torch.empty(n_out, n_in)
        getattr(torch.nn.init, function)(w, **options)
        return np.asarray(w.numpy().astype(np.float64))

    layers = [torch.nn.Linear(n_in, n_out) for _ in range(50)]
    weight = layers[0].weight.detach().numpy().astype(np.float64)
    pairs: dict[str, FloatArray] = {
        "torch": weight,
        "he_uniform": theirs("kaiming_uniform_"),
        "he_uniform(sqrt(5))": theirs("kaiming_uniform_", a=math.sqrt(5.0)),
        "he_normal(0.2)": theirs("kaiming_normal_", a=0.2),
        "xavier_normal(5/3)": theirs("xavier_normal_", gain=5 / 3),
        "xavier_uniform": theirs("xavier_uniform_"),
        "uniform(-1,2)": theirs("uniform_", a=-1.0, b=2.0),
        # Cut at ±2 itself, which nobody sees.
        "normal(0.02)": theirs("trunc_normal_", std=0.02),
        "truncated_normal(1)": theirs("trunc_normal_", std=1.0),
        "orthogonal(1.4)": theirs("orthogonal_", gain=1.4),
    }
    for name, entries in pairs.items():
        assert entries.size == 10**6
        assert two_samples(entries, ours(name)) <= 1.0, name
    for name, other in (
        ("torch", "he_uniform"),
        ("he_uniform", "torch"),
        ("he_normal(0.2)", "he_normal"),
        ("normal(0.02)", "truncated_normal(0.02)"),
        ("truncated_normal(1)", "normal(0.8796)"),
    ):
        assert two_samples(pairs[name], ours(other)) > 1.0, (name, other)
    biases = np.concatenate([each.bias.detach().numpy().astype(np.float64) for each in layers])
    bias = initializers.get_of_biases("torch")
    mine = bias.scale(n_in, n_out) * bias.entries(np.random.default_rng(2), biases.shape)
    assert two_samples(biases, mine) <= 1.0
    assert two_samples(biases, ours("he_uniform")) > 1.0
    assert np.array_equal(theirs("eye_"), ours("identity"))
    assert np.array_equal(theirs("constant_", val=0.5), ours("constant(0.5)"))
