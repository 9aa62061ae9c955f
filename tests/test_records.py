"""Records against `typing.NamedTuple` and `dataclasses`: the same in all that is used."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from vanish.records import Frozen, Record

if TYPE_CHECKING:
    from collections.abc import Callable


class Ours(Record):
    """A layer."""

    layer: int
    name: NotImported = "W"  # type: ignore[name-defined]  # noqa: F821 - text, never looked at
    scale: float = 2.0

    @property
    def shown(self) -> str:
        """What is written of it."""
        return f"{self.name}_{self.layer}"


class Theirs(NamedTuple):
    """A layer."""

    layer: int
    name: str = "W"
    scale: float = 2.0

    @property
    def shown(self) -> str:
        """What is written of it."""
        return f"{self.name}_{self.layer}"


class Named(Ours):
    """A class that adds to a record."""

    def __str__(self) -> str:
        return self.shown


SAME: dict[str, Callable[[Any], object]] = {
    "by place": lambda record: tuple(record(1, "b")),
    "by name": lambda record: tuple(record(scale=1.5, layer=3)),
    "a field": lambda record: (record(7).layer, record(7).name, record(7, scale=0.5).scale),
    "a property": lambda record: record(7).shown,
    "text": lambda record: repr(record(1, scale=-0.5)).split("(")[1],
    "equality": lambda record: (record(1) == (1, "W", 2.0), record(1) == record(2)),
    "order": lambda record: record(1) < record(2),
    "hash": lambda record: hash(record(1)),
    "unpacked": lambda record: [*record(1)],
    "fields": lambda record: record._fields,
    "defaults": lambda record: record._field_defaults,
    "as a dictionary": lambda record: record(1)._asdict(),
    "replaced": lambda record: tuple(record(1)._replace(name="b")),
    "made": lambda record: tuple(record._make([1, "b", 0.5])),
    "pickled": lambda record: tuple(pickle.loads(pickle.dumps(record(1, "b")))),
    "copied": lambda record: tuple(copy.deepcopy(record(1, "b"))),
    "signature": lambda record: [*inspect.signature(record).parameters],
    "slots": lambda record: hasattr(record(1), "__dict__"),
    "size": lambda record: sys.getsizeof(record(1)),
    "matched": lambda record: record.__match_args__,
    "about": lambda record: record.__doc__,
}


@pytest.mark.parametrize("asked", SAME.values(), ids=SAME.keys())
def test_a_record_is_what_a_named_tuple_is(asked: Callable[[Any], object]) -> None:
    assert asked(Ours) == asked(Theirs)


WRONG: dict[str, Callable[[Any], object]] = {
    "too few": lambda record: record(),
    "too many": lambda record: record(1, "W", 2.0, 3),
    "unknown": lambda record: record(1, depth=3),
    "twice": lambda record: record(1, layer=1),
    "assigned": lambda record: setattr(record(1), "layer", 2),
    "added": lambda record: setattr(record(1), "depth", 2),
    "made of too few": lambda record: record._make([1]),
}


@pytest.mark.parametrize("asked", WRONG.values(), ids=WRONG.keys())
def test_a_record_refuses_what_a_named_tuple_refuses(asked: Callable[[Any], object]) -> None:
    for record in (Ours, Theirs):
        with pytest.raises((TypeError, AttributeError)):
            asked(record)


def test_an_unknown_field_is_not_replaced() -> None:
    with pytest.raises(TypeError, match="depth"):
        Ours(1)._replace(depth=2)  # type: ignore[call-arg]


def test_the_constructor_is_compiled_once_where_it_is_called_often() -> None:
    class Fresh(Record):
        layer: int
        name: str = "W"

    constructors: list[object] = []
    for layer in range(20):
        assert tuple(Fresh(name="b", layer=layer)) == (layer, "b")
        constructors.append(Fresh.__new__)
    first, last = constructors[0], constructors[-1]
    assert constructors == [first] * 7 + [last] * 13
    assert first is not last


@pytest.mark.parametrize("first", [Ours, Named])
def test_what_adds_to_a_record_has_its_fields(first: type[Ours]) -> None:
    first(1)
    named = Named(2, "b")
    assert str(named) == "b_2"
    assert type(named) is Named
    assert type(Ours(2)) is Ours
    assert isinstance(named, Ours)
    assert repr(named) == "Named(layer=2, name='b', scale=2.0)"


def test_a_record_without_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="Empty has no fields: annotate them"):

        class Empty(Record):
            pass


class OurMany(Frozen):
    """A network."""

    layers: int
    act: NotImported = "tanh"  # type: ignore[name-defined]  # noqa: F821 - text, never looked at
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"{self.layers} layers")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TheirMany:
    """A network."""

    layers: int
    act: str = "tanh"
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"{self.layers} layers")


FROZEN: dict[str, Callable[[Any], object]] = {
    "fields": lambda record: vars(record(layers=3, act="relu")),
    "what is made for each": lambda record: record(layers=3).sizes is record(layers=3).sizes,
    "what is given for it": lambda record: record(layers=3, sizes={"W": 2}).sizes,
    "replaced": lambda record: vars(dataclasses.replace(record(layers=3), act="elu")),
    "listed": lambda record: [(each.name, each.kw_only) for each in dataclasses.fields(record)],
    "as a dictionary": lambda record: dataclasses.asdict(record(layers=3)),
    "equality": lambda record: record(layers=3) == record(layers=3),
    "pickled": lambda record: vars(pickle.loads(pickle.dumps(record(layers=3)))),
    "copied": lambda record: vars(copy.deepcopy(record(layers=3, sizes={"W": 2}))),
    "signature": lambda record: [
        (each.name, each.kind, repr(each.default))
        for each in inspect.signature(record).parameters.values()
    ],
    "about": lambda record: record.__doc__,
}


@pytest.mark.parametrize("asked", FROZEN.values(), ids=FROZEN.keys())
def test_a_frozen_record_is_what_a_frozen_dataclass_is(asked: Callable[[Any], object]) -> None:
    assert asked(OurMany) == asked(TheirMany)


REFUSED: dict[str, Callable[[Any], object]] = {
    "too few": lambda record: record(),
    "unknown": lambda record: record(layers=1, depth=3),
    "by place": lambda record: record(1),
    "by itself": lambda record: record(layers=0),
    "assigned": lambda record: setattr(record(layers=1), "layers", 2),
    "added": lambda record: setattr(record(layers=1), "depth", 2),
    "deleted": lambda record: delattr(record(layers=1), "layers"),
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED.keys())
def test_a_frozen_record_refuses_in_the_words_of_a_dataclass(
    asked: Callable[[Any], object],
) -> None:
    complaints = []
    for record in (OurMany, TheirMany):
        with pytest.raises((TypeError, AttributeError, ValueError)) as caught:
            asked(record)
        complaints.append((caught.type, str(caught.value).replace("TheirMany", "OurMany")))
    assert complaints[0] == complaints[1]
