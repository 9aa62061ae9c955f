"""What people read: the same views for the terminal's table and for Markdown.

A view is a list of columns and rows of short text with the sentences around it; it
knows nothing of how it is drawn.
"""

from __future__ import annotations

from enum import Enum

from vanish.records import Record


class Bar(Record):
    """A bar for a magnitude on a logarithmic axis: `share` of its full length."""

    share: float | None


class Spark(Record):
    """A line of small bars, one share a layer; None for a true zero."""

    shares: tuple[float | None, ...]


class Heat(Record):
    """A row of a map: decades a layer at each point, or a sign for what has none."""

    cells: tuple[float | str, ...]


class Notes(Record):
    """Lines under a table: a heading, then labels with their text.

    Attributes
    ----------
    heading
        What stands above the lines.
    lines
        Labels with their text.
    heads
        The headings of the columns that they are about; without one they stand in any case.
    """

    heading: str
    lines: tuple[tuple[str, str], ...]
    heads: tuple[str, ...] = ()


class Said(Record):
    """What columns say, for those who do not know it.

    Attributes
    ----------
    label
        What they are called.
    text
        What they say.
    heads
        Their headings; without one it is said in any case.
    """

    label: str
    text: str
    heads: tuple[str, ...] = ()


def said(heads: str | tuple[str, ...], text: str) -> Said:
    """Return what columns say, called by their headings."""
    heads = (heads,) if isinstance(heads, str) else heads
    return Said(", ".join(" ".join(head.split()) for head in heads), text, heads)


# What stands above that.
WHAT_COLUMNS_SAY = "What the columns say"


class Legend(Enum):
    """How much of what the columns say stands under a table."""

    FULL = "a line for each"
    BRIEF = "one line, which tells where to ask"
    NONE = "nothing"


class Elided(Record):
    """A row that stands for others: how many, and how to see them; or over others.

    Attributes
    ----------
    text
        What it says.
    is_heading
        Whether it says what the rows below it are.
    """

    text: str
    is_heading: bool = False


class Finding(Record):
    """A verdict on a run.

    Attributes
    ----------
    word
        Its one word.
    about
        What it is about.
    sentence
        What follows the word and its qualifier.
    qualifier
        What the word alone would hide; begins with a comma or a blank where there is any.
    """

    word: str
    about: str
    sentence: str
    qualifier: str = ""

    @property
    def text(self) -> str:
        """The word and all that follows."""
        return f"{self.word.upper()}{self.qualifier}. {self.sentence}"


class View(Record):
    """A table with its surroundings.

    Attributes
    ----------
    title
        What was run, in one line.
    columns
        Headings.
    rows
        Cells, one sequence a row, or a sign for elided ones.
    notes
        What stands under the table.
    findings
        One verdict a run.
    left
        The headings of the left-aligned columns.
    dispensable
        The headings of those that a narrow window can do without, the first one first; a
        group of them goes together. Where a bar gives way, those before it come back as far as
        they fit, the last one first.
    equation
        What stands under the title: the layer as a formula, where it is not the article's.
    legend
        What the columns say whose headings do not tell it.
    lead
        What is to be read before the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Bar | Spark | Heat, ...] | Elided, ...]
    notes: tuple[Notes, ...]
    findings: tuple[Finding, ...]
    left: frozenset[str]
    dispensable: tuple[str | tuple[str, ...], ...]
    equation: str = ""
    legend: tuple[Said, ...] = ()
    lead: Finding | None = None


def elide(count: int, most: int | None) -> list[int | None]:
    """Return the indices to show of `count` rows, None standing for the elided ones."""
    if most is None or count <= most:
        return list(range(count))
    if most < 3:
        return list(range(most))
    shown = most - 1
    head = (shown + 1) // 2
    return [*range(head), None, *range(count - (shown - head), count)]
