"""The types of numbers that files of arrays hold, also those that numpy does not have."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Array = np.ndarray[Any, np.dtype[Any]]


class NumberType(Record):
    """A type of numbers as a file holds them.

    Attributes
    ----------
    name
        What numpy, PyTorch and people call it.
    bits
        Of one number.
    storage
        The numpy type whose bytes they are, little-endian; empty where none is.
    decoded
        What makes numbers of them that numpy has, None where they are.
    """

    name: str
    bits: int
    storage: str
    decoded: Callable[[Array], Array] | None = None

    @property
    def is_real(self) -> bool:
        """Whether they are floating-point numbers that can be read, and not complex."""
        return bool(self.storage) and (self.decoded is not None or self.storage[1] == "f")


def _bfloat16(stored: Array) -> Array:
    """Return float32, whose upper half a bfloat16 is."""
    return (stored.astype("<u4") << 16).view("<f4")


def minifloat(exponent_bits: int, mantissa_bits: int, kind: str) -> Array:
    """Return all values of a small floating-point type, by their codes, as float32.

    Parameters
    ----------
    exponent_bits, mantissa_bits
        How many bits each has; a bit of sign is in front of them where there is a mantissa.
    kind
        ``ieee`` has infinities and NaN as IEEE 754 does; ``fn`` NaN alone, where all bits are
        set; ``fnuz`` NaN alone, in place of minus zero, and an exponent smaller by one; ``scale``
        powers of two without a sign. OCP 8-bit floating point and microscaling formats, 2023;
        fnuz: Noune et al. 2022, as ONNX has them.
    """
    codes = np.arange(256)
    mantissa = codes & ((1 << mantissa_bits) - 1)
    exponent = codes >> mantissa_bits & ((1 << exponent_bits) - 1)
    bias = (1 << exponent_bits - 1) - (kind != "fnuz")
    values: Array
    if kind == "scale":
        values = np.ldexp(np.ones(256), codes - bias)
        values[255] = math.nan
        return values.astype("<f4")
    whole = np.where(exponent > 0, (1 << mantissa_bits) + mantissa, mantissa)
    values = np.ldexp(whole.astype(float), np.maximum(exponent, 1) - bias - mantissa_bits)
    last = (1 << exponent_bits) - 1
    if kind == "ieee":
        special = np.where(mantissa > 0, math.nan, math.inf)
        values = np.where(exponent == last, special, values)
    elif kind == "fn":
        all_set = (exponent == last) & (mantissa == (1 << mantissa_bits) - 1)
        values = np.where(all_set, math.nan, values)
    values = np.where(codes >= 128, -values, values)
    if kind == "fnuz":
        values[128] = math.nan
    return values.astype("<f4")


def _small(name: str, exponent_bits: int, mantissa_bits: int, kind: str) -> NumberType:
    @cache
    def values() -> Array:
        return minifloat(exponent_bits, mantissa_bits, kind)

    return NumberType(name, 8, "|u1", lambda stored: values()[stored])


# As safetensors names them. Those of less than a byte have no numpy type: they are named only.
SAFETENSORS = {
    "F64": NumberType("float64", 64, "<f8"),
    "F32": NumberType("float32", 32, "<f4"),
    "F16": NumberType("float16", 16, "<f2"),
    "BF16": NumberType("bfloat16", 16, "<u2", _bfloat16),
    "F8_E4M3": _small("float8_e4m3fn", 4, 3, "fn"),
    "F8_E5M2": _small("float8_e5m2", 5, 2, "ieee"),
    "F8_E4M3FNUZ": _small("float8_e4m3fnuz", 4, 3, "fnuz"),
    "F8_E5M2FNUZ": _small("float8_e5m2fnuz", 5, 2, "fnuz"),
    "F8_E8M0": _small("float8_e8m0fnu", 8, 0, "scale"),
    "F6_E2M3": NumberType("float6_e2m3fn", 6, ""),
    "F6_E3M2": NumberType("float6_e3m2fn", 6, ""),
    "F4": NumberType("float4_e2m1fn", 4, ""),
    "I64": NumberType("int64", 64, "<i8"),
    "I32": NumberType("int32", 32, "<i4"),
    "I16": NumberType("int16", 16, "<i2"),
    "I8": NumberType("int8", 8, "|i1"),
    "U64": NumberType("uint64", 64, "<u8"),
    "U32": NumberType("uint32", 32, "<u4"),
    "U16": NumberType("uint16", 16, "<u2"),
    "U8": NumberType("uint8", 8, "|u1"),
    "BOOL": NumberType("bool", 8, "|b1"),
    "C64": NumberType("complex64", 64, "<c8"),
}
