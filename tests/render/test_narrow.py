"""Narrow windows: what can be spared gives way, and nothing is broken where it cannot."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from command import VANISH, run_in_process, run_in_terminal
from viewed import views

from vanish.network import activations
from vanish.render.acts import portrait
from vanish.render.table import Canvas, table
from vanish.render.view import Bar, Notes, View

if TYPE_CHECKING:
    from collections.abc import Sequence

# Every table that the manual promises for 40 columns.
NARROW = (
    "collapse --act identity,sigmoid --layers 3",
    "collapse --act hard_sigmoid,log_sigmoid --layers 2",
    "collapse --layers 3",
    "theory --act sigmoid,tanh,relu",
    "theory --act tanh --weight-std 0.5:2:4",
    "theory --act hard_sigmoid,relu --weight-std 1.5 --bias-std 0.1",
    "theory --block residual --act tanh --layers 3",
    "sweep --act tanh,relu --layers 5,50 --width 8 --init xavier_normal,he_normal",
    "sweep --layers 2,3 --width 8 --trials 5",
    "--act sigmoid,relu,leaky_relu --init xavier_normal,he_normal --width 16",
    "--act tanh --init xavier_normal,he_uniform,orthogonal --layers 6",
    "--block residual,plain --act tanh --layers 3",
    "--layer-acts relu,tanh,sigmoid",
    "--layers 5 --act tanh --norm-bound",
    "train --epochs 1 --layers 1,2 --width 4",
    "train --epochs 1 --layers 1,2 --width 4 --per-layer",
    "acts",
    "blocks prenorm",
)
SLOW = ("theory", "fix --act sigmoid --layers 6 --width 6", "fix --act tanh --gain 0.3 --layers 6")


@pytest.mark.parametrize(
    "line", [*NARROW, *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW)]
)
@pytest.mark.parametrize(
    "widths", [(40, 41, 60, 100), pytest.param(range(40, 101), marks=pytest.mark.slow)]
)
def test_no_table_is_wider_than_a_window_of_40_columns_and_more(
    line: str, widths: Sequence[int]
) -> None:
    (view,) = views(line)
    for width in widths:
        for in_words in (False, True):
            drawn = table(view, Canvas(width, in_words=in_words))
            assert max(map(len, drawn.splitlines())) <= width


def test_the_manual_tells_how_wide_the_others_are() -> None:
    (view,) = views("blocks")
    assert max(map(len, table(view, Canvas(40)).splitlines())) == 43
    told = " ".join(run_in_process("help", "formats").stdout.decode().split())
    assert "`vanish blocks` takes 43 columns" in told
    (view,) = views("theory --block residual_scaled,prenorm --act hard_sigmoid,relu")
    widest = max(map(len, table(view, Canvas(40)).splitlines()))
    assert 40 < widest <= 80
    assert "the laws of blocks in `vanish theory` take up to 80" in told


BARRED = View(
    title="title",
    columns=("name", "log scale", "one", "another"),
    rows=(("n", Bar(0.5), "1.0", "22222"),),
    notes=(Notes("Of one", (), ("one",)), Notes("Of all", ())),
    findings=(),
    left=frozenset({"name"}),
    dispensable=("one", "another", "log scale"),
)


def heads(width: int) -> list[str]:
    return table(BARRED, Canvas(width)).splitlines()[2].replace("log scale", "log").split()


def test_where_a_bar_gives_way_what_went_before_it_comes_back_the_last_first() -> None:
    assert heads(40) == ["name", "log", "one", "another"]
    assert heads(24) == ["name", "log", "another"]
    assert heads(15) == ["name", "log"]
    # Without the bar there is room for one of them, and for both.
    assert heads(14) == ["name", "another"]
    assert heads(10) == ["name", "one"]
    assert heads(5) == ["name"]
    wider = BARRED._replace(columns=("name", "a long log scale", "one", "another"))
    wider = wider._replace(dispensable=("one", "another", "a long log scale"))
    drawn = table(wider, Canvas(20)).splitlines()[2]
    assert drawn.split() == ["name", "one", "another"]


def test_notes_on_a_column_go_with_it() -> None:
    assert "Of one" in table(BARRED, Canvas(40))
    assert "Of one" not in table(BARRED, Canvas(24))
    assert "Of all" in table(BARRED, Canvas(24))


def test_theory_keeps_what_tells_its_points_apart() -> None:
    (view,) = views("theory --act tanh --weight-std 1,2 --bias-std 0,0.1")
    rows = table(view, Canvas(45), story=False).splitlines()[-4:]
    assert len({tuple(row.split()[:3]) for row in rows}) == 4
    # Of one bias_std alone the title of a narrow window says enough.
    (view,) = views("theory --act tanh --weight-std 1,2")
    assert "bias_std" not in table(view, Canvas(45), story=False)


# One activation.


@pytest.mark.parametrize("columns", [40, 50, 60, 80])
@pytest.mark.parametrize("name", activations.names())
def test_the_facts_of_an_activation_go_on_below_themselves(name: str, columns: int) -> None:
    lines = portrait(activations.get(name), 20, columns).splitlines()
    assert max(map(len, lines)) <= columns
    whole = portrait(activations.get(name), 20, 1000).splitlines()
    facts, unbroken = (each[2 : each.index("", 2)] for each in (lines, whole))
    assert " ".join(" ".join(facts).split()) == " ".join(" ".join(unbroken).split())
    indent = next(i for i, sign in enumerate(facts[0][6:], 6) if sign != " ")
    assert all(line[:indent].isspace() or line[2] != " " for line in facts)


def test_a_formula_is_whole_in_any_window_and_in_a_pipe() -> None:
    formula = "where(x > 0, tanh(x) + 0.25*x, 0.125*x - 1) + 0.0625*x + 0.03125*x^2/(1 + x^2)"
    piped = run_in_process("acts", formula, "--format", "table").stdout.decode()
    lines = piped.splitlines()
    (value,) = (line for line in lines if line.startswith("  S(x) "))
    assert value.split(maxsplit=1)[1] == lines[0]
    for sign in ("S,", "S',"):
        (tex,) = (line for line in lines if line.startswith(f"  {sign} LaTeX"))
        assert tex.count("{") == tex.count("}")


# Where S' jumps.


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("relu", "0"),
        ("hard_swish", "-3 and 3"),
        ("relu6", "0 and 6"),
        ("where(x>0,1,0)+x", ""),
        ("where(x*x>2,1,0)+sin(x)", ""),
        ("abs(x)+where(x>1,1,0)+x", "0"),
        ("where(3*x>1,x,0)+x", "0.333333"),
        ("sign(x-0.5)+abs(x-0.5)", "0.5"),
    ],
)
def test_the_slope_jumps_where_its_sides_differ_and_nowhere_else(name: str, places: str) -> None:
    told = portrait(activations.get(name), 20, 80)
    assert ("kinks" in told) == bool(places)
    assert not places or f"S' jumps at {places}\n" in told


# A terminal has it so.


@pytest.mark.parametrize("line", ["blocks prenorm", "acts relu", "help", "derive --matrix -n 1"])
@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_breaks_no_line(line: str, columns: int) -> None:
    status, text = run_in_terminal([*VANISH, *shlex.split(line)], columns, 60, {"NO_COLOR": "1"})
    assert status == 0
    too_wide = [each for each in text.splitlines() if len(each) > columns]
    assert not too_wide
