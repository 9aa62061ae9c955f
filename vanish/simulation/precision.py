"""Lost precision: which signals a number format of fewer bits cannot hold, and whether a
loss scale saves them.

A format holds a signal if the largest entry does not overflow and the root mean square is
at least twice the smallest number, so that what is lost of its norm is little. Going
forward W_k, a_k and f_k (f_0 = x, too) must fit as they are. Going back ∂L/∂f_k, ∂L/∂a_k
and ∂L/∂W_k are stored as well, all of them multiplied by one power of two: the loss scale.
The least room of all signals, in bits, says whether the run fits.

Looked at is one run, that of the first trial: a loss scale is one network's.

What PyTorch 2.13 does on a processor (tests/simulation/test_precision.py asks it again):

- Products of matrices are summed up in float32 and rounded once, in float16 and in
  bfloat16: what counts is each stored entry, not the terms of its sum.
- Elementwise functions compute in float32 and round their result. A bfloat16 within 2^28 of
  the end of float32 may overflow on the way: softplus multiplies by e^a before it divides.
- float16 and float32 keep subnormal numbers. So does bfloat16 where it is emulated, which
  is measured; the bfloat16 instructions of processors do not: VDPBF16PS takes subnormal
  numbers for zero and flushes such results (Intel 64 and IA-32 Architectures Software
  Developer's Manual, volume 2). In bfloat16 only normal numbers are held for certain, and
  what lies between the smallest normal and subnormal numbers fits only just.
- An a_k that overflows gives S(∞), which for tanh is right: see `Activation.bears_infinity`.

Rounding is another matter than range. Where a chain is chaotic the last digits' errors grow
from layer to layer until they are as large as the signal; no scale changes that, and nothing
is called lost for it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.numbers.stack import Magnitudes
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.census import Entries, Signal
    from vanish.simulation.profile import Profile

    Ranges = list[tuple[int, int]]

YES, ONLY_JUST, NO = "yes", "only just", "no"
LOST, OVERFLOW = "lost", "overflow"

# Bits of room from which on a run fits, and down to which it may. Root mean squares and
# largest entries cannot tell more.
_FITS, _FAILS = 2.0, -4.0

# Measured: with this bit missing nearly all runs still keep their norms to 10 %.
_STILL_WORTH_A_TRY = -1.0

# Measured: where rounding is estimated to change a quarter of a_k, no gradient is right.
_CHAOTIC = 0.25

# To the nearest number of d digits is up to 2^-d of a number between 1 and 2; this share of
# it in the root mean square over all numbers.
_ROUNDING = 0.41


class NumberFormat(Record):
    """The range of a binary floating-point format.

    Attributes
    ----------
    name
        What it is called.
    normal, subnormal
        The smallest normal and the smallest subnormal number are two to these powers.
    overflow
        Every finite number is below two to this power.
    digits
        The number of binary digits of a normal number.
    held
        Numbers from two to this power on are held on every processor.
    """

    name: str
    normal: int
    subnormal: int
    overflow: int
    digits: int
    held: int

    @property
    def largest_scale(self) -> int:
        """The largest power of two to scale a loss by: the loss has float32 at least."""
        return max(self.overflow, 128) - 1

    def overflown(self, values: Magnitudes) -> NDArray[np.bool_]:
        """Return which values are rounded to infinity."""
        # Halfway between the largest number and the next power of two rounds up.
        halfway = values.mantissas >= 1.0 - 2.0 ** -(self.digits + 1)
        return values.exponents + halfway > self.overflow


# IEEE 754-2019, table 3.5 (binary16, 32, 64); bfloat16 has float32's exponents and seven
# bits of significand.
FORMATS = (
    NumberFormat("float16", -14, -24, 16, 11, -24),
    NumberFormat("bfloat16", -126, -133, 128, 8, -126),
    NumberFormat("float32", -126, -149, 128, 24, -149),
    NumberFormat("float64", -1022, -1074, 1024, 53, -1074),
)


class Misfit(Record):
    """A signal that a format does not hold as it is.

    Attributes
    ----------
    signal
        ``W``, ``a``, ``f``, ``grad_f``, ``grad_a`` or ``grad_w``; of modules ``input`` and
        ``grad_input``, what goes into a layer.
    layers
        Where, as ranges of first and last; layer 0 of f is the input x.
    how
        ``lost``, below the smallest number, or ``overflow``.
    first
        Which of these layers comes first: going forward or, for a gradient, going back.
    """

    signal: str
    layers: Ranges
    how: str
    first: int


class Loss(Record):
    """What one format loses of a profile.

    Attributes
    ----------
    format
        The format's name.
    blurred
        Layers, as ranges of first and last, whose typical entry of ∂L/∂W is below the
        smallest normal number: digits are lost.
    lost
        Those of them where it is below the smallest subnormal one.
    infinite
        Layers whose typical entry of ∂L/∂W overflows.
    loss_scale
        The power of two nearest to 1, as an exponent, by which to multiply the loss so that
        all signals fit: 0 where they do as they are, None where there is none.
    room
        The bits that lie, with the best such power, between the format's ends and the
        signal that is nearest to one; negative ones are missing. Infinite for true zeros.
    misfits
        The signals that the format does not hold as they are, those going forward first,
        in the order in which they fail.
    tightest
        The signal with the least room as it is, one of them if there are any.
    rounding
        About what share of a_k the errors are that rounding makes in it, in the layer where
        they are largest; at most 1. None where nobody knows.
    by_run
        Whether the run itself lost gradients, so that nobody knows how many bits are missing.
    """

    format: str
    blurred: Ranges
    lost: Ranges
    infinite: Ranges
    loss_scale: int | None
    room: float
    misfits: tuple[Misfit, ...]
    tightest: Misfit
    rounding: float | None
    by_run: bool = False

    @property
    def fits(self) -> str:
        """Whether the run fits, with a loss scale if need be: yes, only just or no."""
        return YES if self.room >= _FITS else NO if self.room <= _FAILS else ONLY_JUST

    @property
    def is_chaotic(self) -> bool:
        """Whether rounding spoils the gradients at any scale."""
        return self.rounding is not None and self.rounding >= _CHAOTIC

    @property
    def suffers(self) -> bool:
        """Whether anything is lost without a loss scale."""
        return self.fits != YES or self.loss_scale != 0


class Placed(Record):
    """One signal, and the layer of its first number."""

    name: str
    logs: Signal
    first: int

    def low(self, held_by: NumberFormat) -> FloatArray:
        """Return the bits between twice the smallest number and typical entries."""
        rms = self.logs.rms
        return np.where(np.isneginf(rms), np.inf, rms) - (held_by.held + 1)

    def high(self, held_by: NumberFormat) -> FloatArray:
        """Return the bits between largest entries and infinity."""
        return held_by.overflow - self.logs.largest


class Signals(Record):
    """The signals of one run, each way in the order in which a layer makes them."""

    forward: tuple[Placed, ...]
    back: tuple[Placed, ...]

    @classmethod
    def of(cls, entries: Entries) -> Signals:
        """Return the signals of a record."""
        return cls(
            (
                Placed("W", entries.weight, 1),
                Placed("a", entries.preactivation, 1),
                Placed("f", entries.value, 0),
            ),
            (
                Placed("grad_f", entries.grad_f, 1),
                Placed("grad_a", entries.grad_a, 1),
                Placed("grad_w", entries.grad_w, 1),
            ),
        )

    def fit(self, held_by: NumberFormat) -> tuple[int, float]:
        """Return the power of two nearest to 1 that gives enough room, else the best one.

        Returns
        -------
        scale, room
            The power, and the bits of room with it.
        """
        forward = self.tightest(held_by, self.forward)[0]
        enough = min(forward, _FITS)
        low = min(float(each.low(held_by).min()) for each in self.back)
        high = min(float(each.high(held_by).min()) for each in self.back)
        most = held_by.largest_scale
        scale = 0
        if math.isfinite(low):
            smallest = max(-most, math.ceil(enough - low))
            largest = min(most, math.floor(high - enough))
            if smallest <= largest:
                scale = min(max(0, smallest), largest)
            else:
                middle = min(max(-most, math.floor((high - low) / 2.0)), most - 1)
                scale = max((middle, middle + 1), key=lambda k: min(low + k, high - k))
        return scale, min(forward, low + scale, high - scale)

    def tightest(
        self, held_by: NumberFormat, signals: Sequence[Placed] | None = None
    ) -> tuple[float, Misfit]:
        """Return the least room of some signals, or of all, as they are, and which one has it."""
        found = []
        for place, each in enumerate(signals or self.forward + self.back):
            low, high = each.low(held_by), each.high(held_by)
            room = np.minimum(low, high)
            at = int(room.argmin())
            layer = at + each.first
            how = LOST if low[at] < high[at] else OVERFLOW
            found.append((float(room[at]), place, Misfit(each.name, [(layer, layer)], how, layer)))
        least, _, misfit = min(found)
        return least, misfit

    def misfits(self, held_by: NumberFormat) -> tuple[Misfit, ...]:
        """Return what does not fit as it is, in the order in which it fails."""
        found = []
        for way, signals in enumerate((self.forward, self.back)):
            for place, each in enumerate(signals):
                for how, room in ((LOST, each.low(held_by)), (OVERFLOW, each.high(held_by))):
                    layers = _ranges(room < 0.0, each.first)
                    if layers:
                        first = layers[-1][1] if way else layers[0][0]
                        when = way, -first if way else first, place
                        found.append((when, Misfit(each.name, layers, how, first)))
        return tuple(misfit for _, misfit in sorted(found, key=lambda each: each[0]))


def typical_entries(profile: Profile) -> Magnitudes:
    """Return the root mean square of the entries of ∂L/∂W_k, shape (N,)."""
    sizes = np.array(profile.settings.model.sizes, dtype=np.float64)
    norms = profile.measured.grad_w.at((slice(None), 0))
    return Magnitudes.of(norms.mantissas / np.sqrt(sizes[1:] * sizes[:-1]), norms.exponents)


def losses(profile: Profile) -> list[Loss]:
    """Return what each format loses; a signal that is exactly 0 is not lost by any.

    Raises
    ------
    UsageError
        If the run took no note of its entries, as one of another block than S(Wx+b) never does.
    """
    entries = profile.entries
    if entries is None:
        plain = profile.measured.graph.is_plain
        raise UsageError(
            "a run without its entries: compare must have entries=True"
            if plain
            else f"block {profile.settings.block!r}: lost precision is only told of S(Wx+b)"
        )
    amplified = _log2_amplification(entries, profile.settings.model.sizes)
    return losses_of(Signals.of(entries), typical_entries(profile), amplified)


def losses_of(run: Signals, typical: Magnitudes, log2_amplified: float | None = None) -> list[Loss]:
    """Return what each format loses of some signals.

    Parameters
    ----------
    run
        The signals.
    typical
        The root mean square of the entries of ∂L/∂W_k, shape (N,).
    log2_amplified
        log2 of how much larger the relative error of some a_k is than that of a rounding; None
        where nobody knows.
    """
    return [_loss(each, typical, run, log2_amplified) for each in FORMATS]


def _loss(
    held_by: NumberFormat, typical: Magnitudes, run: Signals, log2_amplified: float | None
) -> Loss:
    scale, room = run.fit(held_by)
    saved = room >= _STILL_WORTH_A_TRY
    if room < 0.0 and held_by.subnormal < held_by.held:
        # What some processors hold and others do not neither has room nor lacks it.
        room = min(0.0, run.fit(held_by._replace(held=held_by.subnormal))[1])
    # A magnitude of exponent e lies in [2^(e-1), 2^e).
    floors = np.where(typical.mantissas == 0.0, np.inf, typical.exponents - 1)
    return Loss(
        format=held_by.name,
        blurred=_ranges(floors < held_by.normal),
        lost=_ranges(floors < held_by.subnormal),
        infinite=_ranges(held_by.overflown(typical)),
        loss_scale=scale if saved else None,
        room=room,
        misfits=run.misfits(held_by),
        tightest=run.tightest(held_by)[1],
        rounding=None if log2_amplified is None else _rounding(held_by, log2_amplified),
    )


def _rounding(held_by: NumberFormat, log2_amplified: float) -> float:
    """Return about what share of a_k the errors are that rounding makes in it."""
    return math.exp2(min(0.0, log2_amplified + math.log2(_ROUNDING) - held_by.digits))


def _log2_amplification(entries: Entries, sizes: Sequence[int]) -> float:
    """Return log2 of how much larger the relative error of some a_k is than that of a rounding.

    Every a_j and f_j is rounded, and what a rounding changes is carried on by the chain's
    own derivatives. For an error δ of random direction, ‖∂a_k/∂f_j δ‖/‖δ‖ is about
    ‖∂a_k/∂f_j‖_F/√n_j, and ‖∂L/∂f_j‖/‖∂L/∂a_k‖ about ‖∂a_k/∂f_j‖_F/√n_k. So the error of a_k
    is, with one relative error for all roundings and root mean squares of the entries,

        ‖∂L/∂a_k‖² (δa_k)² = Σ_{j≤k} ‖∂L/∂a_j‖² a_j² + Σ_{j<k} ‖∂L/∂f_j‖² f_j².
    """
    half = 0.5 * np.log2(np.array(sizes[1:], dtype=np.float64))
    a, f = entries.preactivation.rms, entries.value.rms[1:]
    of_a = np.logaddexp2.accumulate(2.0 * (entries.grad_a.rms + half + a))
    of_f = np.logaddexp2.accumulate(2.0 * (entries.grad_f.rms + half + f))
    total = np.logaddexp2(of_a, np.append(-np.inf, of_f[:-1]))
    known = np.isfinite(entries.grad_a.rms) & np.isfinite(a)
    with np.errstate(invalid="ignore"):
        relative = 0.5 * total - (entries.grad_a.rms + half) - a
    return float(relative[known].max(initial=-np.inf))


def _ranges(which: NDArray[np.bool_], first: int = 1) -> Ranges:
    """Return where numbers are true as ranges of first and last, counted from `first`."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], which, [False]))))
    # An edge lies before the number whose place it is.
    return [(start + first, stop + first - 1) for start, stop in edges.reshape(-1, 2).tolist()]
