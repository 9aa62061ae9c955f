from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import oracles
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mpmath import mp

import vanish
from vanish.errors import UsageError
from vanish.network import activations
from vanish.network.activations import Activation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vanish.numbers.scaled import FloatArray

NAMES = tuple(oracles.FORMULAS)

# Where S' crosses zero it is accurate absolutely, everywhere else relatively.
CROSSING_ZERO = {
    "gelu": (-3.0, 0.0),
    "gelu_tanh": (-3.0, 0.0),
    "silu": (-3.0, 0.0),
    "mish": (-3.0, 0.0),
    "hard_swish": (-3.0, 0.0),
    "sin": (-math.inf, math.inf),
}
# Their left tails are e to the power of rounded squares and cubes up to 700, and lose that
# many units in the last place, whatever the formula.
ROUNDED_EXPONENT = ("gelu", "gelu_tanh")

SMALLEST_NORMAL = 2.0**-1022

_POSITIVE = np.concatenate(
    [
        10.0 ** np.array([-300, -155, -50, -16, -12, -8, -5, -3, -2]),
        np.linspace(0.05, 12.0, 37),
        np.linspace(12.5, 40.0, 13),
        np.linspace(41.0, 744.0, 13),
        10.0 ** np.array([3, 5, 8, 16, 50, 154, 155, 300]),
    ]
)
_BESIDE_KINKS = np.nextafter(np.repeat([-3.0, -1.0, 0.0, 1.0, 3.0, 6.0], 2), [-9.0, 9.0] * 6)
X = np.concatenate([-_POSITIVE, [0.0], _POSITIVE, _BESIDE_KINKS])


def tolerance(act: str, x: float) -> float:
    return 1e-12 if act in ROUNDED_EXPONENT and x < 0.0 else 1e-15


@pytest.mark.slow
@pytest.mark.parametrize("act", NAMES)
def test_value_and_slope_are_accurate_at_every_size_of_input(act: str) -> None:
    low, high = CROSSING_ZERO.get(act, (0.0, 0.0))
    value, slope = oracles.derivative(act), oracles.derivative(act, 1)
    pairs = np.transpose(activations.get(act).pair(X)).tolist()
    # With so many digits no textbook formula cancels before it is below 1e-308, where
    # float64 has few digits left and then none.
    with mp.workdps(400):
        for x, (found_value, found_slope) in zip(X.tolist(), pairs, strict=True):
            right_value, right_slope = value(mp.mpf(x)), slope(mp.mpf(x))
            size = 1.0 if low < x < high else abs(right_slope)
            least = 1e-12 * SMALLEST_NORMAL
            value_error, slope_error = (
                abs(found_value - right_value),
                abs(found_slope - right_slope),
            )
            assert value_error <= tolerance(act, x) * abs(right_value) + least, x
            assert slope_error <= tolerance(act, x) * size + least, x


@pytest.mark.slow
@pytest.mark.parametrize("act", NAMES)
@given(st.floats(-1.7e308, 1.7e308))
@example(-1.7e308)
@example(1.7e308)
@example(-5e-324)
def test_no_finite_input_gives_nan_infinity_or_a_warning(act: str, x: float) -> None:
    value, slope = activations.get(act).pair(np.array([x]))
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("act", NAMES)
@pytest.mark.parametrize("shape", [(0,), (5,), (2, 3), (40, 20)])
def test_every_element_is_mapped_on_its_own(act: str, shape: tuple[int, ...]) -> None:
    x = np.linspace(-4.0, 4.0, math.prod(shape)).reshape(shape)
    record = activations.get(act)
    value, slope = record.pair(x)
    assert value.shape == slope.shape == shape
    assert value.dtype == slope.dtype == np.float64
    for index in list(np.ndindex(shape))[::97]:
        alone = record.pair(x[index].reshape(1))
        assert (value[index], slope[index]) == pytest.approx((alone[0][0], alone[1][0]), rel=1e-14)
    assert np.array_equal(record.value(x), value)
    assert np.array_equal(record.slope(x), slope)


# --- what a record says of its S and S' ---

# Far outside, where S' and 1/S of every activation are at their limits to 40 digits.
FAR = mp.mpf(10) ** 45


def roots(act: str, order: int, *near: float) -> list[Any]:
    """Return points where a derivative vanishes, to the working precision."""
    return [mp.findroot(oracles.derivative(act, order), x) for x in near]


