"""What settings do not go together, though each is fine alone: each rule raises ConflictError."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import ConflictError, UsageError
from vanish.network import activations, initializers, losses
from vanish.network.registry import choice
from vanish.network.sizes import least_rows, sizes
from vanish.numbers.words import plural
from vanish.simulation.modelling import given_depth
from vanish.simulation.names import ENGINE_NAMES, SAMPLED
from vanish.simulation.sample import given_steps, rows_of
from vanish.simulation.table import PLAIN, SETTINGS
from vanish.simulation.thresholds import Thresholds

if TYPE_CHECKING:
    from vanish.network.arrays import Rows
    from vanish.network.filegraph import FileNetwork
    from vanish.simulation.settings import Settings


def require_known_names(settings: Settings) -> None:
    """Require activations and initialisers that there are: they are looked up."""
    for act in settings.model.acts.kinds:
        activations.get(act)
    if settings.init != initializers.AUTO:
        initializers.get(settings.init)
    if settings.bias_init is not None:
        initializers.get_of_biases(settings.bias_init)
    stds = settings.weight_std
    if stds is not None:
        for std in [each for _, each in stds] if isinstance(stds, tuple) else [stds]:
            initializers.from_weight_std(std)


def require_order(settings: Settings) -> None:
    """Require thresholds that are some, see `Thresholds`."""
    Thresholds(settings.vanish_below, settings.explode_above)


def require_one_block(settings: Settings) -> None:
    """Require that no other block is given than the one that a network was saved with."""
    network = settings.weights
    if network is not None and network.graph is not None:
        _require_nothing_of_its_own(settings, network)
    if network is None or network.block is None:
        return
    own = network.block.text
    if settings.block not in ("", own):
        raise ConflictError(
            f"block {settings.block!r} beside weights: {network.name} is of {own!r}: leave out"
            " block",
            *("block", "weights"),
        )


def _require_nothing_of_its_own(settings: Settings, network: FileNetwork) -> None:
    """Require that nothing is said of a network whose file has its graph, and so says it."""
    act = SETTINGS["act"].default
    said = {
        "act": settings.act != act,
        "layer_acts": settings.layer_acts is not None,
        "last_act": settings.last_act is not None,
        "block": settings.block not in ("", PLAIN),
        "init": settings.init != initializers.AUTO,
        "steps": settings.steps is not None,
    }
    for other, is_said in said.items():
        if is_said:
            raise ConflictError(
                f"{other} beside weights: {network.name} holds its own graph, with its"
                f" activations and sizes: leave out {other}",
                *(other, "weights"),
            )


def require_one_shape(settings: Settings) -> None:
    """Require that sizes, parameters and activations are each said once."""
    if settings.weights is not None:
        _require_nothing_drawn(settings, settings.weights.name)
    elif settings.widths is not None:
        widths = settings.widths
        if len(widths) < 2:
            listed = ",".join(map(str, widths))
            raise UsageError(f"widths {listed}: give at least two sizes, input first")
        if settings.width is not None:
            raise ConflictError("width beside widths: give one of them", "width", "widths")
        if settings.layers is not None and settings.layers != len(widths) - 1:
            raise ConflictError(
                f"layers {settings.layers} beside widths of {plural(len(widths) - 1, 'layer')}:"
                " leave out layers",
                *("layers", "widths"),
            )
    if settings.weight_std is not None and settings.init != initializers.AUTO:
        raise ConflictError(
            f"weight_std beside init {settings.init}: both set the weights: give one of them",
            *("weight_std", "init"),
        )
    if settings.bias_std and settings.bias_init is not None:
        raise ConflictError(
            f"bias_std beside bias_init {settings.bias_init}: both set the biases: give one of"
            " them",
            *("bias_std", "bias_init"),
        )
    if settings.layer_acts is not None:
        _require_one_act_a_layer(settings, settings.layer_acts)
    if isinstance(settings.gain, tuple):
        _require_one_gain_a_layer(settings, settings.gain)


def _require_nothing_drawn(settings: Settings, name: str) -> None:
    """Require that nothing is said of a network's weights beside the weights."""
    for other in ("layers", "width", "widths", "weight_std", "hidden", "bias_init"):
        if getattr(settings, other) is not None:
            raise ConflictError(
                f"{other} beside weights: {name} has sizes and weights of its own: leave out"
                f" {other}",
                *(other, "weights"),
            )
    is_drawn = settings.init not in (initializers.AUTO, initializers.LSUV)
    if is_drawn or settings.bias_std:
        other = "bias_std" if settings.bias_std else "init"
        raise ConflictError(
            f"{other} beside weights: {name} holds its parameters: leave out {other}",
            *(other, "weights"),
        )


