from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanish
from vanish.network.arrays import Network, Rows
from vanish.numbers.scaled import ZERO, Magnitude
from vanish.numbers.words import short
from vanish.render.profiles import view
from vanish.render.view import Elided
from vanish.simulation.course import Verdict
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings
from vanish.simulation.verdict import explain

if TYPE_CHECKING:
    from conftest import Differentiate

    from vanish.simulation.profile import Profile


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.5, "0.5"),
        (1.0 / 3.0, "0.333"),
        (123.456, "123"),
        (0.001, "0.001"),
        (0.0123456, "0.0123"),
        (999.4, "999"),
        (999.6, "1.00e+03"),
        (1000.0, "1.00e+03"),
        (0.000999999, "1.00e-03"),
        (9.0949470177e-13, "9.09e-13"),
        (9.996e-13, "1.00e-12"),
        (5e-324, "4.94e-324"),
        (1.7e308, "1.70e+308"),
    ],
)
def test_short_numbers_have_three_digits(value: float, text: str) -> None:
    assert short(value) == text
    assert short(Magnitude.of(value)) == text


def test_short_numbers_at_any_size() -> None:
    assert short(Magnitude.of(0.5, -1999)) == "8.71e-603"
    assert short(Magnitude.of(0.5, 33_220)) == "8.23e+9999"
    assert short(ZERO) == "0"


def explained(act: str = "sigmoid", **options: Any) -> tuple[Verdict, str]:
    profile = vanish.simulate(act=act, **options)
    return profile.verdict, explain(profile).text


# The signal going back.


def test_a_vanishing_signal_in_words() -> None:
    profile = vanish.simulate(act="sigmoid")
    text = explain(profile).text
    assert profile.verdict is Verdict.VANISHING
    assert profile.ratio is not None
    assert profile.decades_per_layer is not None
    fold = short(10.0**-profile.decades_per_layer)
    assert text.startswith(f"VANISHING. The signal going back shrinks {fold}-fold a layer (")
    assert f"; layer 1 gets {short(profile.ratio)} of layer 20's (below 0.001)." in text
    assert "the first layers hardly learn." in text


def test_an_exploding_signal_in_words() -> None:
    verdict, text = explained("identity", gain=100.0, explode_above=200.0)
    assert verdict is Verdict.EXPLODING
    assert "The signal going back grows" in text
    assert "times layer 20's (above 200)." in text


def test_a_stable_signal_in_words() -> None:
    verdict, text = explained("identity", init="orthogonal")
    assert verdict is Verdict.STABLE
    assert "Layer 1 gets 1 times layer 20's signal ‖∂L/∂a‖ (" in text
    assert ", between 0.001 and 1000. The weight gradients are about equal, " in text
    assert text.endswith(": no layer lags behind.")
    assert "--" not in text


def test_one_layer_in_words() -> None:
    verdict, text = explained("tanh", layers=1)
    assert verdict is Verdict.STABLE
    assert text == "STABLE. With one layer there is nothing to vanish on the way."


@pytest.mark.parametrize("gain", [1e-308, 1e308])
@pytest.mark.parametrize("weight_std", [1e-10, 1e10])
def test_gradients_of_any_size_can_be_put_in_words(gain: float, weight_std: float) -> None:
    verdict, text = explained("identity", gain=gain, weight_std=weight_std, width=4)
    assert verdict is (Verdict.VANISHING if gain < 1.0 else Verdict.EXPLODING)
    assert re.search(r"\d\.\d\de\+\d{3}-fold a layer", text)


