"""A view as Markdown, for notes and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.render.view import WHAT_COLUMNS_SAY, Elided, Notes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.render.view import Finding, View


def markdown(view: View) -> str:
    """Return the view as a Markdown table with its notes and verdicts; bars are left out."""
    kept = [
        i
        for i in range(len(view.columns))
        if all(isinstance(row, Elided) or isinstance(row[i], str) for row in view.rows)
    ]
    headings = [_cell(view.columns[i].replace("\n", " ")) for i in kept]
    lines = [
        f"**{_escape(view.title)}**",
        *(["", _escape(view.equation)] if view.equation else []),
        *(["", _told(view.lead)] if view.lead is not None else []),
    ]
    if view.columns:
        sides = [":---" if view.columns[i] in view.left else "---:" for i in kept]
        lines += ["", _row(headings), _row(sides)]
    lines += [_row(_cells(row, kept)) for row in view.rows]
    legend = [Notes(WHAT_COLUMNS_SAY, tuple((said.label, said.text) for said in view.legend))]
    for notes in (*(legend if view.legend else ()), *view.notes):
        lines += ["", _escape(notes.heading)] + [""] * bool(notes.lines)
        lines += [f"- {_escape(label)}: {_escape(text)}" for label, text in notes.lines]
    for finding in view.findings:
        lines += ["", _told(finding)]
    return "\n".join(lines) + "\n"


def _told(finding: Finding) -> str:
    verdict = f"{finding.word}{finding.qualifier}"
    return f"**{_escape(finding.about)}: {_escape(verdict)}.** {_escape(finding.sentence)}"


def _cells(row: Sequence[object] | Elided, kept: Sequence[int]) -> list[str]:
    """Return the cells of a row; one that stands for others says so in its first ones."""
    if isinstance(row, Elided):
        if row.is_heading:
            return [f"**{_cell(row.text)}**", *("" for _ in kept[1:])]
        if len(kept) == 1:
            return [_cell(f"⋮ {row.text}")]
        return ["⋮", _cell(row.text), *("" for _ in kept[2:])]
    return [_cell(str(row[i])) for i in kept]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return text that neither ends its cell nor is taken for markup, as x*y*z is; q* is not."""
    special = "\\`|<" + "".join(each for each in "*~" if text.count(each) > 1)
    return "".join(f"\\{char}" if char in special else char for char in text)


def _escape(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\`*_|<>[]#" else char for char in text)
