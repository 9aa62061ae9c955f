"""Lost precision: which layers' gradients a number format of fewer bits cannot hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from vanish.scaled import Magnitude

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.profile import LayerRecord


class NumberFormat(NamedTuple):
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
    """

    name: str
    normal: int
    subnormal: int
    overflow: int
    digits: int

    def headroom(self, value: Magnitude) -> int:
        """Return the largest power of two times which a value is not rounded to infinity."""
        # Halfway between the largest number and the next power of two rounds up.
        room = self.overflow - value.exponent
        return room if value.mantissa < 1.0 - 2.0 ** -(self.digits + 1) else room - 1


# IEEE 754-2019, table 3.5 (binary16, 32, 64); bfloat16 has float32's exponents and seven
# bits of significand.
FORMATS = (
    NumberFormat("float16", -14, -24, 16, 11),
    NumberFormat("bfloat16", -126, -133, 128, 8),
    NumberFormat("float32", -126, -149, 128, 24),
    NumberFormat("float64", -1022, -1074, 1024, 53),
)


class Loss(NamedTuple):
    """What one format loses of a profile.

    Attributes
    ----------
    format
        The format's name.
    blurred
        Layers, as ranges of first and last, whose typical gradient entry is below the
        smallest normal number: digits are lost.
    lost
        Those of them where it is below the smallest subnormal one.
    infinite
        Layers whose typical entry overflows.
    loss_scale
        The power of two nearest to 1, as an exponent, by which to multiply the loss so that
        no layer is blurred and none overflows; None where there is none.
    """

    format: str
    blurred: list[tuple[int, int]]
    lost: list[tuple[int, int]]
    infinite: list[tuple[int, int]]
    loss_scale: int | None


def typical_entry(layer: LayerRecord) -> Magnitude:
    """Return the root mean square of the entries of ∂L/∂W_k."""
    return layer.grad_w / Magnitude.of(math.sqrt(layer.n_in * layer.n_out))


def losses(layers: Sequence[LayerRecord]) -> list[Loss]:
    """Return what each format loses; a gradient that is exactly 0 is not lost by any."""
    entries = {layer.layer: typical_entry(layer) for layer in layers if layer.grad_w}
    return [_loss(number_format, entries) for number_format in FORMATS]


def _loss(number_format: NumberFormat, entries: dict[int, Magnitude]) -> Loss:
    # A magnitude of exponent e lies in [2^(e-1), 2^e).
    floors = {layer: entry.exponent - 1 for layer, entry in entries.items()}
    least = max((number_format.normal - floor for floor in floors.values()), default=0)
    most = min(map(number_format.headroom, entries.values()), default=0)
    scale = min(max(0, least), most) if least <= most else None
    return Loss(
        number_format.name,
        _ranges([layer for layer, floor in floors.items() if floor < number_format.normal]),
        _ranges([layer for layer, floor in floors.items() if floor < number_format.subnormal]),
        _ranges([layer for layer, entry in entries.items() if number_format.headroom(entry) < 0]),
        scale,
    )


def _ranges(layers: list[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as ranges of first and last."""
    ranges: list[tuple[int, int]] = []
    for layer in layers:
        if ranges and ranges[-1][1] == layer - 1:
            ranges[-1] = ranges[-1][0], layer
        else:
            ranges.append((layer, layer))
    return ranges


def sentences(layers: Sequence[LayerRecord]) -> list[tuple[str, str]]:
    """Return a format's name and what becomes of the gradients in it, where any suffer."""
    return [
        (loss.format, _sentence(loss)) for loss in losses(layers) if loss.blurred or loss.infinite
    ]


def _sentence(loss: Loss) -> str:
    faults = []
    if loss.infinite:
        faults.append(f"overflows in {_listed(loss.infinite)}")
    if loss.lost:
        faults.append(f"loses {_listed(loss.lost)}")
    elif loss.blurred:
        faults.append(f"blurs {_listed(loss.blurred)}")
    what = ", ".join(faults)
    if loss.loss_scale is None:
        return f"{what}; no loss scale saves all of them"
    return f"{what}; a loss scale of 2^{loss.loss_scale} saves them"


def _listed(ranges: list[tuple[int, int]]) -> str:
    one = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
    spans = (str(first) if first == last else f"{first}-{last}" for first, last in ranges)
    return ("layer " if one else "layers ") + ", ".join(spans)