# Sigmoid at 6 layers, gelu at 20 and tanh at weight_std 3: stable by the threshold alone.
@pytest.mark.parametrize(
    ("act", "options", "verb", "limit", "beyond"),
    [
        ("sigmoid", {"layers": 6}, "shrinking", "below 0.001", Verdict.VANISHING),
        ("gelu", {"layers": 20}, "shrinking", "below 0.001", Verdict.VANISHING),
        ("tanh", {"weight_std": 3.0}, "growing", "above 1000", Verdict.EXPLODING),
        ("silu", {"layers": 8}, "shrinking", "below 0.001", Verdict.VANISHING),
        (
            "identity",
            {"layers": 12, "gain": 0.8, "vanish_below": 1e-2},
            "shrinking",
            "below 0.01",
            Verdict.VANISHING,
        ),
    ],
)
def test_what_is_stable_but_changes_steadily_is_told_with_its_end(
    act: str, options: dict[str, Any], verb: str, limit: str, beyond: Verdict
) -> None:
    profile = vanish.simulate(act=act, **options)
    story = explain(profile)
    assert profile.verdict is Verdict.STABLE
    assert profile.decades_per_layer is not None
    fold = short(10.0 ** abs(profile.decades_per_layer))
    found = re.fullmatch(
        rf", but {verb} {fold}-fold a layer; at this rate, from about (\d+) layers on it is"
        rf" {limit}",
        story.qualifier,
    )
    assert found
    # The measured rate is carried on; a chain a quarter deeper than that is beyond it.
    deeper = {**options, "layers": math.ceil(1.25 * int(found[1]))}
    assert vanish.simulate(act=act, **deeper).verdict is beyond
    assert int(found[1]) > profile.settings.model.depth


@pytest.mark.slow
@pytest.mark.parametrize("layers", [15, 40])
@pytest.mark.parametrize("drift", [0.0, 0.05])
def test_what_varies_by_accident_is_not_called_steady(layers: int, drift: float) -> None:
    # Chains of one unit, whose steps are independent: by accident they end decades away.
    generator = np.random.default_rng(layers)
    far, called = 0, 0
    for _ in range(150):
        steps = drift + generator.normal(0.0, 1.5 / math.sqrt(layers), layers)
        weights = network(*(np.array([[10.0**step]]) for step in steps))
        profile = vanish.simulate(act="identity", weights=weights, input=Rows(np.ones(1)))
        if profile.verdict is Verdict.STABLE and abs(profile.log10_ratio or 0.0) >= 1.0:
            far += 1
            called += explain(profile).qualifier != ""
    assert far > 50
    # What drifts by less than its own chance is called so now and then, by three errors of it.
    assert called <= (0.02 if drift == 0.0 else 0.25) * far


@pytest.mark.parametrize(
    ("factors", "is_steady"),
    [((0.02,), False), ((0.1, 0.4), False), ((0.1, 0.2), True), ((0.1, 0.2, 0.4), True)],
)
def test_a_step_or_two_that_differ_do_not_make_a_steady_change(
    factors: tuple[float, ...], is_steady: bool
) -> None:
    # The first W is not between layers 1 and N.
    weights = network(*(np.array([[each]]) for each in (1.0, *factors)))
    profile = vanish.simulate(act="identity", weights=weights, input=Rows(np.ones(1)))
    assert profile.verdict is Verdict.STABLE
    assert ("a layer; at this rate" in explain(profile).text) == is_steady


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "gain", "told"),
    [
        (
            10_000,
            0.9992,
            "shrinks 1.0008-fold a layer (-0.0003 decades a layer, in theory -0.0003)",
        ),
        (10_000, 1.00092, "grows 1.00092-fold a layer (0.0004 decades a layer, in theory 0.0004)"),
        (2000, 0.9988, "shrinking 1.0012-fold a layer; at this rate"),
        (300, 0.99, "shrinking 1.01-fold a layer; at this rate"),
    ],
)
def test_a_small_change_of_many_layers_is_not_called_none(
    layers: int, gain: float, told: str
) -> None:
    _, text = explained("identity", layers=layers, width=1, init="orthogonal", gain=gain)
    assert told in text


# How far the layers move.


def test_equal_weight_gradients_are_not_said_to_lag() -> None:
    # The signal vanishes; ‖∂L/∂W‖ is three times larger at layer 1.
    profile = vanish.simulate(act="relu", init="xavier_normal")
    text = explain(profile).text
    assert profile.verdict is Verdict.VANISHING
    assert profile.log10_ratio_w is not None
    assert profile.log10_ratio_w > 0.0
    grads = [layer.grad_w for layer in profile.layers]
    low, high = (short(f(map(float, grads))) for f in (min, max))
    assert (
        f"The weight gradients are about equal, {low} to {high}, since activations shrink as fast"
        " going forward: no layer lags behind, all move little." in text
    )
    assert "hardly" not in text


