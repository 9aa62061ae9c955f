"""A sweep as JSON and as Markdown; and the conditions of --fail-on of sweeps and trainings."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from arrayfile import npz
from command import run_in_process
from sweep_runs import good, part_of, refused, sweep

from vanish import __version__
from vanish.render.json import parts, table
from vanish.simulation.course import Verdict
from vanish.simulation.names import OUTCOMES, VERDICTS
from vanish.sweeps.grid import Grid
from vanish.sweeps.journal import Journal
from vanish.sweeps.run import Task, simulate_points
from vanish.training.result import Outcome

if TYPE_CHECKING:
    from pathlib import Path

GRID = "--act tanh,relu --layers 3,5 --width 6 --weight-std 0.5,2 -j 1"
FAILING = "--act softplus --layers 3 --width 4 --gain 1,1e300 -j 1"
DEEP = "--act sigmoid,tanh --layers 30 --width 8 -j 1"


def lines(options: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in good(f"{options} -f jsonl").splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("more", ["", "--per-layer"])
def test_json_has_the_axes_and_the_numbers_of_json_lines(more: str, tmp_path: Path) -> None:
    text = good(f"{GRID} {more} -f json")
    document = json.loads(text)
    assert list(document) == ["schema", "version", "settings", "rows"]
    assert (document["schema"], document["version"]) == (1, __version__)
    assert document["settings"] == {
        "act": ["tanh", "relu"],
        "layers": [3, 5],
        "width": [6],
        "weight_std": [0.5, 2.0],
    }
    assert document["rows"] == lines(f"{GRID} {more}")
    # As other commands write it; a file is no other, and known again.
    assert text.decode() == table(document["rows"], document["settings"])
    path = tmp_path / "x.json"
    good(f"{GRID} {more} -o", path)
    assert path.read_bytes() == text
    assert not part_of(path).exists()
    assert sweep(f"{GRID} {more} --resume -o", path).stderr == (
        f"{path} is complete: nothing is left to do\n".encode()
    )
    good(f"{GRID} {more} -o", path)
    good(f"{GRID} {more} -f csv -o", path)
    good(f"{GRID} {more} -f json -o", path)
    assert path.read_bytes() == text
    assert "holds something else" in refused(f"{GRID} {more} --seed 1 -o", path)


@pytest.mark.parametrize("content", ["{}", '{"rows": 3}', "[1]", '{"rows": [1]}', "1", "[" * 9999])
def test_json_of_something_else_is_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    assert "holds something else" in refused(f"{GRID} -o", path)
    assert "results of another grid" in refused(f"{GRID} --resume -o", path)
    assert path.read_text() == content


def test_parts_are_the_whole() -> None:
    rows = [{"a": i, "b": "x\n", "c": None} for i in range(5)]
    ways: list[list[list[dict[str, Any]]]] = [
        [rows],
        [rows[:2], [], rows[2:]],
        [[row] for row in rows],
        [],
        [[]],
    ]
    for lots in ways:
        found = "".join(parts(lots, {"act": ["tanh"]}))
        assert found == table([row for lot in lots for row in lot], {"act": ["tanh"]})
    assert "".join(parts([rows], {})) == table(rows, {})


def test_axes_are_told_as_json_can_hold_them(tmp_path: Path) -> None:
    (tmp_path / "net.npz").write_bytes(npz(W1=np.eye(2), W2=np.eye(2)))
    name = str(tmp_path / "net.npz")
    text = good(f"--weights {shlex.quote(name)} --gain 1,2 -j 1 -f json")
    assert json.loads(text)["settings"] == {"gain": [1.0, 2.0], "weights": [name]}
    text = good("--block bottleneck --weight-std W=1,V=2 --layers 2 --width 4 -j 1 -f json")
    assert json.loads(text)["settings"]["weight_std"] == [{"W": 1.0, "V": 2.0}]
    grid = Grid({"widths": [(2, 3)], "layer_acts": [("tanh",), ("relu",)], "hidden": [None]})
    assert grid.as_dict() == {
        "layer_acts": [["tanh"], ["relu"]],
        "widths": [[2, 3]],
        "hidden": [None],
    }


def test_markdown_has_a_row_a_point_even_where_a_terminal_has_a_map(tmp_path: Path) -> None:
    options = "--act tanh --layers 3,5 --width 6 --weight-std 0.5,2 -j 1"
    text = good(f"{options} -f markdown").decode()
    shown = text.splitlines()
    assert shown[0] == "**4 points · act tanh · width 6**"
    assert shown[2].startswith("| layers | weight_std | ")
    assert shown[3].startswith("| ---: | ---: | ")
    assert shown[8:11] == ["", "What the columns say", ""]
    assert [each.split(" | ")[:2] for each in shown[4:8]] == [
        *(["| 3", "0.5"], ["| 3", "2"], ["| 5", "0.5"], ["| 5", "2"])
    ]
    verdicts = [row["verdict"] for row in lines(options)]
    assert [each.split(" | ")[-1] for each in shown[4:8]] == [f"{each} |" for each in verdicts]
    path = tmp_path / "x.md"
    good(f"{options} -o", path)
    assert path.read_text() == text
    assert not part_of(path).exists()
    # What is there cannot be told from another one.
    for more in ("", "--resume"):
        assert "from a table for people: give another name" in refused(f"{options} {more} -o", path)
    good(f"{options} --force -o", path)
    assert path.read_text() == text


def test_a_journal_goes_on_to_json_and_markdown(tmp_path: Path) -> None:
    axes: dict[str, list[Any]] = {
        "act": ["tanh", "relu"],
        "layers": [3, 5],
        "width": [6],
        "weight_std": [0.5, 2.0],
    }
    task = Task(Grid(axes))
    for suffix in ("json", "md"):
        path = tmp_path / f"x.{suffix}"
        with Journal(str(part_of(path)), task.header, len(task.grid)) as journal:
            done = simulate_points(task, [5, 2])
            journal.append((each.point, (each.failed, each.rows)) for each in done)
        good(f"{GRID} --resume -o", path)
        assert path.read_bytes() == good(f"{GRID} -f {'json' if suffix == 'json' else 'markdown'}")
        assert not part_of(path).exists()


# --- --fail-on ---


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (f"{DEEP} --fail-on vanishing", 3),
        (f"{DEEP} --fail-on exploding,VANISHING", 3),
        (f"{DEEP} --fail-on exploding --fail-on dead", 0),
        (f"{DEEP} --fail-on dead", 0),
        # That points failed comes first.
        (f"{FAILING} --fail-on vanishing,exploding,dead", 1),
        (f"{FAILING} --vanish-below 0.9 --fail-on vanishing", 1),
    ],
)
def test_a_sweep_ends_with_3_if_a_point_is_what_was_named(
    options: str, status: int, tmp_path: Path
) -> None:
    plain = sweep(options.partition(" --fail-on")[0], "-q", "-f", "csv")
    assert sweep(options, "-q", "-f", "csv") == (status, plain.stdout, b"")
    path = tmp_path / "x.csv"
    # The file is there all the same, and what it holds counts as well as what was just run.
    for _ in range(2):
        assert sweep(options, "-q", "--resume", "-o", path) == (status, b"", b"")
        assert path.read_bytes() == plain.stdout


def test_the_verdict_counts_where_its_column_is_not_chosen() -> None:
    options = f"{DEEP} --columns act --fail-on vanishing -q -f csv"
    assert sweep(options) == (3, b"act\nsigmoid\ntanh\n", b"")
    assert sweep(f"{DEEP} --fail-on vanishing -f table").status == 3


def test_layers_have_no_verdict() -> None:
    assert "--fail-on beside --per-layer" in refused(f"{DEEP} --per-layer --fail-on dead")


TRAIN = "train --act sigmoid,relu -n 1,6 --width 8 --epochs 3 -f csv -q"


@pytest.mark.parametrize("named", ["chance", "learned", "diverged", "Chance,dead", "unchanged"])
def test_a_training_ends_with_3_if_a_network_came_to_what_was_named(named: str) -> None:
    plain = run_in_process(*TRAIN.split(), "--columns", "outcome")
    outcomes = {*plain.stdout.decode().split()[1:]}
    assert "chance" in outcomes
    result = run_in_process(*TRAIN.split(), "--columns", "outcome", "--fail-on", named)
    if named == "learned":
        assert result.status == 2
        assert b"unknown condition 'learned'" in result.stderr
        return
    holds = outcomes & {*named.lower().split(",")}
    assert result == (3 if holds else 0, plain.stdout, b"")


def test_conditions_are_all_outcomes_and_verdicts_but_the_good_ones() -> None:
    assert {*OUTCOMES.split(", ")} == {*map(str, Outcome)} - {"learned"}
    assert {*VERDICTS.split(", ")} == {each.value for each in Verdict} - {"stable"}


def test_the_column_of_errors_is_spoken_of_where_there_is_one() -> None:
    line = "--act softplus --layers 3 --gain 1,1e300"
    has = b"1 of 2 points failed; the column error says why: the first, "
    assert has in sweep(f"{line} -f tsv").stderr
    assert has in sweep(f"{line} -f csv --columns act,error").stderr
    for options in ("-f table", "-f markdown", "-f tsv --columns act"):
        said = sweep(f"{line} {options}").stderr
        assert b"1 of 2 points failed: the first, " in said


def test_a_cluster_has_its_own_number_of_workers() -> None:
    said = refused("--layers 2,3 --jobs 4 --scheduler tcp://127.0.0.1:1")
    assert "--jobs 4 beside --scheduler" in said
