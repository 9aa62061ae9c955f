"""What vanish does, with torchlens: a trace of the model, and its audit of the gradients.

The audit lists the gradient by what every operation gives, a_k and f_k; ∂L/∂W_k is PyTorch's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch_hooks
import torchlens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_CAPTURE = torchlens.options.CaptureOptions(save_grads=True, backward_ready=True)


def answer(act: str, layers: int, width: int, bits: int = 64) -> list[tuple[float, float]]:
    """Return ‖∂L/∂a_k‖ and ‖∂L/∂W_k‖ of a chain that is drawn, for L = r·f_N, layer 1 first."""
    return _norms(*torch_hooks.drawn(act, layers, width, bits))


def answer_for(
    act: str, weights: Sequence[NDArray[Any]], x: NDArray[Any], r: NDArray[Any], bits: int = 64
) -> list[tuple[float, float]]:
    """Return the same of a chain that is given."""
    return _norms(*torch_hooks.given(act, weights, x, r, bits))


def _norms(model: Any, x: Any, readout: Any) -> list[tuple[float, float]]:
    trace = torchlens.trace(model, x, capture=_CAPTURE)
    trace.log_backward(readout @ trace[trace.output_layers[0]].out)
    rows, _ = torchlens.debug.gradient_flow_audit_rows(trace)
    signals = {row["module"]: row["grad_norm"] for row in rows}
    return [
        (signals[name], layer.weight.grad.norm().item())
        for name, layer in model.named_children()
        if hasattr(layer, "weight")
    ]
