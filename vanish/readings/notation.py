"""The notation reading: every factor is its symbol, and what flows is their product."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from vanish.errors import UsageError
from vanish.network.chainrule import Reading, back, until
from vanish.network.graph import LAYER, Variable
from vanish.readings.products import Parts, Product, Sum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vanish.network.graph import Block, Graph, Slot
    from vanish.readings.products import Factor, Factors


# How tightly a value is written: a symbol or S(…), a product of matrices, one with a number in
# front, a sum.
ATOM, MATRICES, NUMBER, SUM = range(4)


def written(slot: Slot) -> str:
    """Return how a parameter is written, with ``{k}`` for the layer's index."""
    return slot.letter + ("" if slot.tied else "{k}")


class Written(NamedTuple):
    """A value as it is written.

    Attributes
    ----------
    parts
        Texts, ``{k}`` and ``{j}`` standing for the indices of the layer and of the one before it,
        and the values between them.
    layer
        That layer.
    binds
        `ATOM`, `MATRICES`, `NUMBER` or `SUM`. Anything but an atom stands in brackets where it
        is differentiated.
    """

    parts: tuple[str | Written, ...]
    layer: int
    binds: int = ATOM

    def within(self, before: str, after: str, layer: int, *, binds: int = ATOM) -> Written:
        """Return it between two texts."""
        return Written((before, self, after), layer, binds)

    def affine(self, weight: Slot, bias: Slot | None = None, *, layer: int) -> Written:
        """Return W f + b, or W f."""
        after = "" if bias is None else f"+{written(bias)}"
        binds = MATRICES if bias is None else SUM
        return self._behind(written(weight), after, layer, binds)

    def scaled(self, constant: str, layer: int) -> Written:
        """Return c f, given c as text."""
        return self._behind("-" if constant == "-1" else f"{constant} ", "", layer, NUMBER)

    def shifted(self, bias: Slot, *, layer: int) -> Written:
        """Return f + b."""
        return self.plus(Written((written(bias),), layer), layer)

    def _behind(self, text: str, after: str, layer: int, binds: int) -> Written:
        """Return it behind a matrix or a number, in brackets where it needs them."""
        opening, closing = ("", "") if self.binds < NUMBER else ("(", ")")
        return self.within(text + opening, closing + after, layer, binds=binds)

    def plus(self, other: Written, layer: int) -> Written:
        """Return the sum of two values."""
        first, *rest = other.parts
        if isinstance(first, str) and first.startswith("-"):
            negated = other._replace(parts=(first[1:], *rest))
            return Written((self._spaced(), " - ", negated), layer, SUM)
        return Written((self._spaced(), " + ", other._spaced()), layer, SUM)

    def _spaced(self) -> Written:
        """Return W f+b with blanks, as part of a longer sum."""
        *front, last = self.parts
        if len(front) < 2 or isinstance(last, Written):
            return self
        return self._replace(parts=(*front, last.replace("+", " + ")))


# Forward flow values as they are written, back the products of the chain rule. What a node keeps
# for the way back is what is `Called`.
NOTATION = Reading.called("notation")

# The layer of formulas that hold for every k.
ANY = -1


