from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import sympy

from vanish.errors import UsageError
from vanish.network.chainrule import (
    Activated,
    Affine,
    ByBias,
    ByWeight,
    Expression,
    Factor,
    Input,
    Loss,
    LossGradient,
    Reading,
    Slope,
    Variable,
    Weight,
    differentiate,
    expression,
    gradients,
    product,
)

DEPTHS = [1, 2, 3, 5]


slope_of_s, slope_of_loss = sympy.Function("slope_of_s"), sympy.Function("slope_of_loss")


class s(sympy.Function):  # type: ignore[misc]  # noqa: N801 - a symbol, not a class
    """S, of which nothing is known but what its derivative is called."""

    def fdiff(self, _: int = 1) -> Any:
        return slope_of_s(*self.args)


class loss(sympy.Function):  # type: ignore[misc]  # noqa: N801 - a symbol, too
    """L, likewise."""

    def fdiff(self, _: int = 1) -> Any:
        return slope_of_loss(*self.args)


def symbol(letter: str, layer: int) -> Any:
    return sympy.Symbol(str(Variable(letter, layer)))


def in_sympy(node: Expression) -> Any:
    """Return vanish's expression as sympy's."""
    match node:
        case Loss():
            return loss(in_sympy(node.inner))
        case Activated():
            return s(in_sympy(node.inner))
        case Affine(layer=k):
            return symbol("W", k) * in_sympy(node.inner) + symbol("b", k)
        case Input():
            return symbol("x", 0)


def parameters(depth: int) -> list[Variable]:
    return [Variable(letter, k) for k in range(1, depth + 1) for letter in "Wb"]


def meanings(depth: int) -> Reading[Any, Any]:
    """Return the scalar reading of every factor, as sympy's expressions."""
    f, a = [symbol("x", 0)], []
    for k in range(1, depth + 1):
        a.append(symbol("W", k) * f[-1] + symbol("b", k))
        f.append(s(a[-1]))
    return Reading(
        one=sympy.Integer(1),
        through={
            LossGradient: lambda before, _: before * slope_of_loss(f[-1]),
            Slope: lambda before, k: before * slope_of_s(a[k - 1]),
            Weight: lambda before, k: before * symbol("W", k),
        },
        ends={
            ByWeight: lambda before, k: before * f[k - 1],
            ByBias: lambda before, _: before,
        },
    )


@pytest.mark.parametrize("depth", DEPTHS)
def test_sympy_finds_the_same_product_for_every_parameter(depth: int) -> None:
    reading = meanings(depth)
    whole = in_sympy(expression(depth))
    for variable in [Variable("x", 0), *parameters(depth)]:
        value = reading.one
        for factor in product(expression(depth), variable):
            rules = {**reading.through, **reading.ends}
            value = rules[type(factor)](value, factor.layer)
        assert value == sympy.diff(whole, symbol(*variable))


@pytest.mark.parametrize("depth", DEPTHS)
def test_one_walk_gives_every_gradient(depth: int) -> None:
    found = dict(gradients(expression(depth), meanings(depth)))
    whole = in_sympy(expression(depth))
    for variable in [Variable("x", 0), *parameters(depth)]:
        assert found[variable] == sympy.diff(whole, symbol(*variable))
    # f_k and a_k are no symbols of the expression; a_k = … + b_k, and f_N is all of L.
    reading = meanings(depth)
    for k in range(1, depth + 1):
        assert found[Variable("a", k)] == found[Variable("b", k)]
    assert found[Variable("f", depth)] == reading.through[LossGradient](reading.one, depth)
    for k, after in pairwise(range(1, depth + 1)):
        assert found[Variable("f", k)] == found[Variable("a", after)] * symbol("W", after)


def test_the_walk_goes_from_the_loss_to_the_input() -> None:
    names = [str(variable) for variable, _ in gradients(expression(2), meanings(2))]
    assert names == ["f2", "a2", "W2", "b2", "f1", "a1", "W1", "b1", "x"]


def named(factor: Factor) -> str:
    return f"{type(factor).__name__} {factor.layer}"


def test_the_articles_product() -> None:
    assert [named(factor) for factor in product(expression(3), Variable("W", 1))] == [
        "LossGradient 3",
        "Slope 3",
        "Weight 3",
        "Slope 2",
        "Weight 2",
        "Slope 1",
        "ByWeight 1",
    ]


def test_one_application_of_the_chain_rule_a_node() -> None:
    steps = list(differentiate(expression(2)))
    assert [type(step.outer) for step in steps] == [Loss, Activated, Affine, Activated, Affine]
    assert [[str(variable) for variable, _ in step.parameters] for step in steps] == [
        [],
        [],
        ["W2", "b2"],
        [],
        ["W1", "b1"],
    ]


@pytest.mark.parametrize("name", [("W", 0), ("W", 4), ("b", 4), ("w", 1), ("x", 1), ("q", 2)])
def test_an_unknown_variable_is_refused(name: tuple[str, int]) -> None:
    with pytest.raises(UsageError) as caught:
        list(product(expression(3), Variable(*name)))
    assert str(caught.value) == (
        f"the chain has no {Variable(*name)} to differentiate by: give x, or W or b and a"
        " layer's number"
    )


def test_a_deep_expression_needs_no_deep_recursion() -> None:
    factors = list(product(expression(20_000), Variable("W", 1)))
    assert len(factors) == 2 * 20_000 + 1
