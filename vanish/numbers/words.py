"""Numbers in words: three significant digits, at any size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.numbers.scaled import Magnitude

if TYPE_CHECKING:
    from collections.abc import Sequence


# From 10^±(10^12) on a logarithm's last digit is too coarse to tell a number's first ones.
_COARSE = 1e12


def short(value: Magnitude | float) -> str:
    """Return a number that is at least 0 with three significant digits, at any size."""
    if not value:
        return "0"
    if isinstance(value, float):
        return short_power(math.log10(value))
    assert value.log10 is not None
    return f"{value.exact():.2e}" if abs(value.log10) > _COARSE else short_power(value.log10)


def short_power(log10: float) -> str:
    """Return 10^log10 with three significant digits, at any size."""
    if -3.0 <= log10 < 3.0 and "e" not in (plain := f"{10.0**log10:.3g}"):
        return plain
    exponent = math.floor(log10)
    digits = f"{10.0 ** (log10 - exponent):.2f}"
    if digits == "10.00":
        digits, exponent = "1.00", exponent + 1
    return f"{digits}e{exponent:+03d}"


def in_full(value: float) -> str:
    """Return a number as text that reads back as the same, and no longer than it must be."""
    text = f"{value:g}"
    return text if float(text) == value else repr(float(value)).removesuffix(".0")


def compared(log10: float, whose: str) -> str:
    """Return ``0.01 of layer 20's`` or ``3 times layer 20's``; log10 is -inf for 0."""
    factor = "0" if log10 == -math.inf else short_power(log10)
    # What is 1 to three digits is, by rounding alone, below or above it.
    return f"{factor} {'of' if log10 < 0.0 and factor != '1' else 'times'} {whose}"


def reach(least: str, most: str) -> str:
    """Return ``1.5 to 3``; ``1.5`` where both ends are told alike."""
    return least if least == most else f"{least} to {most}"


# A float64 has no more significant digits.
_ALL_DIGITS = 17


def power_equation(base: float, power: int) -> str:
    """Return ``0.25^20 = 9.09e-13``, the base with as many digits as make it true as printed."""
    result = short(Magnitude.of(base) ** power)
    shown = (f"{base:.{digits}g}" for digits in range(4, _ALL_DIGITS))
    enough = (each for each in shown if short(Magnitude.of(float(each)) ** power) == result)
    return f"{next(enough, repr(base))}^{power} = {result}"


def bound_equation(first: float, base: float, power: int) -> str:
    """Return ``0.25 · 1.25^19 = 17.3``, or ``0.25^20 = 9.09e-13`` where both numbers are one."""
    if first == base:
        return power_equation(base, power + 1)
    whole = short(Magnitude.of(first) * Magnitude.of(base) ** power)
    if base == 1.0 or not power:
        return whole
    factor = "" if first == 1.0 else f"{first:.4g} · "
    return f"{factor}{power_equation(base, power).split(' = ')[0]} = {whole}"


# So many digits behind the point are those of a share of trials, and not of its rounding.
_OF_A_SHARE = 9


def percent(share: float) -> int:
    """Return a share of trials in whole percent, rounded down: 100 is all of them."""
    return math.floor(round(100.0 * share, _OF_A_SHARE))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``20 layers``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them: ``W3``, ``W3 and W5``, ``W3, W5 and W7``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def spans(numbers: Sequence[int]) -> str:
    """Return ascending numbers with ranges drawn together, such as ``1-3, 7``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1][1:] = [number]
        else:
            found.append([number])
    return ", ".join("-".join(map(str, span)) for span in found)


def which_layers(numbers: Sequence[int]) -> str:
    """Return which layers some ascending numbers are, such as ``layers 1-3, 7``."""
    return f"layer{'' if len(numbers) == 1 else 's'} {spans(numbers)}"
