"""Show a PyTorch network's gradients with vanish, on real data.

Hands the parameters of an nn.Sequential to vanish, with handwritten digits as the input.
Run it with `python examples/torch_to_vanish.py`; it needs PyTorch and scikit-learn. What
`export` returns is also what the command line reads: save it with
`np.savez("network.npz", **arrays)`, and give `--weights network.npz --layer-acts …`.
"""

from __future__ import annotations

import sys

import numpy as np

import vanish
from vanish.network import activations

try:
    import torch
    from sklearn.datasets import load_digits
    from torch import nn
except ModuleNotFoundError as missing:
    sys.exit(f"No {missing.name} here: this example needs `pip install torch scikit-learn`")

ROWS = 32


def build() -> nn.Sequential:
    """Return a classifier of 8 × 8 pixels, ten layers deep, as PyTorch initialises it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.Sigmoid())
    for _ in range(8):
        model.extend([nn.Linear(32, 32), nn.Sigmoid()])
    return model.append(nn.Linear(32, 10))


def export(model: nn.Sequential) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the parameters as W1, b1, W2, b2, …, and each layer's activation."""
    arrays: dict[str, np.ndarray] = {}
    acts: list[str] = []
    for module in model:
        if isinstance(module, nn.Linear):
            acts.append("identity")  # unless an activation follows
            arrays[f"W{len(acts)}"] = module.weight.detach().numpy()
            if module.bias is not None:
                arrays[f"b{len(acts)}"] = module.bias.detach().numpy()
        elif acts[-1:] == ["identity"]:
            acts[-1] = activation_name(module)
        else:
            raise ValueError(f"{module}: vanish takes Linear layers with one activation each")
    return arrays, acts


def activation_name(module: nn.Module) -> str:
    """Return what vanish calls a PyTorch activation, if both compute the same."""
    tanh_form = getattr(module, "approximate", "none") == "tanh"
    # vanish knows PyTorch's class names: LeakyReLU is its leaky_relu.
    activation = activations.get("gelu_tanh" if tanh_form else type(module).__name__)
    x = torch.linspace(-8.0, 8.0, 65, dtype=torch.float64)
    if not np.allclose(module(x).detach().numpy(), activation.value(x.numpy())):
        raise ValueError(f"{module}: its parameters are not those of vanish's {activation.name}")
    return activation.name


def main() -> None:
    """Show the gradients of the network on the digits."""
    arrays, acts = export(build())
    pixels = load_digits().data[:ROWS] / 16.0  # 0 to 16 shades of grey
    print(vanish.simulate(weights=arrays, layer_acts=tuple(acts), input=vanish.Rows(pixels)))


if __name__ == "__main__":
    main()