@pytest.mark.parametrize("act", NAMES)
def test_sup_slope_is_the_supremum_of_the_slope(act: str) -> None:
    record = activations.get(act)
    slope = oracles.derivative(act, 1)
    with mp.workdps(50):
        beside = [
            kink + sign * mp.mpf(10) ** -40 for kink in (0, *record.kinks) for sign in (-1, 1)
        ]
        candidates = [*beside, mp.mpf(0), -FAR, FAR]
        if isinstance(record.sup_at, float) and record.sup_at:
            (extremum,) = roots(act, 2, record.sup_at)
            assert record.sup_at == float(extremum)
            candidates.append(extremum)
        sizes = [abs(slope(x)) for x in candidates]
        assert record.sup_slope == float(max(sizes))
        assert all(abs(slope(mp.mpf(x))) <= max(sizes) for x in np.linspace(-9.0, 9.0, 361))


# One point where S has its minimum, for those where it is neither far outside nor a kink.
MINIMA = {"gelu": -0.75, "gelu_tanh": -0.75, "silu": -1.3, "mish": -1.2, "hard_swish": -1.5}


@pytest.mark.parametrize("act", NAMES)
def test_lower_and_upper_are_the_ends_of_the_range(act: str) -> None:
    record = activations.get(act)
    value = oracles.derivative(act)
    with mp.workdps(50):
        inner = [mp.mpf(x) for x in np.linspace(-8.0, 8.0, 161)] + [-mp.pi / 2, mp.pi / 2]
        inner += roots(act, 1, MINIMA[act]) if act in MINIMA else []
        values, limits = [value(x) for x in inner], [value(-FAR), value(FAR)]
        lower, upper = min(values + limits), max(values + limits)
        assert record.lower == (float(lower) if lower > -1e40 else -math.inf)
        assert record.upper == (float(upper) if upper < 1e40 else math.inf)
        # -8 and 8 are too near for a limit to be reached.
        assert ("lower" in record.attained) == (min(values) <= lower + mp.mpf(10) ** -40)
        assert ("upper" in record.attained) == (max(values) >= upper - mp.mpf(10) ** -40)


@pytest.mark.parametrize("act", NAMES)
def test_kinks_are_where_the_slope_jumps(act: str) -> None:
    slope = oracles.derivative(act, 1)
    with mp.workdps(50):
        step = mp.mpf(10) ** -30
        jumps = [
            x
            for x in (-6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0)
            if abs(slope(x + step) - slope(x - step)) > 1e-20
        ]
    assert list(activations.get(act).kinks) == jumps


@pytest.mark.parametrize("shape", [(5,), (700,), (3, 400)])
@pytest.mark.parametrize("act", [*NAMES, "leaky_relu(0.2)", "tanh(2*x)"])
def test_what_is_written_into_arrays_is_what_is_returned(act: str, shape: tuple[int, ...]) -> None:
    record = activations.get(act)
    x = np.resize(np.random.default_rng(1).permutation(X), shape)
    given, (value, slope) = x.copy(), np.full((2, *shape), math.nan)
    record.into(given, value, slope)
    assert given.tobytes() == x.tobytes()
    for written, returned in zip((value, slope), record.pair(x), strict=True):
        assert written.tobytes() == returned.tobytes()


@pytest.mark.parametrize("act", [*NAMES, "leaky_relu(0.2)", "leaky_relu(0)", "leaky_relu(1)"])
def test_a_gate_passes_its_argument_or_nothing(act: str) -> None:
    record = activations.get(act)
    assert record.is_gate == (act in ("relu", "identity"))
    value, slope = record.pair(X)
    if record.is_gate:
        assert {*slope.tolist()} <= {0.0, 1.0}
        np.testing.assert_array_equal(value, slope * X)


def test_a_copy_with_another_function_is_known_by_that() -> None:
    copy = dataclasses.replace(activations.get("relu"), pair=lambda x: (x + 1.0, np.ones_like(x)))
    value, slope = np.empty((2, 3))
    copy.into(np.array([-1.0, 0.0, 2.0]), value, slope)
    assert not copy.is_gate
    assert [value.tolist(), slope.tolist()] == [[0.0, 1.0, 3.0], [1.0, 1.0, 1.0]]


