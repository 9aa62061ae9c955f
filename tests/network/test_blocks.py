"""From formulas to blocks: what the nodes compute, what they are called, the usual blocks."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from formulas import trees
from hypothesis import given
from hypothesis import strategies as st

from vanish.errors import UsageError
from vanish.network.blocks import Formula, formula
from vanish.network.formulas.named import NAMED, NamedBlock
from vanish.network.formulas.tree import Bias, Call, Input, Product, number, written
from vanish.network.graph import LAYER, Constant, Op, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.network.formulas.tree import Sum, Value
    from vanish.network.graph import Block

# What the operations compute, of vectors of five; BN of what is taken for a batch of five rows.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "activate": np.tanh,
    "layernorm": lambda f: (f - f.mean()) / (1.0 + f.std()),
    "rmsnorm": lambda f: f / (1.0 + np.sqrt(np.mean(f**2))),
    "batchnorm": np.sin,
}
WORDS = {"S": "activate", "LN": "layernorm", "RMS": "rmsnorm", "BN": "batchnorm"}
LAYERS = 7


class Numbers:
    """Parameters and inputs, drawn once."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.of: dict[str, np.ndarray] = {
            letter: generator.standard_normal((5, 5) if letter.isupper() else 5)
            for letter in "ABCDWVRMUbcdxu"
        }

    def tree(self, tree: Sum) -> np.ndarray:
        """Return what a formula says, term by term."""
        total = np.zeros(5)
        for negative, coefficient, value in tree.terms:
            size = 1.0 if coefficient is None else number(coefficient, LAYERS)
            total = total + (-size if negative else size) * self._value(value)
        return total

    def _value(self, value: Value | Bias) -> Any:
        if isinstance(value, Input):
            return self.of[value.letter]
        if isinstance(value, Bias):
            return self.of[value.slot.letter]
        if isinstance(value, Product):
            return self.of[value.matrix.letter] @ self._value(value.value)
        if isinstance(value, Call):
            return FUNCTIONS[WORDS[value.word]](self.tree(value.argument))
        return self.tree(value.inside)

    def block(self, block: Block) -> np.ndarray:
        """Return what a block's nodes compute."""
        values = [self.of["x"]]
        for node in block.nodes:
            taken = [values[place] for place in node.inputs]
            values.append(self._node(node.op, *taken))
        return values[-1]

    def _node(self, op: Op, *taken: np.ndarray) -> Any:
        parameters = [self.of[slot.letter] for slot in op.slots]
        if op.kind == "affine":
            return parameters[0] @ taken[0] + (parameters[1] if parameters[1:] else 0.0)
        if op.kind == "scale":
            assert op.constant is not None
            return op.constant.value * taken[0]
        if op.kind == "shift":
            return taken[0] + parameters[0]
        if op.kind == "add":
            return taken[0] + taken[1]
        return self.of["u"] if op.kind == "step" else FUNCTIONS[op.kind](taken[0])


@given(trees())
def test_a_block_computes_what_its_formula_says(tree: Sum) -> None:
    numbers = Numbers()
    right = numbers.tree(tree)
    found = numbers.block(Formula(written(tree)).block(LAYERS))
    # Sums cancel: what is left has the error of what was added.
    assert np.abs(found - right).max() <= 1e-6 * max(1.0, np.abs(right).max())


def shape(text: str, layers: int = 4) -> list[str]:
    """Return a block's nodes in short."""
    return [
        f"{node.op.kind}{''.join(slot.letter + '~' * slot.tied for slot in node.op.slots)}"
        f"{'' if node.op.constant is None else '[' + node.op.constant.text + ']'}"
        f" {','.join(map(str, node.inputs))} {node.name}".strip()
        for node in formula(text).block(layers).nodes
    ]


