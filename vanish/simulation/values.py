"""What a setting may be by itself: types are taken as they are meant, ranges kept.

What the command line cannot give comes from Python: NumPy's numbers are welcome wherever
numbers are, lists where several are; True is no number of layers.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.errors import UsageError, quoted, whole
from vanish.network.activations import Activation
from vanish.numbers.words import in_full
from vanish.simulation.modelling import formula_of
from vanish.simulation.option import Kind
from vanish.simulation.table import LARGEST_COUNT, PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.arrays import Network, Rows
    from vanish.network.blockarrays import BlockNetwork
    from vanish.network.filegraph import FileNetwork
    from vanish.simulation.option import Option


def take_all(record: object, options: Mapping[str, Option]) -> None:
    """Put what the settings of a frozen record mean in the place of what was given.

    Parameters
    ----------
    record
        A record with a field for each option.
    options
        What its fields may be, by their names; one that may be left out is None then.

    Raises
    ------
    UsageError
        If one is of another type, or out of range.
    """
    for name, option in options.items():
        given = getattr(record, name)
        if given is not None or option.default is not None:
            object.__setattr__(record, name, taken(option, given))
    for name, option in options.items():
        value = getattr(record, name)
        if value is not None:
            require_range(option, value)


def taken(option: Option, given: object) -> Any:
    """Return what a setting means.

    Raises
    ------
    UsageError
        If it is of another type.
    """
    try:
        return _TAKEN[option.kind](given)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{option.name} {quoted(given)}: give {option.kind.value}") from None


def check_count(name: str, value: int) -> None:
    """Refuse how many there are to be of something, unless it is from 1 to `LARGEST_COUNT`.

    Raises
    ------
    UsageError
        If it is not.
    """
    if value < 1:
        raise UsageError(f"{name} {whole(value)}: give at least 1")
    if value > LARGEST_COUNT:
        raise UsageError(f"{name} {whole(value)}: give at most {LARGEST_COUNT:,}")


def require_range(option: Option, value: Any) -> None:
    """Refuse a setting, as it is meant, that is out of range.

    Raises
    ------
    UsageError
        If it is.
    """
    if option.kind is Kind.SIZES:
        for size in value:
            if size < 1:
                listed = ",".join(map(str, value))
                raise UsageError(f"{option.name} {listed}: give sizes of at least 1")
            check_count(f"{option.name}: one", size)
    elif option.kind is Kind.HIDDEN:
        if isinstance(value, int):
            check_count(option.name, value)
    elif option.limits is not None:
        for each in value if isinstance(value, tuple) else (value,):
            if not option.limits.hold(each):
                shown = whole(each) if option.kind is Kind.COUNT else f"{each:g}"
                raise UsageError(f"{option.name} {shown}: give {option.limits.words}")
    elif option.kind is Kind.COUNT:
        check_count(option.name, value)


def _whole(given: Any) -> int:
    if isinstance(given, bool | np.bool_):
        raise TypeError
    return operator.index(given)


def _number(given: Any) -> float:
    if isinstance(given, bool | np.bool_) or not isinstance(given, Real):
        raise TypeError
    return float(given)


def _numbers(given: Any) -> float | tuple[float, ...]:
    several = isinstance(given, Iterable)
    return tuple(map(_number, _several(given))) if several else _number(given)


def _name(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError
    return str(given)


def _path(given: Any) -> str:
    return os.fsdecode(given)


def _act(given: Any) -> str | Activation:
    return given if isinstance(given, Activation) else _name(given)


def _several(given: Any) -> list[Any]:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError
    return list(given)


def _flag(given: Any) -> bool:
    if not isinstance(given, bool | np.bool_):
        raise TypeError
    return bool(given)


def _rows(given: Any) -> Rows:
    from vanish.network.arrays import Rows  # noqa: PLC0415 - start-up

    return given if isinstance(given, Rows) else Rows(given)


def _block(given: Any) -> str:
    found = formula_of(_name(given))
    return found.text if found is not None else PLAIN if given else ""


def _hidden(given: Any) -> int | str:
    if not isinstance(given, str):
        return _whole(given)
    times = given.strip().lower().removesuffix("x")
    if times == given.strip().lower():
        return int(given)
    if not 0.0 < float(times) < math.inf:
        raise ValueError
    return f"{in_full(float(times))}x"


def _stds(given: Any) -> float | tuple[tuple[str, float], ...]:
    if not isinstance(given, Mapping | tuple):
        return _number(given)
    pairs = given.items() if isinstance(given, Mapping) else given
    return tuple((_name(letter), _number(std)) for letter, std in pairs)


def _network(given: Any) -> Network | BlockNetwork | FileNetwork:
    from vanish.network.arrays import Network  # noqa: PLC0415 - start-up
    from vanish.network.blockarrays import BlockNetwork  # noqa: PLC0415 - start-up
    from vanish.network.filegraph import FileNetwork  # noqa: PLC0415 - start-up

    if isinstance(given, Network | BlockNetwork | FileNetwork):
        return given
    return BlockNetwork(given) if isinstance(given, Mapping) else Network.of(_several(given))


# A network or rows that do not fit say so themselves.
_TAKEN: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.COUNT: _whole,
    Kind.NUMBER: _number,
    Kind.NUMBERS: _numbers,
    Kind.NAME: _name,
    Kind.ACT: _act,
    Kind.ACTS: lambda given: tuple(map(_act, _several(given))),
    Kind.SIZES: lambda given: tuple(map(_whole, _several(given))),
    Kind.ROWS: _rows,
    Kind.NETWORK: _network,
    Kind.BLOCK: _block,
    Kind.HIDDEN: _hidden,
    Kind.STDS: _stds,
    Kind.FLAG: _flag,
    Kind.TEXT: _name,
    Kind.DATA: _path,
}
