"""The bar that a sweep shows at a terminal keeps its length and its percentage at any width."""

from __future__ import annotations

import io
import re
import shlex
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from command import VANISH, run_in_terminal
from rich.console import Console

from vanish.cli import progress
from vanish.cli.progress import Bar, Points, fitted
from vanish.sweeps.grid import Grid
from vanish.sweeps.run import Outcome

if TYPE_CHECKING:
    from pathlib import Path

ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")

# 276 points, whose settings are long.
AXES: dict[str, list[Any]] = {
    "layer_acts": [("sigmoid", "tanh", "relu"), ("tanh", "tanh", "leaky_relu")],
    "weight_std": [0.5, 1.0, 1.5],
    "seed": [*range(46)],
}


def drawing(width: int) -> tuple[progress.Line, io.StringIO]:
    """Return a line with a bar on a console so wide, and what that is sent."""
    sent = io.StringIO()
    console = Console(width=width, file=sent, force_terminal=True, _environ={})
    return progress.Line(console), sent


def last(sent: io.StringIO) -> str:
    """Return the line that is seen in the end."""
    return ANSI.sub("", sent.getvalue()).split("\r")[-1].rstrip("\n")


def bar_of(line: str) -> str:
    """Return a line's bar, which stands before its percentage."""
    found = re.fullmatch(r".*?([━╸╺#-]+) +\d+ %", line)
    assert found, line
    return found[1]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_BETWEEN", 0.0)
    monkeypatch.setattr(progress, "erases", lambda stream: stream is not None)
    # Every look at the clock takes three seconds.
    seconds = count(0.0, 3.0)
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("width", "says"),
    [
        (200, "69 of 276 points, 23 a second, 0:00:09 to go: layer_acts=tanh,tanh,leaky_relu"),
        (110, "69 of 276 points, 0:00:09 to go: layer_acts=tanh,tanh,leaky_relu weight_std=1"),
        (80, "69 of 276 points, 23 a second, 0:00:09 to go ━"),
        (60, "69 of 276 points, 0:00:09 to go ━"),
        (50, "69 of 276 points, 0:00:09 to go ━"),
        (40, "69 of 276 ━"),
        (20, " ━"),
    ],
)
def test_a_sweep_s_bar_and_percentage_have_their_place(width: int, says: str) -> None:
    told = Points(Grid(AXES), 0)
    told.line, sent = drawing(width)
    told.note([Outcome(206, [], failed=False, seconds=0.01)] * 69)
    line = last(sent)
    told.line.close()
    assert len(line) < width
    assert line.startswith(says)
    assert line.endswith(" 25 %")
    assert len(bar_of(line)) >= min(10, width - 9)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("width", [60, 20])
def test_another_bar_has_its_place_too(width: int) -> None:
    bar = Bar("simulating", 2)
    bar.line, sent = drawing(width)
    bar.watch(10, 20)
    bar.watch(5, 20)
    line = last(sent)
    bar.line.close()
    # 5/8 took six seconds.
    assert line.startswith("simulating, 0:00:04 to go ━" if width == 60 else " ━")
    assert line.endswith(" 62 %")
    assert len(bar_of(line)) >= min(10, width - 9)
    assert len(line) < width


def test_what_fits_beside_a_bar_is_said() -> None:
    texts = ["x" * 40, "y" * 20, "z"]
    assert fitted(200, texts) == (texts[0], 40)
    assert fitted(58, texts) == (texts[0], 10)
    assert fitted(57, texts) == (texts[1], 29)
    assert fitted(19, texts) == ("z", 10)
    assert fitted(18, texts) == ("", 10)
    assert fitted(3, texts) == ("", 1)
    # A character may take two columns.
    assert fitted(57, ["漢" * 20, "z"]) == ("z", 40)


@pytest.mark.slow
@pytest.mark.parametrize("term", ["dumb", "Unknown"])
@pytest.mark.parametrize(
    "line",
    ["sweep --act tanh --layers 2000 --width 8 --seed 1:60:60 -j 1", "-n 4000 --trials 60"],
)
def test_a_terminal_that_erases_nothing_has_no_bar(tmp_path: Path, line: str, term: str) -> None:
    command = f"{shlex.join(VANISH)} {line} -f csv > {tmp_path}/x.csv"
    shown = run_in_terminal(f"{command} --quiet", env={"TERM": term})
    assert shown == (0, "")
    status, text = run_in_terminal(command, env={"TERM": term})
    assert status == 0
    assert "\x1b" not in text
    assert all(text.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("env", [{}, {"PYTHONIOENCODING": "ascii"}])
def test_a_window_of_60_columns_shows_both(tmp_path: Path, env: dict[str, str]) -> None:
    # Points of some 50 ms.
    sweep = "sweep --act tanh --layers 2000 --width 8 --seed 1:60:60 -j 1 -f csv"
    command = f"{shlex.join(VANISH)} {sweep} > {tmp_path}/x.csv"
    status, text = run_in_terminal(command, columns=60, env=env)
    assert status == 0
    lines = [line for line in re.split(r"[\r\n]+", ANSI.sub("", text)) if line.endswith(" %")]
    assert lines
    for line in lines:
        assert len(line) < 60
        assert re.match(r"\d+ of 60 points, \d:\d\d:\d\d to go", line)
        assert len(bar_of(line)) >= 10
        assert re.fullmatch("#*-*" if env else "━*[╸╺]?━*", bar_of(line))
