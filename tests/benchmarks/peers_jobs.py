"""What a user would pick instead of vanish, each asked for the same answer.

Of a chain ‖∂L/∂a_k‖ and ‖∂L/∂W_k‖ in every layer, the drawing of the weights included; of a
phase diagram q* and χ₁ at every point. A peer that is not installed is left out.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from measure import Group, Job, beyond, peak, process, told
from phase_grid import HIGH, LOW
from vanish_phase import ACTS

if TYPE_CHECKING:
    from measure import Contender

_HERE = Path(__file__).parent
_ASK = str(_HERE / "ask.py")
_VANISH = str(Path(sysconfig.get_path("scripts"), "vanish"))
_TSV = ("--format", "tsv", "--quiet")

# The Python of the environment that tangents.txt describes.
TANGENTS = Path(
    os.environ.get("TANGENTS_PYTHON", _HERE.parents[1] / ".venv-tangents" / "bin" / "python")
)

# Points along each side of the phase diagram.
STEPS = 50


class Asked(NamedTuple):
    """One who answers: from the start of a process to its end, when called again, its memory.

    `alike` says whether it does the same as vanish's own line, in the same precision.
    """

    name: str
    whole: Contender
    second: Contender
    memory: Contender
    alike: bool = True


class Question(NamedTuple):
    """What all are asked, and who answers; `short` is what the manual calls it."""

    title: str
    short: str
    ours: Asked
    others: tuple[Asked, ...]
    compiling: Contender | None = None
    rounds: int = 5

    @property
    def groups(self) -> tuple[Group, ...]:
        """What is measured. A person waits for the whole process, so that one has a target."""
        compiling = () if self.compiling is None else (Job(self.compiling, self.ours.second),)
        title = f"Peers, {self.title}"
        return (
            Group(f"{title}, whole process", self._jobs("whole", 1.0), self.rounds),
            Group(f"{title}, second call", self._jobs("second") + compiling, self.rounds),
            Group(f"{title}, memory", self._jobs("memory", 1.0), rounds=1, measured="memory"),
        )

    def _jobs(self, what: str, target: float | None = None) -> tuple[Job, ...]:
        return tuple(
            Job(getattr(self.ours, what), getattr(other, what), target if other.alike else None)
            for other in self.others
        )


def missing() -> dict[str, str]:
    """Return the modules of those who are left out, each with the reason."""
    found = {
        f"{package}_chain": f"{package} is not installed: pip install -e '.[bench]'"
        for package in ("jax", "torchlens")
        if find_spec(package) is None
    }
    if not TANGENTS.exists():
        found["tangents_phase"] = f"neural-tangents: no {TANGENTS}, which `make bench` sets up"
    return found


def _asked(
    name: str,
    *question: str,
    python: str = sys.executable,
    command: tuple[str, ...] | None = None,
    alike: bool = True,
) -> Asked:
    """Return how one is asked; the whole process is a `command` of its own where it has one."""
    whole = command or (python, _ASK, *question)
    return Asked(
        name,
        process(name, *whole),
        told(name, python, _ASK, "--second", *question),
        peak(name, *whole),
        alike,
    )


def chain(act: str, layers: int, width: int) -> Question:
    """Every layer's gradient norms of a chain that is drawn."""
    size = (act, str(layers), str(width))

    def ours(engine: str, *, alike: bool) -> Asked:
        options = ("--act", act, "--layers", size[1], "--width", size[2], "--engine", engine)
        name, command = f"vanish, {engine}", (_VANISH, *options, *_TSV)
        return _asked(name, "vanish_chain", *size, engine, command=command, alike=alike)

    others = {
        "torch_hooks": _asked("PyTorch hooks, float64", "torch_hooks", *size, "64"),
        "torch_single": _asked("PyTorch hooks, float32", "torch_hooks", *size, "32", alike=False),
        "jax_chain": _asked("JAX, float64", "jax_chain", *size),
        "torchlens_chain": _asked("torchlens, float64", "torchlens_chain", *size, "64"),
    }
    first, second = (
        told("JAX, compiling", sys.executable, _ASK, call, "jax_chain", *size)
        for call in ("--first", "--second")
    )
    absent = missing()
    return Question(
        f"{layers:,} layers of {width:,} units, {act}",
        f"{layers} × {width}, {act}",
        ours("dense", alike=True),
        (
            ours("sampled", alike=False),
            *(other for module, other in others.items() if module not in absent),
        ),
        None if "jax_chain" in absent else beyond(first, second),
    )


def phases(act: str) -> Question:
    """The phase diagram of an activation."""
    stds = (
        word
        for option, low, high in zip(("--weight-std", "--bias-std"), LOW, HIGH, strict=True)
        for word in (option, f"{low}:{high}:{STEPS}")
    )
    command = (_VANISH, "theory", "--act", ACTS[act], *stds, *_TSV)
    ours = _asked("vanish theory", "vanish_phase", act, str(STEPS), command=command)
    question = ("tangents_phase", act, str(STEPS))
    other = _asked("neural-tangents", *question, python=str(TANGENTS))
    return Question(
        f"phase diagram of {STEPS} × {STEPS} points, {act}",
        act,
        ours,
        () if "tangents_phase" in missing() else (other,),
        rounds=3,
    )


CHAINS = (chain("sigmoid", 20, 64), chain("tanh", 100, 1024), chain("tanh", 1000, 256))
PHASES = (phases("erf"), phases("tanh"))

PEER_GROUPS = tuple(
    group for question in (*CHAINS, *PHASES) if question.others for group in question.groups
)
