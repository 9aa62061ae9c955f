"""Fit the prices of `vanish.simulation.costs` to runs of this machine, and print them.

    OPENBLAS_NUM_THREADS=1 taskset -c 0 python tests/benchmarks/fit_costs.py [SECONDS]

Runs of either engine, of many sizes in random order, for so many seconds each, 60 without. The
prices are those whose logarithms are nearest to the times', and none is below 0; beside them
stands by what factor they miss the times.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import islice, product
from typing import TYPE_CHECKING, Any

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from scipy.optimize import nnls

from vanish.network.streams import Streams
from vanish.simulation import costs
from vanish.simulation.drawing import Draws
from vanish.simulation.run import measure
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SIZES = {
    "layers": (5, 20, 100, 1000),
    "width": (8, 16, 32, 64, 128, 256, 512, 1024),
    "batch": (1, 2, 4, 16, 64),
    "trials": (1, 3, 10, 100, 1000),
}
# By these shares: what is rarely run says less.
_KINDS: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.6, {}),
    (0.2, {"init": "orthogonal"}),
    (0.1, {"block": "x + V S(W LN(x) + b)"}),
    (0.1, {"block": "x + S(Wx+b)"}),
)

# How many runs, each of so many microseconds at most, so that all of them are met often.
_TRIED, _LONGEST = 160, 60_000.0

_ROUNDS = 40

_QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)


def _settings(engine: str) -> Iterator[Settings]:
    """Yield settings of all sizes and kinds, without end."""
    chance = np.random.default_rng(0)
    sizes = list(product(*_SIZES.values()))
    shares = [share for share, _ in _KINDS]
    taken = costs.dense if engine == "dense" else costs.sampled
    while True:
        _, kind = _KINDS[chance.choice(len(_KINDS), p=shares)]
        size = dict(zip(_SIZES, sizes[chance.integers(len(sizes))], strict=True))
        options: dict[str, Any] = size | kind
        found = Settings(act="tanh", engine=engine, norm_bound=False, **options)
        if taken(found) < _LONGEST:
            yield found


def _microseconds(settings: Settings) -> float:
    """Return what a run takes."""
    draws = Draws(Streams(settings.seed))
    begun = time.perf_counter()
    measure(settings, draws=draws, jobs=1)
    return 1e6 * (time.perf_counter() - begun)


def _least(tried: list[Settings], seconds: float) -> NDArray[np.float64]:
    """Return what each run takes at least, of as many rounds as there is time for."""
    until = time.monotonic() + seconds
    found = np.full(len(tried), np.inf)
    while time.monotonic() < until or np.isinf(found).any():
        for i in np.random.default_rng().permutation(len(tried)):
            found[i] = min(found[i], _microseconds(tried[i]))
    return found


def _fitted(counts: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the prices with the least squares of the logarithms of what they miss by."""
    missed = np.ones_like(times)
    prices = np.zeros(counts.shape[1])
    for _ in range(_ROUNDS):
        # (log m)² = w²(m - 1)², with the weights of the round before.
        near = np.abs(missed - 1.0) < 1e-9
        off = np.where(near, 1.0, missed - 1.0)
        weights = np.where(near, 1.0, np.log(missed) / off) / times
        prices, _ = nnls(counts * weights[:, None], times * weights)
        missed = counts @ prices / times
    return prices


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    for engine, count, record in (
        ("dense", costs.dense_counts, costs.Dense),
        ("sampled", costs.sampled_counts, costs.Sampled),
    ):
        tried = list(islice(_settings(engine), _TRIED))
        counts = np.array([count(each) for each in tried], dtype=float)
        times = _least(tried, seconds)
        prices = _fitted(counts, times)
        named = zip(record._fields, prices, strict=True)
        shares = np.quantile(counts @ prices / times, _QUANTILES)
        told = ", ".join(f"{each:.2f}" for each in shares)
        sys.stdout.write(
            f"{record.__name__}({', '.join(f'{name}={price:.3g}' for name, price in named)})\n"
            f"    {told} of the time, at {', '.join(f'{100 * each:g}' for each in _QUANTILES)} %\n"
        )


if __name__ == "__main__":
    main()
