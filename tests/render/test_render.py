"""The renderers: pure functions from results to text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanish import Magnitude, Settings, compare, simulate
from vanish.numbers.words import short
from vanish.render.delimited import delimited
from vanish.render.markdown import markdown
from vanish.render.notes import bounds
from vanish.render.profiles import view
from vanish.render.spoken import spoken
from vanish.render.table import Canvas, table
from vanish.render.titles import names
from vanish.render.view import Bar, Elided, Spark, View, elide

if TYPE_CHECKING:
    from vanish.columns import Cell
    from vanish.simulation.profile import Profile

ANSI = re.compile(r"\x1b\[[0-9;]*m")

ACTS = ("sigmoid", "relu", "identity")


def profiles(acts: tuple[str, ...], layers: int, width: int, gain: float) -> list[Profile]:
    return list(compare(Settings(act=act, layers=layers, width=width, gain=gain) for act in acts))


# From dead chains (of width 1) to magnitudes far outside float64.
PROFILES = st.builds(
    profiles,
    st.lists(st.sampled_from(ACTS), min_size=1, max_size=4).map(tuple),
    st.integers(1, 60),
    st.integers(1, 3),
    st.sampled_from([1e-200, 0.5, 1.0, 30.0]),
)
VIEWS = st.builds(view, PROFILES, st.none() | st.integers(1, 30))
FEWER = settings(max_examples=20)  # every example is several simulations


@pytest.mark.slow
@FEWER
@given(VIEWS, st.integers(1, 200), st.booleans(), st.booleans())
def test_no_line_is_wider_than_the_window(
    shown: View, width: int, colour: bool, story: bool
) -> None:
    text = ANSI.sub("", table(shown, Canvas(width, colour), story))
    least = 40  # what the columns take that no table does without
    assert max(map(len, text.splitlines())) <= max(width, least)


@pytest.mark.slow
@FEWER
@given(VIEWS, st.integers(20, 200), st.booleans())
def test_colour_changes_no_character(shown: View, width: int, story: bool) -> None:
    plain = table(shown, Canvas(width), story)
    coloured = table(shown, Canvas(width, colour=True), story)
    assert "\x1b" not in plain
    # Trailing blanks stand before the end of a colour, and so are kept.
    lines = [line.rstrip() for line in ANSI.sub("", coloured).splitlines()]
    assert lines == plain.splitlines()


@pytest.mark.slow
@FEWER
@given(VIEWS)
def test_a_table_that_fits_has_every_cell(shown: View) -> None:
    lines = table(shown, Canvas(300), story=False).splitlines()
    body = lines[lines.index(next(line for line in lines if set(line) == {"─"})) + 1 :]
    assert len(body) == len(shown.rows)
    for line, row in zip(body, shown.rows, strict=True):
        whole = ["⋮", *row.text.split()] if isinstance(row, Elided) else row
        cells = [cell for cell in whole if isinstance(cell, str)]
        words = line.split()
        for cell in cells:
            assert set(cell.split()) <= set(words)


@FEWER
@given(VIEWS)
def test_a_markdown_table_has_equal_rows(shown: View) -> None:
    lines = [line for line in markdown(shown).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(shown.rows)
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.slow
@FEWER
@given(VIEWS, st.integers(1, 200), st.booleans())
def test_a_table_in_words_is_laid_out_in_words(shown: View, width: int, story: bool) -> None:
    text = table(shown, Canvas(width, in_words=True), story)
    # What draws the table itself is replaced last, sign by sign.
    assert spoken(text).isascii()
    assert [*map(len, spoken(text).splitlines())] == [*map(len, text.splitlines())]
    assert max(map(len, text.splitlines())) <= max(width, 50)


@pytest.mark.slow
@FEWER
@given(VIEWS)
def test_a_table_in_words_has_the_cells_of_the_other_one(shown: View) -> None:
    drawn = [table(shown, Canvas(300, in_words=each), story=False) for each in (False, True)]
    symbols, words = (text.splitlines()[-len(shown.rows) :] for text in drawn)
    for before, after in zip(symbols, words, strict=True):
        assert spoken(before).split() == after.split()


@given(st.integers(1, 500), st.none() | st.integers(3, 60))
def test_eliding_shows_head_and_tail(count: int, most: int | None) -> None:
    shown = elide(count, most)
    if most is None or count <= most:
        assert shown == list(range(count))
        return
    assert len(shown) == most
    assert shown.count(None) == 1
    gap = shown.index(None)
    head, tail = shown[:gap], shown[gap + 1 :]
    assert head == list(range(len(head)))
    assert tail == list(range(count - len(tail), count))
    assert len(head) - len(tail) in {0, 1}


@pytest.mark.parametrize("most", [1, 2])
def test_fewer_rows_than_head_gap_and_tail_are_never_exceeded(most: int) -> None:
    assert len(elide(10, most)) <= most


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.25, "0.25"),
        (0.001, "0.001"),
        (0.0009999, "1.00e-03"),
        (9.094947017729282e-13, "9.09e-13"),
        (999.9, "1.00e+03"),
        (1234.5, "1.23e+03"),
        (9999.0, "1.00e+04"),
        (12345.0, "1.23e+04"),
        (99999.0, "1.00e+05"),
        (5e-324, "4.94e-324"),
        (1.7976931348623157e308, "1.80e+308"),
        (Magnitude(0.5, -4000), "3.79e-1205"),
        (Magnitude(0.0, 0), "0"),
    ],
)
def test_short_numbers_have_three_digits(value: Magnitude | float, text: str) -> None:
    assert short(value) == text


@given(st.floats(1e-300, 1e300))
def test_short_numbers_are_near(value: float) -> None:
    assert float(short(value)) == pytest.approx(value, rel=5.1e-3)


def test_bars_grow_with_the_logarithm() -> None:
    bars = [
        cell.share
        for row in view([simulate(act="sigmoid", layers=20)], None).rows
        if not isinstance(row, Elided)
        for cell in row
        if isinstance(cell, Bar)
    ]
    shares = [share for share in bars if share is not None]
    assert len(shares) == 20
    assert shares == sorted(shares)
    assert 0.0 <= shares[0] < 0.1
    assert 0.9 < shares[-1] <= 1.0


def test_a_true_zero_has_no_bar() -> None:
    dead = simulate(act="relu", layers=8, width=2)
    (row, *_) = view([dead], None).rows
    assert not isinstance(row, Elided)
    assert Bar(None) in row
    (_, alive) = view([dead, simulate(act="tanh", layers=8, width=2)], None).rows
    assert not isinstance(alive, Elided)
    shares = next(cell.shares for cell in alive if isinstance(cell, Spark))
    assert None not in shares


def test_a_mixed_chain_names_the_activation_of_every_layer() -> None:
    profile = simulate(layer_acts=("relu", "tanh", "sigmoid"))
    for row, name in zip(view([profile], None).rows, ("relu", "tanh", "sigmoid"), strict=True):
        assert not isinstance(row, Elided)
        assert name in row


def test_runs_that_differ_in_their_initialiser_are_told_apart_in_words() -> None:
    inits = ("he_normal", "orthogonal")
    shown = view([simulate(act="relu", init=init) for init in inits], None)
    for finding, init in zip(shown.findings, inits, strict=True):
        assert init in finding.about


def test_a_title_says_what_all_runs_have_in_common_and_rows_what_they_have_not() -> None:
    one = Settings(act="tanh", layers=5, width=8)
    two = Settings(act="tanh", layers=7, width=16, seed=3, weight_std=2.0, loss="sum")
    shown = view(compare([one, two]), None)
    assert shown.title == "tanh"
    assert [row[0] for row in shown.rows if not isinstance(row, Elided)] == [
        "5 layers, width 8, loss readout, seed 0",
        "7 layers, width 16, weight_std 2, loss sum, seed 3",
    ]
    assert shown.findings[1].about.startswith("tanh, 7 layers, width 16, ")
    # Wherever runs are named: in notes, figures and pages, too.
    assert names(compare([one, two])) == [finding.about for finding in shown.findings]
    told = bounds(*compare([one, two])).heading
    assert all(f"{finding.about} 1^" in told for finding in shown.findings)
    alike = view(compare([one, Settings(act="relu", layers=5, width=8)]), None)
    assert alike.title == "5 layers · width 8 · init auto · loss readout · seed 0"
    assert "run" not in alike.columns


def test_a_title_says_which_engines_ran() -> None:
    drawn, stored = (
        Settings(act="relu", layers=3, width=8, engine=e) for e in ("sampled", "dense")
    )
    for pair, told in (
        ((drawn, drawn), " · sampled · "),
        ((stored, drawn), " · dense and sampled · "),
        ((drawn, stored), " · dense and sampled · "),
    ):
        assert told in view(compare(pair), None).title
    plain = view(compare((stored, stored)), None).title
    assert "dense" not in plain
    assert "sampled" not in plain


def test_a_block_that_fits_no_layer_is_said_to() -> None:
    options: dict[str, Any] = {"act": "relu", "widths": (5, 6, 7), "block": "residual"}
    alone, fitting = (
        view([simulate(**options | new)], None).title for new in ({}, {"widths": (5, 5)})
    )
    assert "x + S(Wx+b) (S(Wx+b) in layers 1-2: n_in and n_out differ)" in alone
    assert fitting.startswith("x + S(Wx+b) · relu")
    assert view([simulate(**options | {"block": "S(b + Wx)"})], None).title.startswith(
        "S(b + Wx) ·"
    )
    both = view(compare([Settings(**options), Settings(**options | {"block": "plain"})]), None)
    lines = [line for each in both.notes for line in each.lines]
    assert ("x + S(Wx+b)", "S(Wx+b) in layers 1-2: n_in and n_out differ") in lines


def test_of_many_runs_the_middle_is_elided() -> None:
    runs = compare(act=["relu", "tanh", "gelu", "silu", "sigmoid"], layers=2, width=4)
    assert len(view(runs, None).rows) == 5
    first, middle, last = view(runs, 3).rows
    assert middle == Elided("3 more runs: --rows 0")
    assert (first[0], last[0]) == ("relu", "sigmoid")


def test_markdown_escapes_what_is_markup() -> None:
    shown = view([simulate(act="leaky_relu", layers=2)], None)
    assert r"**leaky\_relu · 2 layers" in markdown(shown)
    assert r"he\_normal" in markdown(shown)


def test_a_delimited_cell_with_the_delimiter_is_quoted() -> None:
    rows: list[dict[str, Cell]] = [{"a": "x,y", "b": None}, {"a": 'say "z"', "b": 0.1}]
    assert delimited(rows, ",") == 'a,b\n"x,y",\n"say ""z""",0.1\n'


def test_no_rows_are_no_text() -> None:
    assert delimited([], "\t") == ""
