"""BN f, a unit less its mean over the batch, over its standard deviation, in every reading."""

from __future__ import annotations

from vanish.readings.meanfield import MEAN_FIELD

MEAN_FIELD.refuses("batchnorm", lambda _: "BN, which mixes the rows of a batch")
