"""What the columns say: of every head that does not tell it, in a line, where there is room."""

from __future__ import annotations

import re
import shlex

import pytest
from command import VANISH, run_in_process, run_in_terminal
from known import known
from viewed import views

import vanish
from vanish.columns import Column, Scale, Table
from vanish.numbers.words import short
from vanish.render import blockcolumns, columns, profiles
from vanish.render.markdown import markdown
from vanish.render.table import Canvas, table
from vanish.render.view import (
    WHAT_COLUMNS_SAY,
    Elided,
    Finding,
    Heat,
    Legend,
    Notes,
    Said,
    View,
    said,
)
from vanish.simulation.columns import LAYERS
from vanish.sweeps.columns import SUMMARY

# Command lines that draw every table that has a legend, with the columns that only some have.
DRAWN = (
    "--layers 2",
    "--layers 3 --act tanh --norm-bound",
    "--act sigmoid --layers 3",
    "--act relu --layers 3 --trials 5",
    "--act hard_tanh --weight-std 100 --layers 3",
    "--layer-acts relu,tanh",
    "--block residual --act tanh --layers 3",
    "--block residual,plain --act tanh,relu --init xavier_normal,orthogonal --layers 3",
    "sweep --layers 2,3 --trials 5",
    "theory --act tanh,softplus",
    "theory --act relu,tanh --layers 3 --width 4",
    "theory --block residual,batchnorm --act relu",
    "theory --block residual --act relu --layers 3",
    "acts relu tanh",
    "collapse --layers 2",
    "collapse --act relu,tanh --layers 2",
    "train --layers 1,2 --width 4 --epochs 1 --trials 3 --act relu --block plain,residual",
)

# Heads that tell what stands below them, or are words that the user wrote.
EVIDENT = {
    *("activation", "act", "init", "block", "layer", "layers", "hidden layers"),
    *("weight_std", "bias_std", "S(x)", "S'(x)", "domain", "range"),
    *("train %", "test %", "0 … 100 %", "5 % … 95 % of trials", "loss", "outcome"),
}
# A scale, and a word that the sentences below explain.
SCALE = re.compile(r"log scale 1e.*|verdict")


@pytest.mark.slow
@pytest.mark.parametrize("line", DRAWN)
def test_every_head_is_evident_or_explained_by_one_line(line: str) -> None:
    (view,) = views(line)
    explained = [head for each in view.legend for head in each.heads]
    assert len({*explained}) == len(explained)
    assert {*explained} <= {*view.columns}
    for head in {*view.columns} - {*explained}:
        flat = " ".join(head.split())
        assert flat in EVIDENT or SCALE.fullmatch(flat), head


@pytest.mark.slow
@pytest.mark.parametrize("line", DRAWN)
def test_a_legend_is_a_line_for_each_in_80_columns_and_the_manual_has_its_words(line: str) -> None:
    (view,) = views(line)
    assert view.legend
    for each in view.legend:
        assert each.text == each.text.strip(" .,;")
        assert "\n" not in each.text + each.label
        assert run_in_process("help", "--", *each.label.split(", ")[0].split()).status == 0
    # What is longer tells thresholds, or that the first layer is no block.
    long = [each for each in view.legend if each.label not in ("verdict", "layer 1", "dead")]
    indent = max(len(each.label) for each in view.legend) + 4
    several_signals = "block" in view.columns
    assert several_signals or max(indent + len(each.text) for each in long) <= 80


def test_a_legend_says_what_the_records_say() -> None:
    (plain,) = views("--act hard_tanh --weight-std 100 --layers 3")
    texts = {each.text for each in plain.legend}
    names = ("log10_grad_a", "log10_predicted_b", "log10_gain_back", "grad_w", "dead_fraction")
    assert {LAYERS.gist(name) for name in names} <= texts
    (block,) = views("--block residual --act tanh --layers 3")
    assert LAYERS.gist("log10_grad_f") in {each.text for each in block.legend}
    (swept,) = views("sweep --layers 2,3")
    assert swept.legend[0].text == SUMMARY.gist("log10_ratio")
    (theory,) = views("theory --act tanh")
    assert theory.legend[-1].text == columns.THEORY.gist("critical_stable")
    (points,) = views("theory --block residual --act relu")
    assert points.legend[0].text == blockcolumns.POINTS.gist("p_star")


