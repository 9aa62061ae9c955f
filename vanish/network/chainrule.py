"""The chain rule, once: along a path factors multiply, where paths meet they add.

`back` walks from the loss to the input. At every node what has flowed there is handed on to
the values that the node took, and where two flow to one value they are added; the same
holds for a parameter that is used twice. So the gradient is a polynomial in its factors:

    plain chain      ∂L/∂W_k = ∂L/∂f_N · ∂S/∂a_N · W_N · ∂S/∂a_{N-1} · … · ∂S/∂a_k · ∂a_k/∂W_k
    with skips       ∂L/∂W_k = ∂L/∂f_N · (1 + ∂S/∂a_N · W_N) · … · ∂S/∂a_k · ∂a_k/∂W_k
    tied weights     ∂L/∂W   = the sum over its uses

What flows is for a *reading* to say: symbols, arrays, bounds, mean squares. It has a plus, and
for each kind of operation a rule, its times. (Reverse accumulation in any semiring: Du et al.
2023, "Generalizing backpropagation for gradient-based interpretability", section 3.)
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from operator import add
from typing import TYPE_CHECKING, Any

from vanish.network.graph import Variable, X
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vanish.network.graph import Block, Graph, Op, Slot

    # One node on the way forward: its rule, what it is and what it takes.
    Forward = tuple[Callable[..., tuple[Any, Any]], Op, tuple[int, ...]]
    # A parameter of a node: its letter, whether it is tied, and whether the walk back meets it here
    # for the last time in the block.
    Use = tuple[str, bool, bool]
    # One node on the way back: its place, name and rule, what it is, what it took, and its
    # parameters.
    Back = tuple[int, str, "Rule", Op, tuple[int, ...], tuple[Use, ...]]

# What flows is a matter of the reading.
Value = Any


class Rule(Record):
    """What one kind of operation means in one reading.

    All are called with the run, which holds what a reading knows of the network, the
    operation, and the layer k; or for `across` with the range of all layers of a run, or with
    None where no rule asks for them.

    Attributes
    ----------
    forward
        Of the values that the node takes makes its own, and what the way back will need.
    back
        Of what was kept and of what has flowed to the node makes what flows to each of the
        values that it took.
    by
        The same for each of its parameters.
    """

    forward: Callable[..., tuple[Value, Any]]
    back: Callable[..., tuple[Value, ...]]
    by: Callable[..., tuple[Value, ...]]


def _nothing(*_: Any) -> tuple[Value, ...]:
    return ()


def _undefined(*_: Any) -> Any:
    raise NotImplementedError("this reading goes the other way only")


class Reading:
    """What flows through a network, and what each kind of operation makes of it.

    Parameters
    ----------
    name
        What it is called in messages.
    plus
        Adds two that meet.
    tidy
        What is done to a gradient before it is handed on, once all of it has met; None for nothing.
    ends
        What is done to f_k before the next layer takes it; None for nothing.
    once
        Whether a parameter may be used once only.
    """

    def __init__(
        self,
        name: str,
        plus: Callable[[Value, Value], Value] = add,
        tidy: Callable[[Value], Value] | None = None,
        ends: Callable[[Value], Value] | None = None,
        once: bool = False,
    ) -> None:
        self._once = once
        self.name, self.plus, self.tidy, self.ends = name, plus, tidy, ends
        self._rules: dict[str, Rule] = {}
        self._refusals: dict[str, Callable[[Op], str]] = {}

    @classmethod
    def called(cls, name: str) -> Reading:
        """Return the reading of that name, made when it is first asked for.

        So an operation gives a meaning to a reading that nobody may use, without importing it.
        """
        if name not in _CALLED:
            _CALLED[name] = cls(name)
        return _CALLED[name]

    def flowing(self, *, plus: Callable[[Value, Value], Value], once: bool) -> Reading:
        """Say what a reading that was asked for by name adds with; parameters as of the class."""
        self.plus, self._once = plus, once
        return self

    def means(
        self,
        kind: str,
        *,
        forward: Callable[..., tuple[Value, Any]] = _undefined,
        back: Callable[..., tuple[Value, ...]] = _undefined,
        by: Callable[..., tuple[Value, ...]] = _nothing,
    ) -> None:
        """Say what a kind of operation means."""
        self._rules[kind] = Rule(forward, back, by)

    def refuses(self, kind: str, why: Callable[[Op], str]) -> None:
        """Say why an operation of that kind has no meaning here; an empty text where it has."""
        self._refusals[kind] = why

    def refusal(self, graph: Graph) -> str:
        """Return why this reading cannot read a network, or an empty text."""
        for block, _, _ in graph.runs:
            met: set[Slot] = set()
            for node in block.nodes:
                for slot in node.op.slots if self._once else ():
                    if slot.tied:
                        return f"{slot.letter} shared by all layers"
                    if slot in met:
                        return f"{slot.letter} used twice in a layer"
                    met.add(slot)
                import_module(f"vanish.ops.{node.op.kind}")
                why = self._refusals.get(node.op.kind)
                if why is None and node.op.kind not in self._rules:
                    return f"{node.op.kind} has no meaning for the {self.name} reading"
                if why is not None and (found := why(node.op)):
                    return found
        return ""

    def rule(self, op: Op) -> Rule:
        """Return what an operation means; its module is imported when it is first used."""
        return self.named(op.kind)

    def named(self, kind: str) -> Rule:
        """Return what operations of a kind mean."""
        if kind not in self._rules:
            import_module(f"vanish.ops.{kind}")
        return self._rules[kind]


_CALLED: dict[str, Reading] = {}


@lru_cache(maxsize=64)
def _compiled(block: Block, reading: Reading) -> tuple[tuple[Forward, ...], tuple[Back, ...]]:
    """Return a block's steps forward and back in a reading."""
    rules = [reading.rule(node.op) for node in block.nodes]
    forward = tuple(
        (rule.forward, node.op, node.inputs) for rule, node in zip(rules, block.nodes, strict=True)
    )
    back: list[Back] = []
    met: set[Slot] = set()
    for place, (rule, node) in enumerate(zip(rules, block.nodes, strict=True), 1):
        # Here the walk back comes last.
        uses = tuple((slot.letter, slot.tied, slot not in met) for slot in node.op.slots)
        met.update(node.op.slots)
        back.append((place, node.name, rule, node.op, node.inputs, uses))
    return forward, tuple(reversed(back))


