"""The columns of a profile, a row a layer: a contract that `vanish help columns` lists."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.columns import Column, Scale, Table

if TYPE_CHECKING:
    from decimal import Decimal

    from vanish.numbers.scaled import Magnitude
    from vanish.numbers.signed import Signed
    from vanish.simulation.layers import LayerRecord
    from vanish.simulation.profile import Profile


def log10(magnitude: Magnitude | None) -> float | None:
    """Return a decimal logarithm; None of a true zero and of nothing."""
    return magnitude.log10 if magnitude is not None else None


def _finite(log10: float | None) -> float | None:
    return None if log10 == -math.inf else log10


def _name_of(profile: Profile, layer: LayerRecord) -> str | None:
    network = profile.settings.weights
    origin = network.origin if network is not None else None
    return None if origin is None else origin.name(layer.layer)


def _exact(number: Magnitude | Signed | None) -> float | Decimal | None:
    return number.exact() if number is not None else None


LAYERS: Table[[Profile, LayerRecord]] = Table(
    ("vanish", "vanish sweep --per-layer"),
    "a layer",
    Column("act", Scale.TEXT, "the layer's activation", lambda _, layer: layer.act),
    Column("layer", Scale.COUNT, "k, from 1 at the input to N", lambda _, layer: layer.layer),
    Column(
        "n_in",
        Scale.COUNT,
        "the size of what goes in: W_k is n_out × n_in",
        lambda _, layer: layer.n_in,
    ),
    Column(
        "n_out",
        Scale.COUNT,
        "the size of what comes out: W_k is n_out × n_in",
        lambda _, layer: layer.n_out,
    ),
    Column(
        "grad_w",
        Scale.EXACT,
        "‖∂L/∂W_k‖, the Frobenius norm",
        lambda _, layer: layer.grad_w.exact(),
        "how much the loss changes with W_k: how fast it learns",
    ),
    Column(
        "log10_grad_w",
        Scale.LOG10,
        "of grad_w; empty where it is exactly 0",
        lambda _, layer: layer.grad_w.log10,
    ),
    Column(
        "log10_grad_b",
        Scale.LOG10,
        "of ‖∂L/∂b_k‖; empty where it is exactly 0",
        lambda _, layer: layer.grad_b.log10,
    ),
    Column(
        "log10_grad_f",
        Scale.LOG10,
        "of ‖∂L/∂f_k‖ over the rows of the batch; empty where it is exactly 0",
        lambda _, layer: layer.grad_f.log10,
        "how much the loss changes with f_k, the layer's output",
    ),
    Column(
        "slope_mean",
        Scale.NUMBER,
        "the mean of |S'(a_k)| over units and batch",
        lambda _, layer: layer.slope_mean,
    ),
    Column(
        "slope_max",
        Scale.NUMBER,
        "the largest |S'(a_k)| over units and batch",
        lambda _, layer: layer.slope_max,
    ),
    Column(
        "log10_slope_product",
        Scale.LOG10,
        "Σ_{j=k..N} log10 slope_max_j: of the product that the article bounds",
        lambda _, layer: layer.slope_product.log10,
        "the largest slopes |S'(a)| of layers k to N, multiplied",
    ),
    Column(
        "log10_slope_bound",
        Scale.LOG10,
        "Σ_{j=k..N} log10 sup|S'_j|: of the article's bound; empty where an |S'_j| has no supremum",
        lambda _, layer: log10(layer.slope_bound),
    ),
    Column(
        "log10_norm_bound",
        Scale.LOG10,
        "of the bound on grad_w that always holds; empty where it was not computed, and where an"
        " |S'| has no supremum",
        lambda _, layer: log10(layer.norm_bound),
    ),
    Column(
        "log10_predicted",
        Scale.LOG10,
        "of the root mean square of grad_w that mean-field theory expects; empty for a real"
        " network, a batch, or another loss than the readout",
        lambda _, layer: log10(layer.predicted),
    ),
    Column(
        "log10_predicted_b",
        Scale.LOG10,
        "of the root mean square of ‖∂L/∂b_k‖ that mean-field theory expects; empty where"
        " log10_predicted is",
        lambda _, layer: log10(layer.predicted_b),
        "what infinitely wide chains have, root mean square",
    ),
    Column(
        "zero_fraction",
        Scale.SHARE,
        "the share of units with S'(a_k) exactly 0",
        lambda _, layer: layer.zero_fraction,
    ),
    Column(
        "status", Scale.TEXT, "ok, or zero where grad_w is exactly 0", lambda _, layer: layer.status
    ),
    Column(
        "log10_rel_grad_w",
        Scale.LOG10,
        "of ‖∂L/∂W_k‖/‖W_k‖, the relative size of a step of learning rate 1; empty where either"
        " is exactly 0",
        lambda _, layer: log10(layer.relative),
    ),
    Column(
        "engine",
        Scale.TEXT,
        "how it was computed: dense or sampled",
        lambda profile, _: profile.engine,
    ),
    Column(
        "init",
        Scale.TEXT,
        "the initialiser; weights for a real network",
        lambda profile, _: profile.settings.model.init_name,
    ),
    Column(
        "active_units",
        Scale.NUMBER,
        "how many units have S'(a_k) ≠ 0, the mean over the batch; this and the next two are"
        " empty where S' is never 0 on an interval",
        lambda _, layer: layer.active_units,
    ),
    Column(
        "dead_fraction",
        Scale.SHARE,
        "the share of units that are active on no row of the batch",
        lambda _, layer: layer.dead_fraction,
        "units whose slope S'(a) is 0 on every row of the batch",
    ),
    Column(
        "log10_active_paths",
        Scale.LOG10,
        "of the number of all-active paths from layer k to layer N, the mean over the batch;"
        " empty where there is none, too, and where a layer on the way has several S",
        lambda _, layer: _finite(layer.log10_active_paths),
    ),
    Column(
        "log10_grad_w_p05",
        Scale.LOG10,
        "of the 5 % quantile of grad_w over the trials; empty for one trial. With several, all"
        " that is measured is their median, an order statistic for which a true zero is the"
        " smallest",
        lambda _, layer: log10(layer.grad_w_p05),
    ),
    Column(
        "log10_grad_w_p95",
        Scale.LOG10,
        "of the 95 % quantile of grad_w over the trials; empty for one trial",
        lambda _, layer: log10(layer.grad_w_p95),
    ),
    Column(
        "dead_share",
        Scale.SHARE,
        "the share of several trials in which grad_w is exactly 0; empty for one trial",
        lambda _, layer: layer.dead_share,
    ),
    Column(
        "log10_grad_a",
        Scale.LOG10,
        "of ‖∂L/∂a_k‖, the signal going back, over the rows of the batch; empty where it is"
        " exactly 0",
        lambda _, layer: layer.grad_a.log10,
        "how much the loss changes with a_k = W_k f_{k-1} + b_k",
    ),
    Column(
        "log10_gain_back",
        Scale.LOG10,
        "of ‖∂L/∂a_k‖/‖∂L/∂a_{k+1}‖, of ∂L/∂f for another block than S(Wx+b), the factor from the"
        " next layer; of one trial they sum to"
        " log10_ratio; empty at layer N, and where either is exactly 0",
        lambda _, layer: log10(layer.gain_back),
        "×2 is twice the signal of layer k+1, ÷2 is half of it",
    ),
    Column(
        "log10_grad_a_p05",
        Scale.LOG10,
        "of the 5 % quantile of ‖∂L/∂a_k‖ over the trials; empty for one trial",
        lambda _, layer: log10(layer.grad_a_p05),
    ),
    Column(
        "log10_grad_a_p95",
        Scale.LOG10,
        "of the 95 % quantile of ‖∂L/∂a_k‖ over the trials; empty for one trial",
        lambda _, layer: log10(layer.grad_a_p95),
    ),
    Column(
        "log10_predicted_f",
        Scale.LOG10,
        "of the root mean square of ‖∂L/∂f_k‖ that mean-field theory expects; empty where it has"
        " no law",
        lambda _, layer: log10(layer.predicted_f),
    ),
    Column(
        "log10_rms_a",
        Scale.LOG10,
        "of the root mean square of a_k, the argument of S, over units and batch; of several S"
        " that of all their arguments, and empty without S",
        lambda _, layer: log10(layer.rms_a),
    ),
    Column(
        "log10_predicted_rms_a",
        Scale.LOG10,
        "of √q_k, the root mean square of a_k that mean-field theory expects; empty where"
        " log10_predicted is, and without S",
        lambda _, layer: log10(layer.predicted_rms_a),
    ),
    Column(
        "mean_f",
        Scale.EXACT,
        "the mean of the entries of f_k over units and batch",
        lambda _, layer: _exact(layer.mean_f),
    ),
    Column(
        "std_f",
        Scale.EXACT,
        "the standard deviation of the entries of f_k over units and batch",
        lambda _, layer: _exact(layer.std_f),
    ),
    Column(
        "saturated",
        Scale.SHARE,
        "the share of units with |S'(a_k)| < sup|S'|/20, over the batch; of tanh those with |f|"
        " above 0.975; empty where |S'| has no supremum",
        lambda _, layer: layer.saturated,
    ),
    Column(
        "max_abs_a",
        Scale.EXACT,
        "the largest |a_k| over units and batch; empty where log10_rms_a is, but for zeros",
        lambda _, layer: _exact(layer.max_abs_a),
    ),
    Column(
        "slope_bound",
        Scale.EXACT,
        "∏_{j=k..N} sup|S'_j|, the article's bound on the product of all slopes; empty where an"
        " |S'_j| has no supremum",
        lambda _, layer: _exact(layer.slope_bound),
        "what that product can be at most, the article's bound",
    ),
    Column(
        "name",
        Scale.TEXT,
        "what its file calls W_k; empty of weights that were drawn, of blocks, and of a whole file"
        " whose names number the layers: W1, W2, …",
        _name_of,
    ),
)
