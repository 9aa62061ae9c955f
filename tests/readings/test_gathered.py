"""Norms that are gathered as they come, and chains in segments of any length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vanish import Settings
from vanish.network.graph import Variable
from vanish.numbers.stack import Norms, Stack
from vanish.readings import gathered as gathering
from vanish.readings.gathered import gathered
from vanish.simulation import trials as ensemble
from vanish.simulation.plan import plan
from vanish.simulation.run import measure


def test_norms_are_those_of_each_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_WAITING", 3)
    random = np.random.default_rng(0)
    arrays = {k: random.normal(size=(2, 1, 4)) for k in range(1, 8)}
    powers: dict[int, Any] = {1: 0, 2: 3, 3: np.array([-5000, 7]), 4: 0, 5: 0, 6: 0, 7: 9}

    def walk() -> Any:
        for k in range(7, 0, -1):
            yield Variable("f", k), Stack(arrays[k], powers[k])
            if k % 2:
                yield Variable("V", k), Norms(np.array([0.0, 4.0 * k]), 1)
        yield Variable("x", 0), Stack(arrays[1])

    steps: list[int] = []
    seen: list[Variable] = []
    found = gathered(walk(), (7, 2), lambda: steps.append(1), lambda by, _: seen.append(by))
    assert len(steps) == 7
    assert seen[-1] == Variable("x", 0)
    assert set(found) == {"f", "V"}
    for k, values in arrays.items():
        expected = 0.5 * np.log10((values**2).sum(axis=(1, 2))) + powers[k] * np.log10(2.0)
        assert found["f"].log10[k - 1] == pytest.approx(expected, rel=1e-13)
        norms = [0.0, 4.0 * np.sqrt(k)] if k % 2 else [0.0, 0.0]
        assert np.ldexp(*found["V"])[k - 1].tolist() == norms


@pytest.mark.parametrize("act", ["sigmoid", "tanh", "relu", "gelu"])
def test_chains_around_the_ends_of_segments_are_the_whole_ones(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for layers in (11, 12, 13, 24, 25):
        settings = Settings(
            act=act, layers=layers, width=6, batch=2, engine="sampled", bias_std=0.1
        )
        whole = measure(settings, forward=True, entries=True)
        for segment in (1, 12, layers - 1):
            with monkeypatch.context() as patch:
                patch.setattr(ensemble, "plan", lambda *a, s=segment: plan(*a)._replace(segment=s))
                parts = measure(settings, forward=True, entries=True)
            for name in ("grad_w", "grad_b", "grad_a", "grad_f", "weight", "value"):
                one, other = getattr(whole, name), getattr(parts, name)
                assert all(map(np.array_equal, one, other)), (name, layers, segment)
            assert all(map(np.array_equal, whole.slopes, parts.slopes))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tsv", "json"])
@pytest.mark.parametrize(
    ("init", "fewer", "most"),
    # Of the second one also its way forward: 24 bytes a unit and about as much again. Of the first
    # one rows are kept of layers before those.
    [("xavier_normal", 100_000, 1_300), ("orthogonal", 2_000, 5_000)],
)
def test_a_layer_takes_no_more_memory_than_is_said(
    init: str, fewer: int, most: int, form: str
) -> None:
    peak = Path(__file__).parent.parent / "benchmarks" / "peak_memory.py"

    def taken(layers: int) -> int:
        options = ("--width", "64", "--act", "tanh", "--init", init, "--engine", "sampled")
        command = (sys.executable, str(peak), sys.executable, "-m", "vanish", *options)
        run = (*command, "--layers", str(layers), "--quiet", "-f", form)
        return int(subprocess.run(run, stdout=subprocess.PIPE, check=True).stdout)

    assert taken(fewer + 20_000) - taken(fewer) <= 20_000 * most
