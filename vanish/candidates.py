"""What may mend a run: the kinds of change that are tried, the smallest one first.

A candidate is data: a name, and what proposes its changes. It is told how each one went, and may
propose a better one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from vanish import initializers, theory
from vanish.bench import SpentError
from vanish.errors import VanishError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from vanish.bench import Bench, Change

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
    if (critical := _critical_std(bench)) is not None:
        seen = yield {"weight_std": rounded(critical / settings.gain, settings.depth)}
        if seen:
            bench.at_critical = 0.5 * (min(seen) + max(seen))


def _critical_std(bench: Bench) -> float | None:
    hidden = set(bench.settings.activations[:-1])
    if len(hidden) > 1:
        return None
    return theory.critical(hidden.pop(), bench.settings.bias_std).weight_std


def _conventional(_: Bench) -> Proposals:
    """Propose each activation's own initialiser."""
    yield {"init": initializers.AUTO, "gain": 1.0}


def _gain(bench: Bench) -> Proposals:
    """Propose the gain nearest to 1 that does, and where seeds differ one in their middle."""
    depth = bench.settings.depth

    scales = all(each.homogeneous for each in bench.settings.activations[:-1])
    if bench.log10_ratio == -math.inf and scales and not bench.has_biases:
        return  # a zero stays one

    def gain(log10: float) -> float:
        return rounded(10.0**log10, depth)

    def excess(log10_gain: float) -> float | None:
        if abs(log10_gain) > _FURTHEST:
            return None
        try:
            return bench.scout({"gain": gain(log10_gain)}) - bench.aim
        except (VanishError, MemoryError):
            return None

    if bench.settings.gain == 1.0:
        start: float | None = bench.log10_ratio - bench.aim
    else:
        start = excess(0.0)
    # Where S scales, the slope of the log10 ratio by the log10 gain is N-1.
    log10_gain, slope = nearest_zero(excess, start, depth - 1, _at_critical(bench))
    tried: dict[float, float] = {}
    while gain(log10_gain) not in tried and len(tried) < _CORRECTIONS:
        seen = yield {"gain": gain(log10_gain)}
        if not seen or min(seen) == -math.inf or max(seen) - min(seen) > bench.stable.width:
            return
        tried[gain(log10_gain)] = 0.5 * (min(seen) + max(seen)) - bench.aim
        log10_gain = _corrected(tried, slope)


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
    stds = sorted(variance.log10 or 0.0 for variance in settings.weight_variances)
    now = 0.5 * stds[len(stds) // 2] - math.log10(settings.gain)
    critical = _critical_std(bench)
    assert critical is not None
    return math.log10(critical) - now, bench.at_critical - bench.aim


def _activation(bench: Bench) -> Proposals:
    """Propose another activation with its own initialiser; layer N keeps one of its own."""
    settings = bench.settings
    hidden = {activation.name for activation in settings.activations[:-1]}
    rest: dict[str, Any] = {"init": initializers.AUTO, "gain": 1.0}
    if settings.layer_acts is not None:
        rest["layers"] = settings.depth if settings.widths is None else None
        last = settings.activations[-1].name
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

ANOTHER_ACTIVATION = CANDIDATES[-1:]


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


# Of the gain so many decades are looked at, in steps of a twentieth to half a decade.
_REACH, _SHORTEST, _LONGEST = 3.0, 0.05, 0.5
# A ratio of so many decades is near enough, and a gain of so many still a number.
_NEAR, _FURTHEST = 0.2, 290.0
# A bracket is narrowed so often, and the gain that was found corrected.
_STEPS, _CORRECTIONS = 12, 3


def nearest_zero(
    excess: Callable[[float], float | None],
    start: float | None,
    slope: float,
    hint: tuple[float, float] | None = None,
) -> tuple[float, float]:
    """Return where a function of log10 gain is about 0, as near to 0 as a walk finds it.

    It need not be monotone: a saturated S makes ratios fall as the gain rises. So the walk goes
    outwards until the sign changes, the likely way first and the other one too as soon as that
    leads no nearer, and then narrows the bracket down.

    Parameters
    ----------
    excess
        The function; None where it cannot be had, beyond which nothing is looked for.
    start
        Its value at 0.
    slope
        What its slope would be, did S scale.
    hint
        A place from which to go on, and about its value there.

    Returns
    -------
    where
        Of all places seen the one where it is nearest to 0.
    slope
        There.
    """
    if start is None or abs(start) <= _NEAR:
        return 0.0, slope
    seen = {0.0: start}
    try:
        bracket = _bracket(excess, seen, slope, hint)
        if bracket is not None:
            _narrow(excess, seen, *bracket)
    except SpentError:
        pass  # the best so far
    best, *others = sorted(seen, key=lambda x: abs(seen[x]))
    for other in others:
        found = (seen[other] - seen[best]) / (other - best)
        if 0.1 * slope < found < math.inf:
            return best, found
    return best, slope


def _bracket(
    excess: Callable[[float], float | None],
    seen: dict[float, float],
    slope: float,
    hint: tuple[float, float] | None,
) -> tuple[float, float] | None:
    """Return two places between which the sign changes; None where none are found."""
    start = seen[0.0]
    guess = abs(start) / slope if math.isfinite(start) else _LONGEST
    reach, longest = max(_REACH, 2.0 * guess), max(_LONGEST, 0.25 * guess)
    # A larger gain makes gradients larger, but where S is saturated.
    likely, turned = math.copysign(1.0, -start), False
    front = {likely: (0.0, min(guess, longest))}
    if hint is not None and likely * hint[0] > 0.0 and abs(hint[1]) < abs(start):
        place, there = hint
        seen[place] = there
        if abs(there) <= _NEAR or (there > 0.0) != (start > 0.0):
            return 0.0, place
        front[likely] = place, min(abs(there) / slope, longest)
    while front:
        for way, (inner, step) in list(front.items()):
            outer = inner + way * step
            value = excess(outer) if abs(outer) <= reach else None
            if value is not None:
                seen[outer] = value
                if abs(value) <= _NEAR or (value > 0.0) != (start > 0.0):
                    return inner, outer
            nearer = value is not None and abs(value) < abs(seen[inner])
            if way == likely and not nearer and not turned:
                front[-likely], turned = (0.0, min(guess, longest)), True
            if value is None:
                del front[way]
                continue
            ahead = 2.0 * step
            if nearer:
                # a little beyond where the line through both meets 0
                ahead = min(ahead, 1.2 * step * abs(value) / (abs(seen[inner]) - abs(value)))
            front[way] = outer, min(max(ahead, _SHORTEST), longest)
    return None


def _narrow(
    excess: Callable[[float], float | None], seen: dict[float, float], inner: float, outer: float
) -> None:
    """Narrow a bracket down: by the line through its ends, then by halves, in turns."""
    for step in range(_STEPS):
        a, b = seen[inner], seen[outer]
        if min(abs(a), abs(b)) <= _NEAR:
            return
        by_line = step % 2 == 0 and math.isfinite(a) and math.isfinite(b)
        share = min(max(a / (a - b), 0.02), 0.98) if by_line else 0.5
        middle = inner + share * (outer - inner)
        value = excess(middle)
        if value is None:
            return
        seen[middle] = value
        if (value > 0.0) == (a > 0.0):
            inner = middle
        else:
            outer = middle
