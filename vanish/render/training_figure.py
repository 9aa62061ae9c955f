"""The figure of `vanish train`: who learns at which depth, and where the gradient was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.render.figure import _matplotlib, _styles
from vanish.render.train import kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vanish.scaled import FloatArray
    from vanish.training import State, Training

# Beside the start and the end so many epochs are drawn, the later the darker.
_BETWEEN = 3

# With more kinds of networks only the start and the end are drawn.
_FEW = 3

# More markers than this on one line would run into each other.
_MARKED = 20


def training_figure(trained: Sequence[Training]) -> Figure:
    """Return the test accuracy by depth, and the gradient by layer of the deepest networks.

    Left, one line a kind of network (an activation, or with its initialiser), about it the
    middle 90 % of several trials; right, of the deepest network of each kind, log10 of
    ‖∂L/∂W_k‖ by layer, one line for each of some epochs, the later ones darker.

    Parameters
    ----------
    trained
        The networks, with their history.
    """
    figure: Figure = _matplotlib()(figsize=(10.0, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    found = kinds(trained)
    for (name, networks), (colour, marker) in zip(found.items(), _styles(), strict=False):
        _accuracy(left, networks, name, colour, marker)
        few = len(found) <= _FEW
        _gradients(right, networks[-1], name, colour, marker, every=few)
    chance = trained[0].trials[0].chance
    left.axhline(chance, color="0.4", linestyle=":", label="guessing")
    depths = sorted({each.settings.layers for each in trained})
    left.set_xscale("log", base=2)
    left.set_xticks(depths, [str(depth) for depth in depths])
    left.minorticks_off()
    left.set_xlabel("hidden layers")
    left.set_ylabel("test accuracy")
    left.set_ylim(min(0.0, chance), 1.03)
    left.set_title(f"{trained[0].settings.source.name}: accuracy by depth", fontsize="medium")
    right.set_xlabel("layer $k$ (input side first)")
    right.set_ylabel(r"$\log_{10}\,\|\partial L/\partial W_k\|$")
    plural = "" if depths[-1] == 1 else "s"
    right.set_title(f"{depths[-1]} hidden layer{plural}: gradient by layer", fontsize="medium")
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an extra

    right.xaxis.set_major_locator(
        MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    band = "band: the middle 90 % of the trials" if trained[0].settings.trials > 1 else None
    for axes in (left, right):
        axes.grid(visible=True, color="0.9")
        axes.set_axisbelow(True)
    left.legend(fontsize="small", title=band, title_fontsize="small", loc="best")
    if right.get_legend_handles_labels()[0]:
        right.legend(
            fontsize="small",
            title=f"dashed: the start; the darker, the later,\nup to epoch"
            f" {trained[0].settings.epochs:,}",
            title_fontsize="small",
            loc="best",
        )
    return figure


def shown_epochs(epochs: int) -> list[int]:
    """Return the epochs whose gradients are drawn, the start and the end among them."""
    return sorted({round(i * epochs / (_BETWEEN + 1)) for i in range(_BETWEEN + 2)})


def _accuracy(
    axes: Axes, networks: Sequence[Training], name: str, colour: str, marker: str
) -> None:
    depths = [each.settings.layers for each in networks]
    rows = [each.row() for each in networks]

    def column(of: str) -> FloatArray:
        # A network that diverged gets nothing right.
        return np.array([value if isinstance(value := row[of], float) else 0.0 for row in rows])

    axes.plot(depths, column("test_accuracy"), color=colour, marker=marker, label=name)
    if networks[0].settings.trials > 1:
        low, high = column("test_accuracy_p05"), column("test_accuracy_p95")
        axes.fill_between(depths, low, high, color=colour, alpha=0.2, linewidth=0.0)


def _gradients(
    axes: Axes, training: Training, name: str, colour: str, marker: str, *, every: bool
) -> None:
    epochs = training.settings.epochs
    shown = shown_epochs(epochs)
    if not every:
        shown = shown[:: len(shown) - 1]
    layers = np.arange(1, training.settings.layers + 2)
    for epoch in shown:
        last = epoch == shown[-1]
        logs = _by_layer(training, epoch)
        if np.isnan(logs).all():
            continue
        axes.plot(
            layers,
            logs,
            color=colour,
            alpha=0.25 + 0.75 * (epoch / epochs) ** 0.5,
            linestyle="--" if epoch == 0 else "-",
            linewidth=2.0 if last else 1.2,
            marker=marker if last or epoch == 0 else None,
            markersize=5 if last else 3,
            markevery=max(1, len(layers) // _MARKED),
            label=name if last else None,
        )


def _by_layer(training: Training, epoch: int) -> FloatArray:
    """Return log10‖∂L/∂W_k‖ of every layer; NaN for a true zero and for what diverged."""

    def of_layer(k: int) -> float:
        def log10_grad_w(state: State) -> float:
            return float(state.log10_grad_w[k])

        found = training.quantile(epoch, log10_grad_w)
        return float("nan") if found is None else found

    return np.array([of_layer(k) for k in range(training.settings.layers + 1)])
