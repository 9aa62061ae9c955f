"""The output contract as JSON and JSON lines: null for none, "inf" for infinity, never NaN.

JSON has no number for an infinity; "inf" and "-inf" are what float() takes.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from vanish import __version__
from vanish.columns import PIECE
from vanish.numbers.fields import Sizes
from vanish.records import Record
from vanish.render import jsonrows
from vanish.render.delimited import cell
from vanish.simulation import precision, precision_words
from vanish.simulation.measured import HIGH, LOW, MEDIAN, magnitude_quantiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vanish.columns import Cell
    from vanish.cures.remedy import Search
    from vanish.simulation.profile import Profile

# Raised when a field changes its meaning or goes away; a new field does not raise it.
SCHEMA = 1


def document(profiles: Sequence[Profile], searches: Sequence[Search | None] | None = None) -> str:
    """Return all runs with their settings and verdicts as one JSON document.

    Parameters
    ----------
    profiles
        The runs.
    searches
        What was found to help each of them, None where nothing was tried.
    """
    return "".join(document_parts(profiles, searches))


def document_parts(
    profiles: Sequence[Profile], searches: Sequence[Search | None] | None = None
) -> Iterator[str]:
    """Yield what `document` returns part by part, the layers some at a time."""
    yield dumped({"schema": SCHEMA, "version": __version__}, indent=1).removesuffix("\n}")
    yield ',\n "runs": ['
    between = ""
    for profile, search in zip(profiles, searches or [None] * len(profiles), strict=True):
        yield f"{between}\n  "
        yield from _parts(_told(profile, search), 2)
        between = ","
    yield ("\n ]" if between else "]") + "\n}\n"


class _Long(Record):
    """A list that is written some items at a time.

    Attributes
    ----------
    lots
        Returns some items at a time, as JSON can hold them.
    texts
        Returns their JSON some at a time, each so many levels in.
    """

    lots: Callable[[], Iterator[list[Any]]]
    texts: Callable[[int], Iterator[list[str]]]


def _parts(value: Any, level: int) -> Iterator[str]:
    """Yield JSON that is so many levels in, what is long part by part."""
    begin, end = "\n" + " " * (level + 1), "\n" + " " * level
    if isinstance(value, dict) and value:
        between = "{"
        for name, each in value.items():
            yield f"{between}{begin}{dumped(name)}: "
            yield from _parts(each, level + 1)
            between = ","
        yield end + "}"
    elif isinstance(value, _Long):
        between = "["
        for texts in value.texts(level + 1):
            yield between + begin + f",{begin}".join(texts)
            between = ","
        yield end + "]"
    else:
        # No text in it has a line feed of its own.
        yield dumped(value, indent=1).replace("\n", end)


def _whole(value: Any) -> Any:
    """Return what is told with all that is long."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    return list(chain.from_iterable(value.lots())) if isinstance(value, _Long) else value


def run(profile: Profile, search: Search | None = None) -> dict[str, Any]:
    """Return a run with its settings and its verdict, ready for JSON.

    Parameters
    ----------
    profile, search
        As for `document`, of one run.
    """
    found: dict[str, Any] = _whole(_told(profile, search))
    return found


def _told(profile: Profile, search: Search | None) -> dict[str, Any]:
    remedy = None if search is None else search.remedy
    return {
        "act": profile.settings.model.act_name,
        "settings": profile.settings.as_dict(),
        "engine": profile.engine,
        "verdict": profile.verdict.value,
        "log10_ratio": profile.log10_ratio,
        "log10_ratio_w": profile.log10_ratio_w,
        "log10_ratio_p05": profile.log10_ratio_quantile(LOW),
        "log10_ratio_p95": profile.log10_ratio_quantile(HIGH),
        "verdict_shares": profile.verdict_shares if profile.trials > 1 else None,
        "decades_per_layer": profile.decades_per_layer,
        "predicted_decades_per_layer": profile.predicted_decades_per_layer,
        "bounds": {name: {"log10": bound.log10} for name, bound in profile.bounds.items()},
        "precision": _precisions(profile),
        "faults": [fault.as_dict() for fault in profile.named_faults],
        "remedy": list(remedy.options) if remedy else None,
        "remedy_log10_ratio": remedy.log10_ratio if remedy else None,
        "no_prediction": profile.no_law or None,
        "parameters": _parameters(profile),
        "weights_selection": _selection(profile),
        "layers": _layers(profile),
    }


