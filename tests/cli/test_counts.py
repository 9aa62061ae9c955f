"""Of one thing no command speaks as of several, and a share of trials is what was counted."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from command import run_in_process
from hypothesis import given
from hypothesis import strategies as st

from vanish.numbers.words import percent, which_layers

if TYPE_CHECKING:
    from pathlib import Path

_SEVERAL_OF_ONE = re.compile(
    r"(?<![\d.,+-])1 (?:hidden )?"
    r"(?:layers|slopes|points|rows|bytes|trials|processes|epochs|networks|cures|arrays|seeds)\b"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "--layers 1",
        "--layers 1 --trials 3 -f markdown",
        "acts relu --layers 1 -f table",
        "acts x^2 --layers 1 -f table",
        "acts relu,tanh --layers 1",
        "collapse --layers 1",
        "collapse --act relu --layers 1",
        "theory --act relu --weight-std 1 --layers 1 --width 64",
        "theory --block residual --layers 1",
        "fix --act sigmoid --layers 1",
        "sweep --layers 5 -f table",
        "sweep --act softplus --layers 3 --gain 1e300 -f table",
        "sweep --layers 2 --dry-run",
        "sweep --layers 2,3 --jobs 8 --dry-run",
        "train --layers 1 --epochs 1",
        "train --act sigmoid --layers 8 --init normal(0.001) --epochs 1",
        "derive --layers 1 --values",
        "derive --layers 1 --wrt W2",
        "--loss cross_entropy --target TARGET --layers 2 --width 4",
        "--weights TINY",
        "-f html --layers 1",
    ],
)
def test_one_is_no_several(line: str, tmp_path: Path) -> None:
    target, tiny = tmp_path / "t.txt", tmp_path / "w.safetensors"
    target.write_text("1 2\n3 4\n")
    tiny.write_bytes(b"x")
    result = run_in_process(
        *shlex.split(line.replace("TARGET", str(target)).replace("TINY", str(tiny)))
    )
    said = (result.stdout + result.stderr).decode()
    assert said
    assert not _SEVERAL_OF_ONE.findall(said)


def test_what_is_looked_for_is_found() -> None:
    assert _SEVERAL_OF_ONE.findall("of 1 layers, 1 hidden layers, 11 layers and 1 layer") == [
        *("1 layers", "1 hidden layers")
    ]


@given(st.integers(1, 10_000), st.data())
def test_a_share_of_trials_is_what_was_counted(trials: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, trials))
    assert percent(count / trials) == 100 * count // trials


@pytest.mark.parametrize(
    ("numbers", "said"), [([3], "layer 3"), ([1, 2, 3, 7], "layers 1-3, 7"), ([2, 3], "layers 2-3")]
)
def test_layers_are_named_one_or_several(numbers: list[int], said: str) -> None:
    assert which_layers(numbers) == said


def test_workers_are_no_more_than_there_is_work_for() -> None:
    result = run_in_process("sweep", "--layers", "2,3", "--jobs", "8", "--dry-run")
    assert b"on 2 processes, by 2 points tried" in result.stdout
