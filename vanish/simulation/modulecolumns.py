"""The columns of the modules of any network: those of a chain, and what modules have besides.

Where a chain's column says something that nobody knows of a module, it is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.columns import Column, Scale, Table
from vanish.simulation.cells import exact, log10
from vanish.simulation.columns import LAYERS

if TYPE_CHECKING:
    from vanish.columns import Cell
    from vanish.simulation.module_precision import Size
    from vanish.simulation.modules import ModuleCourse, ModuleRecord, Slopes

    Col = Column[[ModuleCourse, ModuleRecord]]


def _rms(size: Size | None) -> float | None:
    return None if size is None else size.rms.log10


def _of_slopes(name: str, scale: Scale, meaning: str) -> Col:
    def get(_: ModuleCourse, layer: ModuleRecord) -> Cell:
        slopes: Slopes | None = layer.slopes
        return None if slopes is None else getattr(slopes, name)

    column = {"mean": "slope_mean", "largest": "slope_max"}.get(name, name)
    return Column(column, scale, meaning, get)


_OWN: tuple[Col, ...] = (
    Column(
        "act",
        Scale.TEXT,
        "S, where a_k goes into an activation that vanish has, too; identity where it goes into"
        " the next layer as it is; empty where nobody knows",
        lambda _, layer: layer.act or None,
    ),
    Column(
        "layer",
        Scale.COUNT,
        "k, from 1 in the order in which the forward pass called the layers",
        lambda _, layer: layer.layer,
    ),
    Column(
        "n_in",
        Scale.COUNT,
        "what W takes: its columns, of a convolution channels times kernel, of an embedding its"
        " rows",
        lambda _, layer: layer.n_in,
    ),
    Column("n_out", Scale.COUNT, "what W gives", lambda _, layer: layer.n_out),
    Column(
        "grad_w",
        Scale.EXACT,
        "‖∂L/∂W_k‖, of all that uses W_k; empty where it is frozen or unreached",
        lambda _, layer: exact(layer.grad_w),
    ),
    Column(
        "log10_grad_w",
        Scale.LOG10,
        "of grad_w; empty where it is exactly 0",
        lambda _, layer: log10(layer.grad_w),
    ),
    Column(
        "log10_grad_b",
        Scale.LOG10,
        "of ‖∂L/∂b_k‖; empty without a bias",
        lambda _, layer: log10(layer.grad_b),
    ),
    Column(
        "log10_grad_f",
        Scale.LOG10,
        "of ‖∂L/∂f_k‖: f_k is what enters the next layer, or the loss, where that is made of a_k"
        " and of no other layer; else empty",
        lambda _, layer: log10(layer.grad_f),
    ),
    _of_slopes(
        "mean", Scale.NUMBER, "the mean of |S'(a_k)|; like all of the slopes empty without act"
    ),
    _of_slopes("largest", Scale.NUMBER, "the largest |S'(a_k)|"),
    _of_slopes("zero_fraction", Scale.SHARE, "the share of units with S'(a_k) exactly 0"),
    Column(
        "status",
        Scale.TEXT,
        "ok, zero where grad_w is exactly 0, frozen where W needs no gradient, unreached where the"
        " loss does not depend on W",
        lambda _, layer: layer.status,
    ),
    Column(
        "log10_rel_grad_w",
        Scale.LOG10,
        "of ‖∂L/∂W_k‖/‖W_k‖",
        lambda _, layer: log10(layer.relative),
    ),
    Column("engine", Scale.TEXT, "torch", lambda *_: "torch"),
    Column("init", Scale.TEXT, "weights: it is a real network", lambda *_: "weights"),
    _of_slopes(
        "active_units", Scale.NUMBER, "how many units have S'(a_k) ≠ 0, the mean over the rows"
    ),
    _of_slopes("dead_fraction", Scale.SHARE, "the share of units that are active on no row"),
    Column(
        "log10_grad_a",
        Scale.LOG10,
        "of ‖∂L/∂a_k‖, the signal going back: by what the module gives, before any activation that"
        " follows it",
        lambda _, layer: log10(layer.grad_a),
    ),
    Column(
        "log10_gain_back",
        Scale.LOG10,
        "of ‖∂L/∂a_k‖ over that of the next layer that shows it",
        lambda _, layer: log10(layer.gain_back),
    ),
    Column(
        "log10_rms_a",
        Scale.LOG10,
        "of the root mean square of what the module gives",
        lambda _, layer: _rms(layer.sizes.get("a")),
    ),
    Column(
        "mean_f",
        Scale.EXACT,
        "the mean of the entries of f_k, as for log10_grad_f",
        lambda _, layer: exact(layer.spread_f and layer.spread_f.mean),
    ),
    Column(
        "std_f",
        Scale.EXACT,
        "their standard deviation",
        lambda _, layer: exact(layer.spread_f and layer.spread_f.std),
    ),
    _of_slopes(
        "saturated",
        Scale.SHARE,
        "the share of units with |S'(a_k)| < sup|S'|/20; empty without act",
    ),
    Column(
        "max_abs_a",
        Scale.EXACT,
        "the largest |entry| of what the module gives",
        lambda _, layer: exact(layer.sizes["a"].largest if "a" in layer.sizes else None),
    ),
)

# What a chain's layers do not have.
_MORE: tuple[Col, ...] = (
    Column(
        "name", Scale.TEXT, "what the layer is called in its network", lambda _, layer: layer.name
    ),
    Column("module", Scale.TEXT, "the class of the module", lambda _, layer: layer.module),
    Column("parameter", Scale.TEXT, "W's own name", lambda _, layer: layer.parameter),
    Column("calls", Scale.COUNT, "how often the module was called", lambda _, layer: layer.calls),
    Column(
        "log10_grad_input",
        Scale.LOG10,
        "of the norm of ∂L by what goes into the module, through the module alone",
        lambda _, layer: log10(layer.grad_input),
    ),
    Column(
        "log10_rms_input",
        Scale.LOG10,
        "of the root mean square of what goes into the module",
        lambda _, layer: _rms(layer.sizes.get("input")),
    ),
    Column(
        "mean_a",
        Scale.EXACT,
        "the mean of the entries of what the module gives",
        lambda _, layer: exact(layer.spread_a and layer.spread_a.mean),
    ),
    Column(
        "std_a",
        Scale.EXACT,
        "their standard deviation",
        lambda _, layer: exact(layer.spread_a and layer.spread_a.std),
    ),
)

_KNOWN = {column.name: column for column in (*_OWN, *_MORE)}


def _empty(column: str) -> Col:
    return Column(column, Scale.TEXT, "empty", lambda *_: None)


MODULES: Table[[ModuleCourse, ModuleRecord]] = Table(
    ("vanish.torch.profile",),
    "a layer",
    *(_KNOWN.get(name) or _empty(name) for name in LAYERS.names),
    *(column for column in _MORE if column.name not in LAYERS.names),
)
