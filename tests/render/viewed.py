"""The views that command lines draw."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any
from unittest import mock

from command import run_in_process

from vanish.render import table as tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.render.view import View


def views(line: str) -> Iterator[View]:
    """Yield the views that a command line draws."""
    shown: list[View] = []
    draw = tables.table

    def note(view: View, *rest: Any, **named: Any) -> str:
        shown.append(view)
        return draw(view, *rest, **named)

    with mock.patch.object(tables, "table", note):
        result = run_in_process(*shlex.split(line), "--format", "table")
    assert result.status == 0
    yield from shown
