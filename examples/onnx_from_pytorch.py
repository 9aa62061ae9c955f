"""Export a PyTorch network to ONNX, with its skip and its norms, and see its gradients here.

Needs `pip install onnx torch onnxscript`. Run it with
`python examples/onnx_from_pytorch.py`; it takes some seconds.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import vanish

try:
    for package in ("onnx", "onnxscript"):  # what reads the file, and what writes it
        import_module(package)
    import torch
    from torch import nn
except ModuleNotFoundError as missing:
    needed = "onnx torch onnxscript"
    sys.exit(f"No {missing.name} here: this example needs `pip install {needed}`")

FEATURES, WIDTH, BLOCKS, CLASSES = 10, 16, 4, 3


class Residual(nn.Module):  # type: ignore[misc]  # PyTorch is optional: Any to mypy
    """x + W2 gelu(W1 LN(x)), as in the layers of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, WIDTH)
        self.fc2 = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the layer makes of a batch."""
        added: torch.Tensor = self.fc2(nn.functional.gelu(self.fc1(self.norm(x))))
        return x + added


def build() -> nn.Sequential:
    """Return a network with a layer to begin with, some residual ones, and one to end with."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(FEATURES, WIDTH)]
    layers += [Residual() for _ in range(BLOCKS)]
    return nn.Sequential(*layers, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)).eval()


def export(model: nn.Module, path: Path) -> None:
    """Write a model as an ONNX file, its weights in it."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    options: dict[str, Any] = {"dynamo": True, "external_data": False, "verbose": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(model, (torch.zeros(1, FEATURES),), str(path), **options)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "network.onnx"
        export(build(), path)
        network = vanish.load(path)
    profile = vanish.simulate(weights=network, batch=32)
    print(f"{'weight':14}{'S':10}{'n_in':>5}{'n_out':>6}{'‖∂L/∂a‖':>10}{'‖∂L/∂W‖':>10}")
    for layer, row in zip(profile.layers, profile.rows(), strict=True):
        sizes = f"{layer.n_in:5}{layer.n_out:6}"
        signal, grad_w = float(layer.grad_a), float(layer.grad_w)
        print(f"{row['name']:14}{layer.act:10}{sizes}{signal:10.3g}{grad_w:10.3g}")
    print(f"{profile.verdict}: the first matrix gets {float(profile.ratio or 0):.3g} of the last's")


if __name__ == "__main__":
    main()