def test_a_threshold_has_its_number_unless_it_varies() -> None:
    for options, below, above in (
        ("", "0.001", "1000"),
        ("--vanish-below 0.1,0.001", "vanish_below", "1000"),
        ("--explode-above 10,20", "0.001", "explode_above"),
        ("--vanish-below 0.1,0.001 --explode-above 10,20", "vanish_below", "explode_above"),
    ):
        (view,) = views(f"sweep --act relu --layers 5,10 --width 4 {options}")
        text = view.legend[-1].text
        assert text == f"vanishing below {below}, exploding above {above}, dead at 0"
        # Such a word is the head of a column.
        for word in {below, above} & {"vanish_below", "explode_above"}:
            assert word in view.columns


def test_a_map_has_no_sign_where_there_is_no_ratio_and_says_why() -> None:
    (view,) = views("sweep --act relu,sigmoid --layers 1,5 --width 1,2")
    assert len(view.rows) == 4
    for row in view.rows:
        assert not isinstance(row, Elided)
        act, layers, heat = row
        assert isinstance(heat, Heat)
        if layers == "1":
            assert heat.cells == (" ", " ")
        else:
            assert act == "sigmoid" or heat.cells == ("0", "0")
            assert " " not in heat.cells
    (notes,) = view.notes
    assert dict(notes.lines)["blank"] == "no steps: one layer, or a graph that branches"
    (view,) = views("sweep --act sigmoid --layers 2,5 --width 1,2")
    assert "blank" not in dict(view.notes[0].lines)


def test_a_norm_bound_that_is_asked_for_is_a_column() -> None:
    (view,) = views("--layers 5 --act tanh --norm-bound")
    at = view.columns.index("norm\nbound")
    profile = vanish.simulate(act="tanh", layers=5, norm_bound=True)
    bounds = [layer.norm_bound for layer in profile.layers]
    shown = [row[at] for row in view.rows if not isinstance(row, Elided)]
    assert shown == [short(known(bound)) for bound in bounds]
    for width in (80, 200):
        assert "norm" in table(view, Canvas(width)).splitlines()[2].split()
    for line in ("--layers 5 --act tanh", "--layers 5 --act tanh --no-norm-bound"):
        (other,) = views(line)
        assert "norm\nbound" not in other.columns


def test_a_gist_is_what_a_meaning_begins_with_or_its_own() -> None:
    table: Table[[None]] = Table(
        ("none",),
        "nothing",
        Column("a", Scale.NUMBER, "what it is; empty where it is not", lambda _: None),
        Column("b", Scale.LOG10, "of ‖b‖, its norm; empty where that is 0", lambda _: None),
        Column("c", Scale.TEXT, "of none", lambda _: None),
        Column("d", Scale.TEXT, "a meaning", lambda _: None, "in half a line"),
    )
    assert [table.gist(name) for name in "abcd"] == [
        "what it is",
        "‖b‖, its norm",
        "of none",
        "in half a line",
    ]
    with pytest.raises(ValueError, match="not in tuple"):
        table.gist("e")


def test_what_the_factor_means_is_so() -> None:
    # "×2 is twice the signal of layer k+1, ÷2 is half of it".
    profile = vanish.simulate(act="sigmoid", layers=4)
    drawn = table(profiles.view([profile], None), Canvas())
    for layer, following in zip(profile.layers, profile.layers[1:], strict=False):
        gain = layer.gain_back
        assert gain is not None
        assert float(layer.signal) == pytest.approx(float(gain) * float(following.signal), rel=1e-9)
        assert f" ÷{1.0 / float(gain):.3g} " in drawn


# Where it stands.


SHOWN = View(
    title="title",
    columns=("a", "the\nfactor", "‖b‖", "c", "d"),
    rows=(("1", "2", "3", "4", "5"),) * 3,
    notes=(Notes("One line", ()), Notes("Others", (("x", "y"),))),
    findings=(Finding("stable", "x", "So it is."),),
    left=frozenset(),
    dispensable=("‖b‖", "the\nfactor"),
    legend=(
        said("the\nfactor", "what it is times the one below"),
        said("‖b‖", "how large b is, in words that are more than a narrow window has room for"),
        said(("c", "d"), "both of them"),
        Said("always", "told in any case"),
    ),
)


def under(width: int, legend: Legend = Legend.FULL, view: View = SHOWN) -> list[str]:
    """Return the lines under the rows."""
    return table(view, Canvas(width), legend=legend).splitlines()[8:]


