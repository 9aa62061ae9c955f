"""--columns: the columns of every command that prints rows, in every format but JSON."""

from __future__ import annotations

import csv
import io
import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from checkpoints import SMALL
from command import run_in_process, run_in_terminal
from known import known
from sweep_runs import good, part_of, refused, sweep

from vanish import simulate
from vanish.cli.choice import columns as choose
from vanish.columns import Column, Scale
from vanish.errors import UsageError
from vanish.numbers.words import short
from vanish.render.chosen import described, narrowed
from vanish.render.contract import TABLES
from vanish.render.view import Elided, Finding, View

if TYPE_CHECKING:
    from pathlib import Path

# A small run of every command that prints rows, by what its table is printed by.
RUNS = {
    "vanish": "-n 4 --width 5 --act tanh,relu",
    "vanish sweep": "sweep -n 2,3 --width 5 -j 1",
    "vanish sweep --per-layer": "sweep -n 2,3 --width 5 -j 1 --per-layer",
    "vanish train": "train -n 1 --width 4 --epochs 1",
    "vanish train --per-layer": "train -n 1 --width 4 --epochs 1 --per-layer",
    "vanish theory": "theory --act tanh,relu",
    "vanish theory --layers --width": "theory --act relu -n 3 --width 4",
    "vanish theory --block": "theory --block residual --act tanh,relu",
    "vanish theory --block --layers": "theory --block residual --act tanh -n 3",
    "vanish acts": "acts tanh sin",
    "vanish blocks": "blocks",
    "vanish collapse": "collapse -n 3 --width 4",
    "vanish show": f"show {SMALL}",
    "vanish fix": "fix -n 4 --width 4 --act tanh --gain 0.2",
}


of_every_command = pytest.mark.parametrize(
    "line",
    [
        # It tries every cure.
        pytest.param(line, marks=[pytest.mark.slow] if line.startswith("fix") else [], id=name)
        for name, line in RUNS.items()
    ],
)


def output(line: str, *more: str) -> str:
    result = run_in_process(*shlex.split(line), *more)
    assert result.status == 0, result.stderr
    return result.stdout.decode()


def rows(line: str, *more: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in output(line, "-f", "jsonl", *more).splitlines()]


def test_every_command_that_prints_rows_is_tried() -> None:
    printed = {name for table in TABLES for name in table.printed_by}
    assert printed - {"vanish derive --format json"} == {*RUNS}


@pytest.mark.slow
@of_every_command
def test_the_named_columns_are_printed_in_the_named_order(line: str) -> None:
    whole = rows(line)
    # Some of them, in no order of the table.
    names = [[*whole[0]][i] for i in (-1, 3, 0, 2)]
    # In another spelling, and the option given twice.
    given = ["--columns", ",".join(names[:2]).upper(), "--columns", names[2].replace("_", "-")]
    given += ["--columns", names[3]]
    expected = [{name: row[name] for name in names} for row in whole]
    found = rows(line, *given)
    assert found == expected
    assert all(list(row) == names for row in found)
    for form, delimiter in (("tsv", "\t"), ("csv", ",")):
        listed = [*csv.reader(io.StringIO(output(line, "-f", form, *given)), delimiter=delimiter)]
        everything = [*csv.DictReader(io.StringIO(output(line, "-f", form)), delimiter=delimiter)]
        assert listed == [names, *([row[name] for name in names] for row in everything)]
        bare = output(line, "-f", form, *given, "--no-header")
        assert bare == output(line, "-f", form, *given).partition("\n")[2]


@of_every_command
def test_a_table_of_chosen_columns_has_a_row_a_row(line: str) -> None:
    whole = rows(line)
    names = [*whole[0]][:3]
    given = ["--columns", ",".join(names)]
    text = output(line, "-f", "table", *given).splitlines()
    head = text.index(next(each for each in text if each.split() == names))
    assert set(text[head + 1]) == {"─"}
    body = text[head + 2 : head + 2 + len(whole)]
    for row, drawn in zip(whole, body, strict=True):
        assert str("" if row[names[0]] is None else row[names[0]]) in drawn
    story = text[head + 2 + len(whole) :]
    assert not story or story[0] == ""
    marked = output(line, "-f", "markdown", *given).splitlines()
    assert f"| {' | '.join(names)} |" in marked
    assert sum(each.startswith("| ") for each in marked) == len(whole) + 2


