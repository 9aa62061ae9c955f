from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy
from command import run_in_process
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mpmath import mp
from oracles import DIGITS

import vanish
from vanish.errors import UsageError
from vanish.network import losses
from vanish.network.losses import Loss, draw_readout
from vanish.numbers.scaled import LARGEST_EXPONENT, Magnitude, Scaled, decimal_text
from vanish.numbers.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.network.losses import Exponential
    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Exponents

OUTPUT = np.array([[1.0, -2.0], [0.5, 4.0], [0.0, 0.25]])


def gradient(loss: str, output: Scaled, reference: np.ndarray) -> np.ndarray:
    return losses.get(loss).gradient(output, reference).with_exponent(0).values


def test_names_start_with_the_default() -> None:
    assert losses.names() == ("readout", "sum", "mse", "cross_entropy", "bce")


def test_a_loss_is_the_mean_over_the_rows() -> None:
    output, r, target = Scaled(OUTPUT), np.array([0.6, -0.8]), np.arange(6.0).reshape(3, 2)
    assert gradient("readout", output, r) == pytest.approx(np.array([r, r, r]) / 3, rel=1e-15)
    assert gradient("sum", output, r) == pytest.approx(np.full((3, 2), 1 / 3), rel=1e-15)
    assert gradient("mse", output, target) == pytest.approx((OUTPUT - target) / 3, rel=1e-15)


def test_one_row_of_targets_is_the_target_of_every_row() -> None:
    target = np.array([[1.0, 2.0]])
    expected = gradient("mse", Scaled(OUTPUT), np.repeat(target, 3, axis=0))
    assert gradient("mse", Scaled(OUTPUT), target).tolist() == expected.tolist()


@pytest.mark.parametrize("exponent", [-5000, -700, 700, 5000])
def test_the_gradient_of_mse_has_the_size_of_an_output_of_any_size(exponent: int) -> None:
    found = losses.get("mse").gradient(Scaled(np.array([[0.75]]), exponent), np.zeros((1, 1)))
    size = Fraction(found.values.item()) * Fraction(2) ** found.exponent
    assert size == Fraction(3, 4) * Fraction(2) ** exponent


def test_which_losses_take_a_target() -> None:
    records = [losses.get(name) for name in losses.names()]
    with_target = ["mse", "cross_entropy", "bce"]
    assert [each.name for each in records if each.takes_target] == with_target
    assert [*losses.names_with_target()] == with_target
    assert [each.name for each in records if each.takes_classes] == ["cross_entropy"]
    assert [each.name for each in records if each.takes_bits] == ["bce"]


# --- cross-entropy ---

CLASSES = np.array([[1], [0], [1]])


def test_sympy_differentiates_the_cross_entropy() -> None:
    f = sympy.symbols("f0:3", real=True)
    logits = np.array([[0.5, -1.25, 3.0], [2.0, 2.0, -0.75]])
    target = np.array([[2], [0]])
    expected = [
        [
            sympy.diff(sympy.log(sum(map(sympy.exp, f))) - f[t], each)
            .subs(dict(zip(f, map(sympy.Rational, row), strict=True)))
            .evalf(30)
            for each in f
        ]
        for row, (t,) in zip(logits.tolist(), target.tolist(), strict=True)
    ]
    found = gradient("cross_entropy", Scaled(logits), target)
    assert found == pytest.approx(np.array(expected, dtype=float) / 2, rel=1e-14)


@pytest.mark.parametrize("gap", [1.0, 40.0, 700.0, 800.0, 1e5, 1e9])
def test_a_row_that_is_certain_of_its_class_has_a_small_gradient_and_no_zero(gap: float) -> None:
    # Two classes: ∂L/∂f is (-e, e) with e = 1/(1+exp(gap)), where float64 has long a zero.
    found = losses.get("cross_entropy").gradient(Scaled(np.array([[gap, 0.0]])), np.zeros((1, 1)))
    with mp.workdps(30):
        exact = 1 / (1 + mp.exp(mp.mpf(gap)))
        for value, sign in zip(found.values[0].tolist(), (-1, 1), strict=True):
            left = mp.ldexp(mp.mpf(value), found.exponent)
            assert abs(left / (sign * exact) - 1) <= 1e-15 * max(gap, 10.0)


