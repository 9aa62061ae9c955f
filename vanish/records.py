"""Records: what `typing.NamedTuple` makes, without what making it costs.

A start makes fifty of them. `typing` compiles each annotation of theirs and `collections` each
constructor, most of which nobody calls: that was a twentieth of the start. Here annotations stay
the text that they are, and a constructor is compiled when it is called first.
"""

from __future__ import annotations

__all__ = ["Record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from inspect import Signature

    # To whoever checks types it is the same thing.
    from typing import Any, Self
    from typing import NamedTuple as Record
else:
    from operator import itemgetter

    try:
        from _collections import _tuplegetter as _getter  # as `collections` does
    except ImportError:  # not CPython

        def _getter(place: int, doc: str) -> property:
            return property(itemgetter(place), doc=doc)

    class _Fields(type):
        """Makes the fields of a class that says `Record` of what it annotates."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if tuple in bases or hasattr(bases[0], "_fields"):  # `Record`, or what has its fields
                return super().__new__(cls, name, bases, body)
            fields = tuple(body.get("__annotations__", ()))
            if not fields:
                raise TypeError(f"{name} has no fields: annotate them")
            body["_fields"] = body["__match_args__"] = fields
            body["_field_defaults"] = {each: body[each] for each in fields if each in body}
            body.update((each, _getter(place, each)) for place, each in enumerate(fields))
            return super().__new__(cls, name, bases, {"__slots__": ()} | body)

        @property
        def __signature__(cls) -> Signature:
            from inspect import signature  # noqa: PLC0415 - start-up

            return signature(_constructor(cls).__get__(cls))

    def _constructor(cls: type) -> Callable[..., Any]:
        """Return what makes a record of a class: a function of its fields."""
        fields = ", ".join(cls._fields)
        # A function with just these arguments is three times as fast as one with any.
        made = f"_new(_cls, ({fields},))"
        if hasattr(cls, "__post_init__"):
            made = f"_checked({made})"
        text = f"lambda _cls, {fields}: {made}"
        known = {"_new": tuple.__new__, "_checked": _checked}
        new = eval(text, known)  # noqa: S307 - of names that Python has read
        new.__defaults__ = tuple(cls._field_defaults.values())
        new.__qualname__ = f"{cls.__name__}.__new__"
        return new

    def _checked(record: Record) -> Record:
        record.__post_init__()
        return record

    class Record(tuple, metaclass=_Fields):
        """An immutable tuple with named fields, declared as those of `typing.NamedTuple` are.

        A `__post_init__`, where it has one, checks what the constructor has made.
        """

        __slots__ = ()

        def __new__(cls, *values: object, **named: object) -> Self:
            """Compile the constructor, which takes the place of this one, and call it."""
            of_fields = next(each for each in cls.__mro__ if "_fields" in vars(each))
            of_fields.__new__ = staticmethod(_constructor(of_fields))
            return of_fields.__new__(cls, *values, **named)

        def __repr__(self) -> str:
            shown = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{name}={each!r}' for name, each in shown)})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        @classmethod
        def _make(cls, values: Iterable[object]) -> Self:
            record = tuple.__new__(cls, values)
            if len(record) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(record)}")
            return record

        def _replace(self, /, **named: object) -> Self:
            return type(self)(**self._asdict() | named)

        __replace__ = _replace

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))