LEARNING = st.fixed_dictionaries(
    {
        "act": st.sampled_from(["sigmoid", "tanh", "relu", "gelu", "identity", "softplus", "selu"]),
        "layers": st.integers(2, 40),
        "width": st.sampled_from([4, 16, 48]),
        "weight_std": st.floats(0.2, 4.0),
        "bias_std": st.sampled_from([0.0, 0.1, 1.0]),
        "loss": st.sampled_from(["readout", "sum", "mse"]),
        "batch": st.sampled_from([1, 3]),
        "seed": st.integers(0, 99),
    }
)


def slower_or_faster(text: str) -> int:
    """Return -1 where a text says that the first layers learn less, 1 for more, else 0."""
    if "hardly learn" in text or "learn more slowly" in text:
        return -1
    return int("too large for the first" in text)


# A range whose ends read alike, as "7.61 to 7.61".
NO_RANGE = re.compile(r"([\d.e+-]+) to \1(?![\d.])")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "The weight gradients are about equal, "),
        ({"trials": 3}, "; the middle 90 % of their ratios are 1."),
        ({"block": "S(W~x+b)"}, "; over the layers the parts are "),
    ],
)
def test_what_is_alike_is_no_range(options: dict[str, Any], told: str) -> None:
    _, text = explained("identity", init="orthogonal", layers=5, width=16, **options)
    assert told in text
    assert not NO_RANGE.search(text)
    assert NO_RANGE.search("about equal, 7.61 to 7.61: no")


@pytest.mark.slow
@settings(max_examples=150)
@given(LEARNING)
def test_a_sentence_about_learning_agrees_with_the_weight_gradients(
    options: dict[str, Any],
) -> None:
    profile = vanish.simulate(**options, norm_bound=False)
    text, ratio = explain(profile).text, profile.log10_ratio_w
    assert not NO_RANGE.search(text)
    said = slower_or_faster(text)
    if said:
        assert ratio is not None
        assert said * ratio > 1.0
    relative = profile.log10_relative_ratio
    if ratio is not None and relative is not None and abs(relative - ratio) <= 0.5:
        assert said == (0 if abs(ratio) <= 1.0 else math.copysign(1, ratio))
    if ratio is not None and abs(ratio) <= 1.0:
        assert ("about equal" in text) != ("about as large a gradient" in text)
    if "hardly learn" in text:
        first, last = profile.layers[0], profile.layers[-1]
        assert float(first.grad_w / last.grad_w) < 1e-3
        assert first.relative is not None
        assert last.relative is not None
        assert float(first.relative / last.relative) < 1e-3
    if "about equal" in text:
        logs = [each.grad_w.log10 or 0.0 for each in profile.layers]
        assert max(logs) - min(logs) <= 1.0
    if "about equal" in text:
        moves = [float(each.relative or 1.0) for each in profile.layers]
        assert ("all move little" in text) == (max(moves) < 0.01)
        assert ("by more than their size" in text) == (min(moves) > 1.0)
    for verdict, sign in ((Verdict.VANISHING, "shrink"), (Verdict.EXPLODING, "grow")):
        if f"activations {sign} as fast" in text:
            assert profile.verdict is verdict


def test_a_small_first_weight_that_moves_as_much_of_itself_is_not_said_to_lag() -> None:
    simulation = Simulation(Settings(act="sigmoid"))
    weights = [layer.weight.multiplied_out() for layer in simulation.chain.layers]
    weights[0] *= 1e-12  # ∂L/∂W_1 does not depend on it, and is about 1e-12
    _, text = explained("sigmoid", weights=Network(tuple(weights)))
    assert "(relative to ‖W‖, " in text
    assert not slower_or_faster(text)


