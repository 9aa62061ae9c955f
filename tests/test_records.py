"""A record against `typing.NamedTuple`: the same in all that is used, but for what it costs."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from vanish.records import Record

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
        Ours(1)._replace(depth=2)  # type: ignore[call-arg]  # it is to be refused


def test_the_constructor_is_compiled_once() -> None:
    class Fresh(Record):
        layer: int

    before = Fresh.__new__
    Fresh(1)
    compiled = Fresh.__new__
    Fresh(2)
    assert before is not compiled
    assert Fresh.__new__ is compiled


class Layer(Record):
    number: int

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError(f"layer {self.number}")


def test_a_record_checks_what_its_constructor_makes() -> None:
    assert Layer(1)._replace(number=2) == (2,)
    with pytest.raises(ValueError, match="layer 0"):
        Layer(0)
    with pytest.raises(ValueError, match="layer -1"):
        Layer(1)._replace(number=-1)


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
