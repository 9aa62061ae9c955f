"""The part of the manual's page of speed that says what else there is: its tables are measured."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import vanish_phase
from peers_jobs import CHAINS, PHASES, STEPS, TANGENTS, missing
from phase_grid import HIGH, LOW
from report import processor

import vanish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from measure import Contender, Sample
    from numpy.typing import NDArray
    from peers_jobs import Question

PAGE = Path(vanish.__file__).parent / "manual" / "speed.md"

# What stands between these headings is written here.
_FIRST, _BEHIND = "## Instead of vanish", "## What each can do"

_LINE = 130

_HERE = Path(__file__).parent

_TEXT = """\
## Instead of vanish

Others asked for the same, ‖∂L/∂a‖ and ‖∂L/∂W‖ in every layer of a chain whose weights they draw:
on {machine} with {processors} processors, medians.

{chains}

A second call is one in the same process: nothing starts, and JAX compiles nothing, which takes it
up to {compiling} before. PyTorch has a hook on every layer; torchlens traces the model and audits
its gradients. The sampled engine draws no weights: its numbers have the same law. {chains_faster}

## The smallest gradient

A ‖∂L/∂a‖ of 0.25^N, as of the sigmoid at its best, is printed as 0 from this N on:

{smallest}

A norm squares the entries first. The entries themselves are 0 in PyTorch from N = 75 on in float32
and from 538 on in float64, in JAX, which has no subnormal numbers there, from 512 on.

## Phase diagrams

q\\* and χ₁ at {points:,} points, weight_std from {low[0]:g} to {high[0]:g} and bias_std from
{low[1]:g} to {high[1]:g}; neural-tangents is asked for a layer's kernels until they settle:

{phases}

{agreement}
{phases_faster}
"""


def write(samples: Mapping[Contender, Sample]) -> None:
    """Write the tables into the manual, if all that is in them was measured."""
    questions = (*CHAINS, *PHASES)
    measured = all(
        each.whole in samples and each.second in samples and each.memory in samples
        for question in questions
        for each in (question.ours, *question.others)
    )
    if missing() or not measured:
        sys.stderr.write(f"{PAGE.name} of the manual stays as it is\n")
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_FIRST)
    _, _, behind = rest.partition(_BEHIND)
    PAGE.write_text(f"{before}{text(samples)}\n{_BEHIND}{behind}", encoding="utf-8")


def text(samples: Mapping[Contender, Sample]) -> str:
    """Return what stands between the headings, Markdown."""
    filled = _TEXT.rstrip().format(
        machine=processor(),
        processors=os.cpu_count(),
        chains=_times(CHAINS, samples),
        chains_faster=_faster(CHAINS, samples),
        phases_faster=_faster(PHASES, samples),
        compiling=_compiling(samples),
        smallest=_smallest(),
        points=STEPS**2,
        low=LOW,
        high=HIGH,
        phases=_times(PHASES, samples),
        agreement=_agreement(),
    )
    return "\n\n".join(map(_filled, filled.split("\n\n"))) + "\n"


def _filled(part: str) -> str:
    """Return a part of the page with lines of its length; headings and tables as they are."""
    return part if part.startswith(("#", "|")) else textwrap.fill(part, _LINE)


def _times(questions: tuple[Question, ...], samples: Mapping[Contender, Sample]) -> str:
    rows = ["| | process | second call | memory |", "|:--|--:|--:|--:|"]
    for question in questions:
        rows.append(f"| **{question.short}** | | | |")
        for each in (question.ours, *question.others):
            whole, second = (_duration(samples[c].median) for c in (each.whole, each.second))
            memory = f"{samples[each.memory].median / 1e6:,.0f} MB"
            rows.append(f"| {each.name} | {whole} | {second} | {memory} |")
    return "\n".join(rows)


def _faster(questions: tuple[Question, ...], samples: Mapping[Contender, Sample]) -> str:
    """Return a sentence about those who take less in the same precision, called again."""
    found = [
        f"{other.name} ({question.short})"
        for question in questions
        for other in question.others
        if other.alike and samples[other.second].median < samples[question.ours.second].median
    ]
    ours = questions[0].ours.name
    return f"Called again in float64, faster than {ours}: {'; '.join(found) or 'none of them'}."


def _duration(seconds: float) -> str:
    amount, unit = (seconds, "s") if seconds >= 1 else (1e3 * seconds, "ms")
    return f"{amount:.{1 if amount < 10 else 0}f} {unit}"


def _compiling(samples: Mapping[Contender, Sample]) -> str:
    return _duration(max(samples[q.compiling].median for q in CHAINS if q.compiling is not None))


def _smallest() -> str:
    rows = ["| | N |", "|:--|--:|", "| vanish | none |"]
    for name, *question in (
        ("PyTorch hooks, torchlens, float64", "torch_hooks", "64"),
        ("PyTorch hooks, torchlens, float32", "torch_hooks", "32"),
        ("JAX, float64", "jax_chain"),
    ):
        command = (sys.executable, str(_HERE / "smallest.py"), *question)
        told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
        rows.append(f"| {name} | {told.strip()} |")
    return "\n".join(rows)


class Agreement(NamedTuple):
    """How far neural-tangents is from vanish: the largest relative differences, and phases."""

    q_star: float
    chi_1: float
    phases: int


def agreement(act: str, steps: int) -> Agreement:
    """Ask neural-tangents and vanish for one phase diagram, and compare."""
    theirs, ours = tangents(act, steps), np.array(vanish_phase.answer(act, steps))
    q_star, chi_1 = np.abs(theirs / ours - 1).max(axis=0)
    return Agreement(q_star, chi_1, int(((theirs < 1) != (ours < 1))[:, 1].sum()))


def tangents(act: str, steps: int) -> NDArray[np.float64]:
    """Return what neural-tangents answers, in the environment of its own."""
    command = (TANGENTS, _HERE / "ask.py", "tangents_phase", act, str(steps))
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return np.loadtxt(told.stdout.decode().splitlines())


def _agreement() -> str:
    closed, quadrature = (agreement(act, STEPS) for act in ("erf", "tanh"))
    return (
        "neural-tangents has erf in closed form: its q\\* is that of vanish to a relative"
        f" {closed.q_star:.0e}, its χ₁ to {closed.chi_1:.0e}. tanh it integrates at 25 points each"
        f" way, as it advises: its χ₁ is off by up to {quadrature.chi_1:.0%}, at the largest"
        f" weight_std, and {quadrature.phases} of {STEPS**2:,} points get another phase."
    )