@pytest.mark.parametrize("exponent", [-5000, -700, 0, 700, 5000])
def test_the_cross_entropy_of_an_output_of_any_size(exponent: int) -> None:
    # Far down all classes are equally likely; far up the larger logit is certain.
    output = Scaled(np.array([[0.5, 0.75]]), exponent)
    found = losses.get("cross_entropy").gradient(output, np.zeros((1, 1)))
    values = found.with_exponent(0).values
    expected = 0.5 if exponent < 0 else 1.0 if exponent else 1 / (1 + math.exp(-0.25))
    assert values == pytest.approx(np.array([[-expected, expected]]), rel=1e-15)


def test_a_single_class_leaves_nothing_to_learn() -> None:
    found = losses.get("cross_entropy").gradient(Scaled(np.array([[3.0]])), np.zeros((1, 1)))
    assert found.values.tolist() == [[0.0]]


def test_one_class_is_that_of_every_row_and_trials_go_together() -> None:
    one = gradient("cross_entropy", Scaled(OUTPUT), np.array([[1]]))
    assert one.tolist() == gradient("cross_entropy", Scaled(OUTPUT), np.full((3, 1), 1)).tolist()
    stacked = np.stack([OUTPUT, 2.0 * OUTPUT])
    both = gradient("cross_entropy", Scaled(stacked), np.broadcast_to(CLASSES, (2, 3, 1)))
    for found, logits in zip(both, stacked, strict=True):
        expected = gradient("cross_entropy", Scaled(logits), CLASSES)
        assert found == pytest.approx(expected, rel=1e-15)


def test_training_has_the_same_cross_entropy() -> None:
    generator = np.random.default_rng(0)
    logits = 5.0 * generator.standard_normal((50, 4))
    classes = generator.integers(4, size=50)
    found = np.empty_like(logits)
    losses.cross_entropy_gradient(logits, classes, found)
    expected = gradient("cross_entropy", Scaled(logits), classes[:, None])
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-17)

    def loss(at: np.ndarray) -> float:
        return losses.cross_entropy(at, classes)

    for entry in ((0, 0), (7, 2), (49, 3)):
        step = np.zeros_like(logits)
        step[entry] = 1e-5
        slope = (loss(logits + step) - loss(logits - step)) / 2e-5
        assert slope == pytest.approx(expected[entry], rel=1e-6)


def test_the_cross_entropy_is_stable() -> None:
    assert losses.cross_entropy(np.array([[1e300, 0.0]]), np.array([0])) == 0.0
    assert losses.cross_entropy(np.array([[1e300, 0.0]]), np.array([1])) == 1e300
    assert losses.cross_entropy(np.zeros((2, 4)), np.array([0, 3])) == pytest.approx(math.log(4.0))
    assert losses.cross_entropy(np.array([[1e308, -1e308]]), np.array([1])) == math.inf


# --- binary cross-entropy ---

BITS = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])


def test_sympy_differentiates_the_binary_cross_entropy() -> None:
    f, t = sympy.symbols("f t", real=True)
    probability = 1 / (1 + sympy.exp(-f))
    loss = -t * sympy.log(probability) - (1 - t) * sympy.log(1 - probability)
    slope = sympy.lambdify((f, t), sympy.diff(loss, f), "mpmath")
    with mp.workdps(DIGITS):
        expected = [
            [float(slope(mp.mpf(logit), mp.mpf(bit))) / 3 for logit, bit in zip(*rows, strict=True)]
            for rows in zip(OUTPUT.tolist(), BITS.tolist(), strict=True)
        ]
    found = gradient("bce", Scaled(OUTPUT), BITS)
    assert found == pytest.approx(np.array(expected), rel=1e-15, abs=0.0)


