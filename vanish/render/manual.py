"""A page of the manual for a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from rich.markdown import CodeBlock, Heading, Markdown
from rich.text import Text
from rich.theme import Theme

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

    from vanish.render.table import Canvas

# Readable on light and on dark backgrounds.
_THEME = Theme({"markdown.code": "cyan", "markdown.code_block": "none", "markdown.h1": "bold"})


class _Heading(Heading):
    """At the left, and without a box."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Code(CodeBlock):
    """As it is: what was printed for 80 columns is neither framed nor broken."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in str(self.text).rstrip().splitlines():
            style = "bold" if line.startswith("$ ") else ""
            yield Text(line, style, no_wrap=True, overflow="ignore")


class _Page(Markdown):
    elements: ClassVar = Markdown.elements | {
        "heading_open": _Heading,
        "fence": _Code,
        "code_block": _Code,
    }


def page(markdown: str, canvas: Canvas) -> str:
    """Return Markdown as a terminal shows it: headings, tables and code told apart."""
    output = io.StringIO()
    console = Console(
        file=output,
        width=canvas.width,
        color_system="standard" if canvas.colour else None,
        force_terminal=canvas.colour,
        legacy_windows=False,
        highlight=False,
        theme=_THEME,
        _environ={},
    )
    console.print(_Page(markdown, hyperlinks=False), crop=False)
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())
