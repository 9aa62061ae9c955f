"""A sweep's options from a TOML file."""

from __future__ import annotations

from typing import Any

from vanish.errors import InputError, UsageError, unknown_name
from vanish.simulation import table
from vanish.simulation.option import Kind

# Every setting of `vanish` but a flag is an axis; the rest a file may set, too.
AXES = {option.name: option for option in table.of("sweep") if option.axis}
_OTHERS = {
    option.name: option for option in table.of("sweep") if not option.axis and not option.once
}

# Bits of a whole number of some 3,000 digits: Python writes no more than 4300.
_LONGEST = 10_000


def read_config(path: str) -> dict[str, Any]:
    """Return the options of a TOML file, those of axes as lists of text.

    Raises
    ------
    InputError
        If it cannot be read, or is no TOML.
    UsageError
        If an option is unknown, or has a value that it cannot have.
    """
    import tomllib

    from vanish.files.content import read_bytes

    try:
        content = tomllib.loads(read_bytes(path).decode())
    except ValueError as error:
        # Not TOML, not UTF-8, or a number too long for Python.
        raise InputError(f"{path}: {error}: give option = value lines, as TOML has them") from None
    except RecursionError:
        raise InputError(
            f"{path}: lists in lists, too many to read: give option = value lines, a value or a"
            " list of values"
        ) from None
    known = [*AXES, *_OTHERS]
    found = {}
    for written, value in content.items():
        name = written.replace("-", "_")
        _require_short(path, written, value)
        if name not in known:
            names = [each.replace("_", "-") for each in known]
            raise unknown_name(f"option in {path}", written, names)
        if name in found:
            raise UsageError(f"{path}: {written} stands in it in two spellings: leave one out")
        found[name] = _texts(path, name, value) if name in AXES else _plain(path, name, value)
    return found


def _require_short(path: str, written: str, value: Any) -> None:
    """Refuse a whole number that Python does not write: TOML's hexadecimal ones have no limit."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, list):
            _require_short(path, written, each)
        elif isinstance(each, int) and each.bit_length() > _LONGEST:
            raise UsageError(
                f"{path}: {written}: a number of thousands of digits: give a shorter one"
            )


def _texts(path: str, name: str, value: Any) -> list[str]:
    """Return a value of a TOML file as the command line would have it, one text a value."""
    texts = []
    for each in value if isinstance(value, list) else [value]:
        items = each if isinstance(each, list) else [each]
        if not all(isinstance(item, str | int | float) for item in items):
            raise UsageError(
                f"{path}: {name} = {value!r}: give texts and numbers, or a list of them"
            )
        texts.append(",".join(_text(path, name, str(item)) for item in items))
    return texts


def _text(path: str, name: str, value: str) -> str:
    """Refuse a text that no command line can hold."""
    if "\0" in value:
        raise UsageError(f"{path}: {name} = {value!r}: a NUL in it: leave it out")
    return value


def _plain(path: str, name: str, value: Any) -> Any:
    if _OTHERS[name].several:
        return [text for each in _texts(path, name, value) for text in each.split(",")]
    kind = {Kind.FLAG: bool, Kind.COUNT: int}.get(_OTHERS[name].kind, str)
    if type(value) is not kind:
        words = {bool: "true or false", int: "a whole number", str: "a text"}
        raise UsageError(f"{path}: {name} = {value!r}: give {words[kind]}")
    return _text(path, name, value) if isinstance(value, str) else value
