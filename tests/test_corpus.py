"""The comparison of two copies of vanish sees what differs, and the lines are many."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING

import pytest
from corpus import command_lines, compare, difference

import vanish

if TYPE_CHECKING:
    import os

HERE = Path(vanish.__file__).parent


def test_the_corpus_has_over_300_lines_of_every_command() -> None:
    lines = command_lines()
    assert len(lines) >= 300
    for name in ("derive", "theory", "acts", "collapse", "sweep", "train"):
        assert any(line.startswith(name) for line in lines)


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (b"x 1.25 y -3e-9", ""),
        (b"x 1.2500000000000002 y -3e-9", "digits"),
        (b"x 1.250000001 y -3e-9", "text"),
        (b"x 1.25 y 3e-9", "text"),
        (b"x 1.25 y -3e-9 2", "text"),
        (b"z 1.25 y -3e-9", "text"),
        (b"x 1.25 y 0", "text"),
    ],
)
def test_a_difference_is_told_by_its_kind(after: bytes, kind: str) -> None:
    assert difference(b"x 1.25 y -3e-9", after) == kind


@pytest.mark.slow
def test_a_planted_fault_is_seen_and_the_tree_is_the_one_that_was_named(tmp_path: Path) -> None:
    tree = tmp_path / "after"
    copytree(HERE, tree / "vanish", ignore=_caches)
    line = "--act sigmoid --layers 3 -f tsv"
    assert compare(HERE.parent, tree, line) == (0, "")
    path = tree / "vanish" / "__init__.py"
    path.write_text(f"{path.read_text()}\nraise SystemExit('another tree')\n")
    status, told = compare(HERE.parent, tree, line)
    assert status == 0
    assert told.startswith("text: status:") or "another tree" in told


def _caches(_: str | os.PathLike[str], names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]