@pytest.mark.parametrize("act", NAMES)
def test_homogeneous_and_flat(act: str) -> None:
    record = activations.get(act)
    value, slope = oracles.derivative(act), oracles.derivative(act, 1)
    with mp.workdps(50):
        assert record.homogeneous == all(
            value(4 * mp.mpf(x)) == 4 * value(mp.mpf(x)) for x in (-2, 2)
        )
        assert record.flat == any(slope(mp.mpf(x)) == 0 for x in (-8, 8))


@pytest.mark.parametrize("act", NAMES)
def test_value_and_slopes_around_zero(act: str) -> None:
    value, slope = oracles.derivative(act), oracles.derivative(act, 1)
    at_zero, (left, middle, right) = activations.get(act).around_zero()
    with mp.workdps(400):
        near = mp.mpf(2) ** -1000
        assert at_zero == pytest.approx(float(value(mp.mpf(0))), rel=1e-15, abs=0.0)
        assert left == pytest.approx(float(slope(-near)), rel=1e-15)
        assert middle in (left, right)
        assert right == pytest.approx(float(slope(near)), rel=1e-15)


def test_the_slope_of_relu_at_0_is_0() -> None:
    assert activations.get("relu").slope(np.array([0.0, -0.0])).tolist() == [0.0, 0.0]


@pytest.mark.slow
@pytest.mark.parametrize("act", [name for name in NAMES if activations.get(name).kinks])
def test_the_slope_at_a_kink_is_pytorchs(act: str) -> None:
    torch = oracles.pytorch()
    own = torch.nn.functional.hardsigmoid  # elsewhere its float32 constant forbids it
    function = own if act == "hard_sigmoid" else oracles.torch_activation(act)
    kinks = activations.get(act).kinks
    x = torch.tensor(kinks, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(function(x).sum(), x)
    found = activations.get(act).slope(np.array(kinks))
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-7)


def test_conventional_initialisers() -> None:
    he = {"relu", "leaky_relu", "relu6", "elu", "gelu", "gelu_tanh", "silu", "mish", "hard_swish"}
    convention = dict.fromkeys(he, "he_normal") | {"selu": "lecun_normal"}
    for record in activations.registered():
        assert record.init == convention.get(record.name, "xavier_normal")


# --- the registry ---


def test_names_are_the_19_in_their_order() -> None:
    assert activations.names() == NAMES
    assert [record.name for record in activations.registered()] == list(NAMES)


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("linear", "identity"),
        ("logistic", "sigmoid"),
        ("swish", "silu"),
        ("ReLU", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("leaky-relu", "leaky_relu"),
        ("Hard Tanh", "hard_tanh"),
        (" tanh ", "tanh"),
        ("LogSigmoid", "log_sigmoid"),
        ("GELU_tanh", "gelu_tanh"),
    ],
)
def test_names_are_found_however_they_are_written(given_name: str, name: str) -> None:
    assert activations.get(given_name).name == name


