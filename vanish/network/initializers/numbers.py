"""The numbers in the brackets behind an initialiser's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.network.formulas.calls import Parameter, read_call, written_call

if TYPE_CHECKING:
    from vanish.network.initializers.record import Family


def read(kind: str, text: str, family: Family) -> tuple[float, ...]:
    """Return the numbers that a text gives an initialiser, in their order.

    Parameters
    ----------
    kind
        What messages call it.
    text
        Its name, with brackets behind it.
    family
        What it names.

    Raises
    ------
    UsageError
        If they are not those that it takes.
    """
    if "(" not in text:
        missing = " and ".join(each.name for each in family.takes)
        raise UsageError(f"{kind} {text!r} needs {missing}: write it such as '{family.example}'")
    given = read_call(kind, text, _parameters(family))
    for each in family.takes:
        if not each.least <= given[each.name] <= each.most:
            raise UsageError(
                f"{kind} {text!r}: {each.name} {given[each.name]:g}: give a number from"
                f" {each.least:g} to {each.most:g}"
            )
    return tuple(given[each.name] for each in family.takes)


def written(family: Family, numbers: tuple[float, ...]) -> str:
    """Return an initialiser's own name for its numbers."""
    given = {each.name: number for each, number in zip(family.takes, numbers, strict=True)}
    return written_call(family.name, _parameters(family), given)


def _parameters(family: Family) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name=each.name, default=each.default, aliases=each.aliases)
        for each in family.takes
    )
