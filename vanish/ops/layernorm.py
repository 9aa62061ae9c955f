"""LN, each row less its mean over its deviation; see `normalising`."""

from __future__ import annotations

from vanish.ops.normalising import Norm, register

register("layernorm", Norm("LN", axis=-1, centred=True))