class Passed:
    """One layer after the way forward.

    Parameters
    ----------
    block, layer
        Its graph, and its k.
    values
        Of every place: what the block was given, and every node's value. The last one is f_k.
    kept
        What the node at every place keeps for the way back.
    """

    __slots__ = ("block", "kept", "layer", "values")

    def __init__(self, block: Block, layer: int, values: list[Value], kept: list[Any]) -> None:
        self.block = block
        self.layer = layer
        self.values = values
        self.kept = kept

    def named(self, name: str) -> Value:
        """Return the value that is called a, or f."""
        return self.values[self.block.place(name)]


def forward(
    graph: Graph, reading: Reading, run: Any, x: Value, first: int = 1, last: int | None = None
) -> Iterator[Passed]:
    """Walk from what layer `first` is given to what layer `last` gives.

    Parameters
    ----------
    graph, reading
        What is read, and how.
    run
        What the reading's rules ask for parameters.
    x
        f_{first-1}.
    first, last
        Which layers; all of them where it is not said.
    """
    for block, start, stop in graph.within(first, graph.depth if last is None else last):
        steps, _ = _compiled(block, reading)
        for k in range(start, stop + 1):
            values, kept = [x], [None]
            for rule, op, inputs in steps:
                if len(inputs) == 1:
                    value, memory = rule(run, op, k, values[inputs[0]])
                else:
                    value, memory = rule(run, op, k, *[values[place] for place in inputs])
                values.append(value)
                kept.append(memory)
            x = value if reading.ends is None else reading.ends(value)
            yield Passed(block, k, values, kept)


def back(
    graph: Graph, reading: Reading, run: Any, kept: Callable[[int], Sequence[Any]], seed: Value
) -> Iterator[tuple[Variable, Value]]:
    """Walk from the loss to the input: the chain rule.

    Parameters
    ----------
    graph, reading, run
        As for `forward`.
    kept
        What every place of layer k keeps of the way forward.
    seed
        ∂L/∂f_N.

    Yields
    ------
    variable, gradient
        Of every node with a name and every parameter, from layer N down to the input: a node's
        own, then those of its parameters. A tied parameter's sum over the layers comes last.
    """
    plus, tidy = reading.plus, reading.tidy
    tied: dict[str, Value] = {}
    for block, first, last in reversed(graph.runs):
        _, steps = _compiled(block, reading)
        nothing = [None] * len(block.nodes)
        for k in range(last, first - 1, -1):
            kept_here = kept(k)
            flowing: list[Value] = [*nothing, seed]
            parts: dict[str, Value] = {}
            for place, name, rule, op, inputs, uses in steps:
                g = flowing[place] if tidy is None else tidy(flowing[place])
                memory = kept_here[place]
                if name:
                    yield Variable(name, k), g
                if uses:
                    found = rule.by(run, op, k, memory, g)
                    for (letter, is_tied, complete), part in zip(uses, found, strict=True):
                        total = plus(parts.pop(letter), part) if letter in parts else part
                        if not complete:
                            parts[letter] = total
                            continue
                        yield Variable(letter, k), total
                        if is_tied:
                            tied[letter] = plus(tied[letter], total) if letter in tied else total
                found = rule.back(run, op, k, memory, g)
                for source, part in zip(inputs, found, strict=True):
                    there = flowing[source]
                    flowing[source] = part if there is None else plus(there, part)
            seed = flowing[0]
    yield X, seed if tidy is None else tidy(seed)
    for letter, total in tied.items():
        yield Variable(letter, 0), total


def across(
    block: Block, reading: Reading, run: Any, kept: Sequence[Any], one: Value, layers: Any = None
) -> tuple[list[Value], dict[str, Value]]:
    """Walk back through one block for many equal layers at once, with arrays over their k.

    For readings in which what flows is one magnitude: a layer then multiplies it by a number of
    its own, so that one walk from 1, and a cumulative product over the layers, say everything.

    Parameters
    ----------
    block, reading, run
        As for `back`.
    kept
        Of every place, for all of the layers.
    one
        What flows to f_k: ones.
    layers
        Handed to the rules in place of k.

    Returns
    -------
    nodes, parameters
        What has flowed to every place, the block's input being the first, and to every letter.
    """
    plus = reading.plus
    _, steps = _compiled(block, reading)
    flowing: list[Value] = [None] * len(block.nodes) + [one]
    parts: dict[str, Value] = {}
    for place, _, rule, op, inputs, _ in steps:
        g, memory = flowing[place], kept[place]
        for slot, part in zip(op.slots, rule.by(run, op, layers, memory, g), strict=True):
            letter = slot.letter
            parts[letter] = plus(parts[letter], part) if letter in parts else part
        for source, part in zip(inputs, rule.back(run, op, layers, memory, g), strict=True):
            there = flowing[source]
            flowing[source] = part if there is None else plus(there, part)
    return flowing, parts


def until(gradients: Iterable[tuple[Variable, Value]], by: Variable) -> Value | None:
    """Return the gradient by one variable, without those behind it; None if there is none."""
    return next((gradient for variable, gradient in gradients if variable == by), None)
