"""What gives the columns of a profile their cells: a row at a time, or many rows of a field."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vanish.columns import PIECE, Column, Scale, Table
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from decimal import Decimal

    from vanish.columns import Cell, Lot
    from vanish.numbers.fields import Field
    from vanish.numbers.scaled import Magnitude
    from vanish.numbers.signed import Signed
    from vanish.simulation.layers import LayerRecord
    from vanish.simulation.profile import Profile


def log10(magnitude: Magnitude | None) -> float | None:
    """Return a decimal logarithm; None of a true zero and of nothing."""
    return magnitude.log10 if magnitude is not None else None


class Way(Record):
    """What a column says of a field.

    Attributes
    ----------
    one
        Makes a cell of what a record has.
    across
        Makes the cells of some rows of a field.
    """

    one: Callable[[Any], Cell]
    across: Callable[[Field, slice], Sequence[Cell]]


def _itself(value: Any) -> Cell:
    cell: Cell = value
    return cell


def exact(number: Magnitude | Signed | None) -> float | Decimal | None:
    """Return a number with all its digits, whatever its size; None of nothing."""
    return None if number is None else number.exact()


def _finite(log10: float | None) -> float | None:
    return None if log10 == -math.inf else log10


ITSELF = Way(_itself, lambda field, rows: field.part(rows))
LOG10 = Way(log10, lambda field, rows: field.log10(rows))
EXACT = Way(exact, lambda field, rows: field.exact(rows))
FINITE = Way(_finite, lambda field, rows: list(map(_finite, field.part(rows))))
STATUS = Way(
    lambda gradient: "ok" if gradient else "zero",
    lambda field, rows: ["zero" if each is None else "ok" for each in field.log10(rows)],
)


class Of:
    """Gives a column's cells: what it says of one field of the records.

    Parameters
    ----------
    field
        Its name.
    way
        What it says of it.
    """

    def __init__(self, field: str, way: Way = ITSELF) -> None:
        self._field, self._way = field, way

    def __call__(self, _: Profile, layer: LayerRecord) -> Cell:
        """Return the cell of one row."""
        return self._way.one(getattr(layer, self._field))

    def across(self, profile: Profile, rows: slice) -> Sequence[Cell]:
        """Return the cells of some rows, without their records."""
        return self._way.across(profile.layers.fields[self._field], rows)


class OfRun:
    """Gives the cells of a column that is the same in all rows of a run.

    Parameters
    ----------
    get
        Returns the cell.
    """

    def __init__(self, get: Callable[[Profile], Cell]) -> None:
        self._get = get

    def __call__(self, profile: Profile, _: LayerRecord) -> Cell:
        """Return the cell of one row."""
        return self._get(profile)

    def across(self, profile: Profile, rows: slice) -> Sequence[Cell]:
        """Return the cells of some rows."""
        return [self._get(profile)] * (rows.stop - rows.start)


class OfFile:
    """Gives what a file calls each W_k."""

    def __call__(self, profile: Profile, layer: LayerRecord) -> Cell:
        """Return the cell of one row."""
        [name] = self.across(profile, slice(layer.layer - 1, layer.layer))
        return name

    def across(self, profile: Profile, rows: slice) -> Sequence[Cell]:
        """Return the cells of some rows."""
        network = profile.settings.weights
        origin = network.origin if network is not None else None
        if origin is None:
            return [None] * (rows.stop - rows.start)
        return [origin.name(k) for k in range(rows.start + 1, rows.stop + 1)]


class LayerColumn(Column[["Profile", "LayerRecord"]]):
    """A column of them.

    Parameters
    ----------
    name, scale, meaning, gist
        As of any column.
    get
        What gives its cells.
    """

    def __init__(
        self, name: str, scale: Scale, meaning: str, get: Of | OfRun | OfFile, gist: str = ""
    ) -> None:
        super().__init__(name, scale, meaning, get, gist)
        self.across = get.across


class LayerTable(Table[["Profile", "LayerRecord"]]):
    """Their table, which is also made many rows at a time, column by column.

    Parameters
    ----------
    printed_by, each, columns
        As of any table.
    """

    def __init__(self, printed_by: tuple[str, ...], each: str, *columns: LayerColumn) -> None:
        super().__init__(printed_by, each, *columns)
        self._across = {column.name: column.across for column in columns}

    def lots(self, profile: Profile, names: Collection[str] = ()) -> Iterator[Lot]:
        """Yield the cells of a run, some rows at a time.

        Parameters
        ----------
        profile
            The run.
        names
            Of the columns, in their order; all where none is named.
        """
        depth = len(profile.layers)
        for start in range(0, depth, PIECE):
            rows = slice(start, min(start + PIECE, depth))
            yield {name: self._across[name](profile, rows) for name in names or self.names}