def _parameters(profile: Profile) -> dict[str, Any]:
    """Return log10 of the norm of the gradient by each parameter, null where it is exactly 0."""
    measured = profile.measured
    found: dict[str, Any] = {}
    for letter, norms in measured.parameters.items():
        (medians,) = magnitude_quantiles(norms, MEDIAN)
        found[letter] = {"log10_grad": _logs(Sizes(medians), len(medians.mantissas))}
        if letter in measured.totals:
            (total,) = magnitude_quantiles(measured.totals[letter].at(None), MEDIAN)
            found[letter]["log10_grad_total"] = total.listed()[0].log10
    return found


def _logs(norms: Sizes, count: int) -> _Long:
    starts = range(0, count, PIECE)

    def lots() -> Iterator[list[Any]]:
        return (norms.log10(slice(start, min(start + PIECE, count))) for start in starts)

    return _Long(lots, lambda _: map(jsonrows.texts, lots()))


def _layers(profile: Profile) -> _Long:
    def lots() -> Iterator[list[Any]]:
        for lot in profile.lots():
            rows = (dict(zip(lot, cells, strict=True)) for cells in zip(*lot.values(), strict=True))
            yield list(map(_finite_row, rows))

    def texts(level: int) -> Iterator[list[str]]:
        begin, end = "\n" + " " * (level + 1), "\n" + " " * level
        ways = "{" + begin, f",{begin}", end + "}"
        return (jsonrows.objects(lot, *ways) for lot in profile.lots())

    return _Long(lots, texts)


def _selection(profile: Profile) -> dict[str, Any] | None:
    """Return which arrays of a file the network is; None where they are of none."""
    network = profile.settings.weights
    return network.origin.as_dict() if network is not None and network.origin is not None else None


def _precisions(profile: Profile) -> dict[str, Any]:
    """Return what each number format loses; nothing is known of it but for the article's chain."""
    if not profile.settings.model.graph.is_plain:
        return {}
    return of_losses(precision.losses(profile))


def of_losses(losses: Iterable[precision.Loss]) -> dict[str, Any]:
    """Return what each number format loses, by its name."""
    return {loss.format: _precision(loss) for loss in losses}


def _precision(loss: precision.Loss) -> dict[str, Any]:
    """Return what one number format loses."""
    first = loss.misfits[0] if loss.misfits else None
    return {
        "blurred": loss.blurred,
        "lost": loss.lost,
        "infinite": loss.infinite,
        "log2_loss_scale": loss.loss_scale,
        "fits": loss.fits,
        "margin_bits": _finite(loss.room),
        "first_lost": first and {"signal": first.signal, "layer": first.first, "how": first.how},
        "not_held": [
            {"signal": each.signal, "layers": each.layers, "how": each.how} for each in loss.misfits
        ],
        "rounding_error": loss.rounding,
        "sentence": precision_words.sentence(loss) or None,
    }


def table(rows: Iterable[Mapping[str, Cell]], settings: Mapping[str, Any]) -> str:
    """Return the rows of a command whose output is one table, with its settings."""
    found = [_finite_row(row) for row in rows]
    whole = {"schema": SCHEMA, "version": __version__, "settings": dict(settings), "rows": found}
    return dumped(whole, indent=1) + "\n"


def parts(
    lots: Iterable[Iterable[Mapping[str, Cell]]], settings: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what `table` returns, each lot of rows as it comes."""
    head = dumped({"schema": SCHEMA, "version": __version__, "settings": dict(settings)}, indent=1)
    yield head.removesuffix("\n}") + ',\n "rows": ['
    between = ""
    for rows in lots:
        text = ""
        for row in rows:
            # Two levels in; no text in it has a line feed of its own.
            text += f"{between}\n  " + dumped(_finite_row(row), indent=1).replace("\n", "\n  ")
            between = ","
        yield text
    yield ("\n ]" if between else "]") + "\n}\n"


def lines(rows: Iterable[Mapping[str, Cell]]) -> str:
    """Return one JSON object a row, one row a line."""
    return "".join(f"{dumped(_finite_row(row))}\n" for row in rows)


def plain(row: Mapping[str, Cell]) -> dict[str, Any]:
    """Return a row whose numbers beyond float64 are text."""
    return {
        name: cell(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }


def _finite_row(row: Mapping[str, Cell]) -> dict[str, Any]:
    return {name: _finite(value) for name, value in plain(row).items()}


def _finite(value: Any) -> Any:
    """Return a value as JSON can hold it: infinities as text."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def dumped(value: Any, indent: int | None = None) -> str:
    """Return JSON, in which there is no NaN and no infinity."""
    return json.dumps(value, indent=indent, allow_nan=False)
