"""What the functions of the Python API are given: a record or its fields, one value or several."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from vanish.errors import UsageError, unknown_name
from vanish.network.arrays import Rows
from vanish.network.converting import is_listed
from vanish.simulation.names import ACTIVATIONS, ALL
from vanish.simulation.option import Kind
from vanish.simulation.settings import Settings
from vanish.simulation.table import SETTINGS, named
from vanish.simulation.values import check_count, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vanish.simulation.option import Option

Record = TypeVar("Record")


def one_record(kind: type[Record], given: Record | None, options: Mapping[str, Any]) -> Record:
    """Return the record that was given, or the one of these fields.

    Raises
    ------
    UsageError
        If both were given, or something else.
    """
    if given is None:
        _require_known(kind, options)
        return kind(**options)
    require_alone(options)
    if not isinstance(given, kind):
        raise UsageError(f"settings of type {type(given).__name__}: give {kind.__name__}")
    return given


def require_alone(options: Mapping[str, Any]) -> None:
    """Require that no fields stand beside a record.

    Raises
    ------
    UsageError
        If any do.
    """
    if options:
        raise UsageError(f"settings beside {', '.join(options)}: give one of them")


def records(kind: type[Record], given: Any) -> list[Record]:
    """Return the records of a list, or the one that was given.

    Raises
    ------
    UsageError
        If there is none, or something else among them.
    """
    if isinstance(given, kind):
        return [given]
    if not is_listed(given):
        one = f"{kind.__name__}, or a list of them"
        raise UsageError(f"settings of type {type(given).__name__}: give {one}")
    found = [one_record(kind, each, {}) for each in given]
    if not found:
        raise UsageError("settings is empty: give at least one")
    return found


def _require_known(record: Any, options: Mapping[str, Any]) -> None:
    known = [field.name for field in fields(record)]
    for name in options:
        if name not in known:
            raise unknown_name("setting", name, known)


def products(options: Mapping[str, Any]) -> list[Settings]:
    """Return the settings of all blocks, activations and initialisers that are listed.

    Without any, of those that `vanish` itself compares.
    """
    _require_known(Settings, options)
    listed = ("block", "act", "init")
    common = {name: value for name, value in options.items() if name not in listed}
    blocks, acts, inits = (one_or_several(name, options.get(name)) for name in listed)
    if not acts:
        said = options.get("layer_acts") is not None
        # A file with its graph says its activations itself.
        said = said or getattr(options.get("weights"), "graph", None) is not None
        acts = ["sigmoid"] if said else ["sigmoid", "relu"]
    return [
        Settings(**common, block=block, act=act, init=init)
        for block in blocks or [""]
        for act in acts
        for init in inits or ["auto"]
    ]


def count(name: str, given: int | None) -> int | None:
    """Return how many there are to be of something; None where that is left open."""
    if given is None:
        return None
    found: int = taken(named("jobs").but(name=name), given)
    check_count(name, found)
    return found


def flag(name: str, given: Any) -> bool:
    """Return whether something is to be."""
    found: bool = taken(named("per_layer").but(name=name), given)
    return found


def one_or_several(name: str, given: Any, option: Option | None = None) -> list[Any]:
    """Return one or several values of a setting as a list; an empty one for None.

    Parameters
    ----------
    name
        What it is called.
    given
        What was given.
    option
        What each may be, where it is no setting of a run.

    Raises
    ------
    UsageError
        If there is none, or one is of another type.
    """
    if given is None:
        return []
    each_is = SETTINGS[name] if option is None else option.but(name=name)
    found = [taken(each_is, each) for each in (given if is_listed(given) else [given])]
    if not found:
        raise UsageError(f"{name} is empty: give at least one")
    return _every_act(found) if name == "act" else found


def _every_act(given: Iterable[Any]) -> list[Any]:
    """Return activations, all that are built in for ``all``, as on the command line."""
    found: list[Any] = []
    for each in given:
        is_all = isinstance(each, str) and each.strip().lower() == ALL
        found += ACTIVATIONS.split(", ") if is_all else [each]
    return found


def axis(name: str, given: Any) -> list[Any]:
    """Return the values of a setting: what is one value by itself is an axis of one.

    Raises
    ------
    UsageError
        If there is no such setting.
    """
    if name not in SETTINGS:
        raise unknown_name("setting", name, SETTINGS)
    if name == "act":
        return _every_act(given if is_listed(given) else [given])
    if not is_listed(given):
        return [given]
    kind = SETTINGS[name].kind
    if kind is Kind.ROWS:
        is_one = not (isinstance(given, list | tuple) and _are(given, Rows, np.ndarray))
    elif kind is Kind.NETWORK:
        is_one = _are_arrays(given)
    else:
        listed = kind in (Kind.ACTS, Kind.SIZES)
        is_one = listed and not _are(given, list, tuple, np.ndarray)
    return [given] if is_one else list(given)


def _are_arrays(given: Any) -> bool:
    return isinstance(given, list | tuple) and _are(given, np.ndarray)


def _are(given: Iterable[Any], *kinds: type) -> bool:
    return all(isinstance(each, kinds) for each in given)
