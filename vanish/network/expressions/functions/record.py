"""What the language knows of one function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.expressions.tree import Node
    from vanish.network.formulas.calls import Parameter


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of the language.

    Attributes
    ----------
    name, aliases
        What it is called; other words for it.
    value
        Maps arrays, one an argument, and its parameters as numbers to an array, elementwise.
        None for what is only another way to write something, see `means`.
    slope
        Its derivative at x, in the language.
    latex
        Its LaTeX, with ``{}`` for each argument.
    arguments
        What its arguments are called where its use is told.
    parameters
        The numbers it takes besides.
    bends
        Returns, for its parameters, the values of its argument at which its slope jumps.
    chosen
        Of a function that is one of its arguments: returns it with `where`.
    means
        Of a function that is only another way to write something: returns that.
    activation
        Returns, for its parameters, the activation that it is; None where it is none.
    """

    name: str
    value: Callable[..., Any] | None = None
    slope: str = ""
    latex: str = ""
    aliases: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ("x",)
    parameters: tuple[Parameter, ...] = ()
    bends: Callable[..., tuple[float, ...]] = lambda *_: ()
    chosen: Callable[..., Node] | None = None
    means: Callable[..., Node] | None = None
    activation: Callable[..., Any] | None = None

    @property
    def usage(self) -> str:
        """How it is written."""
        numbers = (
            each.name if each.default is None else f"{each.name}={each.default:g}"
            for each in self.parameters
        )
        return f"{self.name}({', '.join((*self.arguments, *numbers))})"
