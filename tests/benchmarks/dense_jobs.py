"""What the dense engine is measured against: the same networks in PyTorch, in float64.

From the command line the weights are drawn by each; the batches run in process, on weights that
were drawn before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from measure import Contender, Group, Job, process, python
from torch_blocks import BLOCKS

_HERE = Path(__file__).parent
_VANISH = str(Path(sysconfig.get_path("scripts"), "vanish"))


def _vanish(name: str, layers: int, width: int, *options: str) -> Contender:
    """Run vanish on a network of tanh, every row written."""
    size = ("--layers", str(layers), "--width", str(width), "--act", "tanh")
    return process(name, _VANISH, *size, *options, "--format", "tsv", "--quiet")


def autograd(layers: int, width: int) -> Group:
    """One run of a network whose weights fit into memory, from the command line."""
    size = (str(layers), str(width))
    dense, sampled = (
        _vanish(f"vanish, {engine}", layers, width, "--engine", engine)
        for engine in ("dense", "sampled")
    )
    weights = python("numpy: the weights alone", str(_HERE / "draw_weights.py"), *size)
    normals = python("numpy: the normals alone", str(_HERE / "draw_normals.py"), *size, "1")
    torch = python("PyTorch: autograd, float64", str(_HERE / "torch_chain.py"), *size)
    return Group(
        f"PyTorch, {layers:,} layers of {width:,} units, tanh, whole process",
        (Job(dense, torch, target=1 / 4), Job(dense, weights, target=1.5), Job(sampled, normals)),
        rounds=7,
    )


def blocks(layers: int, width: int) -> Group:
    """The same of blocks with skips, norms and weights that all layers share."""
    size = (str(layers), str(width))
    jobs = []
    for name, block in BLOCKS.items():
        dense = _vanish(
            f"vanish, {name}", layers, width, "--block", block.formula, "--engine", "dense"
        )
        torch = python(f"PyTorch, {name}", str(_HERE / "torch_blocks.py"), *size, name)
        jobs.append(Job(dense, torch, target=1 / 3))
    title = f"Blocks, {layers:,} layers of {width:,} units, tanh, dense, whole process"
    return Group(title, tuple(jobs), rounds=7)


def batches(threads: int) -> Group:
    """A batch as large as the layers are wide, on weights that were drawn before."""

    def contender(name: str, what: str) -> Contender:
        command = (sys.executable, str(_HERE / "batches.py"), what, str(threads))
        # Set before numpy is imported. On the command line vanish sets more of them, by which it
        # knows that a thread of its own finds a processor free.
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, str(threads))

        def seconds() -> float:
            run = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
            return float(run.stdout)

        return Contender(name, seconds)

    dense = contender("simulate, dense", "dense")
    everything = contender("PyTorch: by all weights, a_k and f_k", "autograd")
    weights = contender("PyTorch: by the weights alone", "backward")
    on = "1 thread" if threads == 1 else f"{threads} threads"
    return Group(
        f"Batches, 20 layers of 256 units, a batch of 256, tanh, {on}, in process",
        (Job(dense, everything, target=1.2), Job(dense, weights)),
    )


DENSE_GROUPS = (
    autograd(100, 1024),
    autograd(1000, 256),
    blocks(100, 1024),
    blocks(1000, 256),
    batches(1),
    batches(2),
)
