"""A sweep's summaries as a view for people: a map of two settings, or a row a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.errors import UsageError
from vanish.numbers.words import percent, plural, short_power
from vanish.records import Record
from vanish.render.view import Elided, Heat, Notes, View, elide, said
from vanish.simulation.verdict import thresholds
from vanish.sweeps.columns import SUMMARY
from vanish.sweeps.grid import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vanish.sweeps.grid import Grid

# Settings that are numbers on an axis, those first that a diagram has across.
_ACROSS = ("weight_std", "gain", "width", "batch", "bias_std", "layers")

# What shows the rows that a terminal has no room for.
ALL_ROWS = "--output FILE"

# More lines cannot be told apart.
_MOST_LINES = 56

_DECADES, _THEORY, _BAND = "decades\na layer", "in\ntheory", ("5 %", "95 %")

# Settings whose values say what they are.
_SPEAKING = ("act", "init", "block", "layer_acts", "loss", "engine", "input", "target", "weights")

# What tells one map from another where several are drawn.
_PANEL = "act"


class Map(Record):
    """Two settings on two axes, for each activation.

    Attributes
    ----------
    across, up
        The settings' names.
    panels
        The activations, one map each.
    """

    across: str
    up: str
    panels: tuple[str, ...]


class Lines(Record):
    """One setting across, and one line for each combination of the others.

    Attributes
    ----------
    across
        The setting's name.
    """

    across: str


def find_map(grid: Grid) -> Map | None:
    """Return the map that a grid is, or None if it is none.

    It is one if two numbers vary, and besides them at most the activation.
    """
    varying = [name for name in grid.varying if name != _PANEL]
    numbers = [name for name in _ACROSS if name in varying]
    if len(varying) != 2 or len(numbers) != 2 or not all(_is_axis(grid, name) for name in numbers):
        return None
    return Map(numbers[0], numbers[1], grid.axes.get(_PANEL, ("sigmoid",)))


def find_lines(grid: Grid) -> Lines | None:
    """Return the lines that a grid is, or None if it is none: one number varies, as it must."""
    numbers = [name for name in _ACROSS if name in grid.varying]
    if len(numbers) != 1 or not _is_axis(grid, numbers[0]):
        return None
    count = len(grid) // len(grid.axes[numbers[0]])
    return Lines(numbers[0]) if count <= _MOST_LINES else None


def _is_axis(grid: Grid, name: str) -> bool:
    """Tell whether a setting has places on an axis: one number a letter is none."""
    return all(isinstance(value, int | float) for value in grid.axes[name])


def require_drawn(grid: Grid) -> Map | Lines:
    """Return what a figure shows of a grid.

    Raises
    ------
    UsageError
        If there is none.
    """
    found = find_map(grid) or find_lines(grid)
    if found is None:
        verb = "vary" if len(grid.varying) > 1 else "varies"
        given = f"{', '.join(grid.varying) or 'nothing'} {verb}"
        raise UsageError(
            f"--plot of a grid in which {given}: a figure has one number across, with at most"
            f" {_MOST_LINES} lines, or is a map of two: give lists or ranges of one or two of"
            f" {', '.join(_ACROSS)}, beside two of nothing but act"
        )
    return found


def view(grid: Grid, rows: Sequence[Mapping[str, Any]], most: int | None) -> View:
    """Return the summaries as a map if they are one, else row by row.

    Parameters
    ----------
    grid
        The grid.
    rows
        One summary a point, in its order.
    most
        How many rows to show at most, None for all.
    """
    found = find_map(grid)
    return points(grid, rows, most) if found is None else _map(grid, rows, found)


def title(grid: Grid) -> str:
    """Return how many points there are and what they have in common, in one line."""
    fixed = [f"{name} {shown(values[0])}" for name, values in grid.axes.items() if len(values) == 1]
    return " · ".join([plural(len(grid), "point"), *fixed])


def ratio(grid: Grid) -> str:
    """Return the heading of the signal's ratio: of ∂L/∂a in the article's chain, else of ∂L/∂f."""
    letters = grid.signals
    if len(letters) != 1:
        return "signal, layer 1\nto layer N"
    (letter,) = letters
    return f"‖∂L/∂{letter}₁‖\nto ‖∂L/∂{letter}_N‖"


def called(name: str, value: Any) -> str:
    """Return what the value of a setting is called beside others: relu, but seed 3."""
    return shown(value) if name in _SPEAKING else f"{name} {shown(value)}"


def title_alone(grid: Grid) -> View:
    """Return a view of no column, for those that are chosen."""
    return View(title(grid), (), (), (), (), frozenset(), ())


def points(grid: Grid, rows: Sequence[Mapping[str, Any]], most: int | None) -> View:
    """Return the summaries a row a point, as `view` does where they are no map."""
    names = list(grid.varying) or list(grid.axes)
    heading = ratio(grid)
    several = any(row["trials"] and row["trials"] > 1 for row in rows)
    kept = elide(len(rows), most)
    hidden = Elided(f"{plural(len(rows) - len(kept) + 1, 'more point')}: {ALL_ROWS}")
    first = next((row for row in rows if row["error"]), None)
    failed = sum(row["error"] is not None for row in rows)
    # Of a point whose settings are at odds they need not be known.
    pairs = {(row["vanish_below"], row["explode_above"]) for row in rows}
    bounds = {pair for pair in pairs if None not in pair}
    return View(
        title=title(grid),
        columns=(
            *names,
            heading,
            *(_BAND if several else ()),
            _DECADES,
            _THEORY,
            "verdict",
        ),
        rows=tuple(
            hidden if i is None else _row(rows[i], grid.coordinates(i), names, several=several)
            for i in kept
        ),
        notes=()
        if first is None
        else (Notes(f"{plural(failed, 'point')} failed", (("the first", str(first["error"])),)),),
        findings=(),
        left=frozenset(
            {"block", "act", "init", "layer_acts", "last_act", "loss", "engine", "verdict"}
        ),
        dispensable=(_THEORY, _BAND, _DECADES, heading),
        legend=(
            said(heading, SUMMARY.gist("log10_ratio")),
            *((said(_BAND, "90 of 100 trials lie between them"),) if several else ()),
            said(_DECADES, SUMMARY.gist("decades_per_layer")),
            said(_THEORY, SUMMARY.gist("predicted_decades_per_layer")),
            *((said("verdict", thresholds(bounds)),) if bounds else ()),
        ),
    )


def _row(
    row: Mapping[str, Any], given: Mapping[str, Any], names: Sequence[str], *, several: bool
) -> tuple[str, ...]:
    # A summary is silent about what another column says.
    where = [_text(given[name] if row[name] is None else row[name]) for name in names]
    if row["error"]:
        return (*where, "", *(("", "") if several else ()), "", "", "failed")
    share = row[f"{row['verdict']}_share"]
    counted = "" if share == 1.0 else f" {percent(share)} %"
    # Of two layers and more a ratio that has no logarithm is exactly 0.
    zero, no_decades = ("0", "-∞") if row["layers"] > 1 else ("", "")
    ends = ["log10_ratio_p05", "log10_ratio_p95"] if several else []
    return (
        *where,
        _power(row["log10_ratio"]) or zero,
        *((_power(row[end]) or zero) if row["trials"] > 1 else "" for end in ends),
        _decades(row["decades_per_layer"]) or ("" if row["log10_ratio"] else no_decades),
        _decades(row["predicted_decades_per_layer"]),
        f"{row['verdict']}{counted}",
    )


def _text(value: Any) -> str:
    return "" if value is None else shown(value)


def _power(log10: float | None) -> str:
    return "" if log10 is None else short_power(log10)


def _decades(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def by_place(
    grid: Grid, found: Map, rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, Any, Any], Mapping[str, Any]]:
    """Return the summaries by activation, and place across and up.

    By what the grid asks for, not by what the row says: chains whose last layer has another
    activation are all called mixed.
    """
    places = map(grid.coordinates, range(len(grid)))
    return {
        (at.get(_PANEL, found.panels[0]), at[found.across], at[found.up]): row
        for at, row in zip(places, rows, strict=True)
    }


def _map(grid: Grid, rows: Sequence[Mapping[str, Any]], found: Map) -> View:
    across, up = sorted(grid.axes[found.across]), grid.axes[found.up]
    cells = by_place(grid, found, rows)
    several = len(found.panels) > 1
    # The largest one on top, as on an axis; depth grows downwards, as a network is drawn.
    lines = sorted(up, reverse=found.up != "layers")
    heading = f"{found.across} {shown(across[0])} … {shown(across[-1])}"
    signs = {key: _heat(row) for key, row in cells.items()}
    blank = (("blank", "no steps: one layer, or a graph that branches"),)
    return View(
        title=title(grid),
        columns=(*(("act",) if several else ()), found.up, heading),
        rows=tuple(
            (
                *((act,) if several else ()),
                shown(y),
                Heat(tuple(signs[act, x, y] for x in across)),
            )
            for act in found.panels
            for y in lines
        ),
        notes=(
            Notes(
                "Decades that the gradient gains a layer on its way back",
                (
                    ("█ ▓ ▒ ░", "it shrinks: by 0.3 and more, 0.1, 0.03, 0.01"),
                    ("·", "by less than 0.01 either way"),
                    ("+ x * @", "it grows: by 0.01, 0.03, 0.1, 0.3 and more"),
                    ("0 ?", "exactly 0; the point failed"),
                    *(blank if _NO_DECADES in signs.values() else ()),
                ),
            ),
        ),
        findings=(),
        left=frozenset({"act", heading}),
        dispensable=(),
    )


def _heat(row: Mapping[str, Any]) -> float | str:
    """Return decades a layer, or a sign for what has none."""
    if row["error"]:
        return "?"
    decades = row["decades_per_layer"]
    if decades is None:
        # One layer has no ratio; a graph that branches has one, and no steps.
        return "0" if row["verdict"] == "dead" else _NO_DECADES
    return float(decades)


_NO_DECADES = " "
