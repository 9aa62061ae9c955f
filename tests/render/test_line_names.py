"""Names at the ends of lines: none over another, each as near to its line as that allows."""

from __future__ import annotations

from itertools import pairwise

import drawn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vanish.render import line_names, style

HEIGHTS = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=25)


def moved(heights: list[float], gap: float) -> list[float]:
    """Return where names go: isotonic regression by its formula of maxima and minima.

    Robertson, Wright and Dykstra 1988, "Order restricted statistical inference", section 1.4.
    """
    count = len(heights)
    free = [height - gap * i for i, height in enumerate(heights)]
    fitted = [
        max(min(float(np.mean(free[j : k + 1])) for k in range(i, count)) for j in range(i + 1))
        for i in range(count)
    ]
    room = 1.0 - gap * (count - 1)
    low, high = (0.0, room) if room > 0.0 else (room / 2, room / 2)
    return [min(max(each, low), high) + gap * i for i, each in enumerate(fitted)]


@given(heights=HEIGHTS, gap=st.floats(0.001, 0.2))
def test_names_are_moved_as_little_as_possible(heights: list[float], gap: float) -> None:
    heights = sorted(heights)
    found = line_names.spaced(np.array(heights), gap)
    assert found == pytest.approx(moved(heights, gap), abs=1e-9)
    assert (np.diff(found) >= gap - 1e-12).all()
    if gap * (len(heights) - 1) <= 1.0:
        assert -1e-12 <= found.min() <= found.max() <= 1.0 + 1e-12
    if all(b - a >= gap for a, b in pairwise(heights)):
        assert found == pytest.approx(heights, abs=1e-12)


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("at_left", [True, False])
def test_names_stand_where_the_lines_lie_further_apart(scale: str, at_left: bool) -> None:
    figure = style.new_figure(5.0, 3.0)
    axes = figure.add_subplot()
    x = np.array([1.0, 10.0, 100.0])
    for number in range(6):
        y = np.array([number, 0.5, 0.1 * number])
        axes.plot(x, y if at_left else y[::-1], label=f"line{number}")
    axes.set_xscale(scale)
    lines = {str(line.get_label()): line for line in axes.lines}
    line_names.name(axes, lines, 2.0)
    names = [f"line{number}" for number in range(6)]
    assert drawn.led_to(axes) == names
    ends = drawn.end_names(axes)
    assert sorted(ends, key=ends.__getitem__) == names
    assert {text.get_horizontalalignment() for text in axes.texts} == {
        "right" if at_left else "left"
    }
    assert axes.yaxis.get_ticks_position() == ("right" if at_left else "left")
    assert not drawn.crowded(figure)
    # A line that leads elsewhere, or is another's, is noticed.
    lead = next(line for line in axes.lines if line.get_label() == "_name")
    lead.set_color("magenta")
    assert drawn.led_to(axes).count("") == 1
    lead.set_color(lines[names[0]].get_color())
    assert drawn.led_to(axes) == names
    start, stop = np.asarray(lead.get_xydata())
    lead.set_data([start[0], stop[0]], [start[1] + 0.01, stop[1]])
    assert drawn.led_to(axes).count("") == 1


def test_few_lines_are_named_by_the_legend_alone() -> None:
    few = line_names.names(["relu", "tanh", "sin", "gelu"])
    assert few.entries({"relu": 1, "theory": 2}) == {"relu": 1, "theory": 2}
    assert not few.ends
    many = line_names.names(["relu", "tanh", "sin", "gelu", "mish"])
    assert many.ends == {name: name for name in ("relu", "tanh", "sin", "gelu", "mish")}
    assert many.entries({"relu": 1, "theory": 2}) == {"theory": 2}


def test_long_names_have_numbers_in_the_order_of_the_legend() -> None:
    labels = ["relu", "tanh", "sin", "gelu", "x + V S(W LN(x)+b), relu"]
    found = line_names.names(labels)
    assert [found.ends[label] for label in labels] == ["1", "2", "3", "4", "5"]
    assert [*found.entries(dict.fromkeys([*labels, "theory"], 0))] == [
        *(f"{number}  {label}" for number, label in enumerate(labels, 1)),
        "theory",
    ]