LOGITS = [
    *(0.0, 1e-300, 0.25, 1.0, 3.0, 20.0, 35.5, 37.0, 400.0, 499.9, 500.1, 745.2, 800.0),
    *(1234.5678, 1e5 / 3, 1e9 / 7, 123456789012.375, 1e15 / 3, 1e18, 1.59e18),
]


@pytest.mark.parametrize("logit", LOGITS)
def test_bce_keeps_every_digit_however_certain_it_is(logit: float) -> None:
    for f in (logit, -logit):
        for t in (0.0, 1.0):
            found = losses.get("bce").gradient(Scaled(np.array([[f]])), np.array([[t]]))
            # σ(f) - t needs as many digits as the exponent has to stay apart from 0.
            with mp.workdps(DIGITS):
                exact = (-1 if t else 1) / (1 + mp.exp(mp.mpf(f if t else -f)))
                ratio = mp.ldexp(mp.mpf(found.values.item()), found.exponent) / exact
                assert abs(ratio - 1) <= 5e-16, (f, t)


@pytest.mark.parametrize("exponent", [-5000, -1100, 1100, 5000])
def test_bce_of_an_output_that_float64_cannot_hold(exponent: int) -> None:
    output = Scaled(np.array([[0.5, -0.5, 0.5, -0.5]]), exponent)
    found = gradient("bce", output, np.array([[0.0, 0.0, 1.0, 1.0]]))
    expected = [0.5, 0.5, -0.5, -0.5] if exponent < 0 else [1.0, 0.0, 0.0, -1.0]
    assert found.tolist() == [expected]


# --- both, at any size ---


def exact(loss: str, output: Scaled, target: FloatArray) -> list[list[Any]]:
    """Return ∂L/∂f of every row in mpmath's numbers, by sums of what is positive only."""
    found = []
    classes = np.broadcast_to(target, (len(output.values), target.shape[-1]))
    for values, reference in zip(output.values.tolist(), classes.tolist(), strict=True):
        f = [mp.ldexp(mp.mpf(value), output.exponent) for value in values]
        if loss == "bce":
            row = [
                (-1 if t else 1) / (1 + mp.exp(logit if t else -logit))
                for logit, t in zip(f, reference, strict=True)
            ]
        else:
            (t,) = map(int, reference)
            shares = [mp.exp(each - max(f)) for each in f]
            others = [share for k, share in enumerate(shares) if k != t]
            row = [share / sum(shares) for share in shares]
            row[t] = -sum(others) / sum(shares)
        found.append([each / len(output.values) for each in row])
    return found


SIZES = st.integers(-1100, 70).map(lambda power: math.ldexp(1.0, power))


@st.composite
def outputs(draw: st.DrawFn) -> tuple[str, Scaled, FloatArray]:
    """Return a loss, outputs of rows of very different sizes, and targets."""
    loss, exponent = draw(st.sampled_from(["bce", "cross_entropy"])), draw(st.integers(-40, 9))
    rows, width = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 1000)))
    sizes = np.array([[draw(SIZES)] for _ in range(rows)])
    values = sizes * generator.standard_normal((rows, width))
    shape = (draw(st.sampled_from([1, rows])), width if loss == "bce" else 1)
    target = generator.integers(2 if loss == "bce" else width, size=shape)
    return loss, Scaled(values, exponent), target.astype(np.float64)


