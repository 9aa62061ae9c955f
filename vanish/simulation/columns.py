"""The columns of a profile, a row a layer: a contract that `vanish help columns` lists."""

from __future__ import annotations

from typing import Final

from vanish.columns import Scale
from vanish.simulation.cells import (
    EXACT,
    FINITE,
    LOG10,
    STATUS,
    LayerColumn,
    LayerTable,
    Of,
    OfFile,
    OfRun,
)

LAYERS: Final = LayerTable(
    ("vanish", "vanish sweep --per-layer"),
    "a layer",
    LayerColumn("act", Scale.TEXT, "the layer's activation", Of("act")),
    LayerColumn("layer", Scale.COUNT, "k, from 1 at the input to N", Of("layer")),
    LayerColumn(
        "n_in",
        Scale.COUNT,
        "the size of what goes in: W_k is n_out × n_in",
        Of("n_in"),
    ),
    LayerColumn(
        "n_out",
        Scale.COUNT,
        "the size of what comes out: W_k is n_out × n_in",
        Of("n_out"),
    ),
    LayerColumn(
        "grad_w",
        Scale.EXACT,
        "‖∂L/∂W_k‖, the Frobenius norm",
        Of("grad_w", EXACT),
        "how much the loss changes with W_k: how fast it learns",
    ),
    LayerColumn(
        "log10_grad_w",
        Scale.LOG10,
        "of grad_w; empty where it is exactly 0",
        Of("grad_w", LOG10),
    ),
    LayerColumn(
        "log10_grad_b",
        Scale.LOG10,
        "of ‖∂L/∂b_k‖; empty where it is exactly 0",
        Of("grad_b", LOG10),
    ),
    LayerColumn(
        "log10_grad_f",
        Scale.LOG10,
        "of ‖∂L/∂f_k‖ over the rows of the batch; empty where it is exactly 0",
        Of("grad_f", LOG10),
        "how much the loss changes with f_k, the layer's output",
    ),
    LayerColumn(
        "slope_mean",
        Scale.NUMBER,
        "the mean of |S'(a_k)| over units and batch",
        Of("slope_mean"),
    ),
    LayerColumn(
        "slope_max",
        Scale.NUMBER,
        "the largest |S'(a_k)| over units and batch",
        Of("slope_max"),
    ),
    LayerColumn(
        "log10_slope_product",
        Scale.LOG10,
        "Σ_{j=k..N} log10 slope_max_j: of the product that the article bounds",
        Of("slope_product", LOG10),
        "the largest slopes |S'(a)| of layers k to N, multiplied",
    ),
    LayerColumn(
        "log10_slope_bound",
        Scale.LOG10,
        "Σ_{j=k..N} log10 sup|S'_j|: of the article's bound; empty where an |S'_j| has no supremum",
        Of("slope_bound", LOG10),
    ),
    LayerColumn(
        "log10_norm_bound",
        Scale.LOG10,
        "of the bound on grad_w that always holds; empty where it was not computed, and where an"
        " |S'| has no supremum",
        Of("norm_bound", LOG10),
    ),
    LayerColumn(
        "log10_predicted",
        Scale.LOG10,
        "of the root mean square of grad_w that mean-field theory expects; empty for a real"
        " network, a batch, or another loss than the readout",
        Of("predicted", LOG10),
    ),
    LayerColumn(
        "log10_predicted_b",
        Scale.LOG10,
        "of the root mean square of ‖∂L/∂b_k‖ that mean-field theory expects; empty where"
        " log10_predicted is, and where the layer has no bias",
        Of("predicted_b", LOG10),
        "what infinitely wide chains have, root mean square",
    ),
    LayerColumn(
        "zero_fraction",
        Scale.SHARE,
        "the share of units with S'(a_k) exactly 0",
        Of("zero_fraction"),
    ),
    LayerColumn(
        "status", Scale.TEXT, "ok, or zero where grad_w is exactly 0", Of("grad_w", STATUS)
    ),
    LayerColumn(
        "log10_rel_grad_w",
        Scale.LOG10,
        "of ‖∂L/∂W_k‖/‖W_k‖, the relative size of a step of learning rate 1; empty where either"
        " is exactly 0",
        Of("relative", LOG10),
    ),
    LayerColumn(
        "engine",
        Scale.TEXT,
        "how it was computed: dense or sampled",
        OfRun(lambda profile: profile.engine),
    ),
    LayerColumn(
        "init",
        Scale.TEXT,
        "the initialiser; weights for a real network",
        OfRun(lambda profile: profile.settings.model.init_name),
    ),
    LayerColumn(
        "active_units",
        Scale.NUMBER,
        "how many units have S'(a_k) ≠ 0, the mean over the batch; this and the next two are"
        " empty where S' is never 0 on an interval",
        Of("active_units"),
    ),
    LayerColumn(
        "dead_fraction",
        Scale.SHARE,
        "the share of units that are active on no row of the batch",
        Of("dead_fraction"),
        "units whose slope S'(a) is 0 on every row of the batch",
    ),
    LayerColumn(
        "log10_active_paths",
        Scale.LOG10,
        "of the number of all-active paths from layer k to layer N, the mean over the batch;"
        " empty where there is none, too, and where a layer on the way has several S",
        Of("log10_active_paths", FINITE),
    ),
    LayerColumn(
        "log10_grad_w_p05",
        Scale.LOG10,
        "of the 5 % quantile of grad_w over the trials; empty for one trial. With several, all"
        " that is measured is their median, an order statistic for which a true zero is the"
        " smallest",
        Of("grad_w_p05", LOG10),
    ),
    LayerColumn(
        "log10_grad_w_p95",
        Scale.LOG10,
        "of the 95 % quantile of grad_w over the trials; empty for one trial",
        Of("grad_w_p95", LOG10),
    ),
    LayerColumn(
        "dead_share",
        Scale.SHARE,
        "the share of several trials in which grad_w is exactly 0; empty for one trial",
        Of("dead_share"),
    ),
    LayerColumn(
        "log10_grad_a",
        Scale.LOG10,
        "of ‖∂L/∂a_k‖, the signal going back, over the rows of the batch; empty where it is"
        " exactly 0",
        Of("grad_a", LOG10),
        "how much the loss changes with a_k = W_k f_{k-1} + b_k",
    ),
    LayerColumn(
        "log10_gain_back",
        Scale.LOG10,
        "of ‖∂L/∂a_k‖/‖∂L/∂a_{k+1}‖, of ∂L/∂f for another block than S(Wx+b), the factor from the"
        " next layer; of one trial they sum to"
        " log10_ratio; empty at layer N, and where either is exactly 0",
        Of("gain_back", LOG10),
        "×2 is twice the signal of layer k+1, ÷2 is half of it",
    ),
    LayerColumn(
        "log10_grad_a_p05",
        Scale.LOG10,
        "of the 5 % quantile of ‖∂L/∂a_k‖ over the trials; empty for one trial",
        Of("grad_a_p05", LOG10),
    ),
    LayerColumn(
        "log10_grad_a_p95",
        Scale.LOG10,
        "of the 95 % quantile of ‖∂L/∂a_k‖ over the trials; empty for one trial",
        Of("grad_a_p95", LOG10),
    ),
    LayerColumn(
        "log10_predicted_f",
        Scale.LOG10,
        "of the root mean square of ‖∂L/∂f_k‖ that mean-field theory expects; empty where it has"
        " no law",
        Of("predicted_f", LOG10),
    ),
    LayerColumn(
        "log10_rms_a",
        Scale.LOG10,
        "of the root mean square of a_k, the argument of S, over units and batch; of several S"
        " that of all their arguments, and empty without S",
        Of("rms_a", LOG10),
    ),
    LayerColumn(
        "log10_predicted_rms_a",
        Scale.LOG10,
        "of √q_k, the root mean square of a_k that mean-field theory expects; empty where"
        " log10_predicted is, and without S",
        Of("predicted_rms_a", LOG10),
    ),
    LayerColumn(
        "mean_f",
        Scale.EXACT,
        "the mean of the entries of f_k over units and batch",
        Of("mean_f", EXACT),
    ),
    LayerColumn(
        "std_f",
        Scale.EXACT,
        "the standard deviation of the entries of f_k over units and batch",
        Of("std_f", EXACT),
    ),
    LayerColumn(
        "saturated",
        Scale.SHARE,
        "the share of units with |S'(a_k)| < sup|S'|/20, over the batch; of tanh those with |f|"
        " above 0.975; empty where |S'| has no supremum",
        Of("saturated"),
    ),
    LayerColumn(
        "max_abs_a",
        Scale.EXACT,
        "the largest |a_k| over units and batch; empty where log10_rms_a is, but for zeros",
        Of("max_abs_a", EXACT),
    ),
    LayerColumn(
        "slope_bound",
        Scale.EXACT,
        "∏_{j=k..N} sup|S'_j|, the article's bound on the product of all slopes; empty where an"
        " |S'_j| has no supremum",
        Of("slope_bound", EXACT),
        "what that product can be at most, the article's bound",
    ),
    LayerColumn(
        "name",
        Scale.TEXT,
        "what its file calls W_k; empty of weights that were drawn, of blocks, and of a whole file"
        " whose names number the layers: W1, W2, …",
        OfFile(),
    ),
)
