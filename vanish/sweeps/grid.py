"""A grid of simulations: the product of lists of settings."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from itertools import chain, islice, product
from typing import TYPE_CHECKING, Any

from vanish.errors import ConflictError, UsageError, quoted, unknown_name
from vanish.network import activations
from vanish.network.activations import Activation
from vanish.network.arrays import Network, Rows
from vanish.network.blockarrays import BlockNetwork
from vanish.network.filegraph import FileNetwork
from vanish.network.graph import Node, Variable
from vanish.numbers.words import in_full
from vanish.simulation import costs
from vanish.simulation.names import AUTO_ENGINE
from vanish.simulation.option import Kind
from vanish.simulation.settings import Settings
from vanish.simulation.spelling import in_own_spelling
from vanish.simulation.table import SETTINGS
from vanish.simulation.values import require_range, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vanish.numbers.scaled import FloatArray

# More points than this are a slip of the finger: a year of work at 3 a second.
LARGEST = 10**8

# So many ways to choose the settings that are at odds are tried before the sweep begins.
_TRIED = 1000


# What a network is made of: with these its signal is another one.
_SHAPING = ("block", "widths", "weights", "loss")


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
        no such setting, there are more than `LARGEST` points, or what is given goes together
        at none of them. What does not go together at some is told there.

    Attributes
    ----------
    guests
        The activations that other processes do not find by name, by what the axes have for them.
        They go with the grid wherever it is sent, where nobody has registered them.
    """

    def __init__(self, axes: Mapping[str, Sequence[Any]]) -> None:
        if not isinstance(axes, Mapping):
            raise UsageError(
                f"a grid {quoted(axes)}: give lists of values by the names of settings"
            )
        known = [field.name for field in fields(Settings)]
        for name in axes:
            if name not in known:
                raise unknown_name("setting", name, known)
        self.axes = {name: _axis(name, axes[name]) for name in known if name in axes}
        for name, values in self.axes.items():
            if not values:
                raise UsageError(f"{name}: an empty list: give at least one value")
            own = self.axes[name] = tuple(in_own_spelling(name, value) for value in values)
            once = set()
            for value in own:
                if value in once:
                    raise UsageError(f"{name}: {shown(value)} is given twice: leave one out")
                once.add(value)
        if len(self) > LARGEST:
            shape = " × ".join(f"{len(values):,} {name}" for name, values in self.axes.items())
            raise UsageError(
                f"a grid of {math.prod(map(len, self.axes.values())):,} points ({shape}): give at"
                f" most {LARGEST:,}"
            )
        for name, each in self.axes.items():
            for value in each:
                if value is None:
                    continue
                if SETTINGS[name].kind is Kind.COUNT:
                    # There may be thousands, and all else it can be at odds with is a setting.
                    require_range(SETTINGS[name], value)
                    continue
                # What is at odds with a default only may be fine beside what is given.
                with suppress(ConflictError):
                    Settings(**{name: value})
        self.guests = self._find_guests()
        self._check_together()

    def _check_together(self) -> None:
        """Raise what is wrong at every point, as far as one of them shows it."""
        varying = self.varying.keys()
        alike = {name: each[0] for name, each in self.axes.items() if name not in varying}
        everywhere = self._conflict(alike)
        if everywhere is not None and not everywhere.settings & varying:
            raise everywhere
        first = self._conflict(self.coordinates(0))
        if first is None:
            return
        about = [name for name in self.varying if name in first.settings]
        ways = [self.axes[name] for name in about]
        if math.prod(map(len, ways)) > _TRIED:
            return
        for way in product(*ways):
            found = self._conflict(self.coordinates(0) | dict(zip(about, way, strict=True)))
            if found is None or not found.settings <= first.settings:
                return
        raise first

    def _conflict(self, values: dict[str, Any]) -> ConflictError | None:
        """Return what is at odds in some settings."""
        try:
            self._settings(values)
        except ConflictError as error:
            return error
        return None

    def _find_guests(self) -> dict[str | Activation, Activation]:
        alone = (*self.axes.get("act", ()), *self.axes.get("last_act", ()))
        listed = (each or () for each in self.axes.get("layer_acts", ()))
        given = dict.fromkeys((*alone, *chain.from_iterable(listed)))
        found = {name: activations.get(name) for name in given if name is not None}
        return {name: act for name, act in found.items() if not activations.is_everywhere(act)}

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
        """Return the settings of a point, from 0, with the engine that runs it.

        ``auto`` is the faster one of this point: it shares the start of the program with all
        others.

        Raises
        ------
        UsageError
            If the values of this point do not go together.
        """
        found = self._settings(self.coordinates(index))
        return found.but(engine=costs.faster(found)) if found.engine == AUTO_ENGINE else found

    @property
    def signals(self) -> set[str]:
        """The letters of what is compared from layer to layer, see `Graph.signal`."""
        if not {"block", "weights"} & self.axes.keys():
            return {"a"}
        about = [name for name in _SHAPING if name in self.axes]
        ways = product(*(self.axes[name] for name in about))
        found = set()
        for way in islice(ways, _TRIED):
            # Points at odds have none.
            with suppress(UsageError):
                settings = self._settings(self.coordinates(0) | dict(zip(about, way, strict=True)))
                found.add(settings.model.graph.signal)
        return found

    @property
    def chooses_engines(self) -> bool:
        """Whether there are points that leave the engine open."""
        return AUTO_ENGINE in self.axes.get("engine", (AUTO_ENGINE,))

    def _settings(self, values: dict[str, Any]) -> Settings:
        if self.guests:
            for name in {"act", "last_act"} & values.keys():
                values[name] = self.guests.get(values[name], values[name])
            if values.get("layer_acts") is not None:
                values["layer_acts"] = tuple(
                    self.guests.get(act, act) for act in values["layer_acts"]
                )
        return Settings(**values)

    def as_dict(self) -> dict[str, list[Any]]:
        """Return the values on each axis, ready for JSON: arrays by the names of their files."""
        return {name: [_plain(value) for value in values] for name, values in self.axes.items()}

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