@pytest.mark.parametrize("weight_std", [1e-3, 1e-200])
def test_layers_that_move_little_are_told_however_little_it_is(weight_std: float) -> None:
    _, text = explained("tanh", layers=3, width=2, loss="mse", weight_std=weight_std)
    assert "no layer lags behind, all move little." in text


def test_gradients_relative_to_the_weights_are_compared_trial_by_trial() -> None:
    profile = vanish.simulate(
        act="tanh", layers=8, width=3, gain=2, bias_std=1, trials=21, seed=33, engine="dense"
    )
    relative = profile.measured.grad_w.log10 - profile.measured.weight.log10
    expected = sorted(relative[0] - relative[-1])[10]
    assert profile.log10_relative_ratio == pytest.approx(expected, rel=1e-12)
    # The medians of layers 1 and N are of different trials, and lie farther apart.
    first, last = profile.layers[0].relative, profile.layers[-1].relative
    assert first is not None
    assert last is not None
    assert math.log10(float(first / last)) < expected - 0.5
    assert profile.log10_ratio_w == pytest.approx(expected, abs=0.5)
    assert "relative to ‖W‖" not in explain(profile).text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"act": "sigmoid", "block": "S(W~x + U u + b)"}, "add less than the last."),
        ({"act": "tanh", "weight_std": 3.0}, "add more than the last."),
        ({"act": "identity", "init": "orthogonal"}, "; over the layers the parts are"),
    ],
)
def test_layers_that_share_their_weights_are_not_said_to_learn_by_themselves(
    options: dict[str, Any], told: str
) -> None:
    profile = vanish.simulate(**{"block": "S(W~x+b)", "layers": 20, **options})
    text = explain(profile).text
    assert told in text
    assert profile.log10_ratio_w is not None
    part = f"Layer 1's part in the weight gradient is {short(10.0**profile.log10_ratio_w)} "
    assert part in text
    assert not re.search("hardly learn|learn more slowly|lags behind|too large", text)


def test_an_input_of_zeros_gives_the_first_weight_no_gradient() -> None:
    _, text = explained("sigmoid", layers=4, input=Rows(np.zeros(64)))
    assert "The weight gradient is exactly 0 in layer 1, whose input is 0." in text


# Layers at fault.


def planted(act: str, layers: int, width: int, seed: int, at: int, factor: float) -> Profile:
    """Return a critical chain with one weight multiplied by a factor."""
    critical = {"relu": math.sqrt(2.0), "tanh": 1.0, "identity": 1.0}[act]
    simulation = Simulation(
        Settings(act=act, layers=layers, width=width, seed=seed, weight_std=critical)
    )
    weights = [layer.weight.multiplied_out() for layer in simulation.chain.layers]
    weights[at - 1] *= factor
    return vanish.simulate(act=act, seed=seed, weights=Network(tuple(weights)))


@pytest.mark.slow
@given(
    act=st.sampled_from(["relu", "tanh", "identity"]),
    layers=st.integers(5, 30),
    width=st.sampled_from([16, 32, 64]),
    seed=st.integers(0, 999),
    place=st.floats(0.0, 1.0),
    decades=st.sampled_from([-6.0, -4.0, -3.0, 3.0]),
)
def test_a_planted_fault_is_named_alone(
    act: str, layers: int, width: int, seed: int, place: float, decades: float
) -> None:
    at = 2 + round(place * (layers - 2))
    profile = planted(act, layers, width, seed, at, 10.0**decades)
    if profile.verdict is Verdict.DEAD:
        return
    assert [fault.layer for fault in profile.named_faults] == [at]
    text = explain(profile).text
    assert f"W{at} multiplies the signal by" in text
    assert text.endswith(f"Rescale W{at}.")
    # What is left is the median layer's change, not the mean's.
    assert abs(profile.faults.even) < 0.3
    assert "; the median layer " in text


@pytest.mark.slow
@given(
    act=st.sampled_from(["relu", "tanh", "identity", "gelu", "sigmoid"]),
    layers=st.integers(4, 40),
    width=st.sampled_from([16, 32, 64]),
    weight_std=st.floats(0.3, 4.0),
    seed=st.integers(0, 999),
)
def test_healthy_chains_have_no_layer_at_fault(
    act: str, layers: int, width: int, weight_std: float, seed: int
) -> None:
    profile = vanish.simulate(
        act=act, layers=layers, width=width, weight_std=weight_std, seed=seed, norm_bound=False
    )
    assert profile.named_faults == ()


