"""One row a trial: the walks by inner products, beside those of rows and of 60 digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest

from vanish.network import activations
from vanish.network.activations import record
from vanish.numbers.scaled import Scaled
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings import onerow, recursion
from vanish.readings.dense import DENSE
from vanish.readings.drawable import SAMPLED
from vanish.readings.recursion import FF, UW, ZZ, Products, Ray
from vanish.readings.wayforward import WayForward
from vanish.simulation import trials
from vanish.simulation.plan import Plan
from vanish.simulation.run import measure, ratios
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vanish.numbers.scaled import FloatArray
    from vanish.readings.wayforward import Passed
    from vanish.simulation.measured import Measured


# --- the recursion, against 60 digits ---


@pytest.fixture(autouse=True)
def _precise() -> Iterator[None]:
    with mpmath.workdps(60):
        yield


class Rays:
    """What layers 0 to N of some trials give, drawn, shape (N+1, T, n)."""

    def __init__(self, layers: int, trials: int, size: int, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        shape = layers + 1, trials, size
        self.f, self.z, self.y = generator.standard_normal((3, *shape))
        self.slopes = generator.uniform(0.0, 1.0, shape)
        self.rho = generator.standard_normal(trials)

    @property
    def depth(self) -> int:
        return len(self.f) - 1

    @property
    def trials(self) -> int:
        return int(self.f.shape[1])

    def ray(self, layers: Any) -> Ray:
        return Ray(self.f[layers], self.slopes[layers], self.z[layers], self.y[layers])

    @np.errstate(over="ignore")  # see `Stack`
    def walked(
        self, pieces: int = 1, room: int = 10**9
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return ρ, ‖d‖ and ‖g‖ over cδ, as the reading has them."""
        depth = self.depth
        products = Products(depth, self.trials, room)
        products.start(self.f[0], self.y[0])
        products.of[1:, FF] = np.vecdot(self.f[1:], self.f[1:])
        products.of[1:, ZZ] = np.vecdot(self.z[1:], self.z[1:])
        for first in range(1, depth, pieces):
            products.add(first, self.ray(slice(first, min(first + pieces, depth))))
        products.settle()
        rho, by_d, by_g = products.walk(self.rho, self.ray)
        for k, tops in products.tops.items():
            by_d[k - 1] = np.ldexp(by_d[k - 1], tops)
        return rho, by_d, by_g

    def expected(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the same, row by row."""
        rho = np.full((self.depth, self.trials), 0.0)
        by_d, by_g = np.zeros((2, self.depth - 1, self.trials))
        rho[-1] = self.rho
        for trial in range(self.trials):
            here = mpmath.mpf(self.rho[trial])
            for k in range(self.depth - 1, 0, -1):
                f, s, z, y = (
                    [mpmath.mpf(float(x)) for x in rows[k, trial]]
                    for rows in (self.f, self.slopes, self.z, self.y)
                )
                length = mpmath.sqrt(mpmath.fdot(f, f))
                unit = [x / length for x in f] if length else [1, *[0] * (len(f) - 1)]
                beta = here - mpmath.fdot(y, unit)
                g = [beta * x + v for x, v in zip(unit, y, strict=True)]
                d = [x * v for x, v in zip(g, s, strict=True)]
                size = mpmath.sqrt(mpmath.fdot(d, d))
                here = mpmath.fdot(d, z) / size if size else mpmath.mpf(0)
                rho[k - 1, trial] = float(here)
                by_d[k - 1, trial] = float(size)
                by_g[k - 1, trial] = float(mpmath.sqrt(mpmath.fdot(g, g)))
        return rho, by_d, by_g

    def check(self, rtol: float = 1e-12, pieces: int = 1) -> None:
        # ρ is a product of a row of length 1 with one of about √n: of any size down to 0.
        (rho, *sizes), (of_rho, *of_sizes) = self.walked(pieces), self.expected()
        np.testing.assert_allclose(rho, of_rho, rtol=rtol, atol=rtol)
        for found, right in zip(sizes, of_sizes, strict=True):
            np.testing.assert_allclose(found, right, rtol=rtol, atol=0.0)


@pytest.mark.parametrize("pieces", [1, 2, 50])
@pytest.mark.parametrize("trials", [1, 3])
@pytest.mark.parametrize("size", [3, 17])
def test_the_walk_is_that_of_rows(size: int, trials: int, pieces: int) -> None:
    Rays(6, trials, size).check(pieces=pieces)


def cancelling(trials: int) -> Rays:
    """Return rows of which β f̂ + y nearly is nothing where S lets anything through."""
    rays = Rays(4, trials, 5)
    beta = rays.rho - np.vecdot(rays.y[3], rays.f[3]) / np.sqrt(np.vecdot(rays.f[3], rays.f[3]))
    rays.slopes[3, :, 1:] = 0.0
    # Of layer 3 one unit is left, and f̂ is moved until β f̂ + y is nearly 0 there.
    unit = rays.f[3] / np.sqrt(np.vecdot(rays.f[3], rays.f[3]))[:, None]
    rays.y[3, :, 0] = -beta * unit[:, 0] * (1.0 + 1e-3)
    rays.y[3, :, 1:] -= (
        unit[:, 1:]
        * (np.vecdot(rays.y[3], unit) - (rays.rho - beta))[:, None]
        / np.vecdot(unit[:, 1:], unit[:, 1:])[:, None]
    )
    return rays


@pytest.mark.parametrize("trials", [1, 4])
def test_rows_that_nearly_cancel_keep_their_digits(trials: int) -> None:
    rays = cancelling(trials)
    assert (rays.expected()[1][2] < 0.01).all()
    # A thousandth of two rows of 53 bits is left.
    rays.check(rtol=1e-11)


@pytest.mark.parametrize("trials", [1, 4])
def test_products_where_rows_cancel_are_noticed(
    trials: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recursion, "_CANCELS", -1.0)
    with pytest.raises(AssertionError):
        cancelling(trials).check(rtol=1e-11)


@pytest.mark.parametrize("trials", [1, 3])
@pytest.mark.parametrize("size", [1, 2])
def test_a_frame_that_spans_everything_leaves_nothing_but_rounding(size: int, trials: int) -> None:
    Rays(5, trials, size, seed=2).check(rtol=1e-10)


@pytest.mark.parametrize("trials", [1, 3])
def test_slopes_far_from_one_lose_nothing(trials: int) -> None:
    rays = Rays(6, trials, 6)
    rays.slopes[2] *= 1e-300
    rays.slopes[3, 0] *= 1e-250
    rays.slopes[4] *= 1e200
    rays.check()


def test_a_power_that_slopes_were_divided_by_and_nobody_counts_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rays = Rays(6, 3, 6)
    rays.slopes[2] *= 1e-300
    whole = Products._with_tops

    def forgetful(products: Products, first: int, slopes: FloatArray) -> FloatArray:
        found = whole(products, first, slopes)
        products.tops.clear()
        return found

    monkeypatch.setattr(Products, "_with_tops", forgetful)
    with pytest.raises(AssertionError):
        rays.check()


@pytest.mark.parametrize("trials", [1, 3])
def test_what_is_dead_is_zero_and_stays_it(trials: int) -> None:
    rays = Rays(6, trials, 6)
    rays.slopes[3, 0] = 0.0
    rays.f[2] = 0.0
    rays.check()
    assert (rays.walked()[1][2, 0], rays.walked()[0][2, 0]) == (0.0, 0.0)


@pytest.mark.parametrize("column", [UW, recursion.UU, recursion.WZ, recursion.YF, recursion.YY])
def test_a_wrong_product_is_noticed(column: int, monkeypatch: pytest.MonkeyPatch) -> None:
    settle = Products.settle

    def wrong(products: Products) -> None:
        settle(products)
        products.of[:, column] *= 1.0 + 1e-9

    monkeypatch.setattr(Products, "settle", wrong)
    with pytest.raises(AssertionError):
        Rays(6, 3, 17).check()


def test_rows_that_there_was_no_room_for_are_asked_for_again() -> None:
    rays = Rays(5, 40, 2, seed=3)
    rays.slopes[2] *= 1e-300
    for one, other in zip(rays.walked(), rays.walked(room=0), strict=True):
        assert np.array_equal(one, other)


# --- the chain, against the general reading ---


RUNS: dict[str, dict[str, Any]] = {
    "plain": {"act": "tanh", "layers": 20, "width": 32},
    "trials": {"act": "sigmoid", "layers": 20, "width": 32, "trials": 30},
    "one layer": {"act": "elu", "layers": 1, "width": 5, "trials": 3},
    "narrow": {"act": "relu", "layers": 12, "width": 4, "trials": 500},
    "one unit": {"act": "tanh", "layers": 4, "width": 1, "trials": 50},
    "biases": {"act": "gelu", "layers": 60, "width": 8, "trials": 7, "bias_std": 0.1},
    "widths": {"act": "selu", "widths": (3, 9, 9, 2, 5, 1), "trials": 9},
    "a last S": {"act": "relu", "last_act": "sigmoid", "layers": 5, "width": 9, "trials": 4},
    "vanishing": {"act": "tanh", "layers": 400, "width": 8, "weight_std": 0.2, "trials": 3},
    "vanishing alone": {"act": "gelu", "layers": 400, "width": 8, "weight_std": 0.2},
    "shrinking fast": {"act": "relu", "layers": 600, "width": 8, "weight_std": 0.1},
    "growing fast": {"act": "leaky_relu", "layers": 600, "width": 8, "weight_std": 9.0},
    "exploding": {"act": "relu", "layers": 60, "width": 8, "weight_std": 1e30, "trials": 3},
    "scaled": {"act": "identity", "layers": 9, "width": 6, "gain": 1e-200, "trials": 2},
    "saturated": {"act": "sigmoid", "layers": 30, "width": 8, "weight_std": 100.0, "trials": 4},
}


def measured(settings: Settings, **options: Any) -> Measured:
    return measure(settings, entries=True, forward=True, **options)


def generally(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Return what the reading of any graph measures."""
    with monkeypatch.context() as patch:
        patch.setattr(onerow, "applies", lambda *_: False)
        return measured(settings)


def distance(one: Any, other: Any) -> float:
    """Return how far apart two records of arrays are, by the size of their numbers."""
    if isinstance(one, Magnitudes):
        assert np.array_equal(one.mantissas == 0.0, other.mantissas == 0.0)
        nothing = one.mantissas == 0.0
        apart = np.where(nothing, 0.0, one.over(other).mantissas * 2.0)
        powers = np.where(nothing, 0, one.over(other).exponents - 1)
        return float(np.abs(np.where(nothing, 0.0, np.ldexp(apart, powers) - 1.0)).max(initial=0))
    if isinstance(one, np.ndarray):
        held = np.isfinite(one)
        assert np.array_equal(held, np.isfinite(other))
        scale = np.maximum(np.abs(other[held]), 1.0)
        return float((np.abs(one[held] - other[held]) / scale).max(initial=0.0))
    if isinstance(one, tuple):
        return max(distance(*both) for both in zip(one, other, strict=True))
    return 0.0


@pytest.mark.parametrize("name", RUNS)
def test_it_is_what_the_general_reading_measures(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(engine="sampled", **RUNS[name])
    assert onerow.applies(settings.model, settings.rows)
    found, right = measured(settings), generally(settings, monkeypatch)
    # Of few units rows cancel by chance.
    few = min(settings.model.sizes) < 5
    for one, other in zip(found, right, strict=True):
        assert distance(one, other) < (1e-9 if few else 1e-11)
    assert distance(ratios(settings), found.grad_a.at(0).over(found.grad_a.at(-1))) == 0.0


@pytest.mark.parametrize(
    "name", ["trials", "narrow", "biases", "vanishing", "saturated", "shrinking fast"]
)
def test_a_trial_is_the_same_however_many_others_there_are(name: str) -> None:
    options = RUNS[name] if "fast" in name else RUNS[name] | {"act": "tanh"}
    options = {"trials": 5} | options
    many = measure(Settings(engine="sampled", **options), forward=True)
    one = measure(Settings(engine="sampled", **options | {"trials": 1}), forward=True)
    few = measure(Settings(engine="sampled", **options | {"trials": 2}), forward=True)
    for part in (one, few):
        for field in ("grad_w", "grad_b", "grad_a", "grad_f", "weight", "value"):
            alone, among = getattr(part, field), getattr(many, field).at((slice(None), slice(0, 1)))
            assert np.array_equal(alone.mantissas[:, :1], among.mantissas), field
            assert np.array_equal(alone.exponents[:, :1], among.exponents), field


@pytest.mark.slow
@pytest.mark.parametrize("act", ["tanh", "gelu"])
@pytest.mark.parametrize(
    "name",
    [
        *("plain", "trials", "narrow", "biases", "a last S", "vanishing", "vanishing alone"),
        *("shrinking fast", "scaled"),
    ],
)
def test_rows_that_are_drawn_once_more_are_those_that_were_kept(
    name: str, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    again = WayForward.again

    def note(way: WayForward, first: int, last: int) -> Passed:
        asked.append(first)
        return again(way, first, last)

    monkeypatch.setattr(WayForward, "again", note)
    settings = Settings(engine="sampled", **RUNS[name] | {"act": act})
    kept = measured(settings)
    assert asked == []
    anew = measured(settings, memory_limit=1)
    assert 1 in asked
    assert kept.entries is not None
    for one, other in zip(kept.entries, anew.entries or (), strict=True):
        assert np.array_equal(one.largest, other.largest)
    assert np.array_equal(kept.grad_w.mantissas, anew.grad_w.mantissas)


def same(one: Any, other: Any) -> None:
    """Compare what was measured, bit by bit; zeros may have either sign."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        same((*one.values(),), (*other.values(),))
    elif isinstance(one, tuple):
        for mine, yours in zip(one, other, strict=True):
            same(mine, yours)
    else:
        assert one == other


def run_of(name: str, act: str) -> Settings:
    """Return the settings of a run, with another S where one is given."""
    return Settings(engine="sampled", **RUNS[name] | ({"act": act} if act else {}))


@pytest.mark.parametrize("act", ["", "relu"])
@pytest.mark.parametrize("name", RUNS)
def test_what_is_known_of_an_activation_beforehand_changes_no_bit(
    name: str, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = run_of(name, act)
    found = measured(settings)
    monkeypatch.setattr(record, "_GATES", [])
    monkeypatch.setattr(record, "_FILLING", [])
    same(found, measured(settings))


@pytest.mark.slow
@pytest.mark.parametrize("act", ["", "tanh", "relu"])
@pytest.mark.parametrize("name", RUNS)
def test_how_many_numbers_are_read_at_once_changes_no_bit(
    name: str, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = run_of(name, act)

    def read(at_once: int) -> Measured:
        monkeypatch.setattr(Plan, "at_once", at_once)
        return measured(settings)

    one_layer = read(1)
    same(one_layer, read(2**9))
    same(one_layer, read(2**20))


def test_gates_among_other_activations_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mixed(onerow.OneRowChain):
        def __init__(self, weights: Any, acts: Any, *others: Any, **named: Any) -> None:
            mixed = [activations.get("relu"), *acts[1:-1], activations.get("relu")]
            super().__init__(weights, mixed, *others, **named)

    monkeypatch.setattr(trials, "OneRowChain", Mixed)
    settings = run_of("trials", "tanh")
    found = measured(settings)
    monkeypatch.setattr(record, "_GATES", [])
    same(found, measured(settings))


@pytest.mark.parametrize("dead", [False, True])
def test_products_of_gates_are_those_of_rows(dead: bool) -> None:
    rays = Rays(3, 4, 6)
    rays.slopes = (rays.f > 0.0) * 1.0
    rays.f *= rays.slopes
    # A row of zeros: of relu, and of identity.
    rays.f[2, :2] = 0.0
    rays.slopes[2, :2] = [[0.0], [1.0]] if dead else 1.0
    found = []
    for gates in (False, True):
        products = Products(rays.depth, rays.trials, 10**9)
        products.of[1:, FF] = np.vecdot(rays.f[1:], rays.f[1:])
        for k in (1, 2):
            products.add(k, rays.ray(slice(k, k + 1)), gates=gates)
        found.append(products.of)
    one, other = found
    assert np.array_equal(one, other)


def test_an_activation_that_is_no_gate_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(engine="sampled", **RUNS["trials"])
    right = measured(settings)
    monkeypatch.setattr(record, "_GATES", [activations.get("sigmoid").pair])
    assert distance(measured(settings).grad_w, right.grad_w) > 1e-3


@pytest.mark.parametrize(
    "options",
    [{"batch": 2}, {"init": "orthogonal"}, {"block": "residual"}, {"block": "prenorm"}],
    ids=["a batch", "orthogonal", "residual", "prenorm"],
)
def test_what_is_no_such_chain_is_left_to_the_general_reading(options: dict[str, Any]) -> None:
    settings = Settings(engine="sampled", act="tanh", layers=4, width=6, **options)
    assert not onerow.applies(settings.model, settings.rows)


def test_a_row_that_the_way_back_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(engine="sampled", **RUNS["trials"])
    right = generally(settings, monkeypatch)
    draw: Callable[..., FloatArray] = onerow.OneRowChain._y
    monkeypatch.setattr(
        onerow.OneRowChain,
        "_y",
        lambda chain, first, last, size: draw(chain, 0, last - first, size),
    )
    assert distance(measured(settings).grad_w, right.grad_w) > 1e-3


# --- slopes that float64 hardly holds, in the readings of rows ---


def test_a_product_with_a_slope_of_few_digits_loses_none_of_its_own() -> None:
    slopes, rows = np.ldexp([[1.0, 1.0]], [[-1050, -1070]]), np.array([[1.0 / 3.0, 1.0 / 7.0]])
    right = np.ldexp(rows, [[10, -10]])
    [dense] = DENSE.named("activate").back(None, None, 1, slopes, Scaled(rows))
    np.testing.assert_allclose(np.ldexp(dense.values, dense.exponent + 1060), right, rtol=1e-15)
    [drawn] = SAMPLED.named("activate").back(None, None, 1, slopes[None], Stack(rows[None]))
    powers = np.asarray(drawn.exponents)[:, None, None] + 1060
    np.testing.assert_allclose(np.ldexp(drawn.values, powers)[0], right, rtol=1e-15)
