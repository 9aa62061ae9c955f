"""The columns of the commands that explain: acts, theory, collapse and derive."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vanish.columns import Column, Scale, Table
from vanish.readings.notation import LATEX, TEXT
from vanish.readings.slopes import slope_bound

if TYPE_CHECKING:
    from vanish.columns import Cell
    from vanish.lessons.collapse import Departure, LayerCollapse
    from vanish.lessons.derivation import MeasuredFactor
    from vanish.lessons.spread import Spread
    from vanish.network.activations import Activation
    from vanish.network.formulas.named import NamedBlock
    from vanish.numbers.scaled import Magnitude
    from vanish.readings.products import Factor, Part, Sum
    from vanish.theories.infinitewidth import TheoryPoint


ACTS: Table[[Activation, int]] = Table(
    ("vanish acts",),
    "an activation",
    Column("act", Scale.TEXT, "its name", lambda act, _: act.name),
    Column(
        "aliases",
        Scale.TEXT,
        "its other names, separated by blanks",
        lambda act, _: " ".join(act.aliases),
    ),
    Column("formula", Scale.TEXT, "S(x)", lambda act, _: act.formula),
    Column("derivative", Scale.TEXT, "S'(x)", lambda act, _: act.derivative),
    Column("domain", Scale.TEXT, "the numbers that S takes", lambda act, _: act.domain),
    Column("range", Scale.TEXT, "the numbers that S gives", lambda act, _: act.range),
    Column(
        "sup_slope",
        Scale.NUMBER,
        "sup|S'|; empty where |S'| grows without end",
        lambda act, _: _finite(act.sup_slope),
        "the largest slope: by what a layer's S multiplies gradients at most",
    ),
    Column(
        "sup_at",
        Scale.TEXT,
        "where |S'| is sup|S'|",
        lambda act, _: act.sup_place,
        "where the slope is that large",
    ),
    Column("layers", Scale.COUNT, "N, of the bound", lambda _, layers: layers),
    Column(
        "bound",
        Scale.EXACT,
        "sup|S'|^N, the article's bound on the product of N slopes; empty where there is none",
        lambda act, layers: _exact(_bound(act, layers)),
        "sup|S'|^N, the most that the slopes of N layers multiply to",
    ),
    Column("log10_bound", Scale.LOG10, "of it", lambda act, layers: _log10(_bound(act, layers))),
    Column("init", Scale.TEXT, "the initialiser by convention", lambda act, _: act.init),
    Column("note", Scale.TEXT, "what else to know of it", lambda act, _: act.note),
    Column("latex", Scale.TEXT, "S(x) as LaTeX", lambda act, _: act.latex[0]),
    Column("latex_derivative", Scale.TEXT, "S'(x) as LaTeX", lambda act, _: act.latex[1]),
)


def _bound(activation: Activation, layers: int) -> Magnitude | None:
    return slope_bound(activation, layers) if activation.has_bound else None


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value


BLOCKS: Table[[NamedBlock]] = Table(
    ("vanish blocks",),
    "a block",
    Column("block", Scale.TEXT, "its name", lambda block: block.name),
    Column(
        "aliases",
        Scale.TEXT,
        "its other names, separated by blanks",
        lambda block: " ".join(block.aliases),
    ),
    Column("formula", Scale.TEXT, "what --block takes, too", lambda block: block.text),
    Column(
        "growth",
        Scale.TEXT,
        "what one block multiplies the mean of ‖∂L/∂f‖² by at infinite width",
        lambda block: block.growth,
    ),
    Column("meaning", Scale.TEXT, "what it is", lambda block: block.meaning),
    Column("source", Scale.TEXT, "who has it", lambda block: block.source),
)


THEORY: Table[[TheoryPoint]] = Table(
    ("vanish theory",),
    "an activation at one point",
    Column("act", Scale.TEXT, "the activation", lambda point: point.act),
    Column(
        "weight_std",
        Scale.NUMBER,
        "W's entries have variance weight_std²/n_in; without --weight-std the critical one, empty"
        " where there is none",
        lambda point: point.weight_std,
    ),
    Column(
        "bias_std",
        Scale.NUMBER,
        "the standard deviation of the biases",
        lambda point: point.bias_std,
    ),
    Column(
        "q_star",
        Scale.NUMBER,
        "the mean square of a that the length map settles at; infinite where it diverges",
        lambda point: point.q_star,
        "the mean square of a that deep layers settle at",
    ),
    Column(
        "chi_1",
        Scale.NUMBER,
        "χ₁ = weight_std² E[S'(a)²] there: by what the mean square of the signal going back is"
        " multiplied a layer",
        lambda point: point.chi_1,
        "by what a layer multiplies the gradient's mean square",
    ),
    Column(
        "chi_q",
        Scale.NUMBER,
        "χ_q, the slope of the length map there",
        lambda point: point.chi_q,
        "by what a layer multiplies what q is off q*",
    ),
    Column(
        "depth_scale",
        Scale.NUMBER,
        "ξ = -1/ln χ₁ in layers, negative where gradients explode; infinite where χ₁ = 1",
        lambda point: point.depth_scale,
        "over so many layers that mean square changes e-fold",
    ),
    Column(
        "phase",
        Scale.TEXT,
        "what χ₁ says, or that q diverges",
        lambda point: None if point.phase is None else str(point.phase),
        "gradients vanish where ordered, explode where chaotic",
    ),
    Column(
        "critical_weight_std",
        Scale.NUMBER,
        "the weight_std at which χ₁ = 1 for this bias_std; empty where there is none",
        lambda point: point.critical_weight_std,
        "where χ₁ = 1: gradients neither vanish nor explode",
    ),
    Column(
        "critical_q",
        Scale.NUMBER,
        "q* there; empty where every q is a fixed point",
        lambda point: point.critical_q,
    ),
    Column(
        "critical_stable",
        Scale.FLAG,
        "whether q comes back to q* there",
        lambda point: point.critical_stable,
    ),
    Column(
        "reason",
        Scale.TEXT,
        "what is to be known of the critical point, or why there is none",
        lambda point: point.reason,
    ),
)


def _of_spread(name: str, scale: Scale, meaning: str) -> Column[[Spread | None]]:
    def get(spread: Spread | None) -> Any:
        found = getattr(spread, name, None)
        return None if found == -math.inf else found

    return Column(name, scale, meaning, get)


# Without a spread all of them are empty.
SPREAD: Table[[Spread | None]] = Table(
    ("vanish theory --layers --width",),
    "an activation at one point, chains of finite width; all empty where theory has no point",
    _of_spread("layers", Scale.COUNT, "N"),
    _of_spread("width", Scale.COUNT, "the size of the input and of every layer"),
    _of_spread(
        "log10_expected",
        Scale.LOG10,
        "of the root mean square of ‖∂L/∂b_1‖ that mean-field theory expects",
    ),
    _of_spread(
        "log10_typical",
        Scale.LOG10,
        "the mean of log10‖∂L/∂b_1‖ over random chains in which it is not 0; empty where it always"
        " is",
    ),
    _of_spread("log10_std", Scale.NUMBER, "the standard deviation of log10‖∂L/∂b_1‖ over them"),
    _of_spread("dead", Scale.SHARE, "the probability that ∂L/∂b_1 is exactly 0"),
    _of_spread("source", Scale.TEXT, "exact, or measured on random chains"),
    _of_spread(
        "log10_typical_se", Scale.NUMBER, "the standard error of log10_typical; empty where exact"
    ),
    _of_spread("log10_std_se", Scale.NUMBER, "the standard error of log10_std; empty where exact"),
    _of_spread(
        "dead_se",
        Scale.NUMBER,
        "the standard error of dead; empty where exact, and where all trials or none are dead",
    ),
)


def _known(departure: Departure | None) -> Cell:
    return _exact(departure and departure.known)


def _below(departure: Departure | None) -> Cell:
    return _exact(departure and departure.below)


def _exact(magnitude: Magnitude | None) -> Cell:
    return None if magnitude is None else magnitude.exact()


COLLAPSE: Table[[LayerCollapse]] = Table(
    ("vanish collapse",),
    "a layer",
    Column("act", Scale.TEXT, "the layer's activation", lambda layer: layer.act),
    Column("layer", Scale.COUNT, "k, from 1 at the input to N", lambda layer: layer.layer),
    Column("n_in", Scale.COUNT, "the size of what goes in", lambda layer: layer.n_in),
    Column("n_out", Scale.COUNT, "the size of what comes out", lambda layer: layer.n_out),
    Column(
        "log10_map_norm",
        Scale.LOG10,
        "of ‖W_k … W_1‖, of the one map that k layers would be without activation",
        lambda layer: layer.map_norm.log10,
        "of W_k … W_1, the one matrix that k layers would be",
    ),
    Column(
        "difference",
        Scale.EXACT,
        "‖f_k - (Wx + b)‖/‖f_k‖, how far the output is from that map's; empty where rounding hides"
        " it, and where f_k is 0",
        lambda layer: _known(layer.difference),
        "how far the chain is from that map, ‖f_k - (Wx + b)‖/‖f_k‖",
    ),
    Column(
        "nonadditivity",
        Scale.EXACT,
        "how far the layer alone is from affine; empty where rounding hides it, and where the layer"
        " is constant",
        lambda layer: _known(layer.nonadditivity),
        "how far layer k departs from g(u+v) + g(0) = g(u) + g(v)",
    ),
    Column(
        "difference_below",
        Scale.EXACT,
        "what difference is at most, where rounding hides it",
        lambda layer: _below(layer.difference),
    ),
    Column(
        "nonadditivity_below",
        Scale.EXACT,
        "what nonadditivity is at most, where rounding hides it",
        lambda layer: _below(layer.nonadditivity),
    ),
)


def _log10(magnitude: Magnitude | None) -> float | None:
    return magnitude.log10 if magnitude else None


DERIVE: Table[[Factor | Sum | Part, MeasuredFactor | None]] = Table(
    ("vanish derive --format json",),
    "a factor of the gradient, from the loss inwards, or a part of its sum over layers that share"
    " the parameter; numbers are empty without --values",
    Column("factor", Scale.TEXT, "it as text", lambda factor, _: TEXT.symbol(factor)),
    Column("latex", Scale.TEXT, "it as LaTeX", lambda factor, _: LATEX.symbol(factor)),
    Column("kind", Scale.TEXT, "what it is", lambda factor, _: factor.kind),
    Column("layer", Scale.COUNT, "k", lambda factor, _: factor.layer),
    Column(
        "log10_measured",
        Scale.LOG10,
        "of what it multiplies the norm of the product before it by; empty after a zero",
        lambda _, numbers: _log10(numbers and numbers.measured),
    ),
    Column(
        "log10_largest",
        Scale.LOG10,
        "of what it can multiply it by at most: sup|S'| for a slope, ‖W_k‖₂ for a weight; empty"
        " where an |S'| has no supremum",
        lambda _, numbers: _log10(numbers and numbers.largest),
    ),
    Column(
        "log10_product",
        Scale.LOG10,
        "of the norm of the product up to here: at the end, the gradient's",
        lambda _, numbers: _log10(numbers and numbers.product),
    ),
    Column(
        "log10_bound",
        Scale.LOG10,
        "of the product of the largest ones up to here: at the end, the norm bound",
        lambda _, numbers: _log10(numbers and numbers.bound),
    ),
)
