"""What people read: the same views for the terminal's table and for Markdown.

A view is a list of columns and rows of short text with the sentences around it; it
knows nothing of how it is drawn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from vanish import precision
from vanish.verdict import explain, short, short_power, subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.profile import LayerRecord, Profile
    from vanish.remedy import Search
    from vanish.scaled import Magnitude


class Bar(NamedTuple):
    """A bar for a magnitude on a logarithmic axis: `share` of its full length."""

    share: float | None


class Spark(NamedTuple):
    """A line of small bars, one share a layer; None for a true zero."""

    shares: tuple[float | None, ...]


class Heat(NamedTuple):
    """A row of a map: decades a layer at each point, or a sign for what has none."""

    cells: tuple[float | str, ...]


class Notes(NamedTuple):
    """Lines under a table: a heading, then labels with their text."""

    heading: str
    lines: tuple[tuple[str, str], ...]


class Finding(NamedTuple):
    """A verdict on a run: its word, what it is about, and the sentence."""

    word: str
    about: str
    sentence: str


class View(NamedTuple):
    """A table with its surroundings.

    Attributes
    ----------
    title
        What was run, in one line.
    columns
        Headings.
    rows
        Cells, one sequence a row; None for a row that stands for elided ones.
    notes
        What stands under the table.
    findings
        One verdict a run.
    left
        The headings of the left-aligned columns.
    dispensable
        The headings of those that a narrow window can do without, the first one first; a
        group of them goes together.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Bar | Spark | Heat, ...] | None, ...]
    notes: tuple[Notes, ...]
    findings: tuple[Finding, ...]
    left: frozenset[str]
    dispensable: tuple[str | tuple[str, ...], ...]


# The quantiles over several trials.
_BAND = ("5 %", "95 %")


# Of so many runs at most each gets a verdict in words.
MOST_FINDINGS = 3


def view(profiles: Sequence[Profile], rows: int | None, searches: Sequence[Search] = ()) -> View:
    """Return one run layer by layer, or several compared, one a row.

    Parameters
    ----------
    profiles
        The runs.
    rows
        How many rows to show at most, the middle elided; None for all.
    searches
        What came of looking for a remedy, one a run, if that was done.
    """
    found: Sequence[Search | None] = searches or [None] * len(profiles)
    if len(profiles) == 1:
        return _layers(profiles[0], rows, found[0])
    return _comparison(profiles, found)


def _layers(profile: Profile, rows: int | None, search: Search | None) -> View:
    low, high = _axis([profile])
    has_active_units = any(layer.active_units is not None for layer in profile.layers)
    has_prediction = profile.layers[0].predicted is not None
    has_norm_bound = profile.layers[0].norm_bound is not None

    mixed = _mixed(profile)

    def row(layer: LayerRecord) -> tuple[str | Bar, ...]:
        cells: list[str | Bar] = [
            str(layer.layer),
            *([layer.act] if mixed else []),
            short(layer.grad_w),
        ]
        if layer.grad_w_p05 is not None and layer.grad_w_p95 is not None:
            cells += [short(layer.grad_w_p05), short(layer.grad_w_p95)]
        cells.append(Bar(_share(layer.grad_w, low, high)))
        if layer.predicted is not None:
            cells.insert(-1, short(layer.predicted))
        if has_active_units:
            cells.append("" if layer.active_units is None else f"{layer.active_units:.4g}")
        if layer.norm_bound is not None:
            cells.append(short(layer.norm_bound))
        return (*cells, short(layer.slope_product), short(layer.slope_bound))

    depth = len(profile.layers)
    return View(
        title=_title(profile, profile.settings.act_label, _init(profile)),
        columns=(
            "layer",
            *(("activation",) if mixed else ()),
            *(("median\n‖∂L/∂W‖", *_BAND) if profile.trials > 1 else ("‖∂L/∂W‖",)),
            *(("theory\nexpects",) if has_prediction else ()),
            f"1e{low:+03d} … 1e{high:+03d}",
            *(("active\nunits",) if has_active_units else ()),
            *(("norm\nbound",) if has_norm_bound else ()),
            "slope\nproduct",
            "slope\nbound",
        ),
        rows=tuple(None if k is None else row(profile.layers[k]) for k in elide(depth, rows)),
        notes=(_bounds(profile), *_precision(profile)),
        findings=(_finding(profile, [profile], search),),
        left=frozenset({"activation", f"1e{low:+03d} … 1e{high:+03d}"}),
        dispensable=(
            "active\nunits",
            "slope\nproduct",
            "theory\nexpects",
            "norm\nbound",
            "slope\nbound",
            _BAND,
        ),
    )


