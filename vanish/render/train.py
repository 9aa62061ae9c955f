"""What `vanish train` found, as rows and as views for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vanish.numbers.words import percent, plural, short, short_power
from vanish.render.layercells import Decades
from vanish.render.outcomes import explain
from vanish.render.view import Bar, Finding, Said, Spark, View
from vanish.simulation.table import PLAIN
from vanish.simulation.verdict import MANY_DEAD
from vanish.training import columns
from vanish.training.columns import NETWORKS
from vanish.training.state import order_statistic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vanish.columns import Cell
    from vanish.training.result import Training
    from vanish.training.settings import TrainingSettings
    from vanish.training.state import State

_DEAD = "units with slope 0 on every example at the end, worst layer"

_RATIOS, _CHANGES = ("gradient\nat start", "gradient\nat end"), ("W₁\nmoved", "last W\nmoved")

_BAND = "5 % … 95 %\nof trials"


def rows(trained: Sequence[Training]) -> Iterator[dict[str, Cell]]:
    """Yield one mapping a network."""
    return map(NETWORKS.row, trained)


def layer_rows(trained: Sequence[Training]) -> Iterator[dict[str, Cell]]:
    """Yield one mapping a network, epoch and layer."""
    for each in trained:
        yield from columns.layer_rows(each)


def view(trained: Sequence[Training]) -> View:
    """Return the networks, one a row, with a verdict on each activation."""
    several = trained[0].settings.trials > 1
    several_inits = len({each.settings.init for each in trained}) > 1
    several_blocks = len({each.settings.block for each in trained}) > 1
    dead = [NETWORKS.row(each)["dead_fraction_end"] for each in trained]
    has_dead = any(isinstance(share, float) and share >= MANY_DEAD for share in dead)
    test = "\n0 … 100 %"

    def row(training: Training) -> tuple[str | Bar, ...]:
        found = NETWORKS.row(training)
        band = [_percent(found[f"test_accuracy_{end}"]) or "?" for end in ("p05", "p95")]
        accuracy = found["test_accuracy"]
        return (
            *((training.settings.block,) if several_blocks else ()),
            training.settings.act_name,
            *((_init(training.settings, trained),) if several_inits else ()),
            str(training.settings.layers),
            _percent(found["train_accuracy"]),
            _percent(accuracy),
            *((" … ".join(band),) if several else ()),
            Bar(accuracy if isinstance(accuracy, float) and accuracy > 0.0 else None),
            _number(found["loss"]),
            _power(order_statistic([each.start for each in training.trials], _log10_ratio)),
            _power(order_statistic([each.end for each in training.trials], _log10_ratio)),
            _number(found["change_first"]),
            _number(found["change_last"]),
            *((_percent(found["dead_fraction_end"]),) if has_dead else ()),
            _outcome(training),
        )

    return View(
        title=title(trained),
        columns=(
            *(("block",) if several_blocks else ()),
            "activation",
            *(("init",) if several_inits else ()),
            "hidden\nlayers",
            "train\n%",
            "test\n%",
            *((_BAND,) if several else ()),
            test,
            "loss",
            *_RATIOS,
            *_CHANGES,
            *(("dead\n%",) if has_dead else ()),
            "outcome",
        ),
        rows=tuple(row(each) for each in trained),
        notes=(),
        findings=_findings(trained),
        left=frozenset({"block", "activation", "init", test, "outcome"}),
        dispensable=(
            *("train\n%", "gradient\nat end", "loss", "last W\nmoved", _BAND),
            *("gradient\nat start", "W₁\nmoved", test),
        ),
        legend=(
            Said("gradient", f"{_signals(trained)} of layer 1 over the last layer's", _RATIOS),
            Said("moved", "‖ΔW‖/‖W‖, by how much of its size W changed", _CHANGES),
            *((Said("dead", _DEAD, ("dead\n%",)),) if has_dead else ()),
            *_lifted(trained),
        ),
    )


def layer_view(trained: Sequence[Training]) -> View:
    """Return every layer of every network in a row, its gradient epoch by epoch."""
    several_inits = len({each.settings.init for each in trained}) > 1
    several_blocks = len({each.settings.block for each in trained}) > 1
    axis = _axis(trained)
    epochs = f"‖∂L/∂W‖\nby epoch\n{axis.name}"

    def rows(training: Training) -> Iterator[tuple[str | Spark, ...]]:
        settings = training.settings
        last = settings.epochs
        for k in range(settings.layers + 1):
            of_layer = _log10_grad_w(k)
            logs = [
                order_statistic([each.history[e] for each in training.trials], of_layer)
                for e in range(last + 1)
            ]
            shares = [axis.share(x if math.isfinite(x) else None) for x in logs]
            yield (
                *((settings.block,) if several_blocks else ()),
                settings.act_name,
                *((_init(settings, trained),) if several_inits else ()),
                str(settings.layers),
                str(k + 1),
                _power(logs[0]),
                Spark(tuple(shares)),
                _power(logs[-1]),
                _number(training.quantile(last, _change(k))),
            )

    return View(
        title=title(trained),
        columns=(
            *(("block",) if several_blocks else ()),
            "activation",
            *(("init",) if several_inits else ()),
            "hidden\nlayers",
            "layer",
            "at\nstart",
            epochs,
            "at\nend",
            "W\nmoved",
        ),
        rows=tuple(row for each in trained for row in rows(each)),
        notes=(),
        findings=_findings(trained),
        left=frozenset({"block", "activation", "init", epochs}),
        dispensable=("at\nstart", "at\nend", "W\nmoved", epochs),
    )


def label(training: Training, among: Sequence[Training]) -> str:
    """Return what tells the networks of one kind from the others, whatever their depth."""
    settings = training.settings
    parts = [settings.act_name]
    if len({each.settings.init for each in among}) > 1:
        parts.append(_init(settings, among))
    if len({each.settings.block for each in among}) > 1:
        parts.append(settings.block)
    return ", ".join(parts)


def _init(settings: TrainingSettings, among: Sequence[Training]) -> str:
    """Return the initialiser's name; what was asked for where another network has that name."""
    kind = settings.act_name, settings.init_name
    alike = (each.settings for each in among)
    asked = {each.init for each in alike if (each.act_name, each.init_name) == kind}
    return settings.init_name if len(asked) == 1 else settings.init


