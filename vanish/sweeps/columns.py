"""The columns of a sweep: the settings of a point, what came of it, and the error if any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.columns import Column, Scale, Table
from vanish.simulation.columns import LAYERS
from vanish.simulation.measured import HIGH, LOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.simulation.profile import Profile

    # The settings of a point as cells, by name.
    Settings = Mapping[str, Any]


def _setting(name: str, scale: Scale, meaning: str) -> Column[[Settings]]:
    return Column(name, scale, meaning, lambda settings: settings[name])


SETTINGS: Table[[Settings]] = Table(
    ("vanish sweep", "vanish sweep --per-layer"),
    "a point",
    _setting("act", Scale.TEXT, "the activation; mixed where the layers differ"),
    _setting(
        "layer_acts",
        Scale.TEXT,
        "one activation a layer, where they were listed",
    ),
    _setting("layers", Scale.COUNT, "N"),
    _setting("width", Scale.COUNT, "the size of every layer; empty where they differ"),
    _setting("widths", Scale.TEXT, "all sizes, input first; empty where all are the same"),
    _setting("init", Scale.TEXT, "the initialiser; empty beside weight_std or weights"),
    _setting(
        "weight_std",
        Scale.EITHER,
        "of Gaussian weights of variance weight_std²/n_in; W=1.5,V=0.1 where matrices differ",
    ),
    _setting("bias_std", Scale.NUMBER, "the standard deviation of the biases"),
    _setting("gain", Scale.NUMBER, "the factor for all weights"),
    _setting("input", Scale.TEXT, "the input's file; empty for random rows"),
    _setting("batch", Scale.COUNT, "the number of rows"),
    _setting("loss", Scale.TEXT, "the loss"),
    _setting("target", Scale.TEXT, "the target's file"),
    _setting("weights", Scale.TEXT, "the file of a real network"),
    _setting("seed", Scale.COUNT, "the seed"),
    _setting("trials", Scale.COUNT, "the number of independent chains"),
    _setting("engine", Scale.TEXT, "how it was computed: dense or sampled"),
    _setting("norm_bound", Scale.FLAG, "whether the norm bound was asked for; empty for auto"),
    _setting("vanish_below", Scale.NUMBER, "the threshold of the verdict vanishing"),
    _setting("explode_above", Scale.NUMBER, "the threshold of the verdict exploding"),
    _setting("last_act", Scale.TEXT, "the last layer's activation, where it was given"),
)

SUMMARY: Table[[Profile]] = Table(
    ("vanish sweep",),
    "a point",
    Column(
        "verdict",
        Scale.TEXT,
        "vanishing, exploding, stable or dead, of the median trial",
        lambda profile: profile.verdict.value,
    ),
    Column(
        "log10_ratio",
        Scale.LOG10,
        "of ‖∂L/∂a_1‖/‖∂L/∂a_N‖, of ∂L/∂f for another block than S(Wx+b), the median over the"
        " trials; empty where either is exactly 0, and for one layer",
        lambda profile: profile.log10_ratio,
        "how much of the gradient at layer N reaches layer 1",
    ),
    Column(
        "log10_ratio_p05",
        Scale.LOG10,
        "of the ratio's 5 % quantile over the trials; empty for one trial",
        lambda profile: profile.log10_ratio_quantile(LOW),
    ),
    Column(
        "log10_ratio_p95",
        Scale.LOG10,
        "of the ratio's 95 % quantile over the trials; empty for one trial",
        lambda profile: profile.log10_ratio_quantile(HIGH),
    ),
    Column(
        "log10_ratio_w",
        Scale.LOG10,
        "of ‖∂L/∂W_1‖/‖∂L/∂W_N‖; empty where log10_ratio may be",
        lambda profile: profile.log10_ratio_w,
    ),
    Column(
        "decades_per_layer",
        Scale.NUMBER,
        "log10_ratio/(N-1): powers of ten that the signal gains a layer on its way back",
        lambda profile: profile.decades_per_layer,
        "powers of ten that it gains a layer on its way back",
    ),
    Column(
        "predicted_log10_ratio",
        Scale.LOG10,
        "what mean-field theory expects of the ratio; empty where it does not apply",
        lambda profile: profile.predicted_log10_ratio,
    ),
    Column(
        "predicted_decades_per_layer",
        Scale.NUMBER,
        "what it expects of decades_per_layer; empty where it does not apply",
        lambda profile: profile.predicted_decades_per_layer,
        "the same in infinitely wide chains",
    ),
    Column(
        "vanishing_share",
        Scale.SHARE,
        "the share of the trials that vanish",
        lambda profile: profile.verdict_shares["vanishing"],
    ),
    Column(
        "exploding_share",
        Scale.SHARE,
        "the share of the trials that explode",
        lambda profile: profile.verdict_shares["exploding"],
    ),
    Column(
        "stable_share",
        Scale.SHARE,
        "the share of the trials that are stable",
        lambda profile: profile.verdict_shares["stable"],
    ),
    Column(
        "dead_share",
        Scale.SHARE,
        "the share of the trials in which a gradient is exactly 0",
        lambda profile: profile.verdict_shares["dead"],
    ),
)

ERROR: Table[[str | None]] = Table(
    ("vanish sweep", "vanish sweep --per-layer"),
    "a point",
    Column(
        "error",
        Scale.TEXT,
        "why the point failed, with all else that is not known empty; empty where it did not",
        lambda error: error,
    ),
)

# Columns that came later stand behind all others.
LATER: Table[[Settings]] = Table(
    ("vanish sweep", "vanish sweep --per-layer"),
    "a point",
    _setting("block", Scale.TEXT, "the layer's formula"),
    _setting(
        "hidden",
        Scale.EITHER,
        "the size inside a block, where it was given: a number, or 4x for four times its output",
    ),
    _setting("steps", Scale.TEXT, "the file of the layers' own inputs; empty for normal numbers"),
)
_LATER_LAYERS = ("log10_predicted_f",)
_LAST_LAYERS = (
    "log10_rms_a",
    "log10_predicted_rms_a",
    "mean_f",
    "std_f",
    "saturated",
    "max_abs_a",
    "slope_bound",
)

# What came after those stands behind them, too.
LAST: Table[[Settings]] = Table(
    ("vanish sweep", "vanish sweep --per-layer"),
    "a point",
    _setting(
        "last_gain", Scale.NUMBER, "the factor for the weights of layer N, where it was given"
    ),
    _setting(
        "bias_init",
        Scale.TEXT,
        "how biases are drawn; empty beside bias_std or weights, and where a block has none",
    ),
)

# And these behind all.
_NEWEST_LAYERS = ("name",)

# What a layer has of its own takes the place of the setting.
SHARED: Table[[Settings]] = Table(
    ("vanish sweep --per-layer",),
    "a point",
    *(column for column in SETTINGS.columns if column.name not in LAYERS.names),
)


def names(*, per_layer: bool) -> list[str]:
    """Return the names of the cells of a row, of a point or of each of its layers."""
    if not per_layer:
        return [*SETTINGS.names, *SUMMARY.names, *ERROR.names, *LATER.names, *LAST.names]
    came_later = (*_LATER_LAYERS, *_LAST_LAYERS, *_NEWEST_LAYERS)
    layers = [name for name in LAYERS.names if name not in came_later]
    later = (*_LATER_LAYERS, *LATER.names, *_LAST_LAYERS, *LAST.names, *_NEWEST_LAYERS)
    return [*SHARED.names, *layers, *ERROR.names, *later]


def records(*, per_layer: bool) -> list[Column[Any]]:
    """Return the columns of a row, of a point or of each of its layers."""
    own = (SHARED, LAYERS) if per_layer else (SETTINGS, SUMMARY)
    tables = (*own, ERROR, LATER, LAST)
    known: dict[str, Column[Any]] = {
        column.name: column for table in tables for column in table.columns
    }
    return [known[name] for name in names(per_layer=per_layer)]
