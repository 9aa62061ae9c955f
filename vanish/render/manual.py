"""A page of the manual for a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from rich.markdown import CodeBlock, Heading, Markdown
from rich.text import Text
from rich.theme import Theme

from vanish.render.spoken import aligned, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markdown_it.token import Token
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
    shown = _Page(markdown, hyperlinks=False)
    if canvas.in_words:
        _speak(shown.parsed)
    console.print(shown, crop=False)
    drawn = output.getvalue()
    if canvas.in_words:
        # What rich itself has for a word that is too long for its column.
        drawn = drawn.replace("…", ".")
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())


def _speak(tokens: Iterable[Token]) -> None:
    """Put words for symbols, before lines are broken and columns are set."""
    for token in tokens:
        if token.type == "fence":
            token.content = "\n".join(map(aligned, token.content.split("\n")))
        elif token.children:
            _speak(token.children)
        else:
            token.content = spoken(token.content)
