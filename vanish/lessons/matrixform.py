"""A network's gradients in matrix form: columns, transposes, and one recursion from layer to layer.

What flows back to a value v is the column (∂L/∂v)ᵀ: δ_k for a_k, ∇v_k for any other. It is made of
the same products as the derivation, each factor transposed and from right to left.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Final

from vanish.readings.names import NOTATION, called, values
from vanish.readings.products import Factor, Product, Sum
from vanish.readings.written import ANY, written
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.network.graph import Block, Graph
    from vanish.readings.notation import Notation
    from vanish.readings.products import Factors


class Marks(Record):
    """Signs of the matrix form, each as text with its parts in braces.

    Attributes
    ----------
    transposed, column
        Aᵀ of an A, and what flows back to a value.
    slope
        S' at a value.
    hadamard, total, from_to, below
        ⊙, the sum over k, the range of k, and all k below one.
    shape
        The sizes of a matrix.
    """

    transposed: str
    column: str
    slope: str
    hadamard: str
    total: str
    from_to: str
    below: str
    shape: str


TEXT_MARKS: Final = Marks(
    "{0}ᵀ",
    "∇{0}",
    "S'({0})",
    " ⊙ ",
    "Σₖ ",
    "k = {0}, …, {1}",
    "k < {0}",
    "{0} × {1}",
)
LATEX_MARKS: Final = Marks(
    r"{0}^{{\top}}",
    r"\nabla {0}",
    "S'({0})",
    r" \odot ",
    r"\sum_{k} ",
    r"k = {0}, \ldots, {1}",
    "k < {0}",
    r"{0} \times {1}",
)


def matrix_form(graph: Graph, notation: Notation, marks: Marks) -> Iterator[tuple[str, str]]:
    """Yield left and right sides of the gradients in matrix form.

    Parameters
    ----------
    graph
        The network.
    notation, marks
        How to write it.
    """
    form = _Form(notation, marks)
    if graph.is_plain:
        yield from form.plain(graph.depth)
        return
    last = notation.filled("f{k}", graph.depth)
    yield form.column("f{k}", graph.depth), form.transposed(notation.partial("L", last), loose=True)
    for block, first, end in reversed(graph.runs):
        if len(graph.runs) > 1:
            yield "", marks.from_to.format(first, end)
        yield from form.block(block)


def shapes(graph: Graph, notation: Notation, marks: Marks) -> Iterator[tuple[str, str]]:
    """Yield every parameter and value with its sizes: n_k of f_k, m_k of what is inside a layer."""
    seen: dict[str, str] = {}
    for block, _, _ in graph.runs:
        sizes = [notation.filled(each, ANY) for each in _sizes(block)]
        names = called(block, first=False)
        for place, node in block.placed:
            for slot in node.op.slots:
                both = marks.shape.format(sizes[place], sizes[(*node.inputs, 0)[0]])
                is_matrix = slot.letter.isupper()
                seen.setdefault(written(slot), both if is_matrix else sizes[place])
        for place in (*sorted(used(block) - {0, len(block.nodes)}), len(block.nodes)):
            seen.setdefault(names[place].itself, sizes[place])
    for letter, shape in seen.items():
        yield notation.filled(letter, ANY), shape
    last = notation.partial("L", notation.filled("f{k}", graph.depth))
    yield last, marks.shape.format(1, notation.filled("n{k}", graph.depth))


def _sizes(block: Block) -> list[str]:
    """Return the size of the value at every place; all but a matrix gives what it takes."""
    top = len(block.nodes)
    same = list(range(top + 1))
    for place, node in block.placed:
        for each in node.inputs if node.op.kind != "affine" else ():
            one, other = same[place], same[each]
            same = [one if which == other else which for which in same]
    found = {same[0]: "n{j}"} | {same[top]: "n{k}"}
    for place, node in block.placed:
        found.setdefault(same[place], "m{k}" if node.inputs else "n_u")
    return [found[each] for each in same]


def definitions(graph: Graph, notation: Notation) -> Iterator[tuple[str, str]]:
    """Yield what each name of a layer stands for, f_k first, and f_0."""
    seen = []
    for block, _, _ in graph.runs:
        names = called(block, first=False)
        shown = used(block)
        nested, parts = values(block, ANY), values(block, ANY, by_name=shown)
        top = len(block.nodes)
        shown_names = {names[place].itself: place for place in (top, *sorted(shown - {top, 0}))}
        for place, node in block.placed:
            if node.op.slots:
                shown_names.setdefault(names[place].upper, place)
        for name, place in shown_names.items():
            if not block.nodes[place - 1].inputs:
                continue
            value = nested[place] if name == names[top].itself else parts[place]
            pair = notation.filled(name, ANY), notation.value(value)
            if pair not in seen:
                seen.append(pair)
                yield pair
    yield notation.spelled("f{k}").format(k=notation.indexed(0)), notation.filled("x", 0)


def used(block: Block) -> frozenset[int]:
    """Return the places whose names a derivation uses."""
    names = called(block, first=False)
    by_name = {each.itself: place for place, each in enumerate(names) if each.itself}
    asked = {names[-1].itself}
    for place, node in block.placed:
        if node.op.slots:
            asked.add(names[place].upper)
        rule = NOTATION.rule(node.op)
        for flow in rule.back(None, node.op, ANY, names[place], Product()):
            asked.update(each.by for each in flow.factors() if isinstance(each, Factor))
    return frozenset(by_name[each] for each in asked if each in by_name)


class _Form:
    """Formulas of the matrix form, in one way of writing."""

    def __init__(self, notation: Notation, marks: Marks) -> None:
        self._notation, self._marks = notation, marks

    def plain(self, depth: int) -> Iterator[tuple[str, str]]:
        """Yield the article's chain."""
        notation, marks = self._notation, self._marks

        def at(name: str, layer: int) -> str:
            return notation.filled(name, layer)

        top = self.transposed(notation.partial("L", at("f{k}", depth)), loose=True)
        slope = marks.slope.format(at("a{k}", depth))
        yield self.column("a{k}", depth), f"{top}{marks.hadamard}{slope}"
        if depth > 1:
            after = notation.next_layer
            weight = marks.transposed.format("W" + after)
            delta = self.column("a", 0) + after
            slope = marks.slope.format(at("a{k}", ANY))
            span = marks.below.format(depth)
            yield self.column("a{k}", ANY), f"{weight}{delta}{marks.hadamard}{slope}, {span}"
        delta = self.column("a{k}", ANY)
        yield (
            notation.partial("L", at("W{k}", ANY)),
            delta + marks.transposed.format(at("f{j}", ANY)),
        )
        yield notation.partial("L", at("b{k}", ANY)), delta

    def column(self, name: str, layer: int = ANY) -> str:
        """Return the sign of what flows back to a value."""
        symbol = self._notation.filled(name, layer)
        if name.startswith("a"):
            return self._notation.delta + symbol[1:]
        return self._marks.column.format(symbol)

    def transposed(self, text: str, *, loose: bool) -> str:
        """Return Aᵀ, A in brackets where it needs them."""
        return self._marks.transposed.format(text.join(self._notation.brackets) if loose else text)

    def block(self, block: Block) -> Iterator[tuple[str, str]]:
        """Yield the recursion through one layer, from ∇f_k to ∇f_{k-1}."""
        notation, names, shown = self._notation, called(block, first=False), used(block)
        operands = values(block, ANY, by_name=shown)
        top = len(block.nodes)
        flows: list[list[Product]] = [[] for _ in range(top + 1)]
        # All go on from it, so that they can be added.
        start = Product()
        flows[top].append(start.times("Column", ANY, names[top].itself))
        sums: dict[str, list[str]] = {}
        for place in range(top, -1, -1):
            if not flows[place]:
                continue
            flow = reduce(add, flows[place])
            if place == 0:
                yield self.column(names[0].itself), self._flow(flow.factors())
                break
            node = block.nodes[place - 1]
            if place in shown and flow.length > 1 and node.inputs:
                yield self.column(names[place].itself), self._flow(flow.factors())
                flow = start.times("Column", ANY, names[place].itself)
            rule = NOTATION.rule(node.op)
            for slot in node.op.slots:
                gradient = self._flow(flow.factors())
                if slot.letter.isupper():
                    taken = operands[node.inputs[0]]
                    is_named = node.inputs[0] in {0, *shown}
                    text = notation.filled(names[node.inputs[0]].itself, ANY)
                    operand = text if is_named else notation.value(taken)
                    loose = bool(taken.binds) and not is_named
                    bare = gradient if flow.length == 1 else gradient.join(notation.brackets)
                    gradient = bare + self.transposed(operand, loose=loose)
                sums.setdefault(written(slot) + " tied" * slot.tied, []).append(gradient)
            back = rule.back(None, node.op, ANY, names[place], flow)
            for source, each in zip(node.inputs, back, strict=True):
                if source == 0 or block.nodes[source - 1].inputs:
                    flows[source].append(each)
        for letter, terms in sums.items():
            name, tied = letter.removesuffix(" tied"), letter.endswith(" tied")
            total = notation.summed(terms)
            if tied:
                inside = total.join(notation.brackets) if len(terms) > 1 else total
                total = self._marks.total + inside
            yield notation.partial("L", notation.filled(name, ANY)), total

    def _flow(self, factors: Factors) -> str:
        """Return a product as a column: its factors transposed, the first one innermost."""
        first, *others = factors
        if isinstance(first, Sum):
            column = self._notation.summed([self._flow(term) for term in first.terms])
            return self._applied(column, others, loose=True)
        return self._applied(self.column(first.symbol), others)

    def _applied(self, column: str, factors: Sequence[Factor | Sum], *, loose: bool = False) -> str:
        """Return a column behind the transposes of some factors; a loose one needs brackets."""
        notation, marks = self._notation, self._marks
        for factor in factors:
            inside = column.join(notation.brackets) if loose else column
            if isinstance(factor, Sum):
                column = notation.summed([self._applied(inside, term) for term in factor.terms])
                loose = True
            elif factor.kind == "Slope":
                column = (
                    inside + marks.hadamard + marks.slope.format(notation.filled(factor.by, ANY))
                )
                loose = True
            elif factor.kind == "Scale":
                symbol = notation.symbol(factor)
                column = f"-{inside}" if symbol == "-1" else notation.joined([symbol, inside])
                loose = symbol.startswith("-")
            else:
                symbol = notation.symbol(factor)
                column = self.transposed(symbol, loose=bool(factor.by)) + inside
                loose = False
        return column
