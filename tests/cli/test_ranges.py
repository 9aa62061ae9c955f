"""Ranges: what was taken of them is said once, and errors name what was typed."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from command import run_in_process
from sweep_runs import refused

from vanish.cli import ranges
from vanish.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("0.5:3:26", "26 numbers from 0.5 to 3, 0.1 apart"),
        ("10:50:5", "5 numbers from 10 to 50, 10 apart; 5 is how many, and no step"),
        ("10:100:10", "10 numbers from 10 to 100, 10 apart; 10 is how many, and no step"),
        ("10:40:4", "4 numbers from 10 to 40, 10 apart"),
        ("50:10:5", "5 numbers from 50 to 10, 10 apart; 5 is how many, and no step"),
        ("1:3:2", "2 numbers from 1 to 3, 2 apart"),
        ("7:7:1", "1 number, 7"),
        ("7:7:3", "3 times 7"),
        ("1:1000:1000", "1,000 numbers from 1 to 1000, 1 apart"),
    ],
)
def test_a_range_says_what_was_taken(item: str, says: str) -> None:
    assert ranges.told("--x", [f"1,{item},2"]) == [f"--x {item}: {says}"]


def test_what_is_no_range_says_nothing() -> None:
    assert ranges.told("--x", ["1,2", "W=1,V=2", "3"]) == []
    assert ranges.ends(["1,2:4:3", "W=1", "5:0.5:2"]) == ["2", "4", "5", "0.5"]


@pytest.mark.parametrize(
    "line",
    ["sweep --layers 2:4:3 --width 2 -j 1 -f csv", "theory --act tanh --weight-std 1:2:3 -f csv"],
)
def test_it_is_said_once_on_stderr_and_not_with_quiet(line: str) -> None:
    words = shlex.split(line)
    result = run_in_process(*words)
    assert result.status == 0
    assert re.fullmatch(rb"--[a-z-]+ \S+: 3 numbers from \d to \d, [\d.]+ apart\n", result.stderr)
    assert run_in_process(*words, "--quiet") == (0, result.stdout, b"")


def test_ranges_of_a_file_of_options_speak_as_options(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('layers = "2:4:3"\nwidth = 2\n')
    result = run_in_process("sweep", "-j1", "-fcsv", "--config", str(path))
    assert result.stderr == b"--layers 2:4:3: 3 numbers from 2 to 4, 1 apart\n"


@pytest.mark.parametrize(
    "line",
    [
        "--layers 10:50:4",
        "--layers 10:50:0",
        "--layers 10:50",
        "--layers 5:-5:11",
        "--weight-std 2:-2:5",
        "--weight-std 1:inf:3",
        "--bias-std 1:-1:5",
        "--gain 4:-4:3",
        "--batch 1:2:3",
        "--seed 2:-2:3",
    ],
)
def test_an_error_names_the_option_and_no_number_that_nobody_typed(line: str) -> None:
    message = refused(f"{line} -j 1")
    option, given = line.split()
    assert option[2:] in message.replace("_", "-")
    typed = {*re.findall(r"-?[\d.]+", given)} | {"1", "1,000,000", "0", "1e+300", "1e300", "1e-290"}
    found = {*re.findall(r"(?<![\w.])-?\d[\d.,]*(?:e[-+]\d+)?(?![\w])", message.replace(given, ""))}
    assert {each.rstrip(".,") for each in found} <= typed, message


def test_whole_numbers_stay_whole_however_large() -> None:
    large = 10**30
    assert ranges.whole_numbers("--seed", [f"{large}:{large + 2}:3"]) == [
        *(large, large + 1, large + 2)
    ]
    assert ranges.whole_numbers("--seed", ["5:1:3", "1e2", "7"]) == [5, 3, 1, 100, 7]
    with pytest.raises(UsageError, match="4 numbers from 10 to 50 at equal distances"):
        ranges.whole_numbers("--layers", ["10:50:4"])
