"""The form of results: their format, how wide they are, which rows and columns there are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from vanish.cli.formats import DELIMITERS, FEWEST_ROWS, FOR_PEOPLE
from vanish.cli.streams import for_stdout, in_colour, lacks_symbols, piped_width, window
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vanish.columns import Cell, Column, Lot
    from vanish.render.table import Canvas
    from vanish.render.view import Legend, View

    Row = Mapping[str, Cell]


class Form(Record):
    """How a command's result looks, and which file it is for.

    Attributes
    ----------
    format
        The format's name.
    output
        The file to write; None for stdout.
    header
        Whether tsv and csv start with a header line.
    rows
        Most rows of a table, 0 for all; None where the user did not say.
    quiet
        Whether to keep verdicts and notes to oneself.
    chosen
        The columns that were asked for, in that order; none for all there are.
    """

    format: str
    output: str | None
    header: bool
    rows: int | None
    quiet: bool
    chosen: tuple[Column[Any], ...] = ()

    @property
    def is_for_people(self) -> bool:
        """Whether the format is one that people read, not programs."""
        return self.format in FOR_PEOPLE

    def draw_fitting(self, view: Callable[[int | None], View]) -> str:
        """Return a view with as many rows as asked for, or as a terminal has room for.

        Parameters
        ----------
        view
            Makes the view with at most so many rows, None for all.
        """
        from vanish.render.view import Legend

        if self.rows is not None:
            return self.draw(view(self.rows or None))
        room = self.room
        if room is None:
            return self.draw(view(None))
        shortest = self._drawn(view(FEWEST_ROWS), Legend.BRIEF)
        spare = room - shortest.count("\n")
        return self.draw(view(FEWEST_ROWS + spare)) if spare > 0 else shortest

    @property
    def window(self) -> int | None:
        """How wide the terminal is that lines are to fit; None where they go elsewhere."""
        size = window() if self.output is None else None
        return None if size is None else size[0]

    @property
    def room(self) -> int | None:
        """How many lines a table may have, the prompt below it; None where no terminal says."""
        size = window() if self.output is None and self.format == "table" else None
        return None if size is None else size[1] - 1

    @property
    def width(self) -> int:
        """How wide a table may be."""
        return self.window or piped_width()

    @property
    def in_words(self) -> bool:
        """Whether words stand for symbols where it goes."""
        return self.output is None and lacks_symbols(sys.stdout)

    def say(self, text: str) -> str:
        """Return text in words where symbols are lacking."""
        return for_stdout(text) if self.output is None else text

    @property
    def canvas(self) -> Canvas:
        """What a table is drawn on."""
        from vanish.render.table import Canvas

        return Canvas(self.width, self.output is None and in_colour(), self.in_words)

    def draw(self, view: View) -> str:
        """Return a view in this format, fit for the terminal if that is where it goes.

        What its columns say is told as far as a terminal has room for it: no row gives way.
        """
        from vanish.render.view import Legend

        room = self.room
        if room is None:
            return self._drawn(view, Legend.FULL)
        # Nothing is drawn that cannot fit.
        for legend in Legend if len(view.rows) < room else ():
            drawn = self._drawn(view, legend)
            if drawn.count("\n") <= room:
                return drawn
        return self._drawn(view, Legend.BRIEF)

    def _drawn(self, view: View, legend: Legend) -> str:
        """Return a view in this format."""
        if self.quiet:
            view = view._replace(legend=())
        if self.format == "markdown":
            from vanish.render.markdown import markdown

            if self.in_words:
                from vanish.render.spoken import in_words

                view = in_words(view)
            return markdown(view)
        from vanish.render.table import table

        return table(view, self.canvas, story=not self.quiet, legend=legend)

    def narrowed(
        self, view: View, rows: Iterable[Row], most: int | None = None, more: str = ""
    ) -> View:
        """Return a view with the columns that were asked for in place of its own, if any were.

        Parameters
        ----------
        view
            What people see.
        rows
            What programs read.
        most, more
            How many rows to show at most, None for all, and how to see the others.
        """
        if not self.chosen:
            return view
        from vanish.render.chosen import narrowed

        return narrowed(view, self.chosen, rows, most, more)

    def _picked(self, rows: Iterable[Row]) -> Iterable[Row]:
        names = [column.name for column in self.chosen]
        return ({name: row[name] for name in names} for row in rows) if names else rows

    def list_rows(self, rows: Iterable[Row], names: Iterable[str] = ()) -> str:
        """Return rows as tsv, csv or jsonl.

        Parameters
        ----------
        rows
            The rows.
        names
            Of all their columns, where there may be none of them.
        """
        rows, names = self._picked(rows), [column.name for column in self.chosen] or names
        if self.format == "jsonl":
            from vanish.render.json import lines

            return lines(rows)
        from vanish.render.delimited import delimited

        return delimited(rows, DELIMITERS[self.format], self.header, names)

    def lots(self, lots: Iterable[Lot]) -> Iterator[str]:
        """Yield rows as tsv, csv or jsonl, each lot as it comes; chosen columns are chosen before.

        Parameters
        ----------
        lots
            The cells of some rows each.
        """
        if self.format == "jsonl":
            from vanish.render.jsonrows import lines

            yield from map(lines, lots)
            return
        from vanish.render.delimited import lines as delimited

        header = self.header
        for lot in lots:
            yield delimited(lot, DELIMITERS[self.format], header)
            header = False

    def parts(self, lots: Iterable[Iterable[Row]], settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield a long table for programs part by part, each lot of its rows as it comes.

        Parameters
        ----------
        lots
            The rows.
        settings
            What the JSON document says of all of them.
        """
        if self.format == "json":
            from vanish.render.json import parts

            yield from parts(lots, settings)
            return
        first = True
        for rows in lots:
            yield self._replace(header=self.header and first).list_rows(rows)
            first = False
