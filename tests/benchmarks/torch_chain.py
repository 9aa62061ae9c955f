"""What vanish does, with PyTorch: a chain of tanh layers, and autograd.

Arguments: LAYERS WIDTH. Prints the norm of every layer's weight gradient.
"""

from __future__ import annotations

import sys

import torch


def gradient_norms(layers: int, width: int) -> list[float]:
    """Return ‖∂L/∂W_k‖ for L = r·f_N, in float64, layer 1 first."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    std = width**-0.5  # xavier_normal of a square matrix
    weights = [torch.empty(width, width).normal_(0.0, std) for _ in range(layers)]
    f = torch.randn(width)
    for weight in weights:
        f = torch.tanh(weight.requires_grad_() @ f)
    readout = torch.randn(width).sign() * std
    (readout @ f).backward()
    return [weight.grad.norm().item() for weight in weights]


if __name__ == "__main__":
    for norm in gradient_norms(*map(int, sys.argv[1:])):
        sys.stdout.write(f"{norm}\n")
