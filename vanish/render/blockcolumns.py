"""The columns of `vanish theory --block`: points of blocks, and their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.columns import Column, Scale, Table
from vanish.numbers.words import in_full

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.columns import Cell
    from vanish.theories.blocks import BlockLayer, BlockPoint, Stds


def by_letters(weight_std: Stds) -> str | None:
    """Return a weight_std that matrices have by their letters, as it is given; else None."""
    if not isinstance(weight_std, tuple):
        return None
    return ",".join(f"{letter}={in_full(std)}" for letter, std in weight_std)


# What a row about a block says first.
_BLOCK: tuple[Column[[BlockPoint]], ...] = (
    Column("block", Scale.TEXT, "its name, or its formula", lambda point: point.block),
    Column("act", Scale.TEXT, "the activation", lambda point: point.act),
    Column(
        "weight_std",
        Scale.NUMBER,
        "entries of all matrices have variance weight_std²/n_in; empty where they differ",
        lambda point: None if isinstance(point.weight_std, tuple) else point.weight_std,
    ),
    Column(
        "weight_std_by_letter",
        Scale.TEXT,
        "W=1.5,V=0.1 where they differ",
        lambda point: by_letters(point.weight_std),
    ),
    Column(
        "bias_std",
        Scale.NUMBER,
        "the standard deviation of the biases",
        lambda point: point.bias_std,
    ),
)

POINTS: Table[[BlockPoint]] = Table(
    ("vanish theory --block",),
    "a block and an activation at one point",
    *_BLOCK,
    Column("formula", Scale.TEXT, "the block", lambda point: point.formula),
    Column(
        "p_star",
        Scale.NUMBER,
        "the mean square of f that a chain of such blocks leads to; infinite where it diverges,"
        " empty where it does not settle."
        " This and the next two of a block that depends on the number of layers: at the last layer",
        lambda point: point.p_star,
    ),
    Column(
        "q_star",
        Scale.NUMBER,
        "that of a; infinite where it diverges, empty where it does not settle",
        lambda point: point.q_star,
        "that of a, the argument of S",
    ),
    Column(
        "chi",
        Scale.NUMBER,
        "by what a block multiplies the mean of ‖∂L/∂f‖² there",
        lambda point: point.chi,
    ),
    Column(
        "growth",
        Scale.TEXT,
        "what becomes of that mean over l layers, or over all N",
        lambda point: point.growth or None,
    ),
    Column(
        "critical_weight_std",
        Scale.NUMBER,
        "the weight_std of all matrices at which chi is 1 at a fixed point, for this bias_std;"
        " empty where there is none",
        lambda point: point.critical_weight_std,
        "where χ is 1: gradients neither vanish nor explode",
    ),
    Column(
        "reason",
        Scale.TEXT,
        "why there is none, or why theory says nothing",
        lambda point: point.reason or None,
    ),
)


def _of_layer(
    name: str, scale: Scale, meaning: str, get: Callable[[BlockLayer], Cell], gist: str = ""
) -> Column[[BlockPoint, BlockLayer | None]]:
    def of(_: BlockPoint, layer: BlockLayer | None) -> Cell:
        return None if layer is None else get(layer)

    return Column(name, scale, meaning, of, gist)


def _of_its_block(column: Column[[BlockPoint]]) -> Column[[BlockPoint, BlockLayer | None]]:
    return Column(column.name, column.scale, column.meaning, lambda point, _: column.get(point))


# Without a law there is one row, whose layer is None.
LAYERS: Table[[BlockPoint, BlockLayer | None]] = Table(
    ("vanish theory --block --layers",),
    "a layer; one row with a reason, else empty, where theory has no law",
    *map(_of_its_block, _BLOCK),
    _of_layer("layer", Scale.COUNT, "k, from 1 at the input to N", lambda layer: layer.layer),
    _of_layer("p", Scale.EXACT, "the mean square of f_k", lambda layer: layer.p.exact()),
    _of_layer(
        "q",
        Scale.EXACT,
        "that of a_k; empty where nothing is called a",
        lambda layer: None if layer.q is None else layer.q.exact(),
    ),
    _of_layer(
        "chi",
        Scale.NUMBER,
        "by what block k multiplies the mean of ‖∂L/∂f‖²",
        lambda layer: layer.chi,
    ),
    _of_layer(
        "log10_predicted_f",
        Scale.LOG10,
        "of the root mean square of ‖∂L/∂f_k‖ that theory expects for ‖∂L/∂f_N‖ = 1",
        lambda layer: layer.log10_predicted_f,
        "what theory expects where ‖∂L/∂f_N‖ is 1",
    ),
    Column(
        "reason",
        Scale.TEXT,
        "why theory says nothing",
        lambda point, layer: point.reason if layer is None else None,
    ),
)