def test_a_table_has_its_title_and_verdict_and_numbers_as_people_read_them() -> None:
    line = "--act sigmoid -n 6 --width 8 --seed 3"
    text = output(line, "-f", "table", "--columns", "layer,act,grad_w,log10_grad_w,slope_bound")
    plain = output(line, "-f", "table")
    lines = text.splitlines()
    assert lines[0] == plain.splitlines()[0]
    assert text.split("\n\n")[-1] == plain.split("\n\n")[-1]
    assert "VANISHING. " in text
    found = simulate(act="sigmoid", layers=6, width=8, seed=3)
    for layer, drawn in zip(found.layers, lines[4:10], strict=True):
        assert drawn.split() == [
            str(layer.layer),
            "sigmoid",
            short(layer.grad_w),
            f"{layer.grad_w.log10:.3f}",
            short(known(layer.slope_bound)),
        ]
    # Words stand on the left, numbers on the right.
    assert lines[2] == "layer  act        grad_w  log10_grad_w  slope_bound"
    assert len({len(each) for each in lines[3:10]}) == 1


def test_rows_of_a_table_of_chosen_columns_are_elided() -> None:
    line = "--act tanh,relu -n 50 --width 4 --columns layer,act"
    text = output(line, "-f", "table", "--rows", "5")
    assert "⋮  96 more rows: --rows 0" in text
    assert text.count("\n") < 30
    status, shown = run_in_terminal(
        ["python", "-m", "vanish", *shlex.split(line)], lines=20, env={"NO_COLOR": "1"}
    )
    assert status == 0
    assert shown.count("\n") <= 19
    assert "more rows: --rows 0" in shown
    one = output("-n 50 --width 4 --act tanh --columns layer -f markdown --rows 5")
    assert "| ⋮ 46 more rows: --rows 0 |" in one


def test_numbers_beyond_float64_and_infinity_and_flags() -> None:
    deep = output("--act sigmoid -n 2000 --width 2 -f table --columns slope_bound --rows 3")
    assert "7.59e-1205" in deep
    flags = output("theory --act tanh,relu,sigmoid -f table --columns act,critical_stable")
    assert [each.split() for each in flags.splitlines()[4:7]] == [
        *(["tanh", "yes"], ["relu", "yes"], ["sigmoid", "yes"])
    ]
    column: Column[[None]] = Column("x", Scale.NUMBER, "a number", lambda _: None)
    view = View("title", (), (), (), (Finding("stable", "x", "So it is."),), frozenset(), ())
    values = [1.5, -1.5, 0.0, float("inf"), float("-inf"), None, "W=1,V=2"]
    found = narrowed(view, [column], [{"x": value} for value in values])
    assert [row[0] for row in found.rows] == ["1.5", "-1.5", "0", "∞", "-∞", "", "W=1,V=2"]
    assert (found.title, found.findings) == (view.title, view.findings)
    few = narrowed(view, [column], [{"x": value} for value in values], 3, "--rows 0")
    assert few.rows[1] == Elided("5 more rows: --rows 0")


@of_every_command
def test_help_lists_every_column_with_its_meaning(line: str) -> None:
    text = output(line, "--columns", "HELP", "--format", "json")
    names = [each.split()[0] for each in text.splitlines() if not each.startswith(" ")]
    assert names == [*rows(line)[0]]
    assert all(len(each) <= 80 for each in text.splitlines())
    whole = " ".join(text.split())
    for name in names:
        own = [column for table in TABLES for column in table.columns if column.name == name]
        assert any(" ".join(column.meaning.split()) in whole for column in own), name


def test_help_is_as_wide_as_it_may_be() -> None:
    text = output("--columns help")
    wide = run_in_process("--columns", "help", env={"COLUMNS": "200"}).stdout.decode()
    assert wide.count("\n") < text.count("\n")
    column: Column[[None]] = Column("x", Scale.LOG10, "of y; " + "word " * 20, lambda _: None)
    lines = described([column], 10).splitlines()
    assert lines[0].startswith("x  log10 of y;")
    assert all(each.startswith("   ") for each in lines[1:])


