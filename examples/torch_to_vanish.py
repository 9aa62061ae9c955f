"""Show a PyTorch network's gradients with vanish, on real data.

Saves an nn.Sequential as an .npz file that vanish reads, and runs vanish on it with
handwritten digits as the input. Run it with `python examples/torch_to_vanish.py`; it
needs PyTorch and scikit-learn.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

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


def export(model: nn.Sequential, path: Path) -> list[str]:
    """Save the parameters as W1, b1, W2, b2, … and return each layer's activation."""
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
    np.savez(path, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes any keyword for allow_pickle
    return acts


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
    """Save network and digits, and run vanish on them."""
    pixels = load_digits().data / 16.0  # 0 to 16 shades of grey
    with TemporaryDirectory() as directory:
        acts = export(build(), Path(directory, "network.npz"))
        np.save(Path(directory, "digits.npy"), pixels[:ROWS])
        options = ["--weights", "network.npz", "--layer-acts", ",".join(acts)]
        options += ["--input", "digits.npy", "--format", "table"]
        print("vanish", *options, end="\n\n", flush=True)
        command = [sys.executable, "-m", "vanish", *options]
        subprocess.run(command, cwd=directory, check=True)  # noqa: S603 - a fixed command and a file of our own


if __name__ == "__main__":
    main()
