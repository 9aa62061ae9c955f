"""The two ways in which the weights of a file lie.

PyTorch stores a weight as (n_out, n_in), Keras, JAX and scikit-learn as (n_in, n_out).
"""

from __future__ import annotations

OUT_IN, IN_OUT = LAYOUTS = ("out_in", "in_out")

# What fits.
AUTO = "auto"

# What people read.
AXES = {OUT_IN: "(n_out, n_in)", IN_OUT: "(n_in, n_out)"}
