"""What `vanish fix` found, in sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.cures.columns import options_of
from vanish.cures.workbench import SEEDS
from vanish.numbers.words import compared, listed, plural, short
from vanish.simulation.course import Verdict
from vanish.simulation.verdict import Story

if TYPE_CHECKING:
    from vanish.cures.fix import Fixed, Row
    from vanish.cures.outcome import Outcome
    from vanish.simulation.profile import Profile


def conclude(found: Fixed) -> Story:
    """Return what to change, how sure that is, and what else there is to know."""
    before, rows, best = found.diagnosis, found.rows, found.best
    if before.settings.model.depth == 1:
        return Story(
            before.verdict.value, "", "With one layer there is nothing to mend on the way."
        )
    if before.verdict is Verdict.STABLE:
        sentences = [f"The signal needs no cure: {_gets(before)}."]
    elif best is None:
        sentences = [_nothing(found)]
    else:
        sentences = [
            f"With {_named(best)} {_gets(best.after)}, in place of {_ratio(before)}{_trials(best)}."
        ]
    working = sum(row.works for row in rows)
    if best is not None:
        verb = "works" if working == 1 else "work"
        sentences.append(f"{working} of {plural(len(rows), 'cure')} {verb}.")
    sentences += [_fewer(found), _untried(found)]
    word = before.verdict if best is None else best.after.verdict
    return Story(word.value, "", " ".join(filter(None, sentences)))


def _named(row: Row) -> str:
    without = "".join(f", without {each}" for each in row.attempt.excluded)
    return f"{options_of(row)}{without}".removeprefix(", ")


def _gets(run: Outcome | Profile) -> str:
    log10 = -math.inf if run.log10_ratio is None else run.log10_ratio
    return f"layer 1 gets {compared(log10, f'layer {run.settings.model.depth}')}'s signal"


def _ratio(profile: Profile) -> str:
    return "0" if profile.ratio is None else short(profile.ratio)


def _trials(row: Row) -> str:
    """Return how sure it is."""
    trials = row.after.settings.trials
    of = f" (median of {trials:,} trials)" if trials > 1 else ""
    return f"{of}; {SEEDS} of {SEEDS} further seeds are stable" if row.attempt.further else of


def _nothing(found: Fixed) -> str:
    """Return that nothing works, and what comes nearest."""
    rows = found.rows
    if not rows:
        return "There is no cure that could be tried."
    known = [row for row in rows if row.after.log10_ratio is not None]
    none = f"None of {plural(len(rows), 'cure')} makes it stable"
    if not known:
        return f"{none}: with all of them layer 1 gets nothing."
    first = rows[0]
    if first.fault:
        told = f"with {_named(first)} {_gets(first.after)}, but {first.fault}"
        return f"None of {plural(len(rows), 'cure')} works: {told}."
    nearest = min(known, key=lambda row: abs(row.after.log10_ratio or 0.0))
    return f"{none}: nearest comes {_named(nearest)}, with which {_gets(nearest.after)}."


def _fewer(found: Fixed) -> str:
    most = found.most_layers
    return "" if most is None else f"Or {plural(most, 'layer')} as they are: --layers {most}."


def _untried(found: Fixed) -> str:
    if not found.untried:
        return ""
    return f"Not tried, since it would take too long: {listed(found.untried)}."
