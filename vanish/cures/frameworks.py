"""The frameworks whose lines a cure can be told in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.registry import choice
from vanish.simulation.names import FRAMEWORKS

if TYPE_CHECKING:
    from vanish.cures.fix import Lines


def lines_of(framework: str) -> Lines:
    """Return what gives the lines of a framework.

    Raises
    ------
    UsageError
        If it is none that is known.
    """
    from vanish.cures.torchlines import lines  # noqa: PLC0415 - only where it is asked for

    return {"torch": lines}[choice("framework", framework, FRAMEWORKS.split(", "))]
