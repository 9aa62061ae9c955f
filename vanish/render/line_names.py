"""Names at the ends of lines, which are read where a legend of many lines is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from vanish.numbers.scaled import FloatArray

# Of more lines a legend is a search, in a grey print above all.
MOST_IN_LEGEND = 4

# Longer names would leave no room for the lines: these have a number, which the legend tells.
_LONGEST = 14

# In inches: a name with the room to the next one. In points: its letters.
ROW = 0.135
_SIZE = 8.0

# From the frame to a name, as a share of the axes, and the end of the line that leads to it.
_AWAY, _LEAD = 0.045, 0.038


class Names(Record):
    """How the lines of a figure are called.

    Attributes
    ----------
    ends
        What stands at the end of the line of each label; nothing where a legend says it.
    told
        What the legend says of each label, if it does.
    """

    ends: Mapping[str, str]
    told: Mapping[str, str]

    def entries(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is left for a legend of its entries."""
        return {
            self.told.get(label, label): handle
            for label, handle in found.items()
            if label not in self.ends or label in self.told
        }


def names(labels: Sequence[str], most: int = MOST_IN_LEGEND) -> Names:
    """Return how lines are called: few by the legend, many at their ends.

    Parameters
    ----------
    labels
        What the legend would say of them, in its order.
    most
        The most of them that it does.
    """
    unique = list(dict.fromkeys(labels))
    if len(unique) <= most:
        return Names({}, {})
    if max(map(len, unique)) <= _LONGEST:
        return Names({label: label for label in unique}, {})
    numbers = {label: f"{number}" for number, label in enumerate(unique, 1)}
    return Names(numbers, {label: f"{number}  {label}" for label, number in numbers.items()})


def height(count: int) -> float:
    """Return the least height of axes, in inches, that has room for so many names."""
    return ROW * count


def name(axes: Axes, lines: Mapping[str, Line2D], inches: float) -> None:
    """Write the name of each line at its end, on the side where the lines lie further apart.

    Names that would run into each other are moved as little as possible, and a thin line in
    the colour of its own leads to each. Ticks stand on the other side. The limits of the axes
    are settled by it.

    Parameters
    ----------
    axes
        Where the lines are.
    lines
        Each by its name, see `style.plain`.
    inches
        The height of the axes, at least.
    """
    if not lines:
        return
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    to_axes = axes.transScale + axes.transLimits
    ends = {
        called: to_axes.transform(np.asarray(line.get_xydata(), dtype=float)[[0, -1]])
        for called, line in lines.items()
    }
    first, last = (np.array([each[side, 1] for each in ends.values()]) for side in (0, 1))
    at_left = float(np.std(first)) > float(np.std(last))
    side = 0 if at_left else 1
    # Of those that end at one height the first one stands above.
    place = {called: -number for number, called in enumerate(ends)}
    order = sorted(ends, key=lambda called: (float(ends[called][side, 1]), place[called]))
    heights = spaced(np.array([ends[called][side, 1] for called in order]), ROW / inches)
    outward = -1.0 if at_left else 1.0
    edge = 0.0 if at_left else 1.0
    for called, at in zip(order, heights, strict=True):
        x, y = ends[called][side]
        axes.plot(
            [float(x), edge + outward * _LEAD],
            [float(y), at],
            color=lines[called].get_color(),
            linewidth=0.7,
            transform=axes.transAxes,
            clip_on=False,
            zorder=1.5,
            label="_name",
        )
        axes.text(
            edge + outward * _AWAY,
            at,
            called,
            fontsize=_SIZE,
            ha="right" if at_left else "left",
            va="center_baseline",
            transform=axes.transAxes,
        )
    if at_left:
        axes.yaxis.tick_right()
        axes.yaxis.set_label_position("right")


def spaced(heights: FloatArray, gap: float) -> FloatArray:
    """Return ascending heights moved apart to a gap, with the least sum of squared moves.

    They stay within 0 and 1 where there is room for them, else stand about the middle. It is
    isotonic regression of what is left when the gaps are taken out, by pooling neighbours that
    violate the order (Ayer and others 1955); cut off at bounds it is the solution within them.

    Parameters
    ----------
    heights
        Shape (n,), ascending.
    gap
        The least difference of neighbours.

    Returns
    -------
    heights
        Shape (n,).
    """
    steps = gap * np.arange(heights.size)
    # Sum and count of each block of neighbours that touch.
    blocks: list[tuple[float, int]] = []
    for value in (heights - steps).tolist():
        total, count = value, 1
        while blocks and blocks[-1][0] * count >= total * blocks[-1][1]:
            before = blocks.pop()
            total, count = total + before[0], count + before[1]
        blocks.append((total, count))
    fitted = np.concatenate([np.full(count, total / count) for total, count in blocks])
    room = 1.0 - float(steps[-1])
    low, high = (0.0, room) if room > 0.0 else (0.5 * room, 0.5 * room)
    return np.asarray(np.clip(fitted, low, high) + steps)
