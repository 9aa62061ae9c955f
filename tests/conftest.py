"""What all tests share."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import hypothesis
import pytest

from vanish.__main__ import _OBJECTS
from vanish.network import chainrule
from vanish.numbers.scaled import Scaled
from vanish.readings import dense
from vanish.simulation.run import Simulation

hypothesis.settings.register_profile(
    "vanish",
    derandomize=True,  # the same examples on every run
    deadline=None,  # how long an example takes says nothing about whether it is right
    max_examples=50,
)
hypothesis.settings.load_profile("vanish")

# What is judged by PyTorch alone.
_OF_TORCH = [
    *("files/test_onnx.py", "files/test_onnx_cases.py", "cures/test_torchlines.py"),
    "simulation/test_benchmarked_blocks.py",
]

# What judges networks of ONNX files: an extra, and the judge of gradients.
collect_ignore_glob = [
    *(["files/test_onnx*"] if find_spec("onnx") is None else []),
    *(_OF_TORCH if find_spec("torch") is None else []),
]


# Relative errors alone: with pytest's own 1e-12 beside them any vanished gradient would pass.
_approx: Any = type(pytest.approx(1.0))
_approx.DEFAULT_ABSOLUTE_TOLERANCE = 0.0


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out: files that need a package are no skipped tests."""
    if collect_ignore_glob:
        left_out = ", ".join(collect_ignore_glob)
        terminalreporter.write_line(f"without torch or onnx nobody judges: {left_out}")


# A shell's background jobs ignore interrupts, and what they start inherits it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave what was collected out of the searches for garbage, as seldom as a command's.

    Those took a sixth of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name tests alike in all processes that share them: their own files lie elsewhere in each."""
    files = sys.modules.get("checkpoints")
    if isinstance(val, str) and files is not None and str(files.place()) in val:
        return val.replace(f"{files.place()}/", "")
    return None


Plant = Callable[..., None]
Differentiate = Callable[[Simulation], dict[str, Scaled]]


@pytest.fixture(scope="session")
def differentiate() -> Differentiate:
    """Return a function that gives all gradients of a simulation: W1, b1, a1, f1, …, x."""

    def gradients(simulation: Simulation) -> dict[str, Scaled]:
        arrays = dense.arrays(simulation.trace, simulation.loss_gradient)
        return {str(variable): array for variable, array in arrays}

    return gradients


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """Return a function that gives an operation another meaning in a reading, for one test."""

    def wrong(reading: chainrule.Reading, kind: str, **rules: Callable[..., Any]) -> None:
        import_module(f"vanish.ops.{kind}")
        monkeypatch.setitem(reading._rules, kind, reading._rules[kind]._replace(**rules))
        chainrule._compiled.cache_clear()

    yield wrong
    monkeypatch.undo()
    chainrule._compiled.cache_clear()
