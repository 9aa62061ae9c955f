"""The exact law of finite width: against mpmath, and by Kolmogorov-Smirnov against chains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mpmath import mp

from vanish.numbers.scaled import Magnitude
from vanish.theories import finitewidth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.numbers.scaled import FloatArray

TWO = Magnitude.of(2.0)


def simulated(
    act: str, sizes: Sequence[int], variances: Sequence[float], chains: int
) -> FloatArray:
    """ln‖∂L/∂b_k‖ of chains drawn in full, shape (chains, N); -inf where it is zero."""
    generator = np.random.default_rng(0)
    f = generator.standard_normal((chains, sizes[0]))
    weights, slopes = [], []
    for n_in, n_out, variance in zip(sizes, sizes[1:], variances, strict=False):
        w = math.sqrt(variance / n_in) * generator.standard_normal((chains, n_out, n_in))
        a = (w @ f[..., None])[..., 0]
        slope = (a > 0.0).astype(np.float64) if act == "relu" else np.ones_like(a)
        f = slope * a
        weights.append(w)
        slopes.append(slope)
    readout = generator.choice((-1.0, 1.0), (chains, sizes[-1])) / math.sqrt(sizes[-1])
    d = readout * slopes[-1]
    rows = [d]
    for w, slope in zip(weights[:0:-1], slopes[-2::-1], strict=True):
        d = (d[:, None, :] @ w)[:, 0, :] * slope
        rows.append(d)
    with np.errstate(divide="ignore"):
        return np.log([np.linalg.norm(row, axis=1) for row in rows[::-1]]).T


def law(
    n: int, layers: int, readout: bool = True, factors: int = -1, draws: int = 40_000
) -> FloatArray:
    """ln‖∂L/∂b_1‖ drawn from the law of a chain of one width that is not dead."""
    generator = np.random.default_rng(1)
    total = np.zeros(draws)
    for _ in range(layers - 1 if factors < 0 else factors):
        active = np.maximum(generator.binomial(n, 0.5, draws), 1)
        total += np.log(2.0 / n * generator.chisquare(active))
    if readout:
        total += np.log(np.maximum(generator.binomial(n, 0.5, draws), 1) / n)
    return 0.5 * total


def differ(one: FloatArray, other: FloatArray) -> bool:
    """Whether two samples differ, by Kolmogorov and Smirnov at the level 0.001."""
    both = np.sort(np.concatenate((one, other)))
    distribution = [
        np.searchsorted(np.sort(sample), both, side="right") / sample.size
        for sample in (one, other)
    ]
    distance = float(np.abs(distribution[0] - distribution[1]).max())
    # 2 e^(-2λ²) = 0.001
    return distance * math.sqrt(one.size * other.size / (one.size + other.size)) > 1.9495


@pytest.fixture(scope="module")
def dense() -> FloatArray:
    """ln‖∂L/∂b_k‖ of ReLU chains of 50 layers of width 16 that are not dead."""
    logs = simulated("relu", [16] * 51, [2.0] * 50, 4000)
    return logs[np.isfinite(logs).all(axis=1)]


@pytest.mark.slow
def test_relu_chain_follows_the_law(dense: FloatArray) -> None:
    assert not differ(dense[:, 0], law(16, 50))


@pytest.mark.slow
def test_law_without_the_readout_s_factor_is_rejected(dense: FloatArray) -> None:
    assert differ(dense[:, 0], law(16, 50, readout=False))


@pytest.mark.slow
def test_law_with_a_chi_square_for_the_readout_is_rejected(dense: FloatArray) -> None:
    assert differ(dense[:, 0], law(16, 50, readout=False, factors=50))


def assert_mean_and_std(sample: FloatArray, found: finitewidth.LogLaw) -> None:
    """Means and standard deviations within 4.5 of their own standard errors."""
    mean, std = sample.mean(axis=0), sample.std(axis=0, ddof=1)
    assert (np.abs(mean - found.mean) <= 4.5 * found.std / math.sqrt(len(sample))).all()
    fourth = ((sample - mean) ** 4).mean(axis=0)
    # Where every gradient has the same norm there is no error, but for rounding.
    error = np.sqrt(np.maximum(fourth - std**4, 0.0) / len(sample)) / (2.0 * std + 1e-9) + 1e-12
    assert (np.abs(std - found.std) <= 4.5 * error).all()


@pytest.mark.slow
def test_mean_and_spread_are_those_of_relu_chains_at_every_layer(dense: FloatArray) -> None:
    assert_mean_and_std(dense, finitewidth.relu([16] * 51, [TWO] * 50))


@pytest.mark.slow
def test_mean_of_another_width_is_rejected(dense: FloatArray) -> None:
    with pytest.raises(AssertionError):
        assert_mean_and_std(dense, finitewidth.relu([17] * 51, [TWO] * 50))


def test_mean_and_spread_of_a_rectangular_relu_chain_with_any_weights() -> None:
    sizes, variances = [5, 30, 7, 12, 9], [1.0, 0.5, 3.0, 2.0]
    logs = simulated("relu", sizes, variances, 20_000)
    found = finitewidth.relu(sizes, list(map(Magnitude.of, variances)))
    dead = ~np.isfinite(logs).all(axis=1)
    # A dead layer above or below takes all gradients.
    assert (dead == ~np.isfinite(logs).any(axis=1)).all()
    assert dead.mean() == pytest.approx(found.dead, abs=4 * math.sqrt(found.dead / dead.size))
    assert_mean_and_std(logs[~dead], found)


def test_mean_and_spread_of_a_rectangular_linear_chain_with_any_weights() -> None:
    sizes, variances = [5, 30, 7, 12, 9], [1.0, 0.5, 3.0, 2.0]
    found = finitewidth.linear(sizes, list(map(Magnitude.of, variances)))
    assert_mean_and_std(simulated("identity", sizes, variances, 20_000), found)
    assert found.dead == 0.0


@pytest.mark.parametrize("n", [1, 2, 3, 16, 1000])
def test_layer_s_moments_are_the_sums_over_the_binomial(n: int) -> None:
    with mp.workdps(30):
        weight = {k: mp.binomial(n, k) / (mp.mpf(2) ** n - 1) for k in range(1, n + 1)}
        log_k = {k: mp.log(mp.mpf(k) / n) for k in weight}
        log_chi = {k: mp.psi(0, mp.mpf(k) / 2) + mp.log(mp.mpf(2) / n) for k in weight}
        readout, step = (mp.fsum(weight[k] * log[k] for k in weight) for log in (log_k, log_chi))
        right = (
            readout,
            mp.fsum(weight[k] * (log_k[k] - readout) ** 2 for k in weight),
            step,
            mp.fsum(
                weight[k] * (mp.psi(1, mp.mpf(k) / 2) + (log_chi[k] - step) ** 2) for k in weight
            ),
        )
    assert finitewidth._relu_layer(n) == pytest.approx(tuple(map(float, right)), rel=1e-11)


def test_polygammas_agree_with_mpmath() -> None:
    x = np.array([0.5, 1.0, 1.5, 2.0, 7.5, 40.0, 5e4])
    with mp.workdps(30):
        for order, found in enumerate((finitewidth.digamma(x), finitewidth.trigamma(x))):
            right = [float(mp.psi(order, each)) for each in x]
            # ψ has a zero at 1.46.
            assert found.tolist() == pytest.approx(right, rel=2e-14)


@pytest.mark.parametrize(
    ("n", "layers", "dead"), [(1, 3, 1 - 0.5**3), (2, 4, 1 - 0.75**4), (50, 3, 3 * 2.0**-50)]
)
def test_dead_probability(n: int, layers: int, dead: float) -> None:
    found = finitewidth.relu([4, *[n] * layers], [TWO] * layers)
    assert found.dead == pytest.approx(dead, rel=1e-12)


def test_wide_and_deep_chain_is_nearly_the_normal_law_of_the_literature() -> None:
    # N(-β/2, β) for ln‖∂L/∂a‖², β = 5 Σ 1/n, but for the readout's half.
    found = finitewidth.relu([1000] * 2001, [TWO] * 2000)
    assert found.mean[0] == pytest.approx(-5 * 2000 / 1000 / 4 - math.log(2.0) / 2, rel=1e-2)
    assert found.std[0] == pytest.approx(math.sqrt(5 * 2000 / 1000) / 2, rel=1e-2)


def chi_square_below(x: Any, k: int) -> Any:
    """P(χ²_K ≤ x)."""
    return mp.gammainc(mp.mpf(k) / 2, 0, x / 2, regularized=True)


def binomial(n: int) -> dict[int, Any]:
    """The law of the number of active units, of which there is one."""
    return {k: mp.binomial(n, k) / (mp.mpf(2) ** n - 1) for k in range(1, n + 1)}


def dead_below(share: Any, sizes: Sequence[int]) -> Any:
    """Return the distribution over all chains from that over those that are not dead."""
    alive = mp.fprod(1 - mp.mpf(2) ** -n for n in sizes[1:])
    return 1 - alive + alive * share


def two_layers_below(x: Any, sizes: Sequence[int], variances: Sequence[float], what: str) -> Any:
    """P(‖∂L/∂a_1‖² ≤ x) of a ReLU chain of two layers, or P(‖∂L/∂W_2‖² ≤ x) for ‖x‖ = 2.

    Both are K_2/n_2 times a multiple of χ²_{K_1}.
    """
    n_0, n_1, n_2 = sizes
    scale = mp.mpf(variances[1]) / n_1 if what == "grad_a" else 4 * mp.mpf(variances[0]) / n_0
    share = mp.fsum(
        p_1 * p_2 * chi_square_below(x * n_2 / (k_2 * scale), k_1)
        for k_1, p_1 in binomial(n_1).items()
        for k_2, p_2 in binomial(n_2).items()
    )
    return dead_below(share, sizes)


@pytest.mark.parametrize("sizes", [(3, 4, 5), (7, 3, 9), (2, 12, 3)])
def test_medians_of_two_relu_layers_are_those_of_mpmath(sizes: tuple[int, ...]) -> None:
    variances = [1.7, 0.6]
    found = finitewidth.medians(
        "relu", sizes, list(map(Magnitude.of, variances)), Magnitude.of(2.0), [1, 2]
    )
    with mp.workdps(25):
        for what, log in (("grad_a", found.grad_a[0]), ("grad_w", found.grad_w[1])):
            below = two_layers_below(mp.exp(2 * mp.mpf(log)), sizes, variances, what)
            assert float(below) == pytest.approx(0.5, abs=1e-9)


def test_medians_of_three_linear_layers_are_those_of_mpmath() -> None:
    # ‖∂L/∂a_1‖² = (σ_2²σ_3²/(n_1 n_2)) χ²_3 χ²_5, the density of one and the distribution of
    # the other.
    sizes, variances = (4, 3, 5, 2), [0.3, 1.7, 0.6]
    found = finitewidth.medians(
        "identity", sizes, list(map(Magnitude.of, variances)), None, [1, 2, 3]
    )
    with mp.workdps(20):
        x = mp.exp(2 * mp.mpf(found.grad_a[0])) * 15 / (mp.mpf(variances[1]) * variances[2])

        def integrand(y: Any) -> Any:
            density = mp.sqrt(y) * mp.exp(-y / 2) / (mp.mpf(2) ** 1.5 * mp.gamma(1.5))
            return density * chi_square_below(x / y, 5)

        below = mp.quad(integrand, [0, 0.1, 1, 5, 20, 100])
        assert float(below) == pytest.approx(0.5, abs=1e-9)
    # ‖∂L/∂a_3‖ is the readout's own norm.
    assert found.grad_a[2] == 0.0


def test_median_of_the_readouts_factor_is_an_order_statistic() -> None:
    # K of 4 with one active at least: 4, 6, 4, 1 of 15; half of all chains are 8 of 16.
    found = finitewidth.medians("relu", [4, 4], [TWO], Magnitude.of(3.0), [1])
    assert found.grad_a[0] == pytest.approx(0.5 * math.log(2 / 4), rel=1e-14)
    assert found.grad_w[0] == pytest.approx(0.5 * math.log(2 / 4) + math.log(3.0), rel=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "sizes", "variances"),
    [
        ("relu", [16] * 21, [2.0] * 20),
        ("relu", [3] * 5, [2.0] * 4),
        ("relu", [5, 30, 7, 12, 9], [1.0, 0.5, 3.0, 2.0]),
        ("identity", [5, 30, 7, 12, 9], [1.0, 0.5, 3.0, 2.0]),
        ("identity", [1] * 6, [1.0] * 5),
    ],
)
def test_half_of_all_chains_are_below_their_medians(
    act: str, sizes: list[int], variances: list[float]
) -> None:
    depth, chains = len(variances), 6000
    logs = simulated(act, sizes, variances, chains)[:, : depth - 1]
    found = finitewidth.medians(
        act, sizes, list(map(Magnitude.of, variances)), None, range(1, depth)
    )
    below = (logs < found.grad_a).mean(axis=0)
    assert (np.abs(below - 0.5) < 4.0 * 0.5 / math.sqrt(chains)).all()


def test_chains_of_which_half_are_dead_have_the_median_0() -> None:
    found = finitewidth.medians("relu", [3] * 7, [TWO] * 6, None, range(1, 7))
    assert 1.0 - (7 / 8) ** 6 > 0.5
    assert np.isneginf([*found.grad_a, *found.grad_w]).all()
    found = finitewidth.medians("relu", [3] * 6, [TWO] * 5, None, range(1, 6))
    assert np.isfinite([*found.grad_a, *found.grad_w]).all()


@pytest.mark.slow
@pytest.mark.parametrize("n", [256, 1000, 10**5, 10**7])
def test_median_of_a_wide_chain_is_nearly_the_mean_of_its_nearly_normal_law(n: int) -> None:
    sizes, variances = [n] * 6, [TWO] * 5
    law = finitewidth.relu(sizes, variances)
    found = finitewidth.medians("relu", sizes, variances, None, range(1, 5))
    # Cornish and Fisher: they differ by a sixth of the skewness times the deviation, and the
    # skewness falls as 1/√n.
    assert (np.abs(found.grad_a - law.mean[:4]) < law.std[:4] / math.sqrt(n)).all()


def test_ln_gamma_agrees_with_mpmath() -> None:
    for z in (0.5 + 0j, 0.5 + 30j, 3 + 100j, 1000 + 3j, 50 + 400j):
        found = complex(finitewidth._log_gamma(np.array([z]))[0])
        exact = complex(mp.loggamma(z))
        assert found.real == pytest.approx(exact.real, rel=1e-13)
        turns = (found.imag - exact.imag) / (2.0 * math.pi)
        assert turns == pytest.approx(round(turns), abs=1e-11)