def test_twelve_healthy_layers_with_one_small_weight() -> None:
    profile = planted("relu", 12, 32, 0, 6, 1e-4)
    assert profile.verdict is Verdict.VANISHING
    text = explain(profile).text
    assert text.startswith("VANISHING. W6 multiplies the signal by ")
    assert "-fold a layer" not in text
    assert "--gain" not in text


def test_a_saturated_layer_is_named_once() -> None:
    biases = [None] * 12
    simulation = Simulation(Settings(act="tanh", layers=12, weight_std=1.0))
    weights = tuple(layer.weight.multiplied_out() for layer in simulation.chain.layers)
    large = np.where(np.arange(64) % 2, 12.0, -12.0)
    network = Network(weights, (*biases[:4], large, *biases[5:]))
    profile = vanish.simulate(act="tanh", weights=network)
    text = explain(profile).text
    assert profile.verdict is Verdict.VANISHING
    assert [fault.layer for fault in profile.named_faults] == [5]
    assert "The slopes of layer 5 keep" in text
    assert text.endswith("Look at the weights and biases of layer 5.")


def test_fewer_than_four_layers_have_no_kind_to_stand_out_from() -> None:
    assert planted("identity", 3, 16, 0, 2, 1e-9).named_faults == ()


def test_the_factors_of_the_layers_sum_to_the_ratio() -> None:
    profile = vanish.simulate(act="tanh", layers=9, weight_std=1.7)
    rows = profile.rows()
    logs = [row["log10_gain_back"] for row in rows]
    assert logs[-1] is None
    total = math.fsum(log10 for log10 in logs[:-1] if isinstance(log10, float))
    assert total == pytest.approx(profile.log10_ratio, rel=1e-12)


# Dead chains.

EYE = np.eye(2)


def network(*weights: np.ndarray, biases: tuple[Any, ...] = ()) -> Network:
    return Network(weights, biases)


@pytest.mark.parametrize(
    ("weights", "where"),
    [
        (
            (EYE, EYE, -EYE),
            "Layer 3 is the first to die going forward: every unit has slope 0 and puts out 0."
            " So layers 1-3 get no gradient, and on this input never will.",
        ),
        (
            (-EYE,),
            "Layer 1 is the first to die going forward: every unit has slope 0 and puts out 0."
            " So layer 1 gets no gradient",
        ),
        (
            (EYE, -EYE, EYE, EYE),
            "Layer 2 is the first to die going forward: every unit has slope 0 and puts out 0,"
            " as in layers 3-4.",
        ),
    ],
)
def test_the_first_dead_layer_is_named(weights: tuple[np.ndarray, ...], where: str) -> None:
    verdict, text = explained("relu", weights=network(*weights), input=Rows(np.ones(2)))
    assert verdict is Verdict.DEAD
    assert where in text


def test_a_dead_layer_is_told_from_those_that_its_biases_keep_alive() -> None:
    biases = (None, None, np.ones(2))
    _, text = explained(
        "relu", weights=network(EYE, -EYE, EYE, biases=biases), input=Rows(np.ones(2))
    )
    assert "Layer 2 is the first to die going forward" in text
    assert "So layers 1-2 get no gradient" in text


def test_a_dead_relu_chain_is_not_the_fault_of_its_loss() -> None:
    # Its output is 0 and so is the target: the loss, too, has no gradient.
    verdict, text = explained(
        "relu", weights=network(EYE, -EYE, EYE), input=Rows(np.ones(2)), loss="mse"
    )
    assert verdict is Verdict.DEAD
    assert "Layer 2 is the first to die" in text
    assert "loss" not in text


def test_a_loss_without_a_gradient_is_told_from_a_dead_layer() -> None:
    verdict, text = explained("tanh", loss="mse", input=Rows(np.zeros(64)))
    assert verdict is Verdict.DEAD
    assert "The output equals the target" in text


