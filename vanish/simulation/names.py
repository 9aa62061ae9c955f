"""The names that options take, written out: `--help` does not wait for numpy and the registries.

A test compares them with these.
"""

from __future__ import annotations

ACTIVATIONS = (
    "identity, sigmoid, tanh, relu, leaky_relu, elu, selu, gelu, gelu_tanh, silu, softplus,"
    " softsign, mish, hard_sigmoid, hard_tanh, relu6, hard_swish, sin, log_sigmoid"
)
# In the place of a name: every built-in one.
ALL = "all"
INITIALIZERS = (
    "auto, xavier_normal, xavier_uniform, he_normal, he_uniform, lecun_normal,"
    " lecun_uniform, orthogonal, lsuv, normal, uniform, truncated_normal, constant, zeros,"
    " identity, torch, keras, flax, siren"
)
OF_BIASES = "normal, uniform, constant, zeros, torch"
LOSSES = "readout, sum, mse, cross_entropy, bce"
FORMATS = "auto, table, tsv, csv, json, jsonl, markdown"
# Of `vanish` itself.
WITH_PAGE = f"{FORMATS}, html"
VERDICTS = "vanishing, exploding, dead"
OUTCOMES = "partly, chance, dead, unchanged, diverged"
AUTO_ENGINE, DENSE, SAMPLED = ENGINE_NAMES = ("auto", "dense", "sampled")
ENGINES = ", ".join(ENGINE_NAMES)
LAYOUTS = "auto, out_in, in_out"
FRAMEWORKS = "torch"