@settings(max_examples=150)
@given(outputs())
@example(("bce", Scaled(np.array([[2.0**61]])), np.ones((1, 1))))
@example(("cross_entropy", Scaled(np.array([[1e308, -1e308]]), 400), np.zeros((1, 1))))
@example(("cross_entropy", Scaled(np.array([[1e308, -1e308]]), 400), np.ones((1, 1))))
def test_mpmath_has_the_same_gradient_of_a_batch_of_any_size(
    case: tuple[str, Scaled, FloatArray],
) -> None:
    loss, output, target = case
    found = losses.get(loss).gradient(output, target)
    assert np.isfinite(found.values).all()
    assert isinstance(found.exponent, int)
    with mp.workdps(DIGITS):
        expected = exact(loss, output, target)
        size = max(abs(each) for row in expected for each in row)
        # Where the limit lies is known but for the rounding of the largest logarithm.
        if size == 0 or mp.log(size, 2) < -LARGEST_EXPONENT - 2**10:
            assert not found.values.any()
            return
        if mp.log(size, 2) < -LARGEST_EXPONENT + 2**10:
            return
        # A softmax knows its logarithms to their last digit, bce what it is given.
        bits = float(abs(mp.log(size))) if loss == "cross_entropy" else 0.0
        tolerance = 2e-15 * max(bits, 1.0)
        for left, right in zip(found.values.tolist(), expected, strict=True):
            for a, b in zip(left, right, strict=True):
                value = mp.ldexp(mp.mpf(a), found.exponent)
                if tolerance > 0.1:
                    if b and value:  # the logarithm is all that can be known
                        assert abs(mp.log(abs(value)) / mp.log(abs(b)) - 1) <= 4e-15
                else:
                    assert abs(value - b) <= tolerance * size


@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_a_gradient_below_the_smallest_magnitude_is_a_zero(loss: str) -> None:
    def of(gap: float) -> Scaled:
        # As the loss has it: bce of one logit, a softmax of two.
        logits = [[-gap]] if loss == "bce" else [[gap, 0.0]]
        return losses.get(loss).gradient(Scaled(np.array(logits)), np.zeros((1, 1)))

    smallest = LARGEST_EXPONENT * math.log(2.0)
    least = of(smallest * (1.0 - 1e-12))
    assert least.values.all()
    assert least.exponent == pytest.approx(-LARGEST_EXPONENT, rel=1e-11)
    # Decimal can hold it, and what a deep chain makes of it.
    for factor in (Magnitude.of(1.0), Magnitude.of(1.0, -(2**50)), Magnitude.of(1.0, 2**50)):
        value, log10 = (least.norm() * factor).exact(), (least.norm() * factor).log10
        assert isinstance(value, Decimal)
        assert log10 is not None
        assert float(decimal_text(value).partition("e")[2]) == pytest.approx(log10, rel=1e-15)
    for gap in (smallest * (1.0 + 1e-12), 6.5e18, 1e30, 1e308):
        assert of(gap).values.tolist() == np.zeros_like(least.values).tolist()
        assert of(gap).exponent == of(0.0).exponent


# --- trials ---


def shared(rule: Any) -> Any:
    """Return the rule of a loss with one exponent for all trials: a fault."""

    def one_exponent(values: FloatArray, exponents: Exponents, target: FloatArray) -> Exponential:
        assert isinstance(exponents, int)
        whole = np.broadcast_to(target, (*values.shape[:2], target.shape[-1]))
        together, exponent = rule(
            values.reshape(-1, values.shape[-1]), exponents, whole.reshape(-1, target.shape[-1])
        )
        return together.reshape(values.shape), exponent

    return one_exponent


def far_apart(loss: str) -> tuple[Stack, FloatArray]:
    """Return trials of two rows, certain of the right answer to very different degrees."""
    gaps = np.array([0.5, 30.0, 650.0, 2000.0, 1e6, 1e17, 1e25])
    values = np.array([[[gap, -gap], [1.5 * gap, -gap]] for gap in gaps])
    target = np.array([[1.0, 0.0]]) if loss == "bce" else np.zeros((1, 1))
    return Stack(values), np.broadcast_to(target, (len(gaps), *target.shape))


