"""What was measured of T trials, and the order statistics that sum them up."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from vanish.numbers.stack import Magnitudes
from vanish.readings.forwardsignal import ForwardSignal
from vanish.readings.slopes import log10_active_paths, slope_products
from vanish.readings.slopesizes import SlopeStatistics
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vanish.network.graph import Graph
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.signed import Signeds
    from vanish.simulation.census import Entries

Part = TypeVar("Part")

LOW, MEDIAN, HIGH = 0.05, 0.5, 0.95


class Later(Protocol):
    """What is found when it is first asked for."""

    @property
    def found(self) -> Entries | None:
        """The entries of the first trial's signals."""


class Measured(Record):
    """Norms and slopes of every layer and trial; see `layers.LayerRecord`.

    Attributes
    ----------
    grad_w, grad_b, grad_a, grad_f, weight
        ‖∂L/∂W_k‖, ‖∂L/∂b_k‖, ‖∂L/∂a_k‖, ‖∂L/∂f_k‖ and ‖W_k‖, shape (N, T), layer 1 first; of
        several matrices, biases or arguments of S in a layer the root of the sum of squares.
    value
        ‖f_k‖ for k = 0..N, shape (N+1, T).
    graph
        What was run.
    slopes
        What the slopes say.
    constant
        The share of lines that were constant for a norm, which passes nothing back there: see
        `readings.normalised`; shape (N, T).
    parameters
        The norm of the gradient by each parameter, by letter, shape (N, T); zero in the layers that
        have none. Of one that all layers share the part of each layer.
    totals
        Of those that all layers share the norm of the gradient itself, by letter, shape (T,).
    norm_bound
        The bound that always holds, shape (N, T); None where it was not computed.
    entries
        The entries of the signals of the first trial, the plain run; None where nobody asked.
    later
        Finds them where that takes another run.
    forward
        What a_k and f_k say; None where nobody asked.
    """

    grad_w: Magnitudes
    grad_b: Magnitudes
    grad_a: Magnitudes
    grad_f: Magnitudes
    weight: Magnitudes
    value: Magnitudes
    graph: Graph
    slopes: SlopeStatistics
    constant: FloatArray
    parameters: Mapping[str, Magnitudes]
    totals: Mapping[str, Magnitudes]
    norm_bound: Magnitudes | None = None
    entries: Entries | None = None
    later: Later | None = None
    forward: ForwardSignal | None = None

    @classmethod
    def joined(cls, parts: Sequence[Measured]) -> Measured:
        """Put trials behind each other."""
        if len(parts) == 1:
            return parts[0].narrow()
        magnitudes = _each_once(Magnitudes.joined)
        numbers = _each_once(partial(np.concatenate, axis=1))
        slopes = zip(*(part.slopes for part in parts), strict=True)
        forward = [part.forward for part in parts if part.forward is not None]
        bounds = [part.norm_bound for part in parts if part.norm_bound is not None]

        def by_letter(columns: Sequence[Mapping[str, Magnitudes]]) -> dict[str, Magnitudes]:
            return {letter: magnitudes([part[letter] for part in columns]) for letter in columns[0]}

        return cls(
            grad_w=magnitudes([part.grad_w for part in parts]),
            grad_b=magnitudes([part.grad_b for part in parts]),
            grad_a=magnitudes([part.grad_a for part in parts]),
            grad_f=magnitudes([part.grad_f for part in parts]),
            weight=magnitudes([part.weight for part in parts]),
            value=magnitudes([part.value for part in parts]),
            graph=parts[0].graph,
            slopes=SlopeStatistics(*map(numbers, slopes)),
            constant=numbers([part.constant for part in parts]),
            parameters=by_letter([part.parameters for part in parts]),
            totals=by_letter([part.totals for part in parts]),
            norm_bound=magnitudes(bounds) if bounds else None,
            entries=parts[0].entries,
            forward=ForwardSignal.joined(forward) if forward else None,
        )

    def narrow(self) -> Measured:
        """Return the same in less memory."""
        # Some are one and the same, and of one sample ∂L/∂b_k is ∂L/∂a_k.
        known: list[tuple[Magnitudes, Magnitudes]] = []

        def narrow(numbers: Magnitudes) -> Magnitudes:
            for one, found in known:
                if one is numbers or all(map(np.array_equal, one, numbers)):
                    return found
            known.append((numbers, numbers.narrow()))
            return known[-1][1]

        return self._replace(
            grad_w=narrow(self.grad_w),
            grad_b=narrow(self.grad_b),
            grad_a=narrow(self.grad_a),
            grad_f=narrow(self.grad_f),
            weight=narrow(self.weight),
            value=narrow(self.value),
            parameters={letter: narrow(column) for letter, column in self.parameters.items()},
        )

    @property
    def trials(self) -> int:
        """T."""
        return len(self.grad_w.mantissas[0])

    @property
    def signal(self) -> Magnitudes:
        """What is compared from layer to layer, ‖∂L/∂a_k‖ or ‖∂L/∂f_k‖: see `Graph.signal`."""
        return self.grad_a if self.graph.signal == "a" else self.grad_f

    @property
    def gain_back(self) -> Magnitudes:
        """The signal at k over that at k+1, for k = 1..N-1, shape (N-1, T); 0 where either is."""
        return self.signal.at(slice(None, -1)).over(self.signal.at(slice(1, None)))

    @property
    def slope_product(self) -> Magnitudes:
        """∏_{j=k..N} of the largest slopes, shape (N, T)."""
        return slope_products(self.graph, self.slopes.largest)

    @property
    def log10_active_paths(self) -> FloatArray:
        """log10 of the number of all-active paths from layer k to layer N, shape (N, T)."""
        return log10_active_paths(self.graph, self.slopes.active)


