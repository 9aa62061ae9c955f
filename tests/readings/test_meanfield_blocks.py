"""What mean field expects of blocks: against wide simulations that know nothing of it."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import wide

import vanish
from vanish import Rows
from vanish.gauss.quadrature import NoLawError
from vanish.network import activations
from vanish.network.graph import Block, Constant, Graph, Node, Op, Slot
from vanish.numbers.scaled import ONE, Magnitude
from vanish.readings import secondmode
from vanish.readings.meanfield import MEAN_FIELD, Ensemble, expected

if TYPE_CHECKING:
    from conftest import Plant

    from vanish.readings.expectations import Expectations

S, ADD, LN, RMS = Op("activate"), Op("add"), Op("layernorm"), Op("rmsnorm")
W, V = Op("affine", (Slot("W"), Slot("b"))), Op("affine", (Slot("V"),))
STEP = Op("step")
DEPTH = 20


def times(value: float) -> Op:
    return Op("scale", (), Constant(value, f"{value:g}"))


def block(*nodes: tuple[Op, int | tuple[int, ...]]) -> Block:
    """Return a block whose last S takes a."""
    made = [Node(op, taken if isinstance(taken, tuple) else (taken,)) for op, taken in nodes]
    place = next((node.inputs[0] for node in reversed(made) if node.op.kind == "activate"), 0)
    if place:
        made[place - 1] = made[place - 1]._replace(name="a")
    return Block(*made[:-1], made[-1]._replace(name="f"))


BLOCKS = {
    "S(Wx+b)": block((W, 0), (S, 1)),
    "x + S(Wx+b)": block((W, 0), (S, 1), (ADD, (0, 2))),
    "x + 0.5 S(Wx+b)": block((W, 0), (S, 1), (times(0.5), 2), (ADD, (0, 3))),
    "0.5 x - S(Wx+b)": block((W, 0), (S, 1), (times(-1.0), 2), (times(0.5), 0), (ADD, (4, 3))),
    "x + V S(Wx+b)": block((W, 0), (S, 1), (V, 2), (ADD, (0, 3))),
    "x + S(W LN(x)+b)": block((LN, 0), (W, 1), (S, 2), (ADD, (0, 3))),
    "x + S(W RMS(x)+b)": block((RMS, 0), (W, 1), (S, 2), (ADD, (0, 3))),
    "x + V S(W LN(x)+b)": block((LN, 0), (W, 1), (S, 2), (V, 3), (ADD, (0, 4))),
    "S(LN(Wx+b))": block((W, 0), (LN, 1), (S, 2)),
    "S(RMS(Wx+b))": block((W, 0), (RMS, 1), (S, 2)),
    "LN(S(Wx+b))": block((W, 0), (S, 1), (LN, 2)),
    "RMS(S(Wx+b))": block((W, 0), (S, 1), (RMS, 2)),
    "S(W LN(x)+b)": block((LN, 0), (W, 1), (S, 2)),
    "LN(x + S(Wx+b))": block((W, 0), (S, 1), (ADD, (0, 2)), (LN, 3)),
    "RMS(x + S(Wx+b))": block((W, 0), (S, 1), (ADD, (0, 2)), (RMS, 3)),
    "LN(x + V S(Wx+b))": block((W, 0), (S, 1), (V, 2), (ADD, (0, 3)), (LN, 4)),
    "x + 0.5 x + V S(Wx)": block(
        (W, 0), (S, 1), (V, 2), (times(0.5), 0), (ADD, (0, 4)), (ADD, (5, 3))
    ),
}
STDS = {"relu": math.sqrt(2.0), "gelu": math.sqrt(2.0), "softplus": math.sqrt(2.0)}


def theory(
    of: Block, act: str, width: int, stds: dict[str, float], bias_std: float = 0.0
) -> Expectations:
    variances = {letter: [Magnitude.of(std * std)] * (DEPTH + 1) for letter, std in stds.items()}
    acts = [activations.get(act)] * DEPTH
    ensemble = Ensemble(acts, [width] * (DEPTH + 1), variances, bias_std)
    return expected(ensemble, Magnitude.of(math.sqrt(width)), Graph((of, DEPTH)))


def decades(one: Magnitude, other: Magnitude) -> float:
    assert one.log10 is not None
    assert other.log10 is not None
    return abs(one.log10 - other.log10)


def log10(magnitudes: list[Magnitude | None]) -> np.ndarray:
    return np.array([math.nan if each is None else each.log10 for each in magnitudes])


def off(of: Block, act: str, width: int, trials: int, bias_std: float = 0.0) -> np.ndarray:
    """Return how far theory is off beyond three standard errors, in decades: shape (3, N)."""
    stds = {"W": STDS.get(act, 1.0), "V": 1.0, "U": 0.5}
    found = theory(of, act, width, stds, bias_std)
    squares = wide.simulate(
        of, DEPTH, activations.get(act).pair, width, trials, stds, bias_std, seed=1
    )
    rows = []
    for column, measured in (
        ([each.grad_f for each in found], squares.f),
        ([each.grad_w for each in found], squares.matrices),
        ([each.grad_b for each in found], squares.biases),
    ):
        middle, error = wide.rms(measured)
        rows.append(np.abs(log10(list(column)) - middle) - 3.0 * error)
    return np.array(rows)


# How the law depends on the width is no matter of S.
SETTINGS = [(act, 256) for act in ("relu", "gelu", "tanh", "sigmoid", "softplus")]
SETTINGS += [("relu", 1024), ("sigmoid", 1024)]


@pytest.mark.slow
@pytest.mark.parametrize(("act", "width"), SETTINGS)
@pytest.mark.parametrize("name", BLOCKS)
def test_theory_is_what_two_thousand_wide_networks_do(name: str, act: str, width: int) -> None:
    if (name, act) == ("S(Wx+b)", "gelu"):
        with pytest.raises(NoLawError, match="hangs on few networks"):
            theory(BLOCKS[name], act, width, {"W": STDS[act]})
        return
    assert np.max(off(BLOCKS[name], act, width, 2000 if width == 256 else 500)) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x + S(Wx+b)", "S(W LN(x)+b)", "S(RMS(Wx+b))"])
def test_theory_knows_biases(name: str) -> None:
    assert np.max(off(BLOCKS[name], "relu", 256, 2000, bias_std=0.5)) < 0.02


@pytest.mark.slow
def test_without_the_second_mode_a_skip_of_relus_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secondmode, "SHARE", math.inf)
    assert np.max(off(BLOCKS["x + S(Wx+b)"], "relu", 1024, 500)) > 0.2


@pytest.mark.slow
def test_a_norm_that_hands_back_what_it_was_given_is_noticed(plant: Plant) -> None:
    plant(MEAN_FIELD, "layernorm", back=lambda _, __, ___, ____, g: (g,))
    assert np.max(off(BLOCKS["LN(S(Wx+b))"], "tanh", 256, 200)) > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x + S(Wx+b)", "LN(x + V S(Wx+b))", "S(RMS(Wx+b))"])
def test_the_simulation_without_matrices_is_that_with_them(name: str) -> None:
    stds = {"W": 1.4, "V": 1.0}
    # Some are exactly 0, where all units of a layer are dead.
    squares = [
        wide.simulate(
            BLOCKS[name],
            4,
            activations.get("relu").pair,
            8,
            4000,
            stds,
            0.3,
            seed=5,
            matrices=each,
        ).f[0]
        for each in (False, True)
    ]
    both = np.sort(np.concatenate(squares))
    shares = [np.searchsorted(np.sort(each), both, side="right") / 4000 for each in squares]
    assert np.abs(shares[0] - shares[1]).max() < 1.95 * math.sqrt(2.0 / 4000)


def steps(of: Block, act: str) -> Expectations:
    variances = {letter: [Magnitude.of(1.0)] for letter in "WU"}
    acts = [activations.get(act)] * DEPTH
    ensemble = Ensemble(acts, [64] * (DEPTH + 1), variances, 0.2)
    return expected(ensemble, Magnitude.of(8.0), Graph((of, DEPTH)))


def through_time(*, tied: bool) -> Block:
    w, u, b = (Slot(letter, tied) for letter in "WUb")
    return Block(
        Node(Op("affine", (w,)), (0,)),
        Node(STEP, (), "u"),
        Node(Op("affine", (u, b)), (2,)),
        Node(ADD, (1, 3), "a"),
        Node(S, (4,), "f"),
    )


def test_shared_weights_have_the_law_of_weights_of_their_own() -> None:
    own = theory(through_time(tied=False), "tanh", 64, {"W": 1.0, "U": 1.0}, 0.2)
    for one, other in zip(steps(through_time(tied=True), "tanh"), own, strict=True):
        assert str(one.grad_f) == str(other.grad_f)
        assert str(one.grad_w) == str(other.grad_w)


def test_shared_weights_with_values_of_a_mean_are_refused() -> None:
    with pytest.raises(NoLawError, match="where the values have a mean"):
        steps(through_time(tied=True), "sigmoid")


SHARED = Op("affine", (Slot("W", tied=True), Slot("b", tied=True)))
REFUSED = {
    "S of a value that is not normal": [
        block((S, 0), (ADD, (0, 1))),
        block((W, 0), (ADD, (0, 1)), (S, 2), (ADD, (0, 3))),
    ],
    "W used twice in a layer": [block((W, 0), (S, 1), (W, 0), (S, 3), (ADD, (2, 4)))],
    "depend on each other": [block((W, 0), (S, 1), (ADD, (1, 2)))],
    "BN, which mixes the rows": [block((W, 0), (Op("batchnorm"), 1), (S, 2))],
    "W shared by all layers, without": [block((SHARED, 0), (S, 1))],
    "W shared by all layers, beside a skip": [
        Block(
            Node(SHARED, (0,)),
            Node(STEP, (), "u"),
            Node(ADD, (1, 2), "a"),
            Node(S, (3,)),
            Node(ADD, (4, 0), "f"),
        )
    ],
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_has_no_law_is_refused_with_its_reason(why: str) -> None:
    for each in REFUSED[why]:
        assert why in MEAN_FIELD.refusal(Graph((each, 3)))


@pytest.mark.parametrize("name", BLOCKS)
def test_what_has_a_law_is_not_refused(name: str) -> None:
    assert MEAN_FIELD.refusal(Graph((BLOCKS[name], 3))) == ""


def test_a_value_that_is_added_to_itself_is_doubled() -> None:
    found = theory(block((times(0.5), 0), (ADD, (0, 1))), "tanh", 64, {})
    assert float(found[0].grad_f) == pytest.approx(1.5 ** (DEPTH - 1), rel=1e-12)
    assert float(found[-1].value) == pytest.approx(1.5**DEPTH, rel=1e-12)
    assert found[0].grad_w is found[0].grad_b is found[0].q is None


def test_a_value_less_its_norm_shrinks_by_one_over_its_deviation() -> None:
    minus = block((LN, 0), (times(-1.0), 1), (ADD, (0, 2)))
    ensemble = Ensemble([activations.get("tanh")] * 2, [64] * 3, {}, 0.0)
    found = expected(ensemble, Magnitude.of(8.0 * 5.0), Graph((minus, 2)))
    assert [float(each.value) for each in found] == pytest.approx([4.0, 3.0], rel=1e-12)
    assert float(found[0].grad_f) == pytest.approx(1.0 - 1.0 / 4.0, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "gain"), [("S(LN(Wx+b))", 0.1533), ("LN(S(Wx+b))", 1.0341), ("x + S(Wx+b)", 1.0357)]
)
def test_where_a_norm_rescues_the_sigmoid(name: str, gain: float) -> None:
    found = theory(BLOCKS[name], "sigmoid", 2**40, {"W": 1.0})
    assert float(found[0].grad_f / found[1].grad_f) ** 2 == pytest.approx(gain, rel=0.02)


def test_values_out_of_range_have_their_law() -> None:
    found = theory(BLOCKS["x + S(Wx+b)"], "relu", 64, {"W": 1e100})
    # Each block multiplies both ways by about 1e100/√2, and the modes by a number near 1.
    first = found[0].grad_f.log10
    assert first is not None
    assert first == pytest.approx(19 * (100.0 - 0.5 * math.log10(2.0)), rel=1e-2)


PLAIN = (
    *("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu"),
    *("softsign", "hard_sigmoid", "hard_tanh", "relu6", "sin", "identity"),
)


@pytest.mark.parametrize("act", PLAIN)
@pytest.mark.parametrize("std", [0.5, 1.0, 1.4142, 2.0, 3.0])
def test_plain_chains_stand_as_they_are(
    act: str, std: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_mode = [theory(BLOCKS["S(Wx+b)"], act, width, {"W": std}) for width in (16, 1024)]
    # Not only because nobody looks: its share is not there.
    monkeypatch.setattr("vanish.gauss.moments.steepens", lambda _: True)
    looked = [theory(BLOCKS["S(Wx+b)"], act, width, {"W": std}) for width in (16, 1024)]
    monkeypatch.setattr(secondmode, "SHARE", math.inf)
    alone = [theory(BLOCKS["S(Wx+b)"], act, width, {"W": std}) for width in (16, 1024)]
    for one, two, three in zip(
        itertools.chain(*with_mode), itertools.chain(*looked), itertools.chain(*alone), strict=True
    ):
        assert str(one.grad_f) == str(two.grad_f) == str(three.grad_f)


@pytest.mark.parametrize(
    ("name", "act"),
    [("residual", "relu"), ("residual", "sigmoid"), ("prenorm", "tanh"), ("x + LN(x)", "relu")],
)
@pytest.mark.parametrize("mean", [0.0, 0.6, 1.0])
def test_theory_starts_from_the_mean_of_the_input_too(name: str, act: str, mean: float) -> None:
    width, rows = 1024, np.random.default_rng(3).standard_normal((1, 1024))
    x = Rows(mean + math.sqrt(1.0 - mean * mean) * (rows - rows.mean()) / rows.std())
    options: dict[str, Any] = {"block": name, "act": act, "layers": 4, "width": width, "input": x}
    profile = vanish.simulate(**options, trials=8, engine="sampled")
    for layer in profile.layers[1:]:
        assert layer.predicted_f is not None
        assert decades(layer.grad_f, layer.predicted_f) < 0.02
        if "S" in profile.settings.block:
            assert layer.rms_a is not None
            assert layer.predicted_rms_a is not None
            # A norm leaves nothing of an input of one number.
            if name == "prenorm" and mean == 1.0:
                assert not layer.rms_a
                assert not layer.predicted_rms_a
            else:
                assert decades(layer.rms_a, layer.predicted_rms_a) < 0.02


def test_a_block_s_biases_have_an_expectation_of_their_own() -> None:
    profile = vanish.simulate(
        block="x + S(Wx+b)", act="tanh", layers=10, width=512, trials=200, engine="sampled"
    )
    for layer in profile.layers:
        assert layer.grad_b.log10 == pytest.approx((layer.predicted_b or ONE).log10, abs=0.05)
    assert profile.layers[0].predicted_b != profile.layers[0].predicted_f
    without = vanish.simulate(block="x + S(Wx)", act="tanh", layers=3)
    assert [layer.predicted_b for layer in without.layers] == [None] * 3


def test_the_inputs_of_layers_count_as_they_were_given() -> None:
    width = 64
    steps = np.repeat([[3.0], [0.5], [2.0]], width, axis=1)
    profile = vanish.simulate(
        block="rnn_untied",
        act="tanh",
        layers=3,
        width=width,
        weight_std=1.0,
        input=Rows(np.ones((1, width))),
        steps=Rows(steps),
    )
    # a_1 = W x + U u_1, of mean squares 1 and 9.
    first = profile.layers[0].predicted_rms_a
    assert float(first or ONE) == pytest.approx(math.sqrt(10.0), rel=1e-12)
    for layer in profile.layers:
        assert layer.rms_a is not None
        assert layer.rms_a.log10 == pytest.approx((layer.predicted_rms_a or ONE).log10, abs=0.1)