def _comparison(profiles: Sequence[Profile], searches: Sequence[Search | None]) -> View:
    low, high = _axis(profiles)
    spark = f"layer 1 → N\n1e{low:+03d} … 1e{high:+03d}"
    several_inits = len({profile.settings.init for profile in profiles}) > 1
    several_acts = len({profile.settings.act_label for profile in profiles}) > 1
    rows = tuple(
        (
            profile.settings.act_label,
            *((profile.settings.init_name,) if several_inits else ()),
            short(profile.layers[0].grad_w),
            Spark(tuple(_share(layer.grad_w, low, high) for layer in profile.layers)),
            _per_layer(profile),
            *((short(profile.layers[0].slope_bound),) if several_acts else ()),
            _verdict(profile),
        )
        for profile in profiles
    )
    return View(
        title=_title(
            profiles[0],
            "" if several_acts else profiles[0].settings.act_label,
            "" if several_inits else f"init {profiles[0].settings.init}",
        ),
        columns=(
            "activation",
            *(("init",) if several_inits else ()),
            "‖∂L/∂W₁‖",
            spark,
            "‖∂L/∂a‖\na layer",
            *(("slope\nbound",) if several_acts else ()),
            "verdict",
        ),
        rows=rows,
        notes=(_bounds(*profiles),) if several_acts and len(profiles) <= 3 else (),
        findings=tuple(
            _finding(profile, profiles, search)
            for profile, search in zip(profiles, searches, strict=True)
        )
        if len(profiles) <= MOST_FINDINGS
        else (),
        left=frozenset({"activation", "init", spark, "verdict"}),
        dispensable=("‖∂L/∂a‖\na layer", "slope\nbound", "‖∂L/∂W₁‖"),
    )


def _verdict(profile: Profile) -> str:
    """Return the verdict, and how many of several trials share it."""
    share = profile.verdict_shares[profile.verdict.value]
    if profile.trials == 1 or share == 1.0:
        return profile.verdict.value
    return f"{profile.verdict.value} {math.floor(100.0 * share)} %"


def _init(profile: Profile) -> str:
    """Return the initialiser's name, or what was asked for where the layers differ."""
    name = profile.settings.init_name
    return f"init {profile.settings.init}" if name == "mixed" else name


def _per_layer(profile: Profile) -> str:
    """Return by what the gradient is multiplied or divided on its way back, a layer."""
    decades = profile.decades_per_layer
    if decades is None:
        return ""
    return f"{'×' if decades >= 0 else '÷'}{short_power(abs(decades))}"


def _title(profile: Profile, act: str, init: str) -> str:
    settings = profile.settings
    sizes = settings.sizes
    uniform = len(set(sizes)) == 1
    shape = f"width {sizes[0]}" if uniform else "sizes " + _shorten(sizes)
    parts = [
        act,
        _plural(settings.depth, "layer"),
        shape,
        f"weights {settings.weights.name}" if settings.weights else "",
        f"weight_std {settings.weight_std:g}" if settings.weight_std is not None else "",
        "" if settings.weights or settings.weight_std is not None else init,
        f"gain {settings.gain:g}" if settings.gain != 1.0 else "",
        f"bias_std {settings.bias_std:g}" if settings.bias_std else "",
        f"batch {settings.rows}" if settings.rows > 1 else "",
        f"{settings.trials:,} trials" if settings.trials > 1 else "",
        "sampled" if profile.engine == "sampled" else "",
        f"loss {settings.loss}",
        f"seed {settings.seed}",
    ]
    return " · ".join(part for part in parts if part)


def _shorten(sizes: Sequence[int]) -> str:
    if len(sizes) <= 6:
        return ",".join(map(str, sizes))
    return ",".join(map(str, sizes[:3])) + ",…," + ",".join(map(str, sizes[-2:]))


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _precision(profile: Profile) -> tuple[Notes, ...]:
    """Return which number formats cannot hold the gradients, if there are any."""
    lines = precision.sentences(profile.layers)
    return (Notes("In fewer bits typical entries of ∂L/∂W do not fit:", tuple(lines)),) * bool(
        lines
    )


def _bounds(*profiles: Profile) -> Notes:
    """Return the article's bounds side by side, sup|S'|^N = value for each activation."""
    depth = len(profiles[0].layers)
    suprema = {
        activation.name: activation.sup_slope
        for profile in profiles
        for activation in profile.settings.activations
    }
    bounds = {name: bound for profile in profiles for name, bound in profile.bounds.items()}
    base = {"sigmoid": 0.25, "relu": 1.0} | suprema
    lines = ((name, f"{base[name]:.4g}^{depth} = {short(bound)}") for name, bound in bounds.items())
    own = [("this chain", short(each.layers[0].slope_bound)) for each in profiles if _mixed(each)]
    return Notes("The slopes multiply to at most", (*lines, *own[:1]))


def _mixed(profile: Profile) -> bool:
    return profile.settings.act_name == "mixed"


def _finding(profile: Profile, among: Sequence[Profile], search: Search | None) -> Finding:
    return Finding(profile.verdict.value, subject(profile, among), explain(profile, search))


def _axis(profiles: Sequence[Profile]) -> tuple[int, int]:
    """Return the decades that hold every gradient, lowest and highest."""
    logs = [
        layer.grad_w.log10
        for profile in profiles
        for layer in profile.layers
        if layer.grad_w.log10 is not None
    ]
    low, high = math.floor(min(logs, default=0.0)), math.ceil(max(logs, default=0.0))
    return low, max(high, low + 1)


def _share(magnitude: Magnitude, low: int, high: int) -> float | None:
    return None if magnitude.log10 is None else (magnitude.log10 - low) / (high - low)


def elide(count: int, most: int | None) -> list[int | None]:
    """Return the indices to show of `count` rows, None standing for the elided ones."""
    if most is None or count <= most:
        return list(range(count))
    if most < 3:
        return list(range(most))
    shown = most - 1
    head = (shown + 1) // 2
    return [*range(head), None, *range(count - (shown - head), count)]
