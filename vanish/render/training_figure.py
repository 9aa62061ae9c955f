"""The figure of `vanish train`: who learns at which depth, and where the gradient was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.numbers.words import plural
from vanish.render import decades, line_names, style
from vanish.render.decades import Curve
from vanish.render.train import kinds, title
from vanish.training.columns import NETWORKS
from vanish.training.state import order_statistic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vanish.numbers.scaled import FloatArray
    from vanish.render.style import Look
    from vanish.training.result import Training
    from vanish.training.state import State

# Beside the start and the end so many epochs are drawn, the later the darker.
_BETWEEN = 3

# How opaque the start is drawn: seen from the last row.
_PALEST = 0.4

# With more kinds of networks only the start and the end are drawn.
_FEW = 3

# Depths that are nearer to another one than this share of the axis are not named.
_APART = 0.07


def training_figure(trained: Sequence[Training]) -> Figure:
    """Return the test accuracy by depth, and the gradient by layer of the deepest networks.

    Left, one line a kind of network (an activation, or with its initialiser), about it the
    middle 90 % of several trials; right, of the deepest network of each kind, ‖∂L/∂W_k‖ by
    layer, one line for each of some epochs, the later ones darker. What is exactly 0 lies
    in a strip below the axis; what has diverged has no gradient, and is a cross.

    Parameters
    ----------
    trained
        The networks, with their history.
    """
    found = kinds(trained)
    called = line_names.names([style.plain(name) for name in found])
    height = max(2.9, line_names.height(len(called.ends)))
    figure = style.new_figure(9.5, height + 1.4)
    left, right = figure.subplots(1, 2)
    curves: list[Curve] = []
    # The kinds whose last line on the right is that of the end.
    ended: list[str] = []
    for number, ((name, networks), look) in enumerate(
        zip(found.items(), style.looks(), strict=False)
    ):
        _accuracy(left, networks, style.plain(name), look, len(found))
        gradients = [*_gradients(networks[-1], look, number, len(found))]
        ended += [style.plain(name)] * any(
            each.style.get("label") == _end(networks[-1]) for each in gradients
        )
        curves += gradients
    decades.draw((right, curves))
    chance = trained[0].trials[0].chance
    left.axhline(chance, color="0.4", linestyle=":", label="guessing")
    depths = sorted({each.settings.layers for each in trained})
    _number_depths(left, depths)
    left.set_ylabel("test accuracy")
    left.set_ylim(-0.04, 1.04)
    left.set_title("accuracy by depth", fontsize="medium")
    left.grid(visible=True, color="0.9")
    left.set_axisbelow(True)
    # The identity behind the hidden layers is one, too.
    style.number_layers(right, depths[-1] + 1)
    right.set_ylabel("‖∂L/∂Wₖ‖")
    deepest = plural(depths[-1], "hidden layer")
    right.set_title(f"{deepest}: gradient by layer", fontsize="medium")
    ends = [line for line in right.lines if line.get_label() == _end(trained[0])]
    for axes, lines in (
        (left, {str(line.get_label()): line for line in left.lines}),
        (right, dict(zip(ended, ends, strict=True))),
    ):
        shown = {called.ends[each]: lines[each] for each in called.ends if each in lines}
        line_names.name(axes, shown, height)
    style.entitle(figure, "Training by depth", title(trained))
    style.key(figure, called.entries(style.entries([left, right])))
    return figure


def _end(training: Training) -> str:
    """Return what the legend says of the last epoch."""
    return f"epoch {training.settings.epochs:,}"


def shown_epochs(epochs: int) -> list[int]:
    """Return the epochs whose gradients are drawn, the start and the end among them."""
    return sorted({round(i * epochs / (_BETWEEN + 1)) for i in range(_BETWEEN + 2)})


def _number_depths(axes: Axes, depths: Sequence[int]) -> None:
    """Put numbers of hidden layers on the axis across, each doubling as wide as the next."""
    axes.set_xscale("log", base=2)
    shown = [depths[-1]]
    for depth in reversed(depths[:-1]):
        if math.log(shown[-1] / depth) >= _APART * math.log(depths[-1] / depths[0]):
            shown.append(depth)
    # The first one has a place, if need be its neighbour's.
    if shown[-1] != depths[0]:
        shown[-1] = depths[0]
    shown.reverse()
    axes.set_xticks(shown, [f"{depth:,}" for depth in shown])
    axes.minorticks_off()
    axes.set_xlim(depths[0] / 1.2, depths[-1] * 1.2)
    axes.set_xlabel("hidden layers")


def _accuracy(axes: Axes, networks: Sequence[Training], name: str, look: Look, among: int) -> None:
    depths = np.array([each.settings.layers for each in networks])
    rows = [NETWORKS.row(each) for each in networks]

    def column(of: str) -> FloatArray:
        # A network that diverged gets nothing right.
        return np.array([value if isinstance(value := row[of], float) else 0.0 for row in rows])

    accuracy = column("test_accuracy")
    axes.plot(depths, accuracy, **look.style(depths.size, among) | {"markevery": 1}, label=name)
    if networks[0].settings.trials > 1:
        low, high = column("test_accuracy_p05"), column("test_accuracy_p95")
        axes.fill_between(
            depths,
            low,
            high,
            color=look.colour,
            alpha=0.2,
            linewidth=0.0,
            label=f"band: middle 90 % of {networks[0].settings.trials:,} trials, line: median",
        )
    diverged = np.array([row["test_accuracy"] is None for row in rows])
    if diverged.any():
        crosses: dict[str, Any] = {
            "marker": "x",
            "markersize": 9,
            "color": "black",
            "linestyle": "none",
        }
        axes.plot(depths[diverged], accuracy[diverged], **crosses, label="diverged")


def _gradients(training: Training, look: Look, number: int, among: int) -> Iterator[Curve]:
    """Yield the lines of some epochs of one network."""
    epochs = training.settings.epochs
    shown = shown_epochs(epochs)
    if among > _FEW:
        shown = shown[:: len(shown) - 1]
    layers = np.arange(1.0, training.settings.layers + 2.0)
    for epoch in shown:
        log10 = np.array([_log10(training, epoch, k) for k in range(layers.size)])
        # Where it has diverged there is nothing to draw.
        if (log10 == np.inf).any():
            continue
        last = epoch == shown[-1]
        drawn = look.style(layers.size, among) | {
            "alpha": _PALEST + (1.0 - _PALEST) * (epoch / epochs) ** 0.5,
            "linestyle": "--" if epoch == 0 else "-",
            "linewidth": 1.8 if last else 1.1,
            "markersize": 5 if last else 3,
        }
        if epoch in (shown[0], shown[-1]):
            drawn["label"] = _end(training) if last else "the start; the later, the darker"
        else:
            drawn["marker"] = ""
        yield Curve(layers, log10, drawn, number)


def _log10(training: Training, epoch: int, k: int) -> float:
    """Return log10‖∂L/∂W_k‖ after an epoch: -inf for a true zero, inf for what diverged."""

    def log10_grad_w(state: State) -> float:
        return float(state.log10_grad_w[k])

    return order_statistic([trial.history[epoch] for trial in training.trials], log10_grad_w)
