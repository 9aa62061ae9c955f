"""Random formulas, as trees; what is written of them is their text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import assume
from hypothesis import strategies as st

from vanish.network.formulas.tree import (
    Bias,
    Bracket,
    Call,
    Factor,
    Input,
    Product,
    Sum,
    Term,
    written,
)
from vanish.network.graph import Slot

if TYPE_CHECKING:
    from vanish.network.formulas.tree import Coefficient, Value

TIED = {letter: letter in "UVc" for letter in "WVRMSUbcd"}


@st.composite
def coefficients(draw: st.DrawFn, depth: int = 2) -> Coefficient:
    """Return a coefficient that float64 holds with any number of layers up to a million."""
    factors = []
    for place in range(draw(st.integers(1, 3))):
        joint = draw(st.sampled_from("*/ ")) if place else ""
        kind = draw(st.sampled_from(["number", "layers", "sqrt", ""])) if depth else "number"
        if kind == "number":
            spelled = draw(st.sampled_from(["2", "0.5", ".25", "1e-3", "3.", "1E2", "1"]))
            factors.append(Factor(joint, spelled))
        elif kind == "layers":
            factors.append(Factor(joint, "layers"))
        else:
            factors.append(Factor(joint, kind, draw(coefficients(depth=depth - 1))))
    return tuple(factors)


def slot(letter: str) -> Slot:
    return Slot(letter, TIED[letter])


@st.composite
def values(draw: st.DrawFn, depth: int) -> Value:
    kinds = ["input", "product", "call", "bracket"] if depth else ["input"]
    kind = draw(st.sampled_from(kinds))
    if kind == "input":
        return Input(draw(st.sampled_from("xxu")))
    if kind == "product":
        return Product(slot(draw(st.sampled_from("WVRMU"))), draw(values(depth - 1)))
    inside = draw(sums(depth - 1))
    first = inside.terms[0]
    if kind == "call":
        # Brackets in brackets are one.
        alone = first.value if len(inside.terms) == 1 and first.is_plain else None
        inside = alone.inside if isinstance(alone, Bracket) else inside
        return Call(draw(st.sampled_from(["S", "LN", "RMS", "BN"])), inside)
    if len(inside.terms) == 1 and first.is_plain:
        assert not isinstance(first.value, Bias)
        return first.value
    return Bracket(inside)


@st.composite
def sums(draw: st.DrawFn, depth: int = 3) -> Sum:
    """Return a tree as texts have them."""
    terms = []
    for place in range(draw(st.integers(1, 3))):
        value = (
            Bias(slot(draw(st.sampled_from("bcd"))))
            if place and draw(st.booleans())
            else draw(values(depth))
        )
        coefficient = draw(st.none() | coefficients())
        terms.append(Term(draw(st.booleans()), coefficient, value))
    return Sum(tuple(draw(st.permutations(terms))))


@st.composite
def trees(draw: st.DrawFn) -> Sum:
    """Return a tree of a whole block."""
    tree = draw(sums())
    first = tree.terms[0]
    if len(tree.terms) == 1 and first.is_plain and isinstance(first.value, Bracket):
        tree = first.value.inside
    assume("x" in written(tree).replace("layers", "") and written(tree) != "x")
    return tree