def test_a_legend_stands_under_the_rows_a_line_each_that_goes_on_below_itself() -> None:
    assert under(60)[:9] == [
        "",
        "What the columns say",
        "  the factor  what it is times the one below",
        "  ‖b‖         how large b is, in words that are more than a",
        "              narrow window has room for",
        "  c, d        both of them",
        "  always      told in any case",
        "",
        "One line",
    ]
    assert under(60)[9:] == ["", "Others", "  x  y", "", "STABLE. So it is."]


def test_what_a_narrow_window_does_without_is_not_explained() -> None:
    lines = under(16)
    assert not any("‖b‖" in line for line in lines)
    assert any("factor" in line for line in lines)
    assert not any("factor" in line for line in under(12))
    assert any("c, d" in line for line in under(12))


def test_a_low_window_is_told_where_to_ask_and_the_lowest_nothing() -> None:
    ask = "What the columns say: vanish help and a head, as in: vanish help the factor"
    assert under(80, Legend.BRIEF)[:3] == ["", ask, "One line"]
    assert under(80, Legend.NONE)[:2] == ["", "One line"]
    # What cannot be typed is no example.
    untyped = SHOWN._replace(legend=SHOWN.legend[1:2])
    assert under(80, Legend.BRIEF, untyped) == under(80, Legend.NONE)
    alone = table(SHOWN, Canvas(80), story=False)
    assert WHAT_COLUMNS_SAY not in alone


def test_markdown_has_the_legend_as_a_list() -> None:
    assert "\n\nWhat the columns say\n\n- the factor: what it is times" in markdown(SHOWN)
    assert WHAT_COLUMNS_SAY not in markdown(SHOWN._replace(legend=()))


def shown_lines(columns: int, lines: int, line: str) -> list[str]:
    status, text = run_in_terminal([*VANISH, *shlex.split(line)], columns, lines, {"NO_COLOR": "1"})
    assert status == 0
    return text.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_row_gives_way_to_a_legend(columns: int) -> None:
    for lines in range(18, 52, 3):
        shown = shown_lines(columns, lines, "--act sigmoid --layers 20")
        assert len(shown) < lines or lines < 27
        (at,) = (i for i, text in enumerate(shown) if text.startswith(WHAT_COLUMNS_SAY))
        if shown[at] == WHAT_COLUMNS_SAY:
            # All of them, and all rows.
            assert not any("⋮" in text for text in shown)
            assert sum(bool(re.match(r" +\d+  ", text)) for text in shown) == 20
        else:
            assert "vanish help" in shown[at]


@pytest.mark.slow
def test_the_first_screen_is_one_story_in_40_lines_and_tells_more_in_50() -> None:
    low, high = (shown_lines(80, lines, "--act sigmoid") for lines in (40, 50))
    ask = "What the columns say: vanish help and a head, as in: vanish help theory expects"
    assert ask in low
    assert len(low) <= 36
    assert len(high) <= 42
    assert WHAT_COLUMNS_SAY in high
    # Else they are the same.
    at = high.index(WHAT_COLUMNS_SAY)
    assert high[:at] == low[: low.index(ask)]
    assert high[high.index("", at) + 1 :] == low[low.index(ask) + 1 :]


@pytest.mark.slow
def test_activations_fit_a_window_of_24_lines_still() -> None:
    assert len(shown_lines(80, 24, "acts")) == 23
    assert WHAT_COLUMNS_SAY in shown_lines(80, 30, "acts")


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", ["--act tanh --layers 3", "collapse --layers 2", "theory --act tanh", "sweep -n 2,3"]
)
def test_who_wants_the_data_only_gets_no_legend(line: str) -> None:
    for format_name in ("table", "markdown"):
        words = shlex.split(line)
        told = run_in_process(*words, "--format", format_name)
        assert WHAT_COLUMNS_SAY in told.stdout.decode()
        quiet = run_in_process(*words, "--format", format_name, "--quiet")
        assert WHAT_COLUMNS_SAY not in quiet.stdout.decode()
    for format_name in ("tsv", "csv", "json", "jsonl"):
        result = run_in_process(*shlex.split(line), "--format", format_name)
        assert WHAT_COLUMNS_SAY not in (result.stdout + result.stderr).decode()


def test_chosen_columns_have_names_that_the_manual_lists_and_no_legend() -> None:
    words = ["--act", "tanh", "--layers", "3", "--columns", "layer,grad_w", "-f", "table"]
    assert WHAT_COLUMNS_SAY not in run_in_process(*words).stdout.decode()
