"""20 layers of 256 units and a batch of 256, forward and back in float64, with all norms.

Arguments: dense, autograd or backward; THREADS. `dense` is vanish, with all that it tells of a
network; `autograd` PyTorch by all weights, a_k and f_k, as vanish differentiates; `backward` by the
weights alone. The weights are drawn before. Prints the median of several runs, in seconds.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

import torch

from vanish.network.streams import Streams
from vanish.simulation.drawing import Draws
from vanish.simulation.run import measure
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

_LAYERS, _SIZE, _RUNS = 20, 256, 9


def dense() -> Callable[[], object]:
    """Return a run of vanish."""
    settings = Settings(
        act="tanh", layers=_LAYERS, width=_SIZE, batch=_SIZE, engine="dense", norm_bound=False
    )
    draws = Draws(Streams(settings.seed))
    return lambda: measure(settings, draws=draws, entries=True, forward=True)


def pytorch(threads: int, *, weights_alone: bool) -> Callable[[], object]:
    """Return a run of PyTorch."""
    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    std = _SIZE**-0.5
    weights = [torch.empty(_SIZE, _SIZE).normal_(0.0, std).requires_grad_() for _ in range(_LAYERS)]
    x, readout = torch.randn(_SIZE, _SIZE), torch.randn(_SIZE).sign() * std

    def run() -> list[float]:
        f, values = x, []
        for weight in weights:
            a = f @ weight.T
            f = torch.tanh(a)
            values += [a, f]
        by = weights if weights_alone else [*weights, *values]
        return [each.norm().item() for each in torch.autograd.grad((f @ readout).mean(), by)]

    return run


def seconds(run: Callable[[], object]) -> float:
    """Return the median time of a run, the first one left out."""
    run()
    taken = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


if __name__ == "__main__":
    what, threads = sys.argv[1], int(sys.argv[2])
    run = dense() if what == "dense" else pytorch(threads, weights_alone=what == "backward")
    sys.stdout.write(f"{seconds(run)}\n")
