"""What is no cure though the signal arrives: weights that do not learn.

The verdict is about ‖∂L/∂a_1‖/‖∂L/∂a_N‖. A step of learning goes by ‖∂L/∂W_k‖, which may be
exactly 0 where activations are, and small where all of the gradient is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.simulation.course import Verdict
from vanish.simulation.measured import MEDIAN, magnitude_quantiles

if TYPE_CHECKING:
    from vanish.simulation.measured import Measured
    from vanish.simulation.profile import Profile

# Where layer 1 had enough, so many decades less is smaller: chains of two laws differ by as much.
_SLACK = 1.0


def stalled(before: Profile, after: Measured) -> str:
    """Return why weights do not learn after a change, as part of a sentence; else nothing.

    Of the medians over the trials no layer's ‖∂L/∂W_k‖ may be 0. Where layer 1 got less of the
    signal than layer N before, its own may not be smaller than it was either: it is layer 1 that
    a vanishing gradient is about. In a run that was stable, less than a tenth is smaller.

    Parameters
    ----------
    before
        The run that is to be mended.
    after
        What was measured with the change.
    """
    (medians,) = magnitude_quantiles(after.grad_w, MEDIAN)
    gradients = medians.listed()
    zero = next((k for k, gradient in enumerate(gradients, 1) if not gradient), None)
    if zero is not None:
        return f"the weight gradient is exactly 0 in layer {zero}"
    if before.log10_ratio is not None and before.log10_ratio > 0.0:
        return ""  # layer 1 had too much of it
    slack = _SLACK if before.verdict is Verdict.STABLE else 0.0
    own, now = before.layers[0].grad_w.log10, gradients[0].log10
    if own is None or now is None or now >= own - slack:
        return ""
    return "the weights of layer 1 get a smaller gradient than before"
