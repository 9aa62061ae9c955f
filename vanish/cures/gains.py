"""Cures by a gain: one for all layers, or of the layers at fault alone."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

from vanish.cures.digits import rounded
from vanish.cures.draws import critical_std
from vanish.cures.workbench import SpentError
from vanish.cures.zeros import OutOfReachError, Walk
from vanish.errors import VanishError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.cures.cure import Proposals
    from vanish.cures.workbench import Bench, Change
    from vanish.cures.zeros import Zero
    from vanish.simulation.settings import Settings

    # The change to a gain.
    Scaled = Callable[[float], Change]

# A gain of so many decades is still a number. So many gains that bring the user's seed to the
# middle are tried, each corrected so often for others.
_FARTHEST, _MOST_ZEROS, _CORRECTIONS = 290.0, 4, 3


def of_all_layers(bench: Bench) -> Proposals:
    """Propose the gain nearest to 1 that does, and where seeds differ one in their middle."""
    settings = bench.settings

    def scaled(gain: float) -> Change:
        """Return the change to a gain; of one a layer they are all multiplied by it."""
        each = settings.gain
        if isinstance(each, float):
            return {"gain": gain}
        return {"gain": tuple(rounded(one * gain, settings.model.depth) for one in each)}

    starts_at_1 = isinstance(settings.gain, tuple) or settings.gain == 1.0
    hint = _at_critical(bench)
    # Where S scales, the slope of the log10 ratio by the log10 gain is N-1.
    steps = settings.model.depth - 1
    yield from _nearest(bench, scaled, steps, hint, starts_at_1=starts_at_1)


def of_faulty_layers(bench: Bench) -> Proposals:
    """Propose gains of the layers at fault alone.

    At first what makes each of their weights do what the median layer's does; then one more
    factor of all of them.
    """
    settings, faults = bench.settings, bench.faults
    if not faults:
        return
    depth = settings.model.depth
    own = {k: settings.model.gains.at(k, depth) for k in range(1, depth + 1)}
    mended = {fault.layer: 10.0 ** -fault.excesses[0] for fault in faults}

    def scaled(gain: float) -> Change:
        gains = own | {k: rounded(own[k] * factor * gain, depth) for k, factor in mended.items()}
        return {"gain": tuple(gains.values()), "last_gain": None}

    seen = yield scaled(1.0)
    # W_1 is not on the way back to layer 1.
    steps = sum(fault.layer > 1 for fault in faults)
    if seen and steps:
        yield from _nearest(bench, scaled, steps)


def _nearest(
    bench: Bench,
    scaled: Scaled,
    steps: int,
    hint: tuple[float, float] | None = None,
    *,
    starts_at_1: bool = False,
) -> Proposals:
    """Propose the factors nearest to 1 that do, by a walk outwards.

    Parameters
    ----------
    bench, scaled
        Where, and what a factor changes.
    steps
        How many weights on the way back are multiplied by it.
    hint
        As for a `Walk`.
    starts_at_1
        Whether the factor 1 is what there is.
    """
    settings = bench.settings
    scales = all(each.homogeneous for each in settings.model.activations[:-1])
    if bench.log10_ratio == -math.inf and scales and not bench.has_biases:
        return  # a zero stays one

    def excess(log10_gain: float) -> float:
        try:
            return bench.scout(scaled(_gain_of(log10_gain, settings))) - bench.aim
        except (VanishError, MemoryError):
            raise OutOfReachError from None

    try:
        start = bench.log10_ratio - bench.aim if starts_at_1 else excess(0.0)
    except OutOfReachError:
        return
    enough = 0.5 * bench.wanted.width
    walk = Walk(excess, start, steps, hint, enough)
    tried: set[float] = set()
    try:
        for zero in islice(walk.zeros(), _MOST_ZEROS):
            yield from _around(bench, scaled, zero, tried)
    except SpentError:
        if not tried:
            yield from _around(bench, scaled, walk.best, tried)
        raise
    yield from _around(bench, scaled, walk.best, tried)


def _around(bench: Bench, scaled: Scaled, zero: Zero, tried: set[float]) -> Proposals:
    """Propose a gain, and then those that move all seeds that were seen to the middle."""
    log10_gain, slope = zero
    excesses: dict[float, float] = {}
    while len(excesses) < _CORRECTIONS:
        gain = _gain_of(log10_gain, bench.settings)
        if gain in tried:
            return
        tried.add(gain)
        seen = yield scaled(gain)
        if not seen or min(seen) == -math.inf or max(seen) - min(seen) > bench.stable.width:
            return
        excesses[gain] = 0.5 * (min(seen) + max(seen)) - bench.aim
        log10_gain = _corrected(excesses, slope)


def _gain_of(log10_gain: float, settings: Settings) -> float:
    return rounded(10.0 ** max(-_FARTHEST, min(log10_gain, _FARTHEST)), settings.model.depth)


def _corrected(excesses: dict[float, float], slope: float) -> float:
    """Return the log10 gain at which the excess should be 0, by the gains seen last."""
    *before, (gain, excess) = excesses.items()
    log10_gain = math.log10(gain)
    for other, value in reversed(before):
        if (value > 0.0) != (excess > 0.0):
            slope = (value - excess) / (math.log10(other) - log10_gain)
            break
    return log10_gain - excess / slope


def _at_critical(bench: Bench) -> tuple[float, float] | None:
    """Return the log10 gain that makes the weights critical, and the excess that was seen there.

    Where the layers differ in size it is so of their typical scale only.
    """
    if bench.at_critical is None or not math.isfinite(bench.at_critical):
        return None
    settings = bench.settings
    stds = sorted(variance.log10 or 0.0 for variance in settings.model.weight_variances)
    gain = settings.gain if isinstance(settings.gain, float) else 1.0
    now = 0.5 * stds[len(stds) // 2] - math.log10(gain)
    critical = critical_std(bench)
    assert critical is not None
    return math.log10(critical) - now, bench.at_critical - bench.aim
