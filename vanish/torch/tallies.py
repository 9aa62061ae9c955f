"""What is kept of a tensor: how large its entries are, and where they lie.

Read in float64 with a power of two apart, so that no sum of squares leaves its range.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from vanish.numbers.scaled import ZERO, Magnitude
from vanish.numbers.signed import Signed, total
from vanish.records import Record
from vanish.simulation.module_precision import Size
from vanish.simulation.modules import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

# Within 2^±400 a sum of squares stays in float64.
_SAFE = 400


class Tally(Record):
    """The entries of one tensor in numbers times 2^exponent.

    Attributes
    ----------
    size
        How large they are.
    mean, std
        Mean and standard deviation.
    """

    size: Size
    mean: Signed
    std: Magnitude


class NotFiniteError(ArithmeticError):
    """A tensor with entries that are infinite or no numbers."""


def tally(tensor: Tensor) -> Tally:
    """Return what is kept of a tensor.

    Raises
    ------
    NotFiniteError
        If an entry is infinite or no number.
    """
    entries = tensor.numel()
    values = tensor.detach()
    if values.layout is not torch.strided:
        # What is not stored is 0, and says nothing of a gradient's norm.
        values = (
            values.coalesce().values() if values.layout is torch.sparse_coo else values.to_dense()
        )
    if not values.numel():
        return Tally(Size(ZERO, ZERO, entries), Signed(0.0), ZERO)
    values = _in_float64(values).reshape(-1)
    largest = float(values.abs().max())
    if not math.isfinite(largest):
        raise NotFiniteError
    exponent = math.frexp(largest)[1]
    if abs(exponent) <= _SAFE:
        exponent = 0
    else:
        # In two steps: 2^1074 is no float64.
        half = exponent // 2
        values = values * 2.0**-half * 2.0 ** (half - exponent)
    size = Size(
        Magnitude.of(float(torch.linalg.vector_norm(values)), exponent),
        Magnitude.of(largest),
        entries,
    )
    # From the first entry on: then nothing cancels where all are nearly alike.
    first = values[0]
    apart = values - first
    mean = Signed(float(first + apart.mean()), exponent)
    return Tally(size, mean, Magnitude.of(float(apart.std(correction=0)), exponent))


def _in_float64(values: Tensor) -> Tensor:
    # Apple's processors have none.
    values = values.cpu() if values.device.type == "mps" else values
    return values.to(torch.float64)


def pooled(tallies: Sequence[Tally]) -> tuple[Size, Spread]:
    """Return the entries of several tensors, of one at least, together."""
    if len(tallies) == 1:
        size, mean, std = tallies[0]
        return size, Spread(mean, std)
    entries = sum(each.size.entries for each in tallies)
    squares = sum((each.size.norm * each.size.norm for each in tallies), ZERO)
    sizes = [each.size.largest for each in tallies]
    largest = max(sizes, key=lambda each: (bool(each), each.exponent, each.mantissa))
    size = Size(squares.root(), largest, entries)
    shares = [each.size.entries / max(entries, 1) for each in tallies]
    mean = total(*(each.mean * Signed(share) for each, share in zip(tallies, shares, strict=True)))
    variance = ZERO
    for each, share in zip(tallies, shares, strict=True):
        apart = (each.mean + -mean).squared()
        variance += Magnitude.of(share) * (each.std * each.std + apart)
    return size, Spread(mean, variance.root())
