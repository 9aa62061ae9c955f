"""Views of runs: one of them layer by layer, or several compared, one a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.graph import LAYER
from vanish.numbers.words import percent, plural, short
from vanish.render import notes
from vanish.render.layercells import Decades, dead, factor, number, times
from vanish.render.titles import apart, names, title, unfit
from vanish.render.view import Bar, Elided, Finding, Notes, Said, Spark, View, elide, said
from vanish.simulation.columns import LAYERS
from vanish.simulation.table import PLAIN
from vanish.simulation.verdict import dead_units, explain, steady_change, thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.cures.remedy import Search
    from vanish.simulation.layers import LayerRecord
    from vanish.simulation.profile import Profile


# The quantiles over several trials.
_BAND = ("5 %", "95 %")

# What the article is about, layer by layer; from about 100 columns on.
_SLOPES = ("slope\nproduct", "slope\nbound")

_THEORY, _FACTOR, _RMS = "theory\nexpects", "from the\nnext layer", "rms\nof f"
_GRAD_W, _NORM, _DEAD = "‖∂L/∂W‖", "norm\nbound", "dead\nunits"

# What else tells runs apart.
_RUN = "run"

_SHARE_BETWEEN = "90 of 100 trials lie between them"


def view(
    profiles: Sequence[Profile],
    rows: int | None,
    searches: Sequence[Search | None] | None = None,
) -> View:
    """Return one run layer by layer, or several compared, one a row.

    Parameters
    ----------
    profiles
        The runs.
    rows
        How many rows to show at most, the middle elided; None for all.
    searches
        What was found to help each of them, None where nothing was tried.
    """
    tried = searches or [None] * len(profiles)
    if len(profiles) == 1:
        return _layers(profiles[0], rows, tried[0])
    return _comparison(profiles, rows, tried)


def _layers(profile: Profile, rows: int | None, search: Search | None) -> View:
    axis = _axis([profile])
    bar = f"log scale\n{axis.name}"
    has_prediction = profile.layers[0].predicted_signal is not None
    has_dead = any(dead_units(layer) for layer in profile.layers)
    # Where nobody asks, the slopes' bound says enough.
    has_norm = bool(profile.settings.norm_bound)
    has_slopes = any(profile.measured.graph.has_arguments)
    mixed, several = _mixed(profile), profile.trials > 1
    signal = f"‖∂L/∂{profile.signal}‖"

    def row(layer: LayerRecord) -> tuple[str | Bar, ...]:
        band = (number(layer.signal_p05), number(layer.signal_p95)) if several else ()
        return (
            str(layer.layer),
            *((layer.act,) if mixed else ()),
            short(layer.signal),
            *band,
            *((number(layer.predicted_signal),) if has_prediction else ()),
            factor(layer.gain_back),
            Bar(axis.share(layer.signal.log10)),
            short(layer.grad_w),
            *((number(layer.norm_bound),) if has_norm else ()),
            short(layer.value),
            *((dead(layer),) if has_dead else ()),
            *((number(layer.slope_product), number(layer.slope_bound)) if has_slopes else ()),
        )

    depth = len(profile.layers)
    shown = elide(depth, rows)
    size = (f"median\n{signal}" if several else f"signal\n{signal}",)
    hidden = Elided(f"{plural(depth - len(shown) + 1, 'more layer')}: --rows 0")
    return View(
        title=title([profile]),
        columns=(
            "layer",
            *(("activation",) if mixed else ()),
            *size,
            *(_BAND if several else ()),
            *((_THEORY,) if has_prediction else ()),
            _FACTOR,
            bar,
            _GRAD_W,
            *((_NORM,) if has_norm else ()),
            _RMS,
            *((_DEAD,) if has_dead else ()),
            *(_SLOPES if has_slopes else ()),
        ),
        rows=tuple(hidden if k is None else row(profile.layers[k]) for k in shown),
        notes=(
            *notes.totals(profile),
            notes.bounds(profile),
            *notes.paths(profile),
            *notes.no_law(profile),
            *notes.precision(profile),
        ),
        findings=(_finding(profile, names([profile])[0], search),),
        left=frozenset({"activation", bar}),
        dispensable=(_SLOPES, _NORM, _THEORY, _RMS, _BAND, _GRAD_W, _FACTOR, bar),
        equation=_equation([profile]),
        legend=(
            said(size, LAYERS.gist(f"log10_grad_{profile.signal}")),
            *((said(_BAND, _SHARE_BETWEEN),) if several else ()),
            *((said(_THEORY, LAYERS.gist("log10_predicted_b")),) if has_prediction else ()),
            said(_FACTOR, LAYERS.gist("log10_gain_back")),
            said(_GRAD_W, LAYERS.gist("grad_w")),
            *((said(_NORM, LAYERS.gist("log10_norm_bound")),) if has_norm else ()),
            said(_RMS, f"root mean square of its output{_output([profile])}"),
            *((said(_DEAD, LAYERS.gist("dead_fraction")),) if has_dead else ()),
            *((said(_SLOPES[0], LAYERS.gist("log10_slope_product")),) if has_slopes else ()),
            *((said(_SLOPES[1], LAYERS.gist("slope_bound")),) if has_slopes else ()),
        ),
    )


def _comparison(
    profiles: Sequence[Profile], most: int | None, searches: Sequence[Search | None]
) -> View:
    axis = _axis(profiles)
    signals = {profile.signal for profile in profiles}
    alike = f"‖∂L/∂{signals.pop()}‖" if len(signals) == 1 else ""
    first = f"{alike[:-1]}₁‖" if alike else "signal,\nlayer 1"
    spark = f"{alike or 'signal'}, layer 1 → N\nlog, {axis.name}"
    several_inits = len({profile.settings.init for profile in profiles}) > 1
    several_acts = len({profile.settings.model.act_label for profile in profiles}) > 1
    several_blocks = len({profile.settings.block for profile in profiles}) > 1
    others = apart(profiles)
    rows = tuple(
        (
            *((other,) if any(others) else ()),
            *((profile.settings.block,) if several_blocks else ()),
            profile.settings.model.act_label,
            *((profile.settings.model.init_name,) if several_inits else ()),
            short(profile.layers[0].signal),
            Spark(tuple(axis.share(layer.signal.log10) for layer in profile.layers)),
            times(profile.decades_per_layer),
            short(profile.layers[0].grad_w),
            *((number(profile.layers[0].slope_bound),) if several_acts or several_blocks else ()),
            _verdict(profile),
        )
        for profile, other in zip(profiles, others, strict=True)
    )
    kept = elide(len(profiles), most)
    hidden = Elided(f"{plural(len(profiles) - len(kept) + 1, 'more run')}: --rows 0")
    told = len(profiles) <= MOST_TOLD
    return View(
        title=title(profiles),
        columns=(
            *((_RUN,) if any(others) else ()),
            *(("block",) if several_blocks else ()),
            "activation",
            *(("init",) if several_inits else ()),
            first,
            spark,
            "a layer",
            "‖∂L/∂W₁‖",
            *(("slope\nbound",) if several_acts or several_blocks else ()),
            "verdict",
        ),
        rows=tuple(hidden if i is None else rows[i] for i in kept),
        notes=(
            *((notes.bounds(*profiles),) if (several_acts or several_blocks) and told else ()),
            *(_unfitting(profiles) if several_blocks else ()),
        ),
        findings=tuple(
            _finding(profile, name, search)
            for profile, name, search in zip(profiles, names(profiles), searches, strict=True)
        )
        if told
        else (),
        left=frozenset({_RUN, "block", "activation", "init", spark, "verdict"}),
        dispensable=(
            *("slope\nbound", "a layer", "‖∂L/∂W₁‖", first),
            # The title has the only one.
            *(() if several_acts else ("activation",)),
            spark,
        ),
        equation=_equation(profiles),
        legend=(
            Said(alike or "signal", _signal(profiles), (first, spark)),
            said("a layer", "what each layer multiplies (×) or divides (÷) it by, going back"),
            said("‖∂L/∂W₁‖", "how much the loss changes with W_1: how fast layer 1 learns"),
            said("slope\nbound", "what the slopes S'(a) of all layers multiply to at most"),
            *(() if told else (said("verdict", _thresholds(profiles)),)),
        ),
    )


def _output(profiles: Sequence[Profile]) -> str:
    plain = all(profile.settings.block == PLAIN for profile in profiles)
    return " f_k = S(a_k)" if plain else " f_k"


def _signal(profiles: Sequence[Profile]) -> str:
    """Return what the signals of some runs are."""
    gists = dict.fromkeys(LAYERS.gist(f"log10_grad_{profile.signal}") for profile in profiles)
    return "; or of a block ".join(gists)


def _thresholds(profiles: Sequence[Profile]) -> str:
    """Return what the verdicts of some runs mean."""
    settings = [profile.settings for profile in profiles]
    told = thresholds((each.vanish_below, each.explode_above) for each in settings)
    return f"how much of layer N's signal reaches layer 1: {told}"


# More verdicts than this are no longer read.
MOST_TOLD = 3


def _verdict(profile: Profile) -> str:
    """Return the verdict, how it changes within it, and how many of several trials share it."""
    change = ("", ", growing", ", shrinking")[steady_change(profile)]
    share = profile.verdict_shares[profile.verdict.value]
    counted = "" if profile.trials == 1 or share == 1.0 else f" {percent(share)} %"
    return f"{profile.verdict.value}{change}{counted}"


def _unfitting(profiles: Sequence[Profile]) -> tuple[Notes, ...]:
    lines = {profile.settings.block: unfit(profile) for profile in profiles}
    lines = {block: why for block, why in lines.items() if why}
    return (Notes("Blocks that do not fit:", tuple(lines.items())),) if lines else ()


def _equation(profiles: Sequence[Profile]) -> str:
    """Return the layer written out, where all runs have one and it is not the article's."""
    blocks = {run.block for profile in profiles for run in profile.measured.graph.runs} - {LAYER}
    if any(profile.measured.graph.stages for profile in profiles):
        return ""  # a file's graph, which is no layer written out
    if len(blocks) != 1 or len({profile.settings.block for profile in profiles}) > 1:
        return ""
    from vanish.readings.equation import equation  # noqa: PLC0415 - start-up

    return equation(blocks.pop())


def _mixed(profile: Profile) -> bool:
    return profile.settings.model.act_name == "mixed"


def _finding(profile: Profile, name: str, search: Search | None) -> Finding:
    word, qualifier, sentence = explain(profile, search)
    return Finding(word, name, sentence, qualifier)


def _axis(profiles: Sequence[Profile]) -> Decades:
    return Decades.holding(layer.signal.log10 for each in profiles for layer in each.layers)
