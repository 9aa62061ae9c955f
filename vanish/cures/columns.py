"""The columns of `vanish fix`: a row a cure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vanish.columns import Column, Scale, Table
from vanish.simulation.course import Verdict

if TYPE_CHECKING:
    from vanish.cures.fix import Row


def options_of(row: Row) -> str:
    """Return the options that a cure adds or replaces, as a shell takes them."""
    return shlex.join(row.attempt.options)


def _reached(row: Row) -> int | None:
    return None if row.reach is None else row.reach.layers


def _is_open(row: Row) -> bool | None:
    return None if row.reach is None else row.reach.is_open


FIXES: Table[[Row]] = Table(
    ("vanish fix",),
    "a cure, the best one first: what works, then what is stable by its ratio alone; of these the"
    " smallest change, then the ratio nearest to 1 in whole decades",
    Column("cure", Scale.TEXT, "what was tried", lambda row: row.cure.name),
    Column(
        "changes",
        Scale.TEXT,
        "what it changes: weights, activation or architecture",
        lambda row: row.cure.part.value,
    ),
    Column(
        "works",
        Scale.FLAG,
        "whether it is a cure: the run is stable and on further seeds too, its ratio is within 0.01"
        " to 100, no ‖∂L/∂W‖ is 0, and that of layer 1 not smaller than before where it got less of"
        " the signal than layer N",
        lambda row: row.works,
    ),
    Column("verdict", Scale.TEXT, "of the run with it", lambda row: row.after.verdict.value),
    Column(
        "log10_ratio",
        Scale.LOG10,
        "of the signal's ratio, layer 1 to N, with it, the median over the trials; empty where"
        " either is exactly 0",
        lambda row: row.after.log10_ratio,
    ),
    Column(
        "log10_ratio_p05",
        Scale.LOG10,
        "of its 5 % quantile over the trials; empty for one trial, and where it is 0",
        lambda row: row.after.log10_band[0],
    ),
    Column(
        "log10_ratio_p95",
        Scale.LOG10,
        "of its 95 % quantile over the trials; empty for one trial, and where it is 0",
        lambda row: row.after.log10_band[1],
    ),
    Column(
        "log10_ratio_before",
        Scale.LOG10,
        "of the ratio without it; empty where either signal is exactly 0",
        lambda row: row.before.log10_ratio,
    ),
    Column(
        "log10_ratio_before_p05",
        Scale.LOG10,
        "of its 5 % quantile over the trials; empty for one trial, and where it is 0",
        lambda row: row.before.log10_band[0],
    ),
    Column(
        "log10_ratio_before_p95",
        Scale.LOG10,
        "of its 95 % quantile over the trials; empty for one trial, and where it is 0",
        lambda row: row.before.log10_band[1],
    ),
    Column(
        "stable_share",
        Scale.SHARE,
        "the share of the trials that are stable with it",
        lambda row: row.after.shares[Verdict.STABLE.value],
    ),
    Column(
        "log10_grad_w",
        Scale.LOG10,
        "of ‖∂L/∂W_1‖ with it; empty where it is exactly 0",
        lambda row: row.after.grad_w.log10,
    ),
    Column(
        "log10_grad_w_before",
        Scale.LOG10,
        "of ‖∂L/∂W_1‖ without it; empty where it is exactly 0",
        lambda row: row.before.grad_w.log10,
    ),
    Column(
        "layers_held",
        Scale.COUNT,
        "up to how many layers it was stable, of those numbers that were run; empty for what does"
        " not work, and where sizes, activations or gains are listed",
        _reached,
    ),
    Column(
        "held_all",
        Scale.FLAG,
        "whether no number of layers was run that was not stable",
        _is_open,
    ),
    Column(
        "why_not",
        Scale.TEXT,
        "why it is no cure, though it is stable by its ratio",
        lambda row: row.fault or None,
    ),
    Column("options", Scale.TEXT, "what to add to the command, or to replace there", options_of),
    Column(
        "excluded",
        Scale.TEXT,
        "the options that must go, separated by blanks",
        lambda row: " ".join(row.attempt.excluded) or None,
    ),
    Column(
        "command",
        Scale.TEXT,
        "the whole command: with --format json it gives this verdict and these ratios",
        lambda row: row.command,
    ),
    Column(
        "lines",
        Scale.TEXT,
        "the lines of the --framework that do it there; empty without one, and where there are"
        " none",
        lambda row: row.lines or None,
    ),
)
