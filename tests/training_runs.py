"""Small training runs, and what tests ask of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from vanish import Data, TrainingSettings
from vanish.network.streams import Streams
from vanish.training.run import Run


def blobs(count: int = 60, classes: int = 3, features: int = 4, seed: int = 0) -> Data:
    generator = np.random.default_rng(seed)
    y = np.arange(count) % classes
    centres = 2.0 * generator.standard_normal((classes, features))
    return Data.of(centres[y] + generator.standard_normal((count, features)), y)


BLOBS = blobs()
SMALL: dict[str, Any] = {"data": BLOBS, "layers": 3, "width": 5, "batch": 7}


def started(**options: Any) -> Run:
    settings = TrainingSettings(**SMALL | options)
    return Run(settings, settings.source.split(Streams(settings.seed)))


def first_batch(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Return the batch of a run's first step."""
    examples, rows = run.split.train, run.settings.batch
    order = Run(run.settings, run.split).orders.permutation(len(examples.y))[:rows]
    return examples.x[order], examples.y[order]
