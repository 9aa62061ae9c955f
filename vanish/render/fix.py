"""What `vanish fix` found, as rows, as JSON and as a view for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish import __version__
from vanish.cures.columns import FIXES, options_of
from vanish.cures.cure import Part
from vanish.cures.story import conclude
from vanish.numbers.words import plural, short
from vanish.render.json import SCHEMA, dumped, plain, run
from vanish.render.titles import title
from vanish.render.view import Elided, Finding, Notes, View
from vanish.simulation.verdict import diagnose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.columns import Cell
    from vanish.cures.fix import Fixed, Row
    from vanish.numbers.scaled import Magnitude
    from vanish.simulation.profile import Profile

_BAND = ("5 %", "95 %")
_HELD = "layers\nheld"


def rows(found: Fixed) -> list[dict[str, Cell]]:
    """Return one mapping a cure."""
    return [FIXES.row(row) for row in found.rows]


def document(found: Fixed) -> str:
    """Return the diagnosis and all cures as one JSON document."""
    whole = {
        "schema": SCHEMA,
        "version": __version__,
        "settings": found.diagnosis.settings.as_dict(),
        "diagnosis": run(found.diagnosis, found.remedy),
        "sentence": conclude(found).text,
        "most_layers": found.most_layers,
        "untried": list(found.untried),
        "rows": [plain(row) for row in rows(found)],
    }
    return dumped(whole, indent=1) + "\n"


def view(found: Fixed, most: int | None = None) -> View:
    """Return the cures as a table for people, between the diagnosis and what follows from both.

    Parameters
    ----------
    found
        What was found.
    most
        How many rows to show, the best ones; None for all.
    """
    several = found.diagnosis.trials > 1
    shown = found.rows
    body = list(_grouped(shown, found.diagnosis))
    # Headings are rows, too, and so is what tells how many are hidden.
    while most is not None and len(shown) > 1 and len(body) > most:
        shown = shown[:-1]
        hidden = plural(len(found.rows) - len(shown), "more cure")
        body = [*_grouped(shown, found.diagnosis), Elided(f"{hidden}: --rows 0")]
    first = "layer 1\ngets"
    return View(
        title=title([found.diagnosis]),
        columns=("cure", "options", first, *(_BAND if several else ()), "verdict", _HELD),
        rows=tuple(body),
        notes=tuple(_notes(shown)),
        findings=(_finding(found),) if found.rows else (),
        left=frozenset({"cure", "options", "verdict"}),
        # The options say what to change, too.
        dispensable=(_BAND, _HELD, "verdict", "cure"),
        lead=_lead(found.diagnosis),
    )


def _lead(profile: Profile) -> Finding:
    word, qualifier, sentence = diagnose(profile)
    return Finding(word, profile.settings.model.act_label, sentence, qualifier)


def _finding(found: Fixed) -> Finding:
    word, qualifier, sentence = conclude(found)
    return Finding(word, found.diagnosis.settings.model.act_label, sentence, qualifier)


def _grouped(shown: Sequence[Row], before: Profile) -> Iterator[tuple[str, ...] | Elided]:
    """Yield the rows; of given weights those that leave the architecture as it is by themselves."""
    if before.settings.weights is None:
        yield from map(_cells, shown)
        return
    for heading, is_there in (("the given weights", True), ("the architecture", False)):
        own = [row for row in shown if (row.cure.part is Part.WEIGHTS) == is_there]
        if own:
            yield Elided(f"Of {heading}:", is_heading=True)
            yield from map(_cells, own)


def _cells(row: Row) -> tuple[str, ...]:
    after = row.after
    band = (_number(after.low), _number(after.high)) if after.settings.trials > 1 else ()
    without = "".join(f" (no {each})" for each in row.attempt.excluded)
    verdict = f"{after.verdict.value}, but" if row.fault else after.verdict.value
    return (
        row.cure.name,
        f"{options_of(row)}{without}".lstrip(),
        _number(after.ratio),
        *band,
        verdict,
        "" if row.reach is None else f"{'≥ ' * row.reach.is_open}{row.reach.layers:,}",
    )


def _number(ratio: Magnitude | None) -> str:
    return "0" if ratio is None else short(ratio)


def _notes(shown: Sequence[Row]) -> Iterator[Notes]:
    """Yield why what is stable is no cure, and the lines of a framework."""
    faults = tuple((row.cure.name, row.fault) for row in shown if row.fault)
    if faults:
        yield Notes("Stable by the ratio, but no cure:", faults)
    for row in shown:
        if row.lines:
            yield Notes(f"{row.cure.name}:", tuple(("", line) for line in row.lines.splitlines()))
    if unwritten := [row.cure.name for row in shown if row.lines == ""]:
        yield Notes(f"No lines of the framework for: {', '.join(unwritten)}", ())
