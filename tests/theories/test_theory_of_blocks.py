"""Theory of blocks: against mpmath's integrals, against the plain chain's, against known facts."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from mpmath import mp

from vanish.errors import UsageError
from vanish.gauss import moments
from vanish.network import activations
from vanish.network.blocks import formula
from vanish.network.formulas.named import NAMED
from vanish.numbers.scaled import ONE, Magnitude
from vanish.theories import blocks, chains, growth, infinitewidth

if TYPE_CHECKING:
    from collections.abc import Callable


def setting(block: str, act: str, weight_std: Any = 1.0, *rest: float) -> blocks.Setting:
    return blocks.Setting(formula(block), activations.get(act), weight_std, *rest)


def point(block: str, act: str, weight_std: Any = 1.0, *rest: float) -> blocks.BlockPoint:
    return blocks.point(setting(block, act, weight_std, *rest))


@pytest.mark.parametrize(
    ("block", "act", "weight_std", "chi"),
    [
        ("layernorm", "sigmoid", 1.0, 0.153),
        ("layernorm", "sigmoid", 3.0, 0.153),
        ("layernorm_after", "sigmoid", 1.0, 1.034),
        ("layernorm", "tanh", 1.0, 1.178),
        ("layernorm_after", "tanh", 1.0, 1.178),  # S is odd, so that M is 0
        ("layernorm", "relu", 1.0, 1.0),
        ("layernorm_after", "relu", 2.0, 1.467),
        ("residual", "relu", 1.0, 1.5),
        ("residual", "relu", 1.5, 1.0 + 1.5**2 / 2),
        ("postnorm", "relu", 0.7, 1.0),
    ],
)
def test_known_factors(block: str, act: str, weight_std: float, chi: float) -> None:
    found = point(block, act, weight_std)
    assert found.chi == pytest.approx(chi, abs=5e-4)
    assert found.growth == growth.settled(found.chi or 0.0)


def test_sigmoid_behind_a_norm_takes_two_layers() -> None:
    factors = [each.chi for each in blocks.profile(setting("layernorm", "sigmoid"), 5)]
    assert factors[0] == pytest.approx(0.0448, abs=1e-4)
    assert factors[1:] == pytest.approx([0.15283] * 4, abs=1e-5)


@pytest.mark.parametrize("act", ["sigmoid", "tanh", "relu", "gelu", "softplus", "selu", "sin"])
@pytest.mark.parametrize("weight_std", [0.5, 1.0, 1.4, 2.5])
@pytest.mark.parametrize("bias_std", [0.0, 0.3])
def test_plain_block_and_one_found_by_walking_are_the_plain_chain_s(
    act: str, weight_std: float, bias_std: float
) -> None:
    right = infinitewidth.point(activations.get(act), weight_std, bias_std)
    named = point("plain", act, weight_std, bias_std)
    assert (named.chi, named.q_star) == (right.chi_1, right.q_star)
    assert named.critical_weight_std == right.critical_weight_std
    # The same block, of which nobody knows that it is plain.
    each = setting("plain", act, weight_std, bias_std)
    ensemble = chains.Alike(each.activation, {"W": weight_std}, bias_std)
    found = chains.limit(each.formula.block(1), ensemble, chains.given(ONE), critical=False)
    assert found.chi == pytest.approx(right.chi_1, rel=1e-9)
    assert found.q == pytest.approx(right.q_star, rel=1e-9)


@pytest.mark.slow
def test_untied_steps_are_a_bias() -> None:
    for act, weight_std in (("tanh", 1.5), ("sigmoid", 4.0), ("relu", 1.2)):
        variance = weight_std**2 + 0.3**2
        right = infinitewidth.point(activations.get(act), weight_std, math.sqrt(variance))
        for block in ("rnn", "rnn_untied"):
            found = point(block, act, weight_std, 0.3)
            assert found.chi == pytest.approx(right.chi_1, rel=1e-9)
            assert found.q_star == pytest.approx(right.q_star, rel=1e-9)


SLOPES: dict[str, tuple[Any, Any]] = {
    "tanh": (mp.tanh, lambda x: 1 - mp.tanh(x) ** 2),
    "sigmoid": (
        lambda x: 1 / (1 + mp.exp(-x)),
        lambda x: 1 / (2 + mp.exp(x) + mp.exp(-x)),
    ),
}


def mean(of: Callable[[Any], Any], q: Any) -> Any:
    """Return E[of(√q z)], z standard normal."""
    root = mp.sqrt(q)
    return mp.quad(lambda z: of(root * z) * mp.npdf(z), [-12, -4, 0, 4, 12])


@pytest.mark.slow
@pytest.mark.parametrize("block", ["residual", "prenorm", "layernorm_after"])
@pytest.mark.parametrize("act", SLOPES)
def test_layers_are_those_of_an_iteration_by_mpmath(block: str, act: str) -> None:
    value, slope = SLOPES[act]
    weight, bias = mp.mpf("1.3") ** 2, mp.mpf("0.2") ** 2
    found = blocks.profile(setting(block, act, 1.3, 0.2), 5)
    p, m = mp.mpf(1), mp.mpf(0)
    with mp.workdps(20):
        for layer in found:
            q = weight * (1 if block == "prenorm" else p) + bias
            v, c = mean(lambda x: value(x) ** 2, q), mean(lambda x: slope(x) ** 2, q)
            first = mean(value, q)
            if block == "residual":
                chi, p, m = 1 + weight * c, p + 2 * m * first + v, m + first
            elif block == "prenorm":
                chi, p = 1 + weight * weight * c / (p - m * m), p + weight * v
            else:
                chi, p = weight * c / (v - first**2), mp.mpf(1)
            assert layer.q is not None
            assert layer.chi == pytest.approx(float(chi), rel=1e-11)
            assert float(layer.p) == pytest.approx(float(p), rel=1e-11)
            assert float(layer.q) == pytest.approx(float(q), rel=1e-11)
    behind = sum(math.log10(each.chi) for each in found[1:])
    assert found[0].log10_predicted_f == pytest.approx(behind / 2, rel=1e-12)
    assert found[-1].log10_predicted_f == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "act", "words"),
    [
        # σ_v² σ_w² C(1) over what each block adds to p, σ_v² V(1): 1.178, and 0.153.
        ("prenorm", "tanh", "adds: polynomial, about l^1.2"),
        ("prenorm", "sigmoid", "adds: polynomial, about l^0.15"),
        # Schoenholz et al. 2017: q falls as 1/2l, and 1 - C(q) is about 2q.
        ("plain", "tanh", "falls: polynomial, about l^-1.0"),
        ("V S(Wx+b)", "tanh", "falls: polynomial, about l^-1.0"),
        # C(q) is about 4/3 over √(2πq), and q is l: Σ 0.532 l^-1/2.
        ("residual", "tanh", "adds: about e^(1.1 l^0.50)"),
        # m is l/2, q a quarter of l²: C(q) is about 1/6 over √(2π) l/2.
        ("residual", "sigmoid", "adds: polynomial, about l^0.13"),
        ("plain", "relu", "multiplies by 0.5 a layer"),
        ("residual", "gelu", "multiplies by 1.5 a layer"),
        ("postnorm", "relu", "stays: 1 to leading order"),
        # e^(σ_w²/2), which (1 + 1/2N)^(N-1) tends to.
        ("residual_scaled", "relu", "stays: times 1.65 as N grows"),
        ("residual_scaled", "sigmoid", "stays: times 1.02, to 1 as N grows"),
        # p is l²M², so that what RMS passes on falls as 1/l².
        ("x + S(W RMS(x))", "relu", "stays: times 3.46 in all"),
    ],
)
def test_growth_in_words(block: str, act: str, words: str) -> None:
    assert point(block, act).growth == words


@pytest.mark.parametrize(
    ("log_product", "words"),
    [
        (lambda n: 0.5 + 1.0 / n, "stays: times 1.65 as N grows"),
        (lambda n: 0.5 + 2.0 * n**-0.05, "not settled: times 7.51 at N = 256"),
        (lambda n: n**-0.33, "stays: times 1.17 at N = 256, nearer to 1 as N grows"),
        (lambda n: 0.3 * n**0.5, "adds: about e^(0.3 N^0.50) in all"),
        # They lead to a limit after a turn, or by so small steps that they look like a power.
        (
            lambda n: 0.55 + 12.0 / n - 250.0 / n**2,
            "not settled: times 1.81 at N = 256",
        ),
        (lambda n: 0.18 - 0.05 * n**-0.1, "not settled: times 1.16 at N = 256"),
    ],
)
def test_growth_with_depth_whose_law_is_known(
    log_product: Callable[[int], float], words: str
) -> None:
    assert growth.with_depth(log_product) == words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "act", "std", "bias_std", "input_rms", "layers"),
    [
        # A skip that passes on a part settles slowly.
        ("0.97 x+S(Wx+b)", "sigmoid", 1.0, 0.0, 1.0, 3000),
        ("0.99 x+S(Wx+b)", "sigmoid", 1.0, 0.0, 1.0, 6000),
        ("LN(x)+S(Wx)", "softplus", 1.4, 0.0, 1.0, 3000),
        # Two fixed points within an octave, of which the first is where the chain leads.
        ("V S(Wx+b)", "silu", 1.226, 0.45, 0.1, 3000),
        ("V S(Wx+b)", "gelu", 1.2581, 0.2, 0.1, 3000),
        ("V S(Wx+b)", "hard_swish", 1.2292, 0.5, 0.1, 3000),
        ("V S(Wx)", "tanh(x)^3", 1.5223, 0.0, 1.0, 3000),
    ],
)
def test_where_a_chain_leads_is_where_its_blocks_lead_one_by_one(
    block: str, act: str, std: float, bias_std: float, input_rms: float, layers: int
) -> None:
    given = setting(block, act, std, bias_std, input_rms)
    found, last = blocks.point(given), blocks.profile(given, layers)[-1]
    assert last.q is not None
    wanted = float(last.p), float(last.q), last.chi
    assert (found.p_star, found.q_star, found.chi) == pytest.approx(wanted, rel=1e-8)


STRAIGHT_AT_FIRST: list[tuple[str, str, Any, tuple[float, ...]]] = [
    ("V S(Wx)", "hard_tanh", (("W", 0.1), ("V", 10.05)), ()),
    ("V S(Wx)", "clip(x,-5,5)", (("W", 0.5), ("V", 2.02)), ()),
    ("V S(Wx+b)", "identity", (("W", 1.0), ("V", 0.95)), (0.1, 1e8)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("block", "act", "weight_std", "rest"), STRAIGHT_AT_FIRST)
def test_what_leaves_the_straight_part_of_s_late_settles_where_layers_do(
    block: str, act: str, weight_std: Any, rest: tuple[float, ...]
) -> None:
    bias_std, rms = rest or (0.0, 1.0)
    found = point(block, act, weight_std, bias_std, rms)
    ensemble = chains.Alike(activations.get(act), dict(weight_std), bias_std)
    start = chains.given(Magnitude.of(rms) * Magnitude.of(rms))
    layers = chains.walk(formula(block).block(1), ensemble, start, 3000)
    assert found.p_star == pytest.approx(float(layers.p[-1]), rel=1e-9)
    assert found.chi == pytest.approx(layers.factors[-1], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "act", "weight_std", "rest"),
    [
        ("residual", "hard_tanh", 0.1, ()),
        ("residual", "hard_tanh", 0.001, ()),
        ("bottleneck", "relu6", 0.3, ()),
        ("residual", "tanh", 1.0, (0.0, 1e-9)),
    ],
)
def test_a_factor_of_the_straight_part_alone_is_no_limit(
    block: str, act: str, weight_std: float, rest: tuple[float, ...]
) -> None:
    assert "multiplies" not in point(block, act, weight_std, *rest).growth


@pytest.mark.parametrize(
    ("block", "act", "weight_std", "chi"),
    [
        ("residual", "relu", 1.4, 1.98),
        ("residual", "leaky_relu(0.2)", 0.7, 1.2548),
        ("V S(Wx)", "identity", (("W", 1.0), ("V", 1.1)), 1.21),
    ],
)
def test_a_factor_at_every_size_is_a_limit(
    block: str, act: str, weight_std: Any, chi: float
) -> None:
    assert point(block, act, weight_std).chi == pytest.approx(chi, rel=1e-12)


@pytest.mark.slow
def test_what_does_not_settle_has_no_end() -> None:
    found = point("0.9999 x+S(Wx+b)", "sigmoid")
    assert (found.p_star, found.q_star, found.growth) == (None, None, growth.UNSETTLED)


def test_a_weight_std_without_a_law_hides_no_critical_point_of_others() -> None:
    # σ² coth(σ² + 1/4) = 1.
    found = point("layernorm_after", "sinh(x)", 1.0, 0.5).critical_weight_std
    assert found is not None
    assert found**2 / math.tanh(found**2 + 0.25) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.slow
def test_a_factor_that_does_not_settle_is_no_jump() -> None:
    found = point("LN(x)+S(Wx)", "softplus")
    assert found.reason.startswith("no critical point: the factor does not settle at weight_std")


def test_a_factor_beside_1_is_not_shown_as_1() -> None:
    assert growth.settled(1.0023) == "multiplies by 1.0023 a layer"
    assert growth.settled(0.153) == "multiplies by 0.153 a layer"
    assert growth.settled(1.0 + 1e-12) == growth.STAYS


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        (lambda k: 1 + 2.5 / (k + 7), "adds: polynomial, about l^2.5"),
        (lambda k: 1 - 0.5 / (k + 3), "falls: polynomial, about l^-0.50"),
        (lambda k: 1 + 0.3 / math.sqrt(k + 5), "adds: about e^(0.6 l^0.50)"),
        (lambda k: 1 + 3.0 / (k + 5) ** 2, "stays: times 1.58 in all"),
        (lambda _: 1.0, growth.STAYS),
        (lambda _: 1.2, ""),
        (lambda k: 1 + (-1) ** k / k, ""),
        # l^1.2 and l^-1 far out, of which the first blocks say nothing yet.
        (lambda k: 1 + 0.006 / (1 + 0.005 * k), ""),
        (lambda k: 1 - 1 / (k + 200), ""),
        # The product falls as 1/ln l, below every bound.
        (lambda k: 1 - 1 / ((k + 8) * math.log(k + 8)), ""),
        (lambda k: 1.005 + 0.1 * 0.9**k, ""),
    ],
)
def test_growth_of_factors_whose_law_is_known(factors: Callable[[int], float], words: str) -> None:
    assert growth.tending([factors(k) for k in range(1, 513)]) == words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "act", "bias_std"),
    [
        ("layernorm", "tanh", 0.3),
        ("layernorm_after", "tanh", 0.3),
        ("layernorm_after", "relu", 0.5),
        ("rmsnorm_after", "sigmoid", 0.0),
        ("postnorm", "sigmoid", 0.0),
        ("rnn", "tanh", 0.0),
        pytest.param("0.5 x + S(Wx)", "tanh", 0.0, marks=pytest.mark.slow),
        pytest.param("S(Wx) + S(Vx)", "tanh", 0.0, marks=pytest.mark.slow),
    ],
)
def test_factor_is_1_at_the_critical_point_and_passes_it(
    block: str, act: str, bias_std: float
) -> None:
    critical = point(block, act, 1.0, bias_std).critical_weight_std
    assert critical is not None
    assert point(block, act, critical, bias_std).chi == pytest.approx(1.0, abs=1e-9)
    below, above = (point(block, act, critical * x, bias_std).chi for x in (0.99, 1.01))
    assert below is not None
    assert above is not None
    assert (below - 1.0) * (above - 1.0) < 0.0


def test_critical_points_that_formulas_give() -> None:
    # σ_w² C(1) = σ_w² V(1) + σ_b².
    v, c, _ = moments.at(activations.get("tanh"), 1.0)
    found = point("layernorm", "tanh", 1.0, 0.3).critical_weight_std
    assert found == pytest.approx(0.3 / math.sqrt(c - v), rel=1e-9)
    # σ_w² C(q) = V(q) at q = σ_w² is χ = 1 for RMS behind S and LN behind the sum alike.
    assert point("rmsnorm_after", "sigmoid").critical_weight_std == pytest.approx(6.7545745830)


@pytest.mark.slow
def test_critical_point_where_p_leaves_0_has_all_its_digits() -> None:
    # Of small signals each block passes on 1/4 + σ_w², 2σ_w² and σ_w⁴.
    for block, right in (
        ("0.5 x + S(Wx)", math.sqrt(0.75)),
        ("S(Wx) + S(Vx)", math.sqrt(0.5)),
        ("V S(Wx+b)", 1.0),
    ):
        assert point(block, "tanh").critical_weight_std == pytest.approx(right, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "act", "bias_std", "why"),
    [
        ("residual", "tanh", 0.0, "the skip is passed whole"),
        ("prenorm", "relu", 0.0, "the skip is passed whole"),
        ("layernorm", "sigmoid", 0.0, "the factor is 0.1528 at every weight_std"),
        ("layernorm", "relu", 0.0, "the factor is 1 at every weight_std"),
        ("layernorm_after", "sigmoid", 0.0, "the factor is above 1 at every weight_std from"),
        ("layernorm", "sigmoid", 0.2, "the factor is below 1 at every weight_std from"),
        ("rnn", "relu", 0.0, "x has no fixed point where the factor is 1, at weight_std 1.41421"),
        ("residual_scaled", "relu", 0.0, "the block depends on the number of layers"),
    ],
)
def test_reasons_why_there_is_no_critical_point(
    block: str, act: str, bias_std: float, why: str
) -> None:
    found = point(block, act, 1.0, bias_std)
    assert found.critical_weight_std is None
    assert found.reason.startswith(f"no critical point: {why}")


def test_blocks_without_a_law_are_empty_and_say_why() -> None:
    for block, why in (
        ("batchnorm", "no law for BN, which mixes the rows of a batch"),
        ("x + S(x)", "no law for S of a value that is not normal"),
        ("S(W~x+b)", "no law for W shared by all layers"),
    ):
        found = point(block, "tanh")
        assert found.reason.startswith(why)
        assert (found.p_star, found.q_star, found.chi, found.growth) == (None, None, None, "")
        assert blocks.profile(setting(block, "tanh"), 3) == []
    assert "π/(π - 1) = 1.467" in point("batchnorm", "relu").reason


def test_every_named_block_has_a_law_or_a_reason() -> None:
    for each in NAMED:
        found = point(each.name, "tanh")
        assert bool(found.growth) is not found.reason.startswith("no law")
        assert found.block == each.name


def test_letters_have_their_own_weight_std() -> None:
    stds = blocks.weight_stds(formula("bottleneck"), activations.get("relu"), (("W", 1.5),))
    assert stds == (("V", math.sqrt(2.0)), ("W", 1.5))
    assert point("bottleneck", "relu", stds).chi == pytest.approx(1.0 + 2.0 * 1.5**2 / 2.0)
    with pytest.raises(UsageError, match="weight_std of Q beside block"):
        blocks.weight_stds(formula("bottleneck"), activations.get("relu"), (("Q", 1.5),))


def test_what_is_out_of_range_is_refused() -> None:
    for block, *numbers in (
        ("residual", 1e-20),
        ("residual", 1.0, -1.0),
        ("residual", 1.0, 0.0, 1e30),
        ("x + Wx", 1.0, 0.1),
    ):
        with pytest.raises(UsageError):
            point(str(block), "tanh", *map(float, numbers))


def test_a_factor_of_another_layer_is_caught() -> None:
    # χ of prenorm hangs on p of the layer before: the next one's would be another number.
    first, second, *_ = blocks.profile(setting("prenorm", "tanh"), 3)
    assert second.chi - 1.0 == pytest.approx((first.chi - 1.0) / float(first.p), rel=1e-12)
    assert second.chi - 1.0 != pytest.approx((first.chi - 1.0) / float(second.p), rel=1e-2)


# exp's variance leaves float64 from q = 355 on.
NO_LAW = ("exp(x)", 30.0)


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_a_point_without_a_law_has_a_reason(block: str) -> None:
    act, weight_std = NO_LAW
    each = setting(block, act, weight_std)
    found = blocks.point(each)
    assert (found.p_star, found.q_star, found.chi, found.growth) == (None, None, None, "")
    assert "no law for exp(x)" in found.reason
    assert blocks.profile(each) == []


def test_a_law_at_a_point_does_not_hang_on_one_elsewhere() -> None:
    # The critical weight_std is looked for where exp has no law.
    found = point("layernorm_after", NO_LAW[0], 0.5)
    assert found.chi is not None
    assert found.critical_weight_std is None
    assert "no law for exp(x)" in found.reason


@pytest.mark.slow
def test_a_skip_through_a_norm_is_not_passed_whole() -> None:
    # x/√p + S: at p* the skip's share is below 1, and χ passes 1 as weight_std grows.
    assert (point("RMS(x) + S(Wx+b)", "sigmoid", 0.1).chi or 1.0) < 1.0
    critical = point("RMS(x) + S(Wx+b)", "sigmoid", 0.1).critical_weight_std
    assert critical is not None
    there = point("RMS(x) + S(Wx+b)", "sigmoid", critical)
    assert there.chi == pytest.approx(1.0, abs=1e-6)


def test_a_product_that_turns_with_the_number_of_layers_is_told() -> None:
    block = "0.99 x + 2/sqrt(layers) S(Wx)"
    found = point(block, "identity", 1.0)
    log10 = [0.5 * 2 * math.log10(0.9801 + 4.0 / n) * n for n in (128, 256)]
    assert log10[0] > 0.0 > log10[1]
    said = [float(each) for each in re.findall(r"(\S+) at N", found.growth)]
    assert found.growth.startswith("turns: ")
    assert said == pytest.approx([10.0**each for each in log10], rel=0.05)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("-x", "and nothing else of x, so that a block's factor is always 1"),
        ("x + b", "and nothing else of x, so that a block's factor is always 1"),
        ("prenorm", "so that a block's factor is always above 1"),
        ("residual", "so that a block's factor is always above 1"),
    ],
)
def test_a_skip_that_is_passed_whole_is_told_by_what_is_beside_it(block: str, why: str) -> None:
    assert point(block, "relu").reason == f"no critical point: the skip is passed whole, {why}"
