"""What vanish does, with PyTorch: blocks of tanh layers with skips, norms or shared weights.

Arguments: LAYERS WIDTH BLOCK, a name of BLOCKS. Prints the norm of every weight's gradient, layer
by layer; of weights that all layers share that of the sum.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    Layer = Callable[[Tensor, Sequence[Tensor]], Tensor]


class Block(NamedTuple):
    """A block: its formula as vanish reads it, how many matrices it has, and what it computes."""

    formula: str
    matrices: int
    layer: Layer

    @property
    def tied(self) -> bool:
        """Whether all layers share their matrices."""
        return "~" in self.formula


def _residual(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    return x + torch.tanh(weights[0] @ x)


def _prenorm(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    normed = torch.nn.functional.layer_norm(x, x.shape, eps=0.0)
    return x + weights[1] @ torch.tanh(weights[0] @ normed)


BLOCKS = {
    "residual": Block("x + S(Wx+b)", 1, _residual),
    "prenorm": Block("x + V S(W LN(x)+b)", 2, _prenorm),
    "residual, tied": Block("x + S(W~x+b~)", 1, _residual),
    "prenorm, tied": Block("x + V~ S(W~ LN(x)+b~)", 2, _prenorm),
}


def drawn(layers: int, width: int, block: Block) -> list[list[Tensor]]:
    """Return the matrices of every layer, or once those that all of them share."""
    std = width**-0.5  # xavier_normal of a square matrix
    return [
        [torch.empty(width, width).normal_(0.0, std) for _ in range(block.matrices)]
        for _ in range(1 if block.tied else layers)
    ]


def norms(
    block: Block, layers: int, weights: list[list[Tensor]], x: Tensor, readout: Tensor
) -> list[float]:
    """Return ‖∂L/∂W_k‖, ‖∂L/∂V_k‖ for L = r·f_N, layer 1 first."""
    used = [each.requires_grad_() for here in weights for each in here]
    for here in weights * layers if block.tied else weights:
        x = block.layer(x, here)
    (readout @ x).backward()
    return [each.grad.norm().item() for each in used]


def gradient_norms(layers: int, width: int, name: str) -> list[float]:
    """Draw a network of such blocks in float64, and return its `norms`."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    block = BLOCKS[name]
    weights = drawn(layers, width, block)
    readout = torch.randn(width).sign() * width**-0.5
    return norms(block, layers, weights, torch.randn(width), readout)


if __name__ == "__main__":
    for norm in gradient_norms(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]):
        sys.stdout.write(f"{norm}\n")
