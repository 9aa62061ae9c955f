"""What training is measured against: scikit-learn's MLPClassifier and PyTorch, on digits.

All do the same: ReLU layers and a softmax cross-entropy, plain SGD, five epochs of the same
training part in batches of the same size, shuffled anew each, the drawing of the first
weights included. vanish and PyTorch compute in float64, scikit-learn in the data's float64;
PyTorch's usual float32 is recorded beside it. Each has one thread.
"""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from measure import Group, Job, work
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from vanish.network.streams import Streams
from vanish.training import data
from vanish.training.run import Run
from vanish.training.settings import TrainingSettings

if TYPE_CHECKING:
    from measure import Contender

    from vanish.training.data import Data, Examples

_EPOCHS, _WIDTH, _LR = 5, 64, 0.02


def training(act: str, layers: int, batch: int) -> Group:
    """Five epochs on digits, with layers of 64 units."""
    digits = data.load(data.DIGITS)
    examples = digits.split(Streams(0)).train
    ours = _vanish(digits, act, layers, batch)
    sklearn = _sklearn(examples, act, layers, batch)
    double, single = (_torch(examples, act, layers, batch, bits) for bits in (64, 32))
    plural = "" if layers == 1 else "s"
    return Group(
        f"Training, digits, {layers} hidden layer{plural} of {_WIDTH} units, {act}, batches of"
        f" {batch}, {_EPOCHS} epochs",
        (Job(ours, sklearn, target=1.0), Job(ours, double, target=1.0), Job(ours, single)),
    )


def _vanish(digits: Data, act: str, layers: int, batch: int) -> Contender:
    settings = TrainingSettings(
        act=act, layers=layers, width=_WIDTH, data=digits, batch=batch, lr=_LR, epochs=_EPOCHS
    )
    split = digits.split(Streams(0))

    def run() -> None:
        training = Run(settings, split)
        for _ in range(_EPOCHS):
            training.epoch()

    return work("vanish", run)


def _sklearn(examples: Examples, act: str, layers: int, batch: int) -> Contender:
    def run() -> None:
        model = MLPClassifier(
            hidden_layer_sizes=(_WIDTH,) * layers,
            activation={"sigmoid": "logistic"}.get(act, act),
            solver="sgd",
            alpha=0.0,
            batch_size=batch,
            learning_rate_init=_LR,
            momentum=0.0,
            max_iter=_EPOCHS,
            tol=0.0,
            n_iter_no_change=_EPOCHS,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
            model.fit(examples.x, examples.y)

    return work("scikit-learn: MLPClassifier", run)


def _torch(examples: Examples, act: str, layers: int, batch: int, bits: int) -> Contender:
    kind = getattr(torch, f"float{bits}")
    activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}[act]
    x_all, y_all = torch.tensor(examples.x, dtype=kind), torch.tensor(examples.y)

    def run() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # for such matrices more of them only wait for each other
        try:
            train()
        finally:
            torch.set_num_threads(threads)

    def train() -> None:
        torch.manual_seed(0)
        sizes = (examples.x.shape[1], *(_WIDTH,) * layers)
        hidden = [
            each
            for n_in, n_out in pairwise(sizes)
            for each in (torch.nn.Linear(n_in, n_out, dtype=kind), activation())
        ]
        model = torch.nn.Sequential(*hidden, torch.nn.Linear(_WIDTH, 10, dtype=kind))
        optimizer = torch.optim.SGD(model.parameters(), lr=_LR)
        loss = torch.nn.CrossEntropyLoss()
        for _ in range(_EPOCHS):
            order = torch.randperm(len(y_all))
            x, y = x_all[order], y_all[order]
            for first in range(0, len(y), batch):
                optimizer.zero_grad()
                loss(model(x[first : first + batch]), y[first : first + batch]).backward()
                optimizer.step()

    return work(f"PyTorch: autograd, float{bits}", run)


TRAINING_GROUPS = tuple(training("relu", layers, batch) for layers in (2, 8) for batch in (32, 200))
