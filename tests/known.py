"""What may be None, and is not where a test speaks of it."""

from __future__ import annotations

from typing import TypeVar

Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """Return a value that is there."""
    assert value is not None
    return value
