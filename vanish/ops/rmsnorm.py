"""RMS, each row over its root mean square; see `normalising`."""

from __future__ import annotations

from vanish.ops.normalising import Norm, register

register("rmsnorm", Norm("RMS", axis=-1, centred=False))
