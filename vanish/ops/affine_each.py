"""W f + b at each position of a row, or with W turned round: what a file makes of a matrix.

A row of n values is n/n_in positions, one after the other, as in a batch of sequences. Turned round
it is Wᵀ f + b, where a file uses a matrix both ways: its gradient is the sum of both. The slots are
W and b, or W alone; the two are what it knows by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.numbers.scaled import Scaled
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE, Outer, Total
from vanish.readings.passing import passed_on
from vanish.readings.slopes import SLOPES
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.numbers.scaled import Magnitude
    from vanish.numbers.stack import Magnitudes
    from vanish.readings.bounds import TraceNorms

_AFFINE = "affine"


class Positions(Record):
    """How the matrix is used.

    Attributes
    ----------
    number
        How many positions a row has.
    turned
        Whether it is Wᵀ that is applied.
    """

    number: int
    turned: bool = False


def _at_each(rows: Scaled, count: int) -> Scaled:
    return Scaled(rows.values.reshape(len(rows.values) * count, -1), rows.exponent)


def _in_rows(positions: Scaled, count: int) -> Scaled:
    return Scaled(positions.values.reshape(len(positions.values) // count, -1), positions.exponent)


def _dense_forward(run: Chain, op: Op, k: int, f: Scaled) -> tuple[Scaled, Scaled]:
    count, turned = op.own
    f = _at_each(f, count)
    if not turned:
        a, kept = DENSE.named(_AFFINE).forward(run, op, k, f)
        return _in_rows(a, count), kept
    weight, *biases = run.of(op, k)
    f = f.normalized()
    a = weight.backward(f)
    a = a + Scaled(biases[0]) if biases else a.settled()
    return _in_rows(a, count), f


def _dense_back(run: Chain, op: Op, k: int, kept: Scaled, d: Scaled) -> tuple[Scaled]:
    count, turned = op.own
    d = _at_each(d, count)
    if not turned:
        (found,) = DENSE.named(_AFFINE).back(run, op, k, kept, d)
    else:
        found = run.of(op, k)[0].forward(d)
    return (_in_rows(found, count),)


def _dense_by(_: Chain, op: Op, __: int, f: Scaled, d: Scaled) -> tuple[Outer | Total, ...]:
    count, turned = op.own
    d = _at_each(d, count)
    by_weight = Outer((f, d) if turned else (d, f))
    return (by_weight, Total(d)) if len(op.slots) > 1 else (by_weight,)


DENSE.means("affine_each", forward=_dense_forward, back=_dense_back, by=_dense_by)


def _input_norm(_: TraceNorms, __: Op, ___: int, f: Scaled) -> tuple[None, Magnitude]:
    # ‖F‖_F of all positions is that of the rows, and so is what W makes of them.
    return None, f.norm()


def _by_spectral_norm(
    run: TraceNorms, op: Op, layers: range, _: Magnitudes, d: Magnitudes
) -> tuple[Magnitudes]:
    return (d * run.spectral(op, layers),)


def _by_input_norm(
    run: TraceNorms, op: Op, layers: range, f: Magnitudes, d: Magnitudes
) -> tuple[Magnitudes, ...]:
    # ‖Σ d‖ ≤ √(B T) ‖D‖_F over all T positions of B rows.
    root = run.root_of_rows(layers, op.own.number)
    return (d * f, d * root) if len(op.slots) > 1 else (d * f,)


BOUND.means("affine_each", forward=_input_norm, back=_by_spectral_norm, by=_by_input_norm)


def _passed_on_by(_: object, op: Op, __: range, ___: None, d: Magnitudes) -> tuple[Magnitudes, ...]:
    return (d,) * len(op.slots)


SLOPES.means("affine_each", back=passed_on, by=_passed_on_by)