def test_a_weight_of_zeros_is_named_and_what_follows() -> None:
    weights = [EYE, EYE, EYE, 0.0 * EYE, EYE]
    verdict, text = explained("leaky_relu", weights=network(*weights), input=Rows(np.ones(2)))
    assert verdict is Verdict.DEAD
    assert text == (
        "DEAD at this step. W4 is all zeros, so layers 1-3 get no gradient yet. Layer 4 does;"
        " once it has moved, the others learn."
    )


def learns(
    differentiate: Differentiate, act: str, weights: list[np.ndarray], steps: int
) -> list[int]:
    """Return in which layers ‖∂L/∂W‖ is not 0 after some steps of gradient descent."""
    weights = [weight.copy() for weight in weights]
    r = np.array([0.8, 0.6])
    for _ in range(steps):
        simulation = Simulation(
            Settings(
                act=act,
                weights=Network(tuple(weights), readout=r),
                input=Rows(np.array([1.0, 2.0])),
            )
        )
        arrays = differentiate(simulation)
        for k in range(len(weights)):
            weights[k] -= 0.1 * arrays[f"W{k + 1}"].with_exponent(0).values
    profile = vanish.simulate(
        act=act,
        weights=Network(tuple(weights), readout=r),
        input=Rows(np.array([1.0, 2.0])),
    )
    return [layer.layer for layer in profile.layers if layer.grad_w]


@pytest.mark.parametrize("act", ["sigmoid", "tanh", "relu", "leaky_relu", "identity"])
@pytest.mark.parametrize("zero", [(4,), (2, 4), (1, 2, 3, 4, 5), (3,), (2,)])
def test_what_is_said_of_zero_weights_comes_true(
    differentiate: Differentiate, act: str, zero: tuple[int, ...]
) -> None:
    weights = [0.0 * EYE if k in zero else EYE for k in range(1, 6)]
    profile = vanish.simulate(act=act, weights=network(*weights), input=Rows(np.array([1.0, 2.0])))
    text = explain(profile).text
    assert profile.verdict is Verdict.DEAD
    assert "leaky" not in text
    now, later = (learns(differentiate, act, weights, steps) for steps in (0, 10))
    assert ("Layer" in text and "does;" in text) == (max(zero) in now)
    if "the others learn" in text or "in their turn" in text:
        assert later == [1, 2, 3, 4, 5]
    if "nothing ever moves" in text or "none ever will" in text:
        assert now == later == []


def test_slopes_that_float64_rounds_to_zero_are_not_called_dead_units() -> None:
    network = Network((np.eye(2), 4000.0 * np.eye(2), np.eye(2)))
    verdict, text = explained("tanh", weights=network, input=Rows(np.ones(2)))
    assert verdict is Verdict.DEAD
    assert "so large that every slope of tanh is below 1e-308" in text
    assert "to die" not in text


def test_rows_that_die_in_different_layers_are_told_from_a_loss_without_a_gradient() -> None:
    # The first row dies in layer 1, the second in layer 2: no layer is dead for both.
    network = Network((EYE, np.array([[-1.0, 1.0]] * 2)), (None, np.array([0.5, 0.5])))
    x = Rows(np.array([[-1.0, -1.0], [1.0, -1.0]]))
    profile = vanish.simulate(act="relu", weights=network, input=x)
    assert profile.layers[0].grad_b.log10 is None
    assert profile.layers[1].grad_b.log10 is not None
    assert "every path from the loss to layer 1 meets" in explain(profile).text


def test_trials_that_die_in_different_layers_are_not_said_to_have_slopes_everywhere() -> None:
    profile = vanish.simulate(
        act="relu6", layers=3, width=4, seed=388, bias_std=3, gain=3, weight_std=1.5, trials=21
    )
    slopes = profile.measured.slopes.largest
    dead = int((slopes == 0.0).any(axis=0).sum())
    assert profile.verdict is Verdict.DEAD
    assert all(layer.slope_max for layer in profile.layers)
    text = explain(profile).text
    assert f"In {dead} of 21 trials some layer has no unit with a slope, not the same one" in text
    assert "no path" not in text


