"""Rules that operations share: what flows back goes on as it is, or times a size that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from vanish.network.graph import Op
    from vanish.numbers.stack import Magnitudes

Value = TypeVar("Value")


def nothing(*_: object) -> tuple[None, None]:
    """Go forward with nothing, and keep nothing."""
    return None, None


def passed_on(_: object, __: Op, ___: object, ____: object, g: Value) -> tuple[Value]:
    """Pass g on: the derivative is the identity, or counts as 1."""
    return (g,)


def by_size(_: object, __: Op, ___: object, size: Magnitudes, g: Magnitudes) -> tuple[Magnitudes]:
    """Pass g on times the size of the derivative, which is what the place keeps."""
    return (g * size,)