class Notation(NamedTuple):
    """A way of writing formulas.

    Attributes
    ----------
    indexed
        Writes a layer's number as an index.
    partial
        Writes ∂u/∂v, given u and v.
    times, elided
        What stands between two factors, and for factors left out.
    any_layer
        The indices k and k - 1.
    brackets
        Those around a sum of products.
    spelled
        Writes names of functions and constants.
    """

    indexed: Callable[[int], str]
    partial: Callable[[str, str], str]
    times: str
    elided: str
    any_layer: tuple[str, str]
    brackets: tuple[str, str] = ("(", ")")
    spelled: Callable[[str], str] = str

    def filled(self, text: str, layer: int) -> str:
        """Return a text with its indices."""
        if layer == ANY:
            k, j = self.any_layer
        else:
            k, j = (self.indexed(each) if each else "" for each in (layer, max(layer - 1, 0)))
        return self.spelled(text).format(k=k, j=j)

    def symbol(self, factor: Factor | Sum) -> str:
        """Return a factor's symbol."""
        if isinstance(factor, Sum):
            return self.bracketed([self.product(term) or "1" for term in factor.terms])
        upper = self.filled(factor.symbol, factor.layer)
        return self.partial(upper, self.filled(factor.by, factor.layer)) if factor.by else upper

    def bracketed(self, terms: Sequence[str]) -> str:
        """Return a sum in brackets."""
        return self.summed(terms).join(self.brackets)

    def summed(self, terms: Sequence[str]) -> str:
        """Return a sum."""
        first, *others = terms
        signed = (f" - {each[1:]}" if each.startswith("-") else f" + {each}" for each in others)
        return first + "".join(signed)

    def product(self, factors: Factors, *more: str) -> str:
        """Return a product; a -1 in front of other factors is their sign."""
        symbols = [self.symbol(each) for each in factors]
        symbols += more
        # Within a product a sign needs brackets.
        symbols[1:] = [f"({each})" if each.startswith("-") else each for each in symbols[1:]]
        if len(symbols) > 1 and symbols[0] == "-1":
            return f"-{self.joined(symbols[1:])}"
        return self.joined(symbols)

    def named(self, variable: Variable) -> str:
        """Return a variable's symbol."""
        return self.filled(variable.letter + "{k}", variable.layer)

    def joined(self, factors: Sequence[str]) -> str:
        """Return a product."""
        return self.times.join(factors)

    def value(self, written: Written) -> str:
        """Return a value as text. Within brackets a sum is set without blanks."""
        texts = [
            self.filled(each, written.layer) if isinstance(each, str) else self.value(each)
            for each in written.parts
        ]
        if len(written.parts) == 3 and isinstance(written.parts[0], str):
            texts[1] = texts[1].replace(" + ", "+").replace(" - ", "-")
        return "".join(texts)

    def differentiated(self, written: Written) -> str:
        """Return a value as it stands behind a ∂."""
        text = self.value(written)
        return f"({text})" if written.binds else text


def _subscript(k: int) -> str:
    return str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


TEXT = Notation(
    indexed=_subscript,
    partial=lambda upper, lower: f"∂{upper}/∂{lower}",
    times=" · ",
    elided="…",
    any_layer=("ₖ", "ₖ₋₁"),
)


def _spelled_in_latex(text: str) -> str:
    """Return names of functions upright, and a block's constants as mathematics."""
    text = re.sub(r"\b(LN|RMS|BN)(?=\(|$)", r"\\mathrm{{\1}}", text)
    text = re.sub(r"sqrt\(([^()]*)\)", r"\\sqrt{{\1}}", text).replace("*", r" \cdot ")
    return re.sub(r"(?<=[0-9N}]) (?=$|\()", r"\\,", text.replace("layers", "N"))


LATEX = Notation(
    indexed=lambda k: f"_{{{k}}}",
    partial=lambda upper, lower: rf"\frac{{\partial {upper}}}{{\partial {lower}}}",
    times=r" \cdot ",
    elided=r"\cdots ",
    any_layer=("_{k}", "_{k-1}"),
    brackets=(r"\left(", r"\right)"),
    spelled=_spelled_in_latex,
)


class Called(NamedTuple):
    """What a node's symbols are made of; each with ``{k}`` or ``{j}``, see `Factor`.

    Attributes
    ----------
    itself
        The name of its value; empty where nobody asks for one.
    taken
        The names of the values that it takes.
    letters
        Its parameters.
    upper
        What is differentiated by them: what it gives, or the sum that this is part of.
    """

    itself: str
    taken: tuple[str, ...]
    letters: tuple[str, ...] = ()
    upper: str = ""


# Of these the symbols need no name of what they take.
_LINEAR = {"affine", "add", "shift", "scale", "step"}
SUMS = {"add", "shift"}

# For values that have none, but not x, u or biases.
_SPARE = "yzpqrstghmnvwe"