def test_nothing_is_computed_for_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vanish.simulation.run.compare", None)
    assert "log10_norm_bound" in output("--columns help")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["layr"], "unknown column 'layr': did you mean layer"),
        (["zzz"], "unknown column 'zzz': --columns help lists all there are"),
        (["a", "A"], "--columns: a is named twice: leave one out"),
        (["a,help"], "unknown column 'help'"),
        (["a,"], "an empty name in it"),
    ],
)
def test_what_is_no_column_is_refused(given: list[str], says: str) -> None:
    known: list[Column[[None]]] = [
        Column(name, Scale.TEXT, "something", lambda _: None) for name in ("a", "layer")
    ]
    with pytest.raises(UsageError) as error:
        choose(given, lambda: known)
    assert says in error.value.on_command_line
    assert choose(None, lambda: known) == choose([], lambda: known) == ()
    assert choose(["layer", "a"], lambda: known) == (known[1], known[0])


def test_slope_bound_is_what_its_logarithm_says() -> None:
    for act, sup in (("sigmoid", 0.25), ("relu", 1.0)):
        for row in rows(
            f"--act {act} -n 9 --width 3 --columns layer,slope_bound,log10_slope_bound"
        ):
            assert row["slope_bound"] == pytest.approx(sup ** (10 - row["layer"]), rel=1e-14)
            assert 10 ** row["log10_slope_bound"] == pytest.approx(row["slope_bound"], rel=1e-13)


# --- of a sweep ---

GRID = "--act tanh,relu --layers 2,3 --width 4 -j 1"


def test_a_file_of_a_sweep_has_the_chosen_columns_and_the_journal_all(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    options = f"{GRID} --columns layers,act,decades_per_layer"
    expected = good(f"{options} -f csv")
    good(f"{options} -o", path)
    assert path.read_bytes() == expected
    assert expected.startswith(b"layers,act,decades_per_layer\n2,tanh,")
    assert not part_of(path).exists()


@pytest.mark.parametrize(
    "more", ["", "--resume", "--columns layers,act", "--columns layers,act --resume"]
)
def test_what_may_be_another_grid_is_not_written_over(tmp_path: Path, more: str) -> None:
    path = tmp_path / "x.csv"
    if more.startswith("--columns"):
        good(f"{GRID} -o", path)
    else:
        good(f"{GRID} --columns layers,act -o", path)
    before = path.read_bytes()
    message = refused(f"{GRID} {more} -o", path)
    assert "give another name, or" in message or "results of another grid" in message
    assert path.read_bytes() == before
    assert sweep(f"{GRID} {more} --force -o", path).status == 0
    assert path.read_bytes() == good(f"{GRID} {more.removesuffix('--resume')} -f csv")


def test_layers_of_a_sweep_as_a_table_of_chosen_columns() -> None:
    text = good(f"{GRID} --per-layer -f table --columns act,layers,layer,grad_w").decode()
    assert text.startswith("4 points · width 4\n")
    assert [len(each.split()) for each in text.splitlines()[4:]] == [4] * 10
    assert good(f"{GRID} --per-layer -f markdown --columns layer").count(b"\n| ") == 12


def test_columns_come_from_a_file_of_options_too(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    for value in ('"layers,act"', '["layers", "act"]'):
        path.write_text(f'columns = {value}\nfail-on = "dead"\nlayers = [2, 3]\nwidth = 4\n')
        assert good("-j 1 -f csv --config", path) == b"layers,act\n2,sigmoid\n3,sigmoid\n"


def test_the_signal_going_forward_is_measured_where_its_columns_are_chosen() -> None:
    result = run_in_process(
        *[
            "--layers",
            "2",
            "--act",
            "tanh",
            "--format",
            "table",
            "--quiet",
            "--columns",
            "layer,saturated,max_abs_a",
        ]
    )
    rows = [line.split() for line in result.stdout.decode().splitlines()[-2:]]
    assert [len(row) for row in rows] == [3, 3]
