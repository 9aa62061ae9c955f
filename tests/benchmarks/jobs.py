"""What is measured, against what, and how much it may take.

A new measurement is one function that returns a group, and its line in GROUPS.
"""

from __future__ import annotations

import sysconfig
from functools import partial
from pathlib import Path

from draw_weights import draw_weights
from measure import Contender, Group, Job, process, python
from torch_chain import gradient_norms

import vanish

_HERE = Path(__file__).parent
_VANISH = str(Path(sysconfig.get_path("scripts"), "vanish"))


def start() -> Group:
    """How long a person waits for the main job."""
    default = ("--layers", "20", "--act", "sigmoid", "--format", "tsv", "--quiet")
    numpy = python('python -c "import numpy"', "-c", "import numpy")
    return Group(
        "Start-up, whole process",
        (
            Job(process(" ".join(("vanish", *default)), _VANISH, *default), numpy, target=2.0),
            Job(process("vanish --help", _VANISH, "--help"), numpy),
        ),
    )


def dense(layers: int, width: int) -> Group:
    """A large dense run from the command line."""
    size = (str(layers), str(width))
    options = ("--layers", size[0], "--width", size[1], "--act", "tanh", "--format", "tsv")
    run = process("vanish", _VANISH, *options, "--quiet")
    draw = python("numpy: the weights alone", str(_HERE / "draw_weights.py"), *size)
    torch = python("PyTorch: autograd, float64", str(_HERE / "torch_chain.py"), *size)
    return Group(
        f"Dense, {layers:,} layers of {width:,} units, tanh, whole process",
        (Job(run, draw, target=1.5), Job(run, torch, target=1 / 3)),
    )


def dense_in_process(layers: int, width: int) -> Group:
    """The same without the start of Python, numpy and PyTorch."""
    run = Contender(
        "vanish.simulate", partial(vanish.simulate, act="tanh", layers=layers, width=width)
    )
    draw = Contender("numpy: the weights alone", partial(draw_weights, layers, width))
    torch = Contender("PyTorch: autograd, float64", partial(gradient_norms, layers, width))
    return Group(
        f"Dense, {layers:,} layers of {width:,} units, tanh, in process",
        (Job(run, draw), Job(run, torch)),
    )


GROUPS = (
    start(),
    dense(100, 1024),
    dense(1000, 256),
    dense_in_process(100, 1024),
    dense_in_process(1000, 256),
)