def _require_one_act_a_layer(settings: Settings, acts: tuple[object, ...]) -> None:
    if settings.last_act is not None:
        raise ConflictError(
            "last_act beside layer_acts, which names the last one, too: give one of them",
            *("last_act", "layer_acts"),
        )
    depth = given_depth(settings)
    if depth not in (None, len(acts)):
        raise ConflictError(
            f"layer_acts names {plural(len(acts), 'activation')} for {plural(depth or 0, 'layer')}:"
            " give one a layer",
            *("layer_acts", "layers", "widths", "weights"),
        )
    if not acts:
        raise UsageError("layer_acts is empty: give one activation a layer")


def _require_one_gain_a_layer(settings: Settings, gains: tuple[float, ...]) -> None:
    if settings.last_gain is not None:
        raise ConflictError(
            "last_gain beside a gain for each layer, the last one too: give one of them",
            *("last_gain", "gain"),
        )
    depth = settings.model.depth
    if len(gains) != depth:
        raise ConflictError(
            f"gain of {plural(len(gains), 'number')} for {plural(depth, 'layer')}: give one number,"
            " or one a layer",
            *("gain", "layers", "widths", "layer_acts", "weights"),
        )


def require_fitting_block(settings: Settings) -> None:
    """Require that a block has what is said of it, and sizes and rows that its norms take."""
    model = settings.model
    if model.graph.stages:
        _require_matrices_apart(settings)
        return  # its file says it all
    least = max(least_rows(block) for block, _, _ in model.graph.runs)
    if settings.rows < least:
        raise ConflictError(
            f"block {settings.block!r} of a batch of {settings.rows}: BN compares the rows of a"
            f" batch: give batch {least} or more",
            *("block", "batch", "input"),
        )
    if (settings.bias_std or settings.bias_init is not None) and not model.biases:
        other = "bias_std" if settings.bias_std else "bias_init"
        raise ConflictError(
            f"{other} beside block {settings.block!r}, which has no bias: leave out {other}, or"
            " add + b",
            *(other, "block"),
        )
    if isinstance(settings.gain, tuple) or settings.last_gain is not None:
        _require_untied(settings)
    if isinstance(settings.weight_std, tuple):
        for letter, _ in settings.weight_std:
            if letter not in model.matrices:
                raise ConflictError(
                    f"weight_std of {letter} beside block {settings.block!r}: give letters of its"
                    f" matrices: {', '.join(model.matrices)}",
                    *("weight_std", "block"),
                )
    if settings.hidden is not None and not _leaves_a_size_open(settings):
        raise ConflictError(
            f"hidden {settings.hidden} beside block {settings.block!r}, which leaves no size open:"
            " leave out hidden",
            *("hidden", "block"),
        )
    if settings.steps is not None:
        _require_steps(settings, settings.steps)
    elif (steps := given_steps(settings)) and rows_of(steps) not in (1, settings.rows):
        assert settings.weights is not None
        raise ConflictError(
            f"{settings.weights.name}: u of {rows_of(steps)} rows for a batch of {settings.rows}:"
            f" give {rows_of(steps)} rows of input, or steps",
            *("weights", "batch", "input", "steps"),
        )


def _require_untied(settings: Settings) -> None:
    tied = [slot for block, _, _ in settings.model.graph.runs for slot in block.slots if slot.tied]
    if tied:
        what, remedy = _own_gains(settings)
        raise ConflictError(
            f"{what} beside block {settings.block!r}, whose layers share {tied[0].letter}:"
            f" {remedy}",
            *("gain", "last_gain", "block"),
        )


def _require_matrices_apart(settings: Settings) -> None:
    """Require that of a file's graph no matrix is met twice that is to have gains of its own."""
    stages = settings.model.graph.stages
    has_own = settings.last_gain is not None or isinstance(settings.gain, tuple)
    if has_own and len({stage.weight for stage in stages}) < len(stages):
        what, remedy = _own_gains(settings)
        raise ConflictError(
            f"{what} beside weights, which meet a matrix twice: {remedy}",
            *("gain", "last_gain", "weights"),
        )


def _own_gains(settings: Settings) -> tuple[str, str]:
    """Return what gives layers gains of their own, and what to do about it."""
    if settings.last_gain is not None:
        return f"last_gain {settings.last_gain:g}", "leave out last_gain"
    return "a gain for each layer", "give one gain"


def _leaves_a_size_open(settings: Settings) -> bool:
    return any(
        sizes(block, n_in, n_out, 1).places != sizes(block, n_in, n_out, 2).places
        for block, _, _, (_, _, (n_in, *_, n_out)) in settings.model.sections
    )


def _require_steps(settings: Settings, steps: Rows) -> None:
    rows, columns = steps.values.shape
    needed = settings.model.step_sizes
    if not needed:
        raise ConflictError(
            f"steps beside block {settings.block!r}, which has no input u of its own: leave out"
            " steps, or add U u",
            *("steps", "block"),
        )
    if rows != settings.model.depth:
        raise ConflictError(
            f"{steps.name}: {rows} rows for {settings.model.depth} layers: give a row a layer",
            *("steps", "layers", "widths"),
        )
    if {*needed.values()} != {columns}:
        size = next(size for size in needed.values() if size != columns)
        raise ConflictError(
            f"{steps.name}: rows of {columns} numbers for a u of {size}: give rows of {size}",
            *("steps", "hidden", "block"),
        )


