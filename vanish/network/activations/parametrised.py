"""Activations that take numbers in brackets: one function a family, its records by its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vanish.network.activations.record import Activation
    from vanish.network.formulas.calls import Parameter


class Family(Record):
    """A family of activations.

    Attributes
    ----------
    parameters
        The numbers that tell them apart.
    make
        Returns the record of one by its numbers; it takes its name and them.
    """

    parameters: tuple[Parameter, ...]
    make: Callable[..., Activation]

    def made(self, name: str, numbers: tuple[float, ...]) -> Activation:
        """Return the one of some numbers.

        Parameters
        ----------
        name
            The family's.
        numbers
            One a parameter, in their order.
        """
        from vanish.network.formulas.calls import written_call  # noqa: PLC0415 - start-up

        given = dict(zip((each.name for each in self.parameters), numbers, strict=True))
        return self.make(written_call(name, self.parameters, given), given)


def shortest(number: float) -> str:
    """Return the shortest text that reads back as a number, as a formula has it."""
    # `calls.written_number` does the same; what reads calls is not imported for plain names.
    return repr(float(number)).removesuffix(".0")


def require_positive(name: str, given: Mapping[str, float]) -> None:
    """Raise what is wrong with numbers that must be above 0 and not beyond all measure.

    Raises
    ------
    UsageError
        If one is not.
    """
    for parameter, number in given.items():
        # Their products and quotients with any x that occurs stay in float64.
        if not 1e-100 <= number <= 1e100:
            raise UsageError(
                f"activation {name}: {parameter} is {number:g}: give a number above 0, from"
                " 1e-100 to 1e100"
            )


def for_leaky_slope(slope: float) -> str:
    """Return the initialiser of He et al. 2015 for a rectifier of such a slope below 0, eq. 15."""
    return f"he_normal({shortest(slope)})" if slope else "he_normal"
