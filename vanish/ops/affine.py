"""a = W f + b, in every reading; its slots are W and b, or W alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.chainrule import Reading
from vanish.network.weights import Matrix, Weight
from vanish.numbers.scaled import Scaled
from vanish.numbers.stack import Norms, Stack, norms_of, norms_of_sum, product
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE, Outer, Total
from vanish.readings.meanfield import MEAN_FIELD
from vanish.readings.passing import passed_on
from vanish.readings.slopes import SLOPES
from vanish.readings.sources import Cotangent, normal
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.network.chain import Chain
    from vanish.network.graph import Op
    from vanish.network.sizes import Unification
    from vanish.numbers.scaled import FloatArray, Magnitude
    from vanish.numbers.stack import Exponents, Frame, Magnitudes
    from vanish.readings.affinemap import AffineMap
    from vanish.readings.bounds import TraceNorms
    from vanish.readings.inplace import Cell, Passes
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.names import Called
    from vanish.readings.products import Product
    from vanish.readings.sampled import SampledChain
    from vanish.readings.slopes import Counting
    from vanish.readings.sources import Unit
    from vanish.readings.written import Written


def _dense_forward(run: Chain, op: Op, k: int, f: Scaled) -> tuple[Scaled, Scaled]:
    weight, *biases = run.of(op, k)
    bias = biases[0] if biases else None
    f = f.safe()
    a = weight.forward(f)
    return (a.settled() if bias is None else a + Scaled(bias)), f


# Rounding of a sum of n terms, times n: as much as all of it.
_ROUNDING = 16.0 * 2.0**-52


def _dense_back(run: Chain, op: Op, k: int, _: Scaled, d: Scaled) -> tuple[Scaled]:
    weight = run.of(op, k)[0]
    found = weight.backward(d)
    if (alike := _is_of_one_number(weight)) or run.graph.block(k).has_norm:
        _drop_rounding(found.values, d.values, weight, alike=alike)
    return (found,)


def _is_of_one_number(weight: Weight) -> bool:
    """Tell whether W has rows, all of the same number: seldom, and else its ends differ."""
    entries = weight.matrix.entries
    first = entries.item(0)
    return len(entries) > 1 and first == entries.item(-1) and bool((entries == first).all())


def _drop_rounding(found: FloatArray, d: FloatArray, weight: Weight, *, alike: bool) -> None:
    """Make 0 of what is rounding alone in Wᵀd.

    What a norm hands back is at right angles to what it was given: of an input of one active unit
    that is the unit's column of W, so that nothing is left of it but that. Of a W of one number
    nothing is left of a d that adds up to 0, as that of a softmax does.

    Parameters
    ----------
    found, d
        Wᵀd, which is changed, and d.
    weight, alike
        W, and whether all its entries are the same.
    """
    sizes, rounding = np.abs(found), _ROUNDING * d.shape[1]
    few = (sizes > 0.0) & (sizes <= rounding * sizes.max(axis=1, keepdims=True))
    doubtful = np.full(found.shape[1], alike) | few.any(axis=0)
    if doubtful.any():
        terms = np.abs(d) @ np.abs(weight.matrix.entries[:, doubtful])
        terms *= weight.scale.split()[0]
        found[:, doubtful] *= sizes[:, doubtful] > rounding * terms


def _dense_by(_: Chain, op: Op, __: int, f: Scaled, d: Scaled) -> tuple[Outer | Total, ...]:
    by_weight = Outer((d, f))
    return (by_weight, Total(d)) if len(op.slots) > 1 else (by_weight,)


DENSE.means("affine", forward=_dense_forward, back=_dense_back, by=_dense_by)


def terms(weight: Weight, bias: FloatArray | None, f: Scaled) -> Scaled:
    """Return |W||f| + |b|, the sizes of what is added up in W f + b, shape (B, n_out)."""
    rows = abs(f).normalized()
    sizes = Weight(Matrix(np.abs(weight.matrix.entries)), weight.scale).forward(rows)
    if bias is not None:
        sizes += Scaled(np.abs(bias))
    return sizes.normalized()


class Met(Record):
    """What the way back needs to know of a matrix that was never drawn.

    Attributes
    ----------
    coefficients, frame, exponents
        f_{k-1} = coefficients · frame · 2^exponents, of shapes (T, B, r), (T, r, n_{k-1}) and
        (T,) or one for all.
    squares
        ‖coefficients‖², shape (T,).
    response
        What W_k, unscaled, makes of the frame.
    """

    coefficients: FloatArray
    frame: Frame
    exponents: Exponents
    squares: FloatArray
    response: FloatArray


def _sampled_forward(run: SampledChain, op: Op, k: int, f: Stack) -> tuple[Stack, Met]:
    matrix, *vectors = op.slots
    weight = run.weight(matrix, k)
    response = weight.matrix.response(run.forward_normals(matrix, k))
    coefficients, frame = f.coordinates
    values = product(weight.factor * coefficients, response[..., : weight.n_out])
    a = Stack(values, f.exponents + weight.shift if weight.shift else f.exponents)
    bias = run.bias(vectors[0], k, weight.n_out) if vectors else None
    met = Met(coefficients, frame, f.exponents, f.squares, response)
    return (a if bias is None else a + bias), met


def _sampled_back(run: SampledChain, op: Op, k: int, met: Met, d: Stack) -> tuple[Stack]:
    matrix = op.slots[0]
    weight = run.weight(matrix, k)
    normals = run.backward_normals(matrix, k)
    values, shadow = weight.matrix.pull_back(d, met.frame, met.response, normals, weight.factor)
    run.note_shadow(matrix, k, shadow)
    if run.graph.block(k).has_norm:
        # As in `_drop_rounding`; the entries of a random matrix are all alike.
        sizes = np.abs(values)
        rounding = _ROUNDING * d.values.shape[2]
        values *= sizes > rounding * sizes.max(axis=2, keepdims=True)
    exponents = d.exponents + weight.shift if weight.shift else d.exponents
    return (Stack(values, exponents).balanced(),)


def _sampled_by(_: SampledChain, op: Op, __: int, met: Met, d: Stack) -> tuple[Norms, ...]:
    exponents = d.exponents + met.exponents
    if d.values.shape[1] == 1:
        by_weight = Norms(d.squares * met.squares, exponents)
    else:
        # ‖Σ_b d_b f_bᵀ‖ = ‖KᵀC‖ for D = K P and F = C Q with orthonormal rows of P and Q. Large
        # rows of D may meet small ones of F: a norm behind W makes them so.
        core = d.coefficients.swapaxes(1, 2) @ met.coefficients
        by_weight = norms_of(Stack(core, exponents).balanced())
    return (by_weight, norms_of_sum(d)) if len(op.slots) > 1 else (by_weight,)


Reading.called("sampled").means(
    "affine", forward=_sampled_forward, back=_sampled_back, by=_sampled_by
)


def _inplace_forward(run: Passes, op: Op, k: int, f: Cell) -> tuple[Cell, Cell]:
    weight, *biases = run.of(op, k)
    transposed = weight.T
    a = f.with_rows(np.empty((len(f.rows), len(weight))))
    f.then(lambda: np.matmul(f.rows, transposed, a.rows))
    for bias in biases:
        f.then(partial(np.add, a.rows, bias, a.rows))
    return a, f


def _inplace_back(run: Passes, op: Op, k: int, _: Cell, d: Cell) -> tuple[Cell]:
    weight = run.of(op, k)[0]
    found = d.with_rows(np.empty((len(d.rows), weight.shape[1])))
    d.then(lambda: np.matmul(d.rows, weight, found.rows))
    return (found,)


def _inplace_by(run: Passes, op: Op, k: int, f: Cell, d: Cell) -> tuple[Cell, ...]:
    by_weight, *by_bias = (run.gradient(slot, k) for slot in op.slots)
    d.then(lambda: np.matmul(d.rows.T, f.rows, by_weight.rows))
    for each in by_bias:
        d.then(partial(np.add.reduce, d.rows, axis=0, out=each.rows))
    return by_weight, *by_bias


Reading.called("in-place").means(
    "affine", forward=_inplace_forward, back=_inplace_back, by=_inplace_by
)


def _input_norm(_: TraceNorms, __: Op, ___: int, f: Scaled) -> tuple[None, Magnitude]:
    return None, f.norm()


def _by_spectral_norm(
    run: TraceNorms, op: Op, layers: range, _: Magnitudes, d: Magnitudes
) -> tuple[Magnitudes]:
    return (d * run.spectral(op, layers),)


def _by_input_norm(
    run: TraceNorms, op: Op, layers: range, f: Magnitudes, d: Magnitudes
) -> tuple[Magnitudes, ...]:
    # ‖Σ_b d_b‖ ≤ √B ‖D‖_F, as √B is the norm of B ones.
    return (d * f, d * run.root_of_rows(layers)) if len(op.slots) > 1 else (d * f,)


BOUND.means("affine", forward=_input_norm, back=_by_spectral_norm, by=_by_input_norm)


def _passed_on_by(
    _: Counting, op: Op, __: range, ___: None, d: Magnitudes
) -> tuple[Magnitudes, ...]:
    return (d,) * len(op.slots)


SLOPES.means("affine", back=passed_on, by=_passed_on_by)


def _mean_forward(run: Ensemble, op: Op, k: int, f: Unit) -> tuple[Unit, Magnitude]:
    spread = run.variance(op.slots[0], k) * f.square
    if len(op.slots) > 1:
        spread += run.bias(op.slots[1], k)
    return normal(spread), f.square


def _mean_back(
    run: Ensemble, op: Op, layers: range, _: Magnitudes, d: Cotangent
) -> tuple[Cotangent]:
    # Every entry of dW has variance ‖d‖² Var(W's entries), and there are n_in of them.
    return (Cotangent.of(d.square * run.variances(op.slots[0], layers)),)


def _mean_by(
    run: Ensemble, op: Op, layers: range, square: Magnitudes, d: Cotangent
) -> tuple[Cotangent, ...]:
    by_weight = d.square * (run.n_in(op.slots[0], layers) * square)
    return Cotangent.of(by_weight), *((d,) if len(op.slots) > 1 else ())


MEAN_FIELD.means("affine", forward=_mean_forward, back=_mean_back, by=_mean_by)


def _written(_: None, op: Op, k: int, f: Written) -> tuple[Written, None]:
    return f.affine(*op.slots, layer=k), None


def _weight_symbol(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product]:
    return (so_far.times("Weight", k, called.letters[0]),)


def _by_symbols(_: None, __: Op, k: int, called: Called, so_far: Product) -> tuple[Product, ...]:
    return tuple(
        so_far.by(kind, k, called.upper, letter)
        for kind, letter in zip(("ByWeight", "ByBias"), called.letters, strict=False)
    )


Reading.called("notation").means("affine", forward=_written, back=_weight_symbol, by=_by_symbols)


def _composed(run: Chain, op: Op, k: int, f: AffineMap) -> tuple[AffineMap, None]:
    weight, *biases = run.of(op, k)
    bias = biases[0] if biases else None
    # Wᵀ as rows: what `forward` does to a batch of basis vectors.
    basis = Scaled(f.weight.values.T, f.weight.exponent)
    columns = weight.forward(basis).normalized()
    moved = weight.forward(f.bias)
    if bias is not None:
        moved += Scaled(bias)
    rows = Scaled(columns.values.T, columns.exponent)
    return f._replace(weight=rows, bias=moved.normalized()), None


Reading.called("affine-map").means("affine", forward=_composed)


def _united(run: Unification, op: Op, _: int, f: int) -> tuple[int, None]:
    n_out, n_in = run.parameter(op.slots[0], 2)
    run.unite(n_in, f)
    for bias in op.slots[1:]:
        run.unite(n_out, *run.parameter(bias, 1))
    return n_out, None


Reading.called("size").means("affine", forward=_united)