def require_fitting_data(settings: Settings) -> None:
    """Require an input that the network takes, and a target that the loss does."""
    if settings.input is not None:
        rows, columns = settings.input.values.shape
        if settings.batch is not None:
            raise ConflictError(
                f"batch beside input: {settings.input.name} has {plural(rows, 'row')}: leave out"
                " batch",
                *("batch", "input"),
            )
        if columns != settings.model.n_in:
            raise ConflictError(
                f"{settings.input.name}: rows of {plural(columns, 'number')} for a chain of"
                f" {plural(settings.model.n_in, 'input')}: give rows of {settings.model.n_in}",
                *("input", "widths", "weights"),
            )
    if settings.target is not None:
        loss = losses.get(settings.loss)
        if not loss.takes_target:
            raise ConflictError(
                f"target beside loss {settings.loss}: it takes none: leave it out, or give loss"
                f" {' or '.join(losses.names_with_target())}",
                *("target", "loss"),
            )
        if loss.takes_classes:
            _require_classes(settings, settings.target)
        else:
            _require_rows(settings, settings.target)


def _require_rows(settings: Settings, target: Rows) -> None:
    """Require a target of as many numbers as the output has, for one row or each."""
    rows, columns = target.values.shape
    n_out, loss = settings.model.n_out, losses.get(settings.loss)
    if columns != n_out:
        raise ConflictError(
            f"{target.name}: rows of {plural(columns, 'number')} for a chain of"
            f" {plural(n_out, 'output')}: give rows of {n_out}",
            *("target", "loss", "width", "widths", "weights"),
        )
    if rows not in (1, settings.rows):
        raise ConflictError(
            f"{target.name}: {plural(rows, 'row')} for a batch of {settings.rows}: give"
            f" {_or_as_many(settings, rows)}",
            *("target", "loss", "batch", "input", "weights"),
        )
    wrong = np.argwhere((target.values != 0.0) & (target.values != 1.0))
    if loss.takes_bits and len(wrong):
        index = ", ".join(str(i + 1) for i in wrong[0])
        raise ConflictError(
            f"{target.name}: entry {index} is {target.values[tuple(wrong[0])]}: give loss"
            f" {loss.name} a target of zeros and ones",
            *("target", "loss"),
        )


def _or_as_many(settings: Settings, rows: int) -> str:
    """Return how many rows a target may have, or what lets it have as many as it has."""
    if settings.rows > 1:
        return f"1 or {settings.rows}"
    return "1" if settings.input is not None else f"1, or --batch {rows}"


def _require_classes(settings: Settings, target: Rows) -> None:
    """Require a target of one class for each row of the input, or one for all."""
    classes, n_out = target.values.ravel(), settings.model.n_out
    if min(target.values.shape) > 1 or classes.size not in (1, settings.rows):
        what = " × ".join(map(str, target.values.shape))
        many = settings.rows > 1
        classes_wanted = f"one class a row, 1 or {settings.rows} of them" if many else "one class"
        raise ConflictError(
            f"{target.name}: {what} numbers as the target of {plural(settings.rows, 'row')}: give"
            f" loss cross_entropy {classes_wanted}",
            *("target", "loss", "batch", "input", "weights"),
        )
    wrong = (classes != np.floor(classes)) | (classes < 0.0) | (classes >= n_out)
    if wrong.any():
        first = int(wrong.argmax())
        raise ConflictError(
            f"{target.name}: class {first + 1} is {classes[first]:g}: give whole numbers from"
            f" 0 to {n_out - 1}, for a chain of {plural(n_out, 'output')}",
            *("target", "loss", "width", "widths", "weights"),
        )


def require_one_output(settings: Settings) -> None:
    """Require that what the loss applies to f_N is not applied twice."""
    loss = losses.get(settings.loss)
    last = activations.get(settings.model.acts.kinds[-1]).name
    if last in loss.contains:
        remedy = "end layer_acts with" if settings.layer_acts else "give --last-act"
        raise ConflictError(
            f"loss beside last activation {last}: {loss.name} contains the output {last}:"
            f" {remedy} identity",
            *("loss", "act", "last_act", "layer_acts"),
        )


def require_engine(settings: Settings) -> None:
    """Require an engine that there is, and that can run these settings."""
    choice("engine", settings.engine, ENGINE_NAMES)
    if settings.engine == SAMPLED and settings.needs_matrices:
        raise ConflictError(
            f"engine sampled beside {settings.needs_matrices}, which it cannot draw in law:"
            " give engine dense",
            *("engine", "weights", "norm_bound", "init", "weight_std"),
            *("act", "layer_acts", "last_act"),
        )
