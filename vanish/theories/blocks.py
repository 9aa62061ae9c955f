"""What mean-field theory says of a block: where its values settle, and what it does to a gradient.

How a chain of any blocks goes on is for `chains` to find; of the article's layer it is known
without a walk, see `infinitewidth`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import UsageError
from vanish.gauss import moments
from vanish.gauss.quadrature import NoLawError
from vanish.network import initializers
from vanish.network.formulas.named import NAMED
from vanish.network.graph import Graph
from vanish.numbers.scaled import Magnitude
from vanish.numbers.stack import Magnitudes
from vanish.readings.meanfield import MEAN_FIELD
from vanish.records import Record
from vanish.system import memory
from vanish.theories import chains, growth, infinitewidth
from vanish.theories.blockcrossing import critical_point, depends_on_depth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vanish.network.activations import Activation
    from vanish.network.blocks import Formula
    from vanish.readings.meanfield import Ensemble
    from vanish.readings.sources import Unit

# weight_std of all matrices, or of each by its letter.
Stds = float | tuple[tuple[str, float], ...]


class BlockPoint(Record):
    """What mean-field theory says of one block and activation at one point.

    Attributes
    ----------
    block, formula
        What it is called, its formula where it has no name; and its formula.
    act
        The activation's name.
    weight_std
        W's entries have variance weight_std²/n_in, those of all matrices or by their letters.
    bias_std
        b's have bias_std².
    p_star, q_star
        E f² and E a² where the chain leads: infinite where they grow without bound, None where
        they do not settle. Of a block that depends on the number of layers, those of layer N.
    chi
        By what one block multiplies E‖∂L/∂f‖² there.
    growth
        What becomes of that over many blocks, in words.
    critical_weight_std
        The weight_std of all matrices at which χ is 1 at a fixed point; None where there is none.
    reason
        Why there is none, or no law at all; else empty.
    """

    block: str
    formula: str
    act: str
    weight_std: Stds
    bias_std: float
    p_star: float | None
    q_star: float | None
    chi: float | None
    growth: str
    critical_weight_std: float | None
    reason: str


class BlockLayer(Record):
    """What mean-field theory says of one layer.

    Attributes
    ----------
    layer
        k.
    p, q
        E f_k² and E a_k²; None for q where nothing is called a.
    chi
        By what block k multiplies E‖∂L/∂f‖².
    log10_predicted_f
        log10 of the root mean square of ‖∂L/∂f_k‖ for ‖∂L/∂f_N‖ = 1; None for 0.
    """

    layer: int
    p: Magnitude
    q: Magnitude | None
    chi: float
    log10_predicted_f: float | None


class Setting(Record):
    """What a block and its parameters are.

    Attributes
    ----------
    formula
        The block.
    activation
        S.
    weight_std
        Of all matrices, or of each by its letter.
    bias_std
        The standard deviation of the biases.
    input_rms
        The root mean square of the input's entries, whose mean is 0.
    """

    formula: Formula
    activation: Activation
    weight_std: Stds
    bias_std: float = 0.0
    input_rms: float = 1.0


# N where nobody says it, as of `vanish` itself.
_LAYERS = 20

# What a layer of a profile takes, together with all that is kept on the way to it.
_BYTES_A_LAYER = 4000


def survey(
    settings: Iterable[Setting], layers: int | None = None
) -> tuple[list[BlockPoint], list[list[BlockLayer]] | None]:
    """Return a point for each setting; and with a number of layers the layers of each."""
    if layers is not None:
        needed = _BYTES_A_LAYER * layers
        memory.require(needed, f"theory of {layers:,} layers", "give fewer --layers")
    asked = [*settings]
    points = [point(each, layers or _LAYERS) for each in asked]
    return points, None if layers is None else [profile(each, layers) for each in asked]


def point(setting: Setting, layers: int = _LAYERS) -> BlockPoint:
    """Return what theory says of one block and activation at one point.

    Parameters
    ----------
    setting
        What they are.
    layers
        N, where the block depends on it.

    Raises
    ------
    UsageError
        If a standard deviation or `input_rms` is out of range, or is one of a parameter that
        the block has not.
    """
    stds = _by_letter(setting)
    formula, activation, weight_std, bias_std, _ = setting
    reason = refusal(formula, activation)
    p, q, chi, words, critical = None, None, None, "", infinitewidth.Critical()
    if not reason:
        critical = critical_point(formula, activation, bias_std)
        try:
            p, q, chi, words = _limit(setting, chains.Alike(activation, stds, bias_std), layers)
        except NoLawError as error:  # here, be there one elsewhere
            reason = f"no law for {error.reason}"
    return BlockPoint(
        formula.name or formula.text,
        formula.text,
        activation.name,
        weight_std,
        bias_std,
        p,
        q,
        chi,
        words,
        critical.weight_std,
        reason or critical.reason,
    )


def profile(setting: Setting, layers: int = _LAYERS) -> list[BlockLayer]:
    """Return what theory says of every layer of a chain of N blocks, layer 1 first.

    Parameters are those of `point`. The list is empty where theory has no law.
    """
    formula, activation, _, bias_std, input_rms = setting
    ensemble = chains.Alike(activation, _by_letter(setting), bias_std)
    if refusal(formula, activation):
        return []
    start = chains.given(Magnitude.of(input_rms) * Magnitude.of(input_rms))
    try:
        found = chains.walk(formula.block(layers), ensemble, start, layers)
    except NoLawError:  # see `point`
        return []
    # ∂L/∂f_N, and of each other layer what the blocks behind it make of that.
    behind, _ = found.chi.products_behind(Magnitudes.of(np.ones(1)))
    squares = behind.at((..., 0)).listed()
    q = iter(found.q or ())
    return [
        BlockLayer(k, p, next(q, None), chi, None if not square else 0.5 * (square.log10 or 0.0))
        for k, (p, chi, square) in enumerate(zip(found.p, found.factors, squares, strict=True), 1)
    ]


def refusal(formula: Formula, activation: Activation) -> str:
    """Return why theory has no law for a block, or an empty text."""
    reason = MEAN_FIELD.refusal(Graph((formula.block(1), 1)))
    if not reason:
        return ""
    known = ""
    if formula.text == NAMED.get("batchnorm").text and activation.name == "relu":
        # Yang et al. 2019, "A mean field theory of batch normalization".
        known = "; over a large batch relu's factor tends to π/(π - 1) = 1.467"
    return f"no law for {reason}{known}"


def weight_stds(
    formula: Formula,
    activation: Activation,
    given: Stds | None = None,
    init: str = initializers.AUTO,
) -> Stds:
    """Return the weight_std of a block's matrices between layers of equal width.

    Parameters
    ----------
    formula, activation
        The block, and S.
    given
        Of all matrices, or of some by their letters.
    init
        The initialiser of those of which nothing is said.

    Raises
    ------
    UsageError
        If a letter is none of the block's matrices.
    """
    if isinstance(given, float):
        return given
    drawn = initializers.get(activation.init if init == initializers.AUTO else init)
    std = drawn.std_between()
    if given is None:
        return std
    by_letter = dict(given)
    _require_matrices(formula, by_letter)
    return tuple((letter, by_letter.get(letter, std)) for letter in formula.matrices)


def _require_matrices(formula: Formula, letters: Iterable[str]) -> None:
    for letter in letters:
        if letter not in formula.matrices:
            raise UsageError(
                f"weight_std of {letter} beside block {formula.text!r}: give letters of its"
                f" matrices: {', '.join(formula.matrices)}"
            )


def _by_letter(setting: Setting) -> dict[str, float]:
    """Return the weight_std of each matrix, once all numbers are known to be in range."""
    formula, _, weight_std, bias_std, input_rms = setting
    if bias_std != 0.0:
        infinitewidth.require("bias_std", bias_std, "0, or ")
        if not formula.has_bias:
            raise UsageError(
                f"bias_std beside block {formula.text!r}, which has no bias: leave out bias_std,"
                " or add + b"
            )
    infinitewidth.require("input_rms", input_rms)
    stds = (
        dict(weight_std)
        if isinstance(weight_std, tuple)
        else dict.fromkeys(formula.matrices, float(weight_std))
    )
    _require_matrices(formula, stds)
    for each in stds.values():
        infinitewidth.require("weight_std", each)
    return stds


def _limit(setting: Setting, ensemble: Ensemble, layers: int) -> chains.Limit:
    """Return where the blocks lead; of one that depends on their number, the last of so many."""
    formula, square = setting.formula, Magnitude.of(setting.input_rms)
    start = chains.given(square * square)
    if formula.is_plain:
        return _plain_limit(setting, ensemble, start)
    if depends_on_depth(formula):
        return chains.limit_of_depth(formula, ensemble, start, layers)
    return chains.limit(formula.block(layers), ensemble, start)


def _plain_limit(setting: Setting, ensemble: Ensemble, start: Unit) -> chains.Limit:
    """Return the limit of the article's layer, as `infinitewidth` has it."""
    _, activation, std, bias_std, input_rms = setting
    weight_std = dict(std)["W"] if isinstance(std, tuple) else std
    q = infinitewidth.fixed_point(activation, weight_std, bias_std, input_rms)
    chi = weight_std * weight_std * infinitewidth.slopes(activation, q)[0]
    # Where q is 0 or infinite, so is V(q): see `infinitewidth`.
    p = moments.at(activation, q).v if 0.0 < q < math.inf else q
    words = growth.settled(chi)
    if words == growth.STAYS:
        walked = chains.walk(setting.formula.block(1), ensemble, start, chains.MOST)
        words = growth.tending(walked.factors) or growth.UNSETTLED
    return chains.Limit(p, q, chi, words)
