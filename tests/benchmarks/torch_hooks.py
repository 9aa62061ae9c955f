"""What vanish does, with PyTorch as it is usually asked: a hook on every layer.

The hook of a layer is handed ∂L/∂a_k on the way back, ∂L/∂W_k is in its weight afterwards.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ACTS = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}


def answer(act: str, layers: int, width: int, bits: int = 64) -> list[tuple[float, float]]:
    """Return ‖∂L/∂a_k‖ and ‖∂L/∂W_k‖ of a chain that is drawn, for L = r·f_N, layer 1 first."""
    return _norms(*drawn(act, layers, width, bits))


def answer_for(
    act: str, weights: Sequence[NDArray[Any]], x: NDArray[Any], r: NDArray[Any], bits: int = 64
) -> list[tuple[float, float]]:
    """Return the same of a chain that is given."""
    return _norms(*given(act, weights, x, r, bits))


def drawn(act: str, layers: int, width: int, bits: int = 64) -> tuple[Any, Any, Any]:
    """Return a model of xavier_normal weights without biases, an input and a readout."""
    torch.manual_seed(0)
    kind = getattr(torch, f"float{bits}")
    model = _model(act, [width] * (layers + 1), kind)
    for layer in model[::2]:
        torch.nn.init.xavier_normal_(layer.weight)
    readout = torch.randn(width, dtype=kind).sign() * width**-0.5
    return model, torch.randn(width, dtype=kind), readout


def given(
    act: str, weights: Sequence[NDArray[Any]], x: NDArray[Any], r: NDArray[Any], bits: int = 64
) -> tuple[Any, Any, Any]:
    """Return a model of these weights, its input and its readout."""
    kind = getattr(torch, f"float{bits}")
    model = _model(act, [len(x), *map(len, weights)], kind)
    with torch.no_grad():
        for layer, weight in zip(model[::2], weights, strict=True):
            layer.weight.copy_(torch.tensor(weight))
    return model, torch.tensor(x, dtype=kind), torch.tensor(r, dtype=kind)


def _model(act: str, sizes: list[int], kind: Any) -> Any:
    layers: list[Any] = []
    for n_in, n_out in pairwise(sizes):
        # The module's own first weights would be drawn for nothing.
        linear = torch.nn.utils.skip_init(torch.nn.Linear, n_in, n_out, bias=False, dtype=kind)
        layers += [linear, _ACTS[act]()]
    return torch.nn.Sequential(*layers)


def _norms(model: Any, x: Any, readout: Any) -> list[tuple[float, float]]:
    signals: dict[Any, float] = {}

    def keep(layer: Any, _: Any, by_output: tuple[Any, ...]) -> None:
        signals[layer] = by_output[0].norm().item()

    linear = model[::2]
    for layer in linear:
        layer.register_full_backward_hook(keep)
    # A hook of the first layer warns where nothing before it has a gradient.
    (readout @ model(x.requires_grad_())).backward()
    return [(signals[layer], layer.weight.grad.norm().item()) for layer in linear]
