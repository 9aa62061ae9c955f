"""A grid of simulations: the product of lists of settings."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vanish.arrays import Network, Rows
from vanish.errors import UsageError, unknown_name
from vanish.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vanish.scaled import FloatArray

# More points than this are a slip of the finger: a year of work at 3 a second.
LARGEST = 10**8

# Where what all points share seems to be at odds, so many are asked whether it is.
_ASKED = 1000
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


class Grid:
    """The product of lists of settings, in the order of `Settings`, the last one fastest.

    Parameters
    ----------
    axes
        For each setting that is not its default the values it takes, one or more.

    Raises
    ------
    UsageError
        If a name is no setting, a list is empty or has a value twice, one of its values is
        no such setting, or there are more than `LARGEST` points.
    """

    def __init__(self, axes: Mapping[str, Sequence[Any]]) -> None:
        known = [field.name for field in fields(Settings)]
        for name in axes:
            if name not in known:
                raise unknown_name("setting", name, known)
        self.axes = {name: tuple(axes[name]) for name in known if name in axes}
        for name, values in self.axes.items():
            if not values:
                raise UsageError(f"{name}: an empty list: give at least one value")
            once = set()
            for value in values:
                if value in once:
                    raise UsageError(f"{name}: {shown(value)} is given twice: leave one out")
                once.add(value)
        if len(self) > LARGEST:
            shape = " × ".join(f"{len(values):,} {name}" for name, values in self.axes.items())
            raise UsageError(
                f"a grid of {math.prod(map(len, self.axes.values())):,} points ({shape}): give at"
                f" most {LARGEST:,}"
            )
        # What all points have in common must go together, and each value be one alone; what
        # does not go together at some points is told there.
        try:
            Settings(**{name: each[0] for name, each in self.axes.items() if len(each) == 1})
        except UsageError:
            # Unless it was at odds with the default of a setting that varies here.
            if not self.varying or not any(map(self._goes_together, self._spread())):
                raise
        for name, each in self.axes.items():
            for value in each:
                self._check(name, value)

    def _check(self, name: str, value: Any) -> None:
        """Raise what is wrong with a value alone."""
        try:
            Settings(**{name: value})
        except UsageError as error:
            if f"{name} beside " not in str(error):
                raise

    def _goes_together(self, index: int) -> bool:
        """Tell whether the values of a point go together."""
        try:
            self.settings(index)
        except UsageError:
            return False
        return True

    def _spread(self) -> Iterable[int]:
        """Return all points, or of many points some that are spread over every axis."""
        count = len(self)
        if count <= _ASKED:
            return range(count)
        # Multiples of the golden ratio: no axis repeats in step with them.
        return (int(count * (i * _GOLDEN % 1.0)) for i in range(_ASKED))

    def __len__(self) -> int:
        return min(math.prod(map(len, self.axes.values())), LARGEST + 1)

    def coordinates(self, index: int) -> dict[str, Any]:
        """Return the setting on each axis of a point."""
        found = {}
        for name, values in reversed(self.axes.items()):
            index, i = divmod(index, len(values))
            found[name] = values[i]
        return dict(reversed(found.items()))

    def settings(self, index: int) -> Settings:
        """Return the settings of a point, from 0.

        Raises
        ------
        UsageError
            If the values of this point do not go together.
        """
        return Settings(**self.coordinates(index))

    @property
    def varying(self) -> dict[str, tuple[Any, ...]]:
        """The axes of more than one value."""
        return {name: values for name, values in self.axes.items() if len(values) > 1}

    def label(self, index: int) -> str:
        """Return a point's place on the varying axes, in words."""
        at = self.coordinates(index)
        return " ".join(f"{name}={shown(at[name])}" for name in self.varying)

    def fingerprint(self) -> str:
        """Return what tells this grid from any other: files by their content."""
        description = json.dumps([*self.axes.items()], default=_digest)
        return hashlib.sha256(description.encode()).hexdigest()


def shown(value: Any) -> str:
    """Return a setting as text, as an option of the command line would have it."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    if isinstance(value, Rows | Network):
        return value.name
    return f"{value:g}" if isinstance(value, float) else str(value)


def _digest(value: Rows | Network) -> list[Any]:
    """Return the content of rows or of a network as what JSON can hold."""
    arrays: list[FloatArray | None] = (
        [value.values]
        if isinstance(value, Rows)
        else [*value.weights, *value.biases, value.x, value.readout]
    )
    digests: list[Any] = [
        None if array is None else [array.shape, hashlib.sha256(array.tobytes()).hexdigest()]
        for array in arrays
    ]
    # What numbers without a second axis mean depends on the chain, see `Rows.of`.
    return [*digests, "flat"] if isinstance(value, Rows) and value.flat else digests