@pytest.mark.parametrize(
    ("given_name", "advice"),
    [
        ("sigmiod", "did you mean sigmoid or log_sigmoid or hard_sigmoid?"),
        ("Logistik", "did you mean logistic?"),
        ("xyz", "choose from elu, gelu, gelu_new,"),
        ("", "choose from"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(given_name: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        activations.get(given_name)
    assert str(caught.value).startswith(f"unknown activation {given_name!r}: {advice}")


def make(**changes: Any) -> Activation:
    """Return a correct record of one's own, S = x³/(1+x²), changed."""
    right: dict[str, Any] = {
        "name": "own",
        "aliases": ("mine",),
        "pair": lambda x: (x**3 / (1 + x**2), (x**4 + 3 * x**2) / (1 + x**2) ** 2),
        "sup_slope": 1.125,
        "sup_at": math.sqrt(3.0),
        "lower": -math.inf,
        "upper": math.inf,
    }
    return Activation(**right | changes)


@pytest.fixture
def own() -> Iterator[Activation]:
    yield vanish.register(make())
    activations.unregister("own")


def test_a_registered_activation_is_known_by_its_names(own: Activation) -> None:
    assert activations.get("own") is activations.get("Mine") is own
    assert activations.names() == (*NAMES, "own")
    profile = vanish.simulate(act="mine", layers=3, width=4)
    assert [layer.act for layer in profile.layers] == ["own"] * 3
    assert float(profile.bounds["own"]) == pytest.approx(1.125**3)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["own", "MINE", "relu", "Leaky_ReLU", "swish"])
def test_a_taken_name_is_refused(name: str) -> None:
    for changes in ({"name": name, "aliases": ()}, {"name": "other", "aliases": ("new", name)}):
        with pytest.raises(UsageError, match=f"'{name}' is taken: choose another one"):
            activations.register(make(**changes))
        # All or nothing.
        assert activations.names() == (*NAMES, "own")
        with pytest.raises(UsageError, match="unknown activation 'new'"):
            activations.get("new")


def test_an_unregistered_activation_is_unknown() -> None:
    activations.register(make())
    activations.unregister("own")
    assert activations.names() == NAMES
    for name in ("own", "mine"):
        with pytest.raises(UsageError, match=f"unknown activation '{name}'"):
            activations.get(name)


@pytest.mark.parametrize("record", [*activations.registered(), make()], ids=lambda each: each.name)
def test_verify_accepts_what_is_right(record: Activation) -> None:
    vanish.verify(record)


def planted(
    value: Callable[[FloatArray], FloatArray], slope: Callable[[FloatArray], FloatArray]
) -> Any:
    pair = make().pair
    return lambda x: (value(pair(x)[0]), slope(pair(x)[1]))


def same(array: FloatArray) -> FloatArray:
    return array


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"pair": planted(same, lambda s: s * (1 + 1e-6))}, "S' differs from the difference"),
        ({"pair": planted(same, np.negative)}, "S' differs from the difference"),
        ({"pair": planted(same, np.zeros_like)}, "S' differs from the difference"),
        ({"pair": planted(same, lambda s: np.where(s > 0.5, np.nan, s))}, "S' differs"),
        ({"sup_slope": 1.124}, r"\|S'\| exceeds sup_slope at x = -?1\.7"),
        ({"lower": -1.0}, "S leaves its range at x = -8.99"),
        ({"upper": 1.0}, r"S leaves its range at x = \d"),
        ({"homogeneous": True}, "it is not homogeneous"),
    ],
)
def test_verify_rejects_what_is_wrong(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=f"^activation own: .*{complaint}"):
        vanish.verify(make(**changes))


def test_verify_rejects_an_unknown_initialiser() -> None:
    with pytest.raises(
        UsageError, match=r"^unknown initialiser 'he_norml': did you mean he_normal"
    ):
        vanish.verify(make(init="he_norml"))


@pytest.mark.parametrize(
    "act", [record.name for record in activations.registered() if record.kinks]
)
def test_verify_rejects_a_kink_that_is_not_declared(act: str) -> None:
    # Its grid passes beside a kink by 2^-9, its difference quotient reaches 2^-17 far.
    record = activations.get(act)
    shift = 2.0**-9
    moved = dataclasses.replace(
        record,
        pair=lambda x: record.pair(x - shift),
        kinks=tuple(kink + shift for kink in record.kinks),
        homogeneous=False,
    )
    vanish.verify(moved)
    with pytest.raises(UsageError, match="S' differs from the difference quotient"):
        vanish.verify(dataclasses.replace(moved, kinks=()))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "my act"}, "activation name 'my act': use letters, digits and _"),
        ({"sup_slope": 0.0}, "sup_slope is 0.0: give the positive supremum of |S'|"),
        ({"sup_slope": math.nan}, "sup_slope is nan"),
        ({"lower": 1.0, "upper": 1.0}, "is empty: give lower < upper"),
        ({"kinks": (1.0, 0.0)}, "give its kinks in ascending order"),
        ({"kinks": (1.0, 1.0)}, "give its kinks in ascending order"),
        ({"kinks": (math.nan,)}, "a kink at (nan,): give finite numbers"),
        ({"attained": ("Lower",)}, "attained ('Lower',): give of 'lower' and 'upper'"),
        ({"sup_at": math.inf}, "sup_at is inf: give the x of the supremum of |S'|"),
    ],
)
def test_a_record_that_contradicts_itself_cannot_be_made(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make(**changes)
    assert complaint in str(caught.value)


def test_a_record_cannot_be_changed() -> None:
    record = make()
    for name in ("sup_slope", "note", "extra"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(record, name, 1.0)
    with pytest.raises(dataclasses.FrozenInstanceError, match="sup_slope"):
        del record.sup_slope
    assert (record.sup_slope, record.note) == (1.125, "")
    assert dataclasses.replace(record, sup_slope=2.0).sup_slope == 2.0