def wrong_trials(loss: Loss) -> list[int]:
    """Return which trials have another gradient than they have alone."""
    stack, references = far_apart(loss.name)
    together = loss.gradients(stack, references)
    found = []
    for trial, values in enumerate(stack.values):
        alone = loss.gradient(Scaled(values), references[trial])
        exponent = int(np.broadcast_to(together.exponents, len(stack.values))[trial])
        same = Scaled(together.values[trial], exponent).with_exponent(alone.exponent)
        if same.values.tolist() != alone.values.tolist():
            found.append(trial)
    return found


@pytest.mark.parametrize("name", ["cross_entropy", "bce"])
def test_a_trial_s_gradient_is_what_it_is_alone(name: str) -> None:
    loss = losses.get(name)
    assert wrong_trials(loss) == []
    # All but the last have one; with an exponent in common those of the certain are lost.
    stack, references = far_apart(name)
    assert loss.gradients(stack, references).values.any(axis=(1, 2)).tolist() == [True] * 6 + [
        False
    ]
    assert wrong_trials(loss._replace(by_trial=shared(loss.by_trial))) == [2, 3, 4, 5]


@pytest.mark.parametrize("name", ["cross_entropy", "bce"])
def test_outputs_with_exponents_of_their_own_are_the_outputs(name: str) -> None:
    loss = losses.get(name)
    stack, references = far_apart(name)
    powers = np.array([0, 40, -300, 12, 0, -9, 3])
    apart = Stack(np.ldexp(stack.values, -powers[:, None, None]), powers)
    found, expected = loss.gradients(apart, references), loss.gradients(stack, references)
    assert found.values.tolist() == expected.values.tolist()
    assert np.array_equal(found.exponents, expected.exponents)


def shares(loss: str, engine: str, **options: Any) -> dict[str, float]:
    profile = vanish.simulate(loss=loss, engine=engine, trials=400, norm_bound=False, **options)
    return profile.verdict_shares