def test_trials_of_a_block_that_end_in_different_layers_are_not_given_one_reason() -> None:
    profile = vanish.simulate(
        act="relu6",
        block="S(S(Wx+b))",
        layers=6,
        width=4,
        weight_std=3,
        trials=21,
        seed=1,
        engine="dense",
    )
    signal = profile.measured.signal.mantissas
    ended = signal[:-1] == 0.0
    assert profile.verdict is Verdict.DEAD
    # Layer 2 itself ends few of them.
    assert 2 * ended[0].sum() > 21 > 2 * (ended[0] & ~ended[1]).sum()
    assert (
        "In at least half of the trials some layer from layer 2 on lets nothing through: layer 1"
        " gets no gradient."
    ) in explain(profile).text


# Dead units.


@pytest.mark.slow
def test_a_net_with_most_of_a_layer_dead_is_told() -> None:
    generator = np.random.default_rng(0)
    weights = [generator.standard_normal((128, 128)) * math.sqrt(2 / 128) for _ in range(3)]
    bias = np.where(np.arange(128) < 125, -1e3, 1.0)
    x = generator.standard_normal((50, 128))
    profile = vanish.simulate(
        act="relu", weights=Network(tuple(weights), (bias, None, None)), input=Rows(x)
    )
    text = explain(profile).text
    assert "In layer 1, 125 of 128 units are dead (slope 0 on every one of the 50 rows)." in text
    shown = view([profile], None)
    at = shown.columns.index("dead\nunits")
    assert [row[at] for row in shown.rows if not isinstance(row, Elided)] == ["125 of 128", "", ""]


def test_dead_units_are_counted_among_all_that_a_block_has() -> None:
    # Weights so large that no unit of relu6 is between its kinks.
    profile = vanish.simulate(
        act="relu6", block="x + V S(Wx+b)", hidden="4x", layers=2, width=10, weight_std=1e6
    )
    assert "40 of 40 units are dead (slope 0 on this input)" in explain(profile).text
    shown = view([profile], None)
    at = shown.columns.index("dead\nunits")
    assert [row[at] for row in shown.rows if not isinstance(row, Elided)] == ["40 of 40"] * 2


@pytest.mark.slow
@given(
    width=st.sampled_from([4, 16, 64, 128]),
    rows=st.sampled_from([1, 2, 16]),
    seed=st.integers(0, 999),
)
def test_healthy_relu_layers_have_no_dead_units_to_tell(width: int, rows: int, seed: int) -> None:
    profile = vanish.simulate(
        act="relu", layers=8, width=width, batch=rows, seed=seed, norm_bound=False
    )
    assert "units are dead" not in explain(profile).text


@pytest.mark.parametrize("act", ["x^3", "x*abs(x)"])
def test_slopes_that_are_0_at_0_are_not_blamed_on_large_values(act: str) -> None:
    verdict, text = explained(act, layers=20, weight_std=0.3)
    assert verdict is Verdict.DEAD
    assert f" are so small that every slope of {act} is below 1e-308" in text
    assert "Larger weights would give them slopes again." in text


def test_slopes_of_an_input_of_zeros_are_told() -> None:
    _, text = explained("x^3", layers=4, input=Rows(np.zeros((1, 64))))
    assert "In layer 1 every a is 0, where x^3 has slope 0: " in text


def test_of_two_faults_both_are_in_the_advice() -> None:
    draw = np.random.default_rng(0).standard_normal
    weights = [draw((32, 32)) / math.sqrt(32.0) for _ in range(12)]
    weights[2] *= 1e-4
    biases = [np.full(32, 12.0 if k == 7 else 0.0) for k in range(1, 13)]
    profile = vanish.simulate(weights=Network(tuple(weights), tuple(biases)), act="tanh")
    assert {fault.layer for fault in profile.named_faults} == {3, 7}
    text = explain(profile).text
    assert text.endswith("Rescale W3, and look at the weights and biases of layer 7.")