def test_the_default_is_the_articles_layer() -> None:
    assert formula("S(Wx+b)").block(3) == LAYER
    assert formula("plain").block(3) == LAYER
    assert formula("plain").is_plain
    assert formula(" S( W x + b )").is_plain


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("x + S(Wx+b)", ["affineWb 0 a", "activate 1", "add 0,2 f"]),
        # The constant has the sign; 1 needs no node.
        ("x - 0.5 Wx", ["affineW 0 w", "scale[-0.5] 1", "add 0,2 f"]),
        ("-x", ["scale[-1] 0 f"]),
        ("1 Wx + 2/2 x", ["affineW 0 w", "add 1,0 f"]),
        ("1 x", ["scale[1] 0 f"]),
        # A bias goes to the first matrix that stands as it is, another one alone.
        ("x + Wx + Vx + b", ["affineWb 0 w", "add 0,1", "affineV 0 v", "add 2,3 f"]),
        ("b + 0.5 Wx + Vx", ["affineW 0 w", "scale[0.5] 1", "affineVb 0 v", "add 2,3 f"]),
        ("0.5 Wx + b", ["affineW 0 w", "scale[0.5] 1", "shiftb 2 f"]),
        ("S(x + b)", ["shiftb 0 a", "activate 1 f"]),
        ("Wx + b + c", ["affineWb 0 w", "shiftc 1 f"]),
        ("(Wx + b) + c", ["affineWb 0 w", "shiftc 1 f"]),
        ("Wx + 0.5 b + c", ["affineWc 0 w", "scale[1/(0.5)] 1", "shiftb 2", "scale[0.5] 3 f"]),
        ("S(Wx - b)", ["affineW 0 w", "scale[-1] 1", "shiftb 2", "scale[-1] 3 a", "activate 4 f"]),
        # u is one input, however often it is taken.
        ("Wx + u + Uu", ["affineW 0 w", "step  u", "add 1,2", "affineU 2", "add 3,4 f"]),
        ("S(W~x + U~u + b~)",
         ["affineW~b~ 0 w", "step  u", "affineU~ 2", "add 1,3 a", "activate 4 f"]),
        # The first S to be met takes a, the next g; x and u have their own names.
        ("S(V S(Wx+b)+c)", ["affineWb 0 a", "activate 1", "affineVc 2 g", "activate 3 f"]),
        ("S(S(Wx))", ["affineW 0 a", "activate 1 g", "activate 2 f"]),
        ("S(x) + S(u)", ["activate 0", "step  u", "activate 2", "add 1,3 f"]),
        ("x + V S(Wx+b)", ["affineWb 0 a", "activate 1", "affineV 2 v", "add 0,3 f"]),
        # What a matrix gives has its letter, but not that of something else.
        ("x + V Vx + Bx", ["affineV 0 v", "affineV 1", "add 0,2", "affineB 0", "add 3,4 f"]),
        ("G S(S(Wx)) + x",
         ["affineW 0 a", "activate 1 g", "activate 2", "affineG 3", "add 4,0 f"]),
    ],
)  # fmt: skip
def test_the_nodes_of_a_block(text: str, right: list[str]) -> None:
    assert shape(text) == right


def test_a_coefficient_is_a_number_and_its_text() -> None:
    (place,) = formula("residual_scaled").block(16).places("scale")
    assert formula("residual_scaled").block(16).nodes[place - 1].op.constant == Constant(
        0.25, "1/sqrt(layers)"
    )
    # In one layer it is 1.
    assert formula("residual_scaled").block(1) == formula("residual").block(1)
    assert shape("x - 1/layers Wx")[1] == "scale[-1/layers] 1"


def test_more_arguments_than_letters_have_no_name() -> None:
    block = formula("S(" * 30 + "Wx" + ")" * 30).block(1)
    names = [node.name for node in block.nodes if node.name]
    assert len(set(names)) == len(names)
    assert not {"b", "c", "d", "u", "x"} & set(names)


def test_what_a_formula_tells_of_itself() -> None:
    found = formula("LN(x + V~ S(Wx + U~u + b) + c~)")
    assert found.slots == (
        *(Slot("V", tied=True), Slot("W"), Slot("U", tied=True)),
        *(Slot("b"), Slot("c", tied=True)),
    )
    assert found.letters == ("V", "W", "U", "b", "c")
    assert found.matrices == ("V", "W", "U")
    assert found.biases == ("b", "c")
    assert found.tied == ("V", "U", "c")
    assert found.has_bias
    assert found.uses_step
    assert found.norms == ("LN",)
    assert found.words == {"x", "u", "S", "LN"}
    plain = formula("S(Wx)")
    assert (plain.has_bias, plain.uses_step, plain.norms, plain.tied) == (False, False, (), ())


def test_formulas_are_equal_where_their_blocks_are() -> None:
    one, other = formula("x+S( Wx + b )"), formula("residual")
    assert one == other
    assert hash(one) == hash(other)
    assert one != formula("x + S(Wx)")
    assert (one.name, other.name) == ("", "residual")
    assert formula(other) is other
    again = pickle.loads(pickle.dumps(other))
    assert (again, again.name, str(again)) == (other, "residual", "x + S(Wx+b)")


# --- named blocks ---


@pytest.mark.parametrize("record", list(NAMED), ids=lambda record: record.name)
def test_a_named_block_is_a_formula_in_its_one_form(record: NamedBlock) -> None:
    found = formula(record.name)
    assert found.text == record.text
    assert found.name == record.name
    assert found.block(5).nodes
    for text in (record.meaning, record.source, record.growth):
        assert text
        assert text.isprintable()
        assert len(text) < 80


def test_the_names_mean_different_blocks() -> None:
    texts = [record.text for record in NAMED]
    assert len(set(texts)) == len(texts)


@given(st.sampled_from(NAMED.names()), st.sampled_from(["-", " ", "_", ""]), st.booleans())
def test_names_are_spelled_as_one_likes(name: str, between: str, upper: bool) -> None:
    spelled = name.replace("_", between)
    assert formula(spelled.upper() if upper else spelled).name == name


def test_aliases_mean_the_same() -> None:
    assert formula("Pre-LN").name == "prenorm"
    assert formula("skip").name == "residual"


def test_formulas_know_upper_case_from_lower() -> None:
    with pytest.raises(UsageError, match="character 3: wx means nothing here"):
        formula("S(wx+b)")
