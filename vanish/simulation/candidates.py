"""What may mend a run: the kinds of change that are tried, the smallest one first.

A candidate is data: a name, and what proposes its changes. It is told how each one went, and may
propose a better one.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from vanish.errors import VanishError
from vanish.network import initializers
from vanish.simulation.workbench import SpentError
from vanish.simulation.zeros import OutOfReachError, Walk
from vanish.theories import infinitewidth as theory

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from vanish.simulation.settings import Settings
    from vanish.simulation.workbench import Bench, Change
    from vanish.simulation.zeros import Zero

    # What proposes changes; it is sent what their runs gave on the user's seed and on further
    # ones, as far as they got: nothing where one failed or changes nothing.
    Proposals = Generator[Change, tuple[float, ...], None]


class Candidate(NamedTuple):
    """A kind of change.

    Attributes
    ----------
    name
        What it is called.
    proposals
        Given the bench, what proposes the changes, the best one first.
    keeps_for_one
        Whether it leaves enough of what a search may take to try one change more.
    for_given_weights
        Whether it can be done to a real network.
    """

    name: str
    proposals: Callable[[Bench], Proposals]
    keeps_for_one: bool = False
    for_given_weights: bool = False


def _critical(bench: Bench) -> Proposals:
    """Propose theory's critical weight_std, whatever gain is in force.

    The ratio is one of S' in layers 1 to N-1, so that layer N may have another S.
    """
    settings = bench.settings
    gain, critical = settings.gain, _critical_std(bench)
    if critical is not None and isinstance(gain, float):
        seen = yield {"weight_std": rounded(critical / gain, settings.model.depth)}
        if seen:
            bench.at_critical = 0.5 * (min(seen) + max(seen))


def _critical_std(bench: Bench) -> float | None:
    hidden = set(bench.settings.model.activations[:-1])
    if len(hidden) > 1:
        return None
    # The initialiser goes, and with it what it makes of biases.
    bias_std = bench.settings.bias_std
    if bench.settings.bias_init is not None:
        law = initializers.get_of_biases(bench.settings.bias_init)
        middle = bench.settings.model.sizes[bench.settings.model.depth // 2]
        bias_std = law.weight_std(middle, middle) / math.sqrt(middle)
    return theory.critical(hidden.pop(), bias_std).weight_std


def _conventional(_: Bench) -> Proposals:
    """Propose each activation's own initialiser."""
    yield {"init": initializers.AUTO, "gain": 1.0}


def _gain(bench: Bench) -> Proposals:
    """Propose the gain nearest to 1 that does, and where seeds differ one in their middle."""
    settings = bench.settings
    scales = all(each.homogeneous for each in settings.model.activations[:-1])
    if bench.log10_ratio == -math.inf and scales and not bench.has_biases:
        return  # a zero stays one

    def excess(log10_gain: float) -> float:
        try:
            return bench.scout(_scaled(settings, _gain_of(log10_gain, settings))) - bench.aim
        except (VanishError, MemoryError):
            raise OutOfReachError from None

    try:
        known = isinstance(settings.gain, tuple) or settings.gain == 1.0
        start = bench.log10_ratio - bench.aim if known else excess(0.0)
    except OutOfReachError:
        return
    # Where S scales, the slope of the log10 ratio by the log10 gain is N-1.
    slope, enough = settings.model.depth - 1, 0.5 * bench.wanted.width
    walk = Walk(excess, start, slope, _at_critical(bench), enough)
    tried: set[float] = set()
    try:
        for zero in islice(walk.zeros(), _MOST_ZEROS):
            yield from _around(bench, zero, tried)
    except SpentError:
        if not tried:
            yield from _around(bench, walk.best, tried)
        raise
    yield from _around(bench, walk.best, tried)


def _around(bench: Bench, zero: Zero, tried: set[float]) -> Proposals:
    """Propose a gain, and then those that move all seeds that were seen to the middle."""
    log10_gain, slope = zero
    excesses: dict[float, float] = {}
    while len(excesses) < _CORRECTIONS:
        gain = _gain_of(log10_gain, bench.settings)
        if gain in tried:
            return
        tried.add(gain)
        seen = yield _scaled(bench.settings, gain)
        if not seen or min(seen) == -math.inf or max(seen) - min(seen) > bench.stable.width:
            return
        excesses[gain] = 0.5 * (min(seen) + max(seen)) - bench.aim
        log10_gain = _corrected(excesses, slope)


def _scaled(settings: Settings, gain: float) -> Change:
    """Return the change to a gain; of one a layer they are all multiplied by it."""
    each = settings.gain
    if isinstance(each, float):
        return {"gain": gain}
    return {"gain": tuple(rounded(one * gain, settings.model.depth) for one in each)}


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
    critical = _critical_std(bench)
    assert critical is not None
    return math.log10(critical) - now, bench.at_critical - bench.aim


def _activation(bench: Bench) -> Proposals:
    """Propose another activation with its own initialiser; layer N keeps one of its own."""
    settings = bench.settings
    hidden = {activation.name for activation in settings.model.activations[:-1]}
    rest: dict[str, Any] = {"init": initializers.AUTO, "gain": 1.0}
    if settings.layer_acts is not None:
        rest["layers"] = settings.model.depth if settings.widths is None else None
        last = settings.model.activations[-1].name
        rest["last_act"] = last if last not in hidden else None
    for name in ("relu", "tanh"):
        if hidden != {name}:
            yield {"act": name, **rest}


CANDIDATES = (
    Candidate("critical weight_std", _critical),
    Candidate("conventional initialiser", _conventional),
    Candidate("gain", _gain, keeps_for_one=True, for_given_weights=True),
    Candidate("another activation", _activation),
)


# A gain of so many decades is still a number. So many gains that bring the user's seed to the
# middle are tried, each corrected so often for others.
_FARTHEST, _MOST_ZEROS, _CORRECTIONS = 290.0, 4, 3

# Decades by which the digits that a number lacks may move the ratio.
ROUNDING = 0.1


def rounded(value: float, layers: int) -> float:
    """Return a number with no more digits than so many layers need.

    A relative error δ in the weights' scale moves the ratio by about layers·δ/ln 10 decades:
    by at most a tenth.
    """
    most = ROUNDING * math.log(10.0) / layers
    digits = 1
    while abs((found := float(f"{value:.{digits}g}")) / value - 1.0) > most:
        digits += 1
    return found
