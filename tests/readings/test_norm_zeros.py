"""Gradients that a norm leaves nothing of are exactly 0: against arithmetic of 60 digits.

Of an input of one active unit a norm behind it knows no size: rounding alone would be left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp

import vanish
from vanish.ops import affine, normalising
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

BLOCKS = ("S(LN(Wx))", "S(RMS(Wx))", "LN(S(Wx))", "RMS(S(Wx))")

# Of 60 digits, what is left of a true zero.
NOTHING = 1e-50


def _normed(values: list[Any], *, centred: bool) -> tuple[list[Any], Any]:
    mean = sum(values) / len(values) if centred else mp.mpf(0)
    rest = [each - mean for each in values]
    sigma = mp.sqrt(sum(each * each for each in rest) / len(rest))
    if sigma < NOTHING:
        return [mp.mpf(0)] * len(rest), None
    return [each / sigma for each in rest], sigma


def _norm_back(y: list[Any], sigma: Any, g: list[Any], *, centred: bool) -> list[Any]:
    if sigma is None:
        return [mp.mpf(0)] * len(g)
    mean = sum(g) / len(g) if centred else mp.mpf(0)
    along = sum(a * b for a, b in zip(y, g, strict=True)) / len(g)
    return [(a - mean - b * along) / sigma for a, b in zip(g, y, strict=True)]


def exact(simulation: Simulation, block: str) -> list[float]:
    """Return ‖∂L/∂f_k‖ of every layer of a relu chain, layer 1 first."""
    centred, outer = "LN" in block, not block.startswith("S")
    chain = simulation.chain
    f = [mp.mpf(float(each)) for each in simulation.x[0]]
    passed = []
    for k in range(1, chain.graph.depth + 1):
        matrix = chain.matrices(k)[0].multiplied_out()
        rows = [[mp.mpf(float(each)) for each in row] for row in matrix]
        a = [sum(w * each for w, each in zip(row, f, strict=True)) for row in rows]
        if outer:
            y, sigma = _normed([max(each, mp.mpf(0)) for each in a], centred=centred)
            f, slopes = y, [each > 0 for each in a]
        else:
            y, sigma = _normed(a, centred=centred)
            f, slopes = [max(each, mp.mpf(0)) for each in y], [each > 0 for each in y]
        passed.append((rows, slopes, y, sigma))
    g = [mp.mpf(float(each)) for each in simulation.loss_gradient.with_exponent(0).values[0]]
    found = []
    for rows, slopes, y, sigma in reversed(passed):
        found.append(mp.sqrt(sum(each * each for each in g)))
        if outer:
            g = _norm_back(y, sigma, g, centred=centred)
        g = [each if slope else mp.mpf(0) for each, slope in zip(g, slopes, strict=True)]
        if not outer:
            g = _norm_back(y, sigma, g, centred=centred)
        g = [sum(row[j] * each for row, each in zip(rows, g, strict=True)) for j in range(len(f))]
    return [float(each) if each > NOTHING else 0.0 for each in reversed(found)]


def wrong(block: str, width: int, seeds: range) -> int:
    """Return of how many chains a gradient is not what it is exactly."""
    count = 0
    with mp.workdps(60):
        for seed in seeds:
            settings = Settings(block=block, act="relu", width=width, layers=8, seed=seed)
            simulation = Simulation(settings)
            measured = [float(each.grad_f) for each in simulation.profile().layers]
            count += measured != pytest.approx(exact(simulation, block), rel=1e-6)
    return count


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("width", [3, 4, 7])
def test_what_a_norm_leaves_nothing_of_is_0(block: str, width: int) -> None:
    assert wrong(block, width, range(6)) == 0


@pytest.mark.parametrize(
    ("module", "block", "width"),
    # Of four units the square root is exact, and so is the difference.
    [(affine, "S(LN(Wx))", 4), (affine, "S(RMS(Wx))", 4), (normalising, "RMS(S(Wx))", 5)],
)
def test_rounding_that_is_left_is_noticed(
    module: Any, block: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROUNDING", 1e-30)
    assert wrong(block, width, range(6)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_as_many_sampled_chains_are_dead_as_dense_ones(block: str) -> None:
    shares = []
    for engine in ("dense", "sampled"):
        options: dict[str, Any] = {"act": "relu", "width": 4, "layers": 8, "trials": 1000}
        ratios = vanish.simulate(block=block, engine=engine, **options).ratios.log10
        dead = np.isneginf(ratios)
        # What is not exactly 0 is no rounding.
        assert (ratios[~dead] < -12.0).mean() < 0.01
        shares.append(dead.mean())
    # Four standard deviations of the difference of two shares of 1000.
    assert abs(shares[0] - shares[1]) < 4.0 * (2.0 * 0.25 / 1000) ** 0.5


@pytest.mark.parametrize("engine", ["sampled", "dense"])
def test_what_two_norms_leave_is_a_number_or_0(engine: str) -> None:
    """A ratio of 1e-17 is what rounding leaves of a small difference of large terms."""
    profile = vanish.simulate(
        act="relu", block="layernorm", layers=3, width=3, trials=300, engine=engine
    )
    ratios = profile.measured.grad_f.at(0).log10
    assert np.count_nonzero(np.isinf(ratios)) > 100
    assert np.count_nonzero(np.isfinite(ratios) & (ratios < -12.0)) == 0