def _axis(name: str, given: Sequence[Any]) -> tuple[Any, ...]:
    """Return the values of a setting, each as what it means."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UsageError(f"{name} {given!r}: give a list of values")
    option = SETTINGS[name]
    # What has a default is never left out.
    may_be_none = option.default is None
    found = tuple(
        None if value is None and may_be_none else taken(option, value) for value in given
    )
    if option.kind is Kind.NUMBERS and any(isinstance(value, tuple) for value in found):
        raise UsageError(
            f"{name} of one number a layer: a sweep has one number a point: give numbers, or"
            f" last_{name} for layer N"
        )
    return found


def shown(value: Any) -> str:
    """Return a setting as people read it, as an option of the command line would have it."""
    return _text(value, "{:g}".format)


def written(value: Any) -> str:
    """Return a setting as text that reads back as the same, as such an option would have it."""
    return _text(value, in_full)


def _text(value: Any, number: Callable[[float], str]) -> str:
    if _is_by_letters(value):
        value = dict(value)
    if isinstance(value, dict):
        return ",".join(f"{letter}={_text(std, number)}" for letter, std in value.items())
    if isinstance(value, tuple | list):
        return ",".join(_text(each, number) for each in value)
    if isinstance(value, Rows | Network | BlockNetwork | FileNetwork | Activation):
        return value.name
    return number(value) if isinstance(value, float) else str(value)


def _is_by_letters(value: Any) -> bool:
    """Tell whether a value on an axis is one number a letter, and no list."""
    listed = isinstance(value, tuple) and bool(value)
    return listed and all(isinstance(each, tuple) for each in value)


def _plain(value: Any) -> Any:
    """Return a value on an axis as JSON can hold it."""
    if isinstance(value, tuple):
        return dict(value) if _is_by_letters(value) else [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | None) else shown(value)


def _digest(value: Rows | Network | BlockNetwork | FileNetwork | Activation) -> Any:
    """Return the content of rows or of a network as what JSON can hold; of a record its name."""
    if isinstance(value, Activation):
        return value.name
    if isinstance(value, Rows):
        # What numbers without a second axis mean depends on the chain, see `Rows.of`.
        return [*_digests([value.values]), "flat"] if value.flat else _digests([value.values])
    if isinstance(value, Network):
        own = [] if value.origin is None else value.origin.weights
        return [*own, *_digests([*value.weights, *value.biases, value.x, value.readout])]
    if isinstance(value, FileNetwork):
        nodes = [node for run in value.graph.runs for node in run.block.nodes]
        acts = [each.name for each in value.activations]
        return [[*map(_told, nodes)], acts, *_digests(value.arrays.values())]
    parts = value.arrays | {Variable("u", k): rows for k, rows in (value.steps or {}).items()}
    names = [*map(str, parts), str(value.block), value.depth if value.knows_depth else None]
    return [names, *_digests([*parts.values(), value.x, value.readout])]


def _told(node: Node) -> list[Any]:
    """Return what a node of a file's graph is, as what JSON can hold."""
    op = node.op
    own = op.own.name if isinstance(op.own, Activation) else str(op.own)
    number = None if op.constant is None else op.constant.value
    return [op.kind, node.inputs, [slot.letter for slot in op.slots], own, number]


def _digests(arrays: Iterable[FloatArray | None]) -> list[Any]:
    return [
        None if array is None else [array.shape, hashlib.sha256(array.tobytes()).hexdigest()]
        for array in arrays
    ]