def pooled(parts: Sequence[Magnitudes], shape: tuple[int, ...]) -> Magnitudes:
    """Return the root of the sum of squares of some norms, zero of none; of that shape."""
    if len(parts) == 1:
        return parts[0]
    return sum((each * each for each in parts), Magnitudes.of(np.zeros(shape))).root()


def _each_once(join: Callable[[Sequence[Part]], Part]) -> Callable[[Sequence[Part]], Part]:
    """Return what joins parts, those that have been joined before not again."""
    known: dict[tuple[int, ...], Part] = {}

    def joined(parts: Sequence[Part]) -> Part:
        these = tuple(map(id, parts))
        if these not in known:
            known[these] = join(parts)
        return known[these]

    return joined


def rank(share: float, trials: int) -> int:
    """Return which of so many numbers in ascending order is a quantile, from 0.

    The least one that at least this share of them does not exceed: always one that was
    measured, never something between two.
    """
    return max(0, math.ceil(share * trials) - 1)


def quantile(numbers: FloatArray, share: float) -> FloatArray:
    """Return a quantile over the last axis, the trials."""
    # Of numbers that are all the same one is kept, see `without_repeats`.
    if numbers.shape[-1] == 1 or not any(numbers.strides):
        return np.asarray(numbers[..., 0])
    from vanish.numbers.ranks import ordered  # noqa: PLC0415 - start-up

    at = rank(share, numbers.shape[-1])
    return ordered(numbers, [at])[..., at]


def signed_quantile(numbers: Signeds, share: float) -> Signeds:
    """Return a quantile over the trials of numbers of any sign, shape (N, T) to (N,)."""
    trials = numbers.mantissas.shape[-1]
    if trials == 1:
        return numbers.at((..., 0))
    from vanish.numbers.ranks import signed_ranked  # noqa: PLC0415 - start-up

    return signed_ranked(numbers, rank(share, trials))


def magnitude_quantiles(magnitudes: Magnitudes, *shares: float) -> list[Magnitudes]:
    """Return quantiles over the trials, shape (N, T) to (N,); a true zero is the smallest."""
    trials = magnitudes.mantissas.shape[-1]
    if trials == 1:
        return [magnitudes.at((..., 0))] * len(shares)
    from vanish.numbers.ranks import ranked  # noqa: PLC0415 - start-up

    return ranked(magnitudes, [rank(share, trials) for share in shares])
