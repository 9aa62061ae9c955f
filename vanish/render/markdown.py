"""A view as Markdown, for notes and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vanish.render.people import View


def markdown(view: View) -> str:
    """Return the view as a Markdown table with its notes and verdicts; bars are left out."""
    kept = [
        i
        for i in range(len(view.columns))
        if all(row is None or isinstance(row[i], str) for row in view.rows)
    ]
    headings = [_cell(view.columns[i].replace("\n", " ")) for i in kept]
    lines = [
        f"**{_escape(view.title)}**",
        "",
        _row(headings),
        _row([":---" if view.columns[i] in view.left else "---:" for i in kept]),
    ]
    lines += [_row([_cell(str(row[i])) if row else "⋮" for i in kept]) for row in view.rows]
    for notes in view.notes:
        lines += ["", _escape(notes.heading), ""]
        lines += [f"- {_escape(label)}: {_escape(text)}" for label, text in notes.lines]
    for finding in view.findings:
        lines += ["", f"**{_escape(finding.about)}: {finding.word}.** {_escape(finding.sentence)}"]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return text that does not end its cell."""
    return text.replace("|", "\\|")


def _escape(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\`*_|<>[]#" else char for char in text)
