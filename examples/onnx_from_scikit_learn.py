"""Train a classifier with scikit-learn, export it to ONNX, and see its gradients here.

Its loss is the cross-entropy of its classes, so that they are the gradients it was trained with.
Needs `pip install onnx scikit-learn skl2onnx`. Run it with
`python examples/onnx_from_scikit_learn.py`; it takes some seconds.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import vanish

try:
    from skl2onnx import to_onnx
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ModuleNotFoundError as missing:
    needed = "onnx scikit-learn skl2onnx"
    sys.exit(f"No {missing.name} here: this example needs `pip install {needed}`")

HIDDEN = (32,) * 6


def trained(activation: str, epochs: int = 30) -> tuple[Any, Any, Any]:
    """Return a network that has learned the digits for a while, with what it learned."""
    digits = load_digits()
    x, classes = digits.data.astype(np.float32), digits.target
    network = MLPClassifier(HIDDEN, activation=activation, max_iter=epochs, random_state=0)
    model = make_pipeline(StandardScaler(), network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, classes)
    return model, x, classes


def exported(model: Any, x: Any, path: Path) -> None:
    """Write a model as an ONNX file; without zipmap its probabilities are numbers."""
    path.write_bytes(to_onnx(model, x[:1], options={"zipmap": False}).SerializeToString())


def main() -> None:
    for activation in ("logistic", "relu"):
        model, x, classes = trained(activation)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "network.onnx"
            exported(model, x, path)
            network = vanish.load(path)
        rows, target = vanish.Rows(x), vanish.Rows(classes[:, None])
        profile = vanish.simulate(weights=network, input=rows, loss="cross_entropy", target=target)
        accuracy = model.score(x, classes)
        print(f"{activation}: {accuracy:.0%} of the digits right, {profile.verdict}")
        for layer, row in zip(profile.layers, profile.rows(), strict=True):
            print(f"  {row['name']:14}{layer.act:10}‖∂L/∂W‖ {float(layer.grad_w):.3g}")


if __name__ == "__main__":
    main()
