"""A block's formula as a class of PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.formulas.tree import Bias, Bracket, Input, Product, Sum

if TYPE_CHECKING:
    from vanish.network.formulas.tree import Coefficient, Factor, Term, Value

_NORMS = {"LN": "nn.LayerNorm", "RMS": "nn.RMSNorm", "BN": "nn.BatchNorm1d"}


class UnknownError(Exception):
    """There are no lines of PyTorch for it."""


def module(name: str, tree: Sum) -> str:
    """Return the class of a layer: ``Layer(n_in, n_out, act)``.

    A matrix W is ``self.W``, an ``nn.Linear`` with the bias that stands in the same sum.

    Parameters
    ----------
    name
        What it is called.
    tree
        The formula.

    Raises
    ------
    UnknownError
        If it has something else than x, matrices of their own, a bias beside each, S and norms.
    """
    writer = _Writer()
    body = writer.sum(tree)
    attributes = [f"self.{each} = {made}" for each, made in writer.attributes.items()]
    if writer.has_s:
        attributes.append("self.act = act")
    made = "\n".join(f"        {line}" for line in attributes)
    return (
        f"class {name}(nn.Module):\n"
        "    def __init__(self, n_in, n_out, act):\n"
        f"        super().__init__()\n{made}\n\n"
        "    def forward(self, x):\n"
        f"        return {body}"
    )


def biased(tree: Sum) -> tuple[str, ...]:
    """Return the letters of the matrices that have a bias beside them."""
    writer = _Writer()
    writer.sum(tree)
    return tuple(writer.biased)


class _Writer:
    """Writes a formula as an expression, and notes the modules that it needs."""

    def __init__(self) -> None:
        self.attributes: dict[str, str] = {}
        self.biased: list[str] = []
        self.has_s = False

    def sum(self, tree: Sum) -> str:
        """Return a sum, whose bias is part of its matrix."""
        biases = [term for term in tree.terms if isinstance(term.value, Bias)]
        owner = next((term for term in tree.terms if isinstance(term.value, Product)), None)
        if len(biases) > 1 or (biases and owner is None):
            raise UnknownError
        if owner is not None and biases and not (owner.is_plain and biases[0].is_plain):
            raise UnknownError
        text = ""
        for term in tree.terms:
            if isinstance(term.value, Bias):
                if term.value.slot.tied:
                    raise UnknownError
                continue
            sign = "-" if term.negative else "+"
            written = self._term(term, has_bias=bool(biases) and term is owner)
            text += f" {sign} {written}" if text else f"{'-' * term.negative}{written}"
        return text

    def _term(self, term: Term, *, has_bias: bool) -> str:
        assert not isinstance(term.value, Bias)
        value = self._value(term.value, has_bias=has_bias)
        if term.coefficient is None:
            return value
        return f"({_coefficient(term.coefficient)}) * {value}"

    def _value(self, value: Value, *, has_bias: bool = False) -> str:
        if isinstance(value, Input):
            if value.letter != "x":
                raise UnknownError
            return value.letter
        if isinstance(value, Bracket):
            return f"({self.sum(value.inside)})"
        if isinstance(value, Product):
            letter = value.matrix.letter
            if value.matrix.tied or letter in self.attributes:
                raise UnknownError
            inner = self._value(value.value)
            bias = "" if has_bias else ", bias=False"
            self.biased += [letter] * has_bias
            self.attributes[letter] = f"nn.Linear({_size(value.value)}, n_out{bias})"
            return f"self.{letter}({inner})"
        inner = self.sum(value.argument)
        if value.word == "S":
            self.has_s = True
            return f"self.act({inner})"
        name = f"norm{sum(each.startswith('norm') for each in self.attributes) or ''}"
        self.attributes[name] = f"{_NORMS[value.word]}({_size(value)})"
        return f"self.{name}({inner})"


def _size(value: Value) -> str:
    """Return how many entries a value has."""
    if isinstance(value, Input):
        return "n_in"
    if isinstance(value, Product):
        return "n_out"
    inside = value.inside if isinstance(value, Bracket) else value.argument
    inner = next(term.value for term in inside.terms if not isinstance(term.value, Bias))
    return _size(inner)


def _coefficient(coefficient: Coefficient) -> str:
    """Return a coefficient as Python has it, `layers` being len(acts)."""
    return "".join(f"{_joint(factor)}{_factor(factor)}" for factor in coefficient)


def _joint(factor: Factor) -> str:
    return {" ": " * ", "*": " * ", "/": " / "}.get(factor.joint, factor.joint)


def _factor(factor: Factor) -> str:
    if factor.word == "layers":
        return "len(acts)"
    if not factor.inside:
        return factor.word
    inside = f"({_coefficient(factor.inside)})"
    return f"{inside} ** 0.5" if factor.word == "sqrt" else inside
