"""BN, each unit less its mean over its deviation, among the rows of a batch; see `normalising`."""

from __future__ import annotations

from vanish.ops.normalising import Norm, register

register("batchnorm", Norm("BN", axis=-2, centred=True))