@lru_cache(maxsize=64)
def called(block: Block, *, first: bool) -> tuple[Called, ...]:
    """Return what the values of a block are called, by their places.

    Parameters
    ----------
    block
        The block of a layer.
    first
        Whether it is layer 1, which is given x.
    """
    slots = [slot for node in block.nodes for slot in node.op.slots]
    names = ["", *(node.name for node in block.nodes)]
    taken = {*names, *(slot.letter.lower() for slot in slots)}
    spare = (letter for letter in _SPARE if letter not in taken)
    arguments = {
        place: node.op.kind
        for node in block.nodes
        if node.op.kind not in _LINEAR
        for place in node.inputs
    }
    for place in sorted(arguments):
        names[place] = names[place] or (next(spare) if place else "")
    uppers = ["", *(_upper(block, place, names, arguments) for place, _ in block.placed)]
    for place, node in block.placed:
        if node.op.slots and not uppers[place]:
            uppers[place] = names[place] = next(spare)
    full = ["x" if first else "f{j}", *(f"{each}{{k}}" if each else "" for each in names[1:])]
    return (
        Called(full[0], ()),
        *(
            Called(
                full[place],
                tuple(full[each] for each in node.inputs),
                tuple(map(written, node.op.slots)),
                f"{uppers[place]}{{k}}",
            )
            for place, node in block.placed
        ),
    )


def _upper(block: Block, place: int, names: Sequence[str], arguments: dict[int, str]) -> str:
    """Return the letter of what is differentiated by a node's parameters; empty for none."""
    op = block.nodes[place - 1].op
    top, own = place, names[place]
    # Used twice, each use needs a name of its own.
    if all(_uses(block, slot.letter) == 1 for slot in op.slots):
        while (above := _sum_of(block, top)) is not None:
            top = above
    return names[top] if arguments.get(top) == "activate" else own or names[top]


def _uses(block: Block, letter: str) -> int:
    return sum(slot.letter == letter for node in block.nodes for slot in node.op.slots)


def _sum_of(block: Block, place: int) -> int | None:
    """Return the place of the sum that a value is part of, if it is nothing else."""
    takers = [
        (above, node) for above, node in block.placed for each in node.inputs if each == place
    ]
    if len(takers) != 1:
        return None
    [(above, node)] = takers
    return above if node.op.kind in SUMS else None


def values(block: Block, layer: int, *, by_name: frozenset[int] = frozenset()) -> list[Written]:
    """Return the values of a layer as they are written, by their places.

    Parameters
    ----------
    block, layer
        The layer; `ANY` for what holds in each.
    by_name
        Places whose values are called by their names where others take them.
    """
    names = called(block, first=layer == 1)
    found = [Written((names[0].itself,), layer)]
    taken = [*found]
    for place, node in block.placed:
        rule = NOTATION.rule(node.op)
        value, _ = rule.forward(None, node.op, layer, *(taken[each] for each in node.inputs))
        found.append(value)
        taken.append(Written((names[place].itself,), layer) if place in by_name else value)
    return found


def walk(graph: Graph) -> Iterator[tuple[Variable, Product | Parts]]:
    """Yield every gradient as a product, from layer N down to the input."""
    loss = Product().times("LossGradient", graph.depth, "L", "f{k}")
    return back(graph, NOTATION, None, lambda k: called(graph.block(k), first=k == 1), loss)


def product(graph: Graph, by: Variable) -> Product:
    """Return ∂L/∂θ for one variable, as the chain rule finds it.

    Raises
    ------
    UsageError
        If the network has no such variable.
    """
    found = until(walk(graph), by)
    if found is None:
        raise unknown(by)
    assert isinstance(found, Product | Parts)
    return found.formed() if isinstance(found, Parts) else found


def unknown(by: Variable) -> UsageError:
    """Return the error for a variable that is not there."""
    return UsageError(
        f"the chain has no {by} to differentiate by: give x, or W or b and a layer's number"
    )


def steps(graph: Graph, by: Variable) -> list[tuple[Variable, Factor | Sum]]:
    """Return the factors of ∂L/∂θ, each with the variable that the product reaches with it.

    Parameters
    ----------
    graph
        The network; products are reached at nodes that have a name.
    by
        θ.

    Raises
    ------
    UsageError
        If the network has no such variable.
    """
    passed: list[tuple[Variable, Product]] = []
    for variable, found in walk(graph):
        formed = found.formed() if isinstance(found, Parts) and variable == by else found
        if isinstance(formed, Product):
            passed.append((variable, formed))
        if variable == by:
            break
    else:
        raise unknown(by)
    way = {id(each) for each in passed[-1][1].beginnings()}
    reached = {id(each): (variable, each) for variable, each in reversed(passed)}
    return [
        (variable, each.last)
        for key, (variable, each) in reversed(reached.items())
        if key in way and each.last
    ]


def is_plain(graph: Graph) -> bool:
    """Tell whether all layers are the article's, S(Wx+b)."""
    return all(run.block == LAYER for run in graph.runs)