def _signals(trained: Sequence[Training]) -> str:
    """Return what is compared from layer to layer."""
    signals = {each.settings.signal for each in trained}
    if len(signals) > 1:
        return f"‖∂L/∂a‖, or ‖∂L/∂f‖ for another block than {PLAIN},"
    return f"‖∂L/∂{signals.pop()}‖"


def _lifted(trained: Sequence[Training]) -> Iterator[Said]:
    """Yield that the first layer is no block, where that is so."""
    settings = next((each.settings for each in trained if each.settings.lifts), None)
    if settings is not None:
        sizes = settings.chain.model.sizes
        yield Said(
            "layer 1",
            f"{PLAIN} where the block does not fit: it takes {sizes[0]:,} values and gives"
            f" {sizes[1]:,}",
        )


def kinds(trained: Sequence[Training]) -> dict[str, list[Training]]:
    """Return the networks that differ in depth only, by their label, shallow ones first."""
    found: dict[str, list[Training]] = {}
    for each in sorted(trained, key=lambda each: each.settings.layers):
        found.setdefault(label(each, trained), []).append(each)
    return {name: found[name] for name in dict.fromkeys(label(each, trained) for each in trained)}


def _log10_grad_w(k: int) -> Callable[[State], float]:
    return lambda state: float(state.log10_grad_w[k])


def _log10_ratio(state: State) -> float:
    return state.log10_ratio


def _change(k: int) -> Callable[[State], float]:
    return lambda state: float(state.change[k])


def _axis(trained: Sequence[Training]) -> Decades:
    """Return the decades that hold every gradient of a kept history."""
    return Decades.holding(
        training.quantile(epoch, _log10_grad_w(k))
        for training in trained
        for epoch in range(training.settings.epochs + 1)
        for k in range(training.settings.layers + 1)
    )


def title(trained: Sequence[Training]) -> str:
    """Return what was trained, in one line."""
    settings = trained[0].settings
    lr = settings.lr_used
    blocks = {each.settings.block for each in trained}
    of_a_block = len(blocks) == 1 and blocks != {PLAIN}
    parts = [
        settings.source.name,
        f"block {settings.block}" if of_a_block else "",
        f"width {settings.width}",
        f"{settings.hidden} inside" if settings.hidden is not None else "",
        f"{settings.optimizer} with lr {lr:g}",
        f"batch {settings.batch}",
        plural(settings.epochs, "epoch"),
        f"{settings.trials:,} trials" if settings.trials > 1 else "",
        f"seed {settings.seed}",
    ]
    return " · ".join(part for part in parts if part)


def _percent(share: Cell) -> str:
    return f"{100.0 * share:.1f}" if isinstance(share, float) else ""


def _number(value: Cell) -> str:
    return short(value) if isinstance(value, float) else ""


def _power(log10: float) -> str:
    """Return 10^log10, 0 for a true zero, and nothing for what has diverged."""
    if math.isfinite(log10):
        return short_power(log10)
    return "0" if log10 < 0.0 else ""


def _outcome(training: Training) -> str:
    """Return what came of it, and of how many of several trials."""
    share = training.outcome_share
    if share == 1.0:
        return training.outcome.value
    return f"{training.outcome.value} {percent(share)} %"


def _findings(trained: Sequence[Training]) -> tuple[Finding, ...]:
    """Return a verdict on the deepest network of each kind."""
    found = kinds(trained)
    return tuple(
        Finding(networks[-1].outcome.value, name, explain(networks))
        for name, networks in found.items()
    )