LINEAR: dict[str, Any] = {"act": "identity", "layers": 4, "width": 3, "weight_std": 10.0}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cross_entropy", "bce"])
def test_a_linear_chain_is_never_dead(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its weights are of full rank: the gradient is a zero only where the loss's is one.
    dense, sampled = shares(name, "dense", **LINEAR), shares(name, "sampled", **LINEAR)
    assert dense["dead"] == sampled["dead"] == 0.0
    # Two shares of 400 trials differ by 4 standard deviations, √2·√(p(1-p)/400), once in 10^4.
    assert sampled["exploding"] == pytest.approx(dense["exploding"], abs=0.13)

    loss = losses.get(name)
    faulty = loss._replace(by_trial=shared(loss.by_trial))
    monkeypatch.setitem(losses._REGISTRY._entries, name, faulty)
    assert shares(name, "sampled", **LINEAR)["dead"] > 0.05


# --- through the whole command ---


def simulated(*words: str) -> list[dict[str, Any]]:
    """Return the runs of a command line in JSON, which has no NaN and no infinity."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} in JSON")

    result = run_in_process(*words, "--quiet", "--format=json")
    assert result.stderr == b""
    runs: list[dict[str, Any]] = json.loads(result.stdout, parse_constant=refuse)["runs"]
    return runs


HUGE = [
    *("--act=relu", "--last-act=identity", "--layers=100", "--width=10", "--weight-std=3"),
]


@pytest.mark.parametrize("engine", ["dense", "sampled"])
@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
@pytest.mark.parametrize("batch", ["1", "3"])
def test_outputs_of_1e40_have_a_gradient_or_a_true_zero(loss: str, engine: str, batch: str) -> None:
    words = [f"--loss={loss}", f"--engine={engine}", f"--batch={batch}"]
    (run,) = simulated(*HUGE, *words, "--seed=2")
    status = {layer["status"] for layer in run["layers"]}
    assert len(status) == 1
    assert (run["verdict"] == "dead") == (status == {"zero"})


@pytest.mark.slow
def test_no_point_of_a_sweep_over_huge_outputs_fails() -> None:
    axes = ["--loss=cross_entropy,bce", "--engine=dense,sampled", "--batch=1,2", "--trials=1,3"]
    axes += ["--seed=2", "--jobs=1", "--format=jsonl", "--quiet"]
    result = run_in_process("sweep", *HUGE, *axes)
    assert (result.status, result.stderr) == (0, b"")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 2 * 2 * 2 * 2
    assert all(row["error"] is None and row["verdict"] for row in rows)


@pytest.mark.parametrize("format_name", ["table", "tsv", "csv", "json", "jsonl", "markdown"])
@pytest.mark.parametrize(("engine", "seed"), [("dense", 11), ("sampled", 17)])
def test_every_format_has_a_gradient_near_the_smallest_magnitude(
    engine: str, seed: int, format_name: str
) -> None:
    words = f"--act identity --layers 3 --width 2 --weight-std 1 --gain 5e5 --seed {seed}".split()
    words += [f"--engine={engine}", "--loss=cross_entropy"]
    (run,) = simulated(*words)
    first = run["layers"][0]
    assert -7e17 < first["log10_grad_w"] < -1e17
    mantissa, exponent = first["grad_w"].split("e-")
    assert float(exponent) == pytest.approx(-first["log10_grad_w"], rel=1e-15)
    assert 1.0 <= float(mantissa) < 10.0

    result = run_in_process(*words, f"--format={format_name}")
    assert result.status == 0
    shown = first["grad_w"]
    if format_name == "markdown":
        shown = f"{float(mantissa):.2f}e-{exponent}"
    if format_name == "table":  # 80 columns have room for the signal only
        shown = f"e-{exponent[:12]}"
    assert shown.encode() in result.stdout
    assert b"nan" not in result.stdout.lower()


NAMES: Sequence[str] = ("identity", "relu", "leaky_relu", "tanh", "softplus", "gelu", "sin")


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.sampled_from(["cross_entropy", "bce"]),
    st.sampled_from(["dense", "sampled"]),
    st.sampled_from(NAMES),
    st.lists(st.integers(1, 4), min_size=2, max_size=6),
    st.integers(1, 3),
    st.integers(1, 4),
    st.floats(-300.0, 300.0),
    st.sampled_from([0.0, 1e-200, 1.0, 1e200]),
    st.integers(0, 1000),
)
def test_any_scale_has_an_answer(
    loss: str,
    engine: str,
    act: str,
    widths: list[int],
    batch: int,
    trials: int,
    power: float,
    bias_std: float,
    seed: int,
) -> None:
    words = [
        *(f"--loss={loss}", f"--engine={engine}", f"--act={act}", "--last-act=identity"),
        f"--widths={','.join(map(str, widths))}",
        *(f"--batch={batch}", f"--trials={trials}", f"--seed={seed}", f"--bias-std={bias_std}"),
        *("--init=he_normal", f"--gain={10.0**power}"),
    ]
    result = run_in_process(*words, "--format=json", "--quiet")
    if result.status == 2:  # what grows past float64 and cannot be rescaled
        assert b"grow past 1.8e308" in result.stderr
        return
    for run in simulated(*words):
        for layer in run["layers"]:
            assert layer["status"] in ("ok", "zero")


@pytest.mark.parametrize("size", [1, 2, 30])
def test_a_readout_is_signs_of_norm_1(size: int) -> None:
    readout = draw_readout(np.random.default_rng(0), (size,))
    assert np.abs(readout) == pytest.approx(np.full(size, 1 / math.sqrt(size)), rel=1e-15)


def test_the_signs_of_a_readout_are_fair() -> None:
    signs = np.sign(draw_readout(np.random.default_rng(0), (10_000,)))
    assert abs(signs.mean()) <= 4 / math.sqrt(10_000)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    assert losses.get(" MSE ").name == "mse"
    with pytest.raises(UsageError) as caught:
        losses.get("msee")
    assert str(caught.value) == "unknown loss 'msee': did you mean mse?"
