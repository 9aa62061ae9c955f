"""Formulas with a skip or a norm more: from the tree of a block to another one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from vanish.network.formulas.parser import parse
from vanish.network.formulas.tree import Bias, Bracket, Call, Input, Product, Sum, Term

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.formulas.tree import Value

    # None where the block has such a thing already, or no place for it.
    Changing: TypeAlias = Callable[[Sum], Sum | None]

_X = Term(negative=False, coefficient=None, value=Input("x"))
_SCALE = parse("1/sqrt(layers) x").terms[0].coefficient


def _one(value: Value) -> Sum:
    return Sum((Term(negative=False, coefficient=None, value=value),))


def skip(tree: Sum) -> Sum | None:
    """Return x + F(x) for F(x)."""
    return None if _has_skip(tree) else Sum((_X, *tree.terms))


def scaled_skip(tree: Sum) -> Sum | None:
    """Return x + 1/sqrt(layers) F(x) for F(x): Hayou et al. 2021, "Stable ResNet"."""
    if _has_skip(tree):
        return None
    first = tree.terms[0]
    alone = len(tree.terms) == 1 and first.is_plain
    value = first.value if alone else Bracket(tree)
    return Sum((_X, Term(negative=False, coefficient=_SCALE, value=value)))


def norm_before_s(word: str) -> Changing:
    """Return what makes S(LN(a)) of S(a), of every S."""

    def within(value: Value) -> Value:
        if isinstance(value, Call) and value.word == "S":
            return Call("S", _one(Call(word, value.argument)))
        return value

    return partial(_changed, within)


def norm_before_matrices(word: str) -> Changing:
    """Return what makes W LN(x) of Wx, of every matrix."""

    def within(value: Value) -> Value:
        if isinstance(value, Product) and value.value == Input("x"):
            return Product(value.matrix, Call(word, _one(Input("x"))))
        return value

    return partial(_changed, within)


def norm_after(word: str) -> Changing:
    """Return what makes LN(F(x)) of F(x)."""
    return lambda tree: None if _has_norm(tree) else _one(Call(word, tree))


def skip_and_norm_within(word: str) -> Changing:
    """Return what makes x + F(LN(x)) of F(x): Xiong et al. 2020, the norm in the branch."""
    return _both(norm_before_matrices(word), skip)


def skip_and_norm_after(word: str) -> Changing:
    """Return what makes LN(x + F(x)) of F(x): Vaswani et al. 2017, the norm behind the sum."""
    return _both(skip, norm_after(word))


def _both(first: Changing, second: Changing) -> Changing:
    def changed(tree: Sum) -> Sum | None:
        found = first(tree)
        return None if found is None else second(found)

    return changed


def _has_skip(tree: Sum) -> bool:
    """Tell whether x itself is a term of a block, or of one within a norm around all of it."""
    if len(tree.terms) == 1 and isinstance(whole := tree.terms[0].value, Call | Bracket):
        inside = whole.inside if isinstance(whole, Bracket) else whole.argument
        return not (isinstance(whole, Call) and whole.word == "S") and _has_skip(inside)
    return any(term.value == Input("x") for term in tree.terms)


def _has_norm(tree: Sum) -> bool:
    return any(isinstance(value, Call) and value.word != "S" for value in _values(tree))


def _changed(within: Callable[[Value], Value], tree: Sum) -> Sum | None:
    """Return a tree with every value changed; None where none is, or there is a norm."""
    found = None if _has_norm(tree) else _mapped(tree, within)
    return found if found is not None and _has_norm(found) else None


def _mapped(tree: Sum, change: Callable[[Value], Value]) -> Sum:
    return Sum(
        tuple(
            term
            if isinstance(term.value, Bias)
            else term._replace(value=_through(term.value, change))
            for term in tree.terms
        )
    )


def _through(value: Value, change: Callable[[Value], Value]) -> Value:
    """Return a value with all that is in it changed, and then itself."""
    if isinstance(value, Product):
        return change(value._replace(value=_through(value.value, change)))
    if isinstance(value, Call):
        return change(value._replace(argument=_mapped(value.argument, change)))
    if isinstance(value, Bracket):
        return change(Bracket(_mapped(value.inside, change)))
    return change(value)


def _values(tree: Sum) -> list[Value]:
    """Return every value of a tree, those within others too."""
    found: list[Value] = []
    for term in tree.terms:
        value = term.value
        while isinstance(value, Product):
            found.append(value)
            value = value.value
        if isinstance(value, Call | Bracket):
            found += [value, *_values(value.argument if isinstance(value, Call) else value.inside)]
    return found
