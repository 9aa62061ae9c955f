"""Advice that is printed was tried, and holds when it is obeyed."""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import oracles
import pytest
from arrayfile import npz
from command import run_in_process
from hypothesis import given, settings
from hypothesis import strategies as st

import vanish
from vanish import Network, Rows, Settings, Verdict
from vanish.cures import effort, remedy, workbench
from vanish.cures.catalogue import CHEAP
from vanish.cures.cure import Cure, Part
from vanish.cures.digits import rounded
from vanish.network.streams import Streams
from vanish.simulation import run as simulation
from vanish.simulation.drawing import Draws
from vanish.simulation.run import Simulation

if TYPE_CHECKING:
    from pathlib import Path

# What an option, once given, leaves no room for.
DISPLACED = {"--init": ["--weight-std"], "--weight-std": ["--init"], "--act": ["--layer-acts"]}


def obeyed(line: str, advice: list[str]) -> str:
    """Return a command line with advised options added, those replaced that they displace."""
    words = shlex.split(line)
    given = dict(zip(words[::2], words[1::2], strict=True))
    for option, value in zip(advice[::2], advice[1::2], strict=True):
        for other in DISPLACED.get(option, []):
            given.pop(other, None)
        given[option] = value
    return shlex.join(word for pair in given.items() for word in pair)


def simulated(line: str) -> dict[str, Any]:
    result = run_in_process(*shlex.split(line), "--format", "json")
    assert result.status == 0, result.stderr
    (run,) = json.loads(result.stdout)["runs"]
    assert isinstance(run, dict)
    return run


# Command lines, and the advice on them; None for none.
ADVICE: dict[str, list[str] | None] = {
    "--act sigmoid": ["--weight-std", "10.1"],
    # The gain stays in force: theory's weight_std of 1 is to be had by 2.
    "--act tanh --gain 0.5": ["--weight-std", "2"],
    "--act tanh --gain 0.5 --weight-std 1": ["--weight-std", "2"],
    # The last layer's slope is no part of the ratio.
    "--act tanh --weight-std 0.4 --last-act identity --loss cross_entropy": ["--weight-std", "1"],
    "--act relu --init xavier_normal": ["--weight-std", "1.4"],
    "--layer-acts tanh,relu,tanh,relu,tanh,relu,tanh,relu,tanh,relu --gain 0.2": [
        *("--gain", "1"),
    ],
    # Unstable at its critical point: relu, and with it the init that suits it.
    "--act gelu --layers 50": ["--act", "relu"],
    "--act gelu --layers 50 --init xavier_normal": ["--act", "relu", "--init", "auto"],
    "--act tanh --weight-std 3000": ["--weight-std", "1"],
    # Where a gain is looked for, too: the other init is nearer.
    "--act tanh --weight-std 5 --gain 3": ["--weight-std", "0.33"],
    "--act relu --init xavier_uniform --gain 0.5": ["--weight-std", "2.8"],
    "--act tanh --init orthogonal --gain 0.6": ["--weight-std", "1.67"],
    # So small that the critical weight_std over it is no number.
    "--act identity --gain 1e-308 --weight-std 1e-10": ["--init", "auto", "--gain", "1"],
    # Theory knows no critical point.
    "--act softplus": ["--gain", "1.66"],
    # The number of layers was that of the list; the last one is no hidden one.
    f"--layer-acts {'gelu,' * 49}identity --init xavier_normal": [
        *("--act", "relu", "--last-act", "identity", "--layers", "50", "--init", "auto"),
    ],
    "--act relu --layers 20": None,
    "--act identity --layers 1": None,
}


@pytest.mark.slow
@pytest.mark.parametrize("line", ADVICE)
def test_the_advice_is_the_smallest_change_that_works(line: str) -> None:
    run = simulated(line)
    advice = ADVICE[line]
    assert run["remedy"] == advice
    if advice is None:
        assert run["remedy_log10_ratio"] is None
        return
    helped = simulated(obeyed(line, advice))
    assert helped["verdict"] == "stable"
    assert helped["log10_ratio"] == pytest.approx(run["remedy_log10_ratio"], rel=1e-9, abs=1e-12)
    assert abs(helped["log10_ratio"]) <= 2.0


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line, advice in ADVICE.items() if advice])
def test_the_advice_holds_on_further_seeds_of_the_dense_engine(line: str) -> None:
    advice = ADVICE[line]
    assert advice
    seeds = range(1, 6)
    verdicts = [
        simulated(f"{obeyed(line, advice)} --engine dense --seed {k}")["verdict"] for k in seeds
    ]
    assert verdicts == ["stable"] * len(seeds)


def test_the_sentence_tells_what_was_measured() -> None:
    result = run_in_process("--act", "tanh", "--gain", "0.5", "--format", "markdown")
    ratio = 10.0 ** simulated("--act tanh --gain 0.5 --weight-std 2")["log10_ratio"]
    text = result.stdout.decode()
    assert f"Try --weight-std 2: measured, layer 1 then gets {ratio:.3g} of layer 20's" in text
    assert "5 of 5 further seeds are stable" in text


def test_what_the_advice_displaces_is_named() -> None:
    text = run_in_process("--act", "relu", "--init", "xavier_normal").stderr.decode()
    assert "Try --weight-std 1.4 in place of --init: measured" in text


def test_a_single_layer_that_is_dead_has_no_ratio_to_mend() -> None:
    profile = vanish.simulate(act="relu", weights=Network((-np.eye(2),)), input=Rows(np.ones(2)))
    assert profile.verdict is Verdict.DEAD
    assert remedy.find(profile) == remedy.Search()


def test_quiet_runs_look_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: Any, **__: Any) -> Any:
        raise AssertionError("a search in a quiet run")

    monkeypatch.setattr(remedy, "find", find)
    assert run_in_process("--act", "sigmoid", "--quiet").status == 0
    with pytest.raises(AssertionError, match="a search"):
        run_in_process("--act", "sigmoid")


def test_a_single_bad_layer_has_no_gain_for_a_remedy() -> None:
    generator = np.random.default_rng(0)
    weights = [generator.standard_normal((32, 32)) * math.sqrt(2 / 32) for _ in range(12)]
    weights[5] *= 1e-4
    profile = vanish.simulate(act="relu", weights=Network(tuple(weights)))
    assert [fault.layer for fault in profile.named_faults] == [6]
    assert remedy.find(profile).remedy is None


@pytest.mark.parametrize("scale", [0.3, 1e-4])
@pytest.mark.parametrize("act", ["relu", "tanh", "sigmoid"])
def test_badly_scaled_weights_are_mended_by_a_gain(act: str, scale: float, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    arrays = {f"W{k}": generator.standard_normal((32, 32)) * scale / 6.0 for k in range(1, 13)}
    path = tmp_path / "w.npz"
    path.write_bytes(npz(**arrays))
    line = f"--act {act} --weights {path} --weights-layout out_in"
    run = simulated(line)
    assert run["verdict"] == "vanishing"
    assert run["remedy"][0] == "--gain"
    helped = simulated(obeyed(line, run["remedy"]))
    assert helped["verdict"] == "stable"
    assert helped["log10_ratio"] == pytest.approx(run["remedy_log10_ratio"], rel=1e-9)


def test_weights_that_saturate_do_not_keep_a_search_for_ever() -> None:
    generator = np.random.default_rng(1)
    weights = tuple(generator.standard_normal((8, 8)) * 1000.0 / 8**0.5 for _ in range(20))
    profile = vanish.simulate(act="tanh", weights=Network(weights))
    found = remedy.find(profile)
    assert len(found.attempts) < 20


def test_where_nothing_works_that_is_said_and_why() -> None:
    profile = vanish.simulate(act="relu", layers=300, width=4, seed=3, weight_std=1.0)
    found = remedy.find(profile)
    assert found.remedy is None
    if profile.verdict is not Verdict.DEAD:
        assert found.why.startswith(("Nothing simple works", "No remedy"))


def found_on(act: str = "tanh", **options: Any) -> tuple[vanish.Profile, remedy.Search]:
    profile = vanish.simulate(act=act, **options)
    return profile, remedy.find(profile)


@pytest.mark.parametrize(
    "options",
    [
        {"act": "tanh", "gain": 0.5},
        {"act": "tanh", "weight_std": 0.3, "last_act": "identity", "loss": "mse"},
        {"act": "relu", "weight_std": 5.0, "batch": 3},
        {"layer_acts": ("tanh", "relu", "sin") * 4, "gain": 0.2},
    ],
)
def test_pytorch_measures_the_same_with_the_remedy(options: dict[str, Any]) -> None:
    _, found = found_on(**options)
    assert found.remedy
    settings = found.attempts[-1].settings
    assert settings
    gradients = oracles.autograd(oracles.Problem.of(Simulation(settings)))
    first, last = (np.linalg.norm(gradients[f"a{k}"]) for k in (1, settings.model.depth))
    assert found.remedy.log10_ratio == pytest.approx(math.log10(first / last), rel=1e-9)


def test_a_remedy_that_fails_is_not_given() -> None:
    # What was advised before remedies were measured: theory's number without the gain in force.
    def forgets_the_gain(_: Any) -> Any:
        yield {"weight_std": 1.5}

    wrong = Cure("wrong", Part.WEIGHTS, 1, forgets_the_gain)
    profile = vanish.simulate(act="tanh", gain=0.5)
    found = remedy.find(profile, cures=[wrong])
    assert found.remedy is None
    helped = vanish.simulate(act="tanh", gain=0.5, weight_std=1.5).log10_ratio
    assert helped
    assert found.attempts[0].log10_ratio == pytest.approx(helped)
    assert f"--weight-std 1.5, with which layer 1 gets {10.0**helped:.3g} of" in found.why


@pytest.mark.parametrize("options", [{"batch": 16}, {"init": "xavier_uniform"}])
def test_further_seeds_that_are_not_sampled_are_those_of_the_command(
    options: dict[str, Any],
) -> None:
    profile = vanish.simulate(act="tanh", gain=0.5, **options)
    found = remedy.find(profile, cures=[each for each in CHEAP if each.name == "gain"])
    assert found.remedy
    last = found.attempts[-1]
    assert last.settings
    assert not found.remedy.sampled
    seeds = [vanish.simulate(replace(last.settings, seed=k)) for k in range(1, 6)]
    assert last.further == pytest.approx([each.log10_ratio for each in seeds])
    assert "; 5 of 5 further seeds are stable." in found.remedy.sentence


def test_sampled_seeds_are_as_the_real_ones() -> None:
    _, found = found_on(gain=0.5)
    further = found.attempts[-1].further
    last = found.attempts[-1].settings
    assert last
    assert len(further) == 20
    real = [vanish.simulate(replace(last, seed=k)).log10_ratio or 0.0 for k in range(1, 21)]
    deviation = np.std([*further, *real]) * math.sqrt(2.0 / 20.0)
    assert abs(np.mean(further) - np.mean(real)) < 4.0 * deviation


def test_the_median_of_several_trials_is_what_counts() -> None:
    profile, found = found_on("sigmoid", trials=9)
    assert found.remedy
    words = " ".join(found.remedy.options)
    helped = simulated(f"--act sigmoid --trials 9 {words}")
    assert helped["log10_ratio"] == pytest.approx(found.remedy.log10_ratio, rel=1e-9)
    assert "medians of 3 trials" in found.remedy.sentence
    assert profile.trials == 9


def test_many_trials_that_are_sampled_are_tried_by_the_same_engine() -> None:
    profile, found = found_on(gain=0.5, trials=100)
    assert profile.engine == "sampled"
    assert found.remedy
    last = found.attempts[-1].settings
    assert last
    assert vanish.simulate(last).log10_ratio == pytest.approx(found.remedy.log10_ratio)


def test_where_nothing_is_random_no_seeds_are_told() -> None:
    generator = np.random.default_rng(2)
    weights = tuple(generator.standard_normal((32, 32)) * 0.05 for _ in range(12))
    signs = np.where(generator.random(32) < 0.5, -1.0, 1.0) / math.sqrt(32)
    _, found = found_on(weights=Network(weights, x=np.ones((1, 32)), readout=signs))
    assert found.remedy
    assert found.attempts[-1].further == ()
    assert "seeds" not in found.remedy.sentence


def test_saturated_weights_are_made_smaller() -> None:
    # No larger gain helps: the ratio falls on both sides.
    generator = np.random.default_rng(4)
    weights = tuple(generator.standard_normal((32, 32)) * 3000.0 / 32**0.5 for _ in range(12))
    profile, found = found_on(weights=Network(weights))
    assert profile.verdict in (Verdict.VANISHING, Verdict.DEAD)
    assert found.remedy
    assert float(found.remedy.options[1]) < 0.01


def test_the_users_thresholds_are_what_stable_means() -> None:
    # Theory's weight_std leaves 0.235, which here is vanishing.
    limits: dict[str, Any] = {"vanish_below": 0.4, "explode_above": 10.0}
    _, found = found_on(gain=0.5, **limits)
    assert found.remedy
    assert found.remedy.options[0] == "--gain"
    last = found.attempts[-1]
    assert 0.4 <= 10.0**found.remedy.log10_ratio <= 10.0
    assert all(0.4 <= 10.0**each <= 10.0 for each in last.further)


def test_thresholds_that_call_nothing_near_1_stable() -> None:
    profile, found = found_on(vanish_below=1e3, explode_above=1e4)
    assert profile.verdict is Verdict.VANISHING
    assert found.remedy is None
    assert "--vanish-below and --explode-above" in found.why


def test_a_remedy_is_looked_for_neither_where_none_is_needed_nor_where_none_can_help() -> None:
    eye = np.eye(4)
    for options in (
        {"init": "orthogonal"},
        {"layers": 1},
        {"weights": Network((eye, 0.0 * eye, eye, eye))},
        {"loss": "mse", "input": np.zeros(64)},
    ):
        assert found_on(**options)[1] == remedy.Search()


def test_a_dead_chain_may_be_helped_by_another_activation() -> None:
    profile, found = found_on("relu", width=2, layers=10, gain=0.5)
    assert profile.verdict is Verdict.DEAD
    assert found.remedy
    assert found.remedy.options == ("--act", "tanh", "--gain", "1")
    assert simulated("--width 2 --layers 10 --act tanh --gain 1")["verdict"] == "stable"


@pytest.mark.parametrize(
    "options",
    [
        {"act": "sigmoid", "layers": 120, "width": 8},
        {"act": "gelu", "layers": 40, "width": 32, "init": "xavier_normal"},
        {"act": "sigmoid", "layers": 20, "width": 64, "trials": 3},
        {"act": "silu", "layers": 30, "width": 16, "batch": 8, "init": "he_uniform"},
    ],
)
def test_a_search_takes_no_more_than_it_may(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Counted where the work is done: layers that are passed, each about 70 µs.
    passed = 0

    def counted(settings: Settings, **others: Any) -> Any:
        nonlocal passed
        passed += settings.model.depth * (
            1 if settings.engine_used == "sampled" else settings.trials
        )
        return simulation.ratios(settings, **others)

    monkeypatch.setattr(workbench, "ratios", counted)
    profile = vanish.simulate(**options)
    remedy.find(profile)
    assert passed > 0
    assert passed <= (effort.running(profile.settings) + workbench.ALLOWANCE) / 70_000


def test_large_chains_are_mended_without_their_matrices() -> None:
    profile, found = found_on("sigmoid", layers=100, width=1024)
    assert profile.engine == "sampled"
    assert found.remedy
    assert found.remedy.options == ("--weight-std", "10.15")


def test_what_would_take_too_long_is_not_promised() -> None:
    # Neither can uniform weights be sampled, nor can five more such chains be drawn.
    profile = vanish.simulate(act="tanh", layers=4, width=1000, init="xavier_uniform", gain=0.01)
    found = remedy.find(profile, cures=[each for each in CHEAP if each.name == "gain"])
    assert found.remedy is None
    assert "would take longer than the run itself" in found.why


RUNS = st.fixed_dictionaries(
    {
        "act": st.sampled_from(["sigmoid", "tanh", "relu", "gelu", "silu", "softplus", "sin"]),
        "layers": st.sampled_from([5, 12, 20, 50, 120, 300]),
        "width": st.sampled_from([8, 32, 64]),
        "gain": st.sampled_from([0.3, 0.7, 1.0, 2.0, 6.0]),
        "last_act": st.sampled_from([None, "identity"]),
        "loss": st.sampled_from(["readout", "sum", "mse"]),
        "seed": st.integers(0, 999),
    },
    optional={
        "init": st.sampled_from(["xavier_normal", "he_uniform", "orthogonal"]),
        "batch": st.sampled_from([4]),
        "bias_std": st.sampled_from([0.1]),
    },
)


@pytest.mark.slow
def test_a_printed_remedy_obeyed_is_stable() -> None:
    count = 0

    @settings(max_examples=30)
    @given(RUNS)
    def obey(options: dict[str, Any]) -> None:
        nonlocal count
        count += require_obeyed_to_help(options)

    obey()
    assert count >= 5


def require_obeyed_to_help(options: dict[str, Any]) -> bool:
    """Require what is promised of a remedy, and tell whether there is one."""
    asked = Settings(**options)
    draws = Draws(Streams(asked.seed))
    (profile,) = simulation.compare([asked], draws=draws)
    found = remedy.find(profile, draws)
    if profile.verdict is Verdict.STABLE:
        assert found == remedy.Search()
    for attempt in found.attempts:
        if attempt.settings and attempt.log10_ratio and attempt.log10_ratio > -math.inf:
            again = vanish.simulate(attempt.settings).log10_ratio
            assert attempt.log10_ratio == pytest.approx(again, rel=1e-9, abs=1e-12)
    if found.remedy is None:
        assert profile.verdict in (Verdict.STABLE, Verdict.DEAD) or found.why
        return False
    words = found.remedy.options
    change: dict[str, Any] = {}
    for option, value in zip(words[::2], words[1::2], strict=True):
        name = option.removeprefix("--").replace("-", "_")
        change[name] = float(value) if name in ("gain", "weight_std") else value
        if name == "weight_std":
            change["init"] = "auto"
        if name == "init":
            change["weight_std"] = None
    helped = vanish.simulate(**{**options, **change})
    assert helped.verdict is Verdict.STABLE
    assert helped.log10_ratio == pytest.approx(found.remedy.log10_ratio, rel=1e-9, abs=1e-12)
    further = [vanish.simulate(**{**options, **change, "seed": asked.seed + k}) for k in (1, 2)]
    assert sum(each.verdict is Verdict.STABLE for each in further) >= 1
    return True


@pytest.mark.parametrize(
    ("value", "layers", "text"),
    [(10.1487, 20, "10.1"), (10.1487, 1000, "10.15"), (2.0, 20, "2"), (1.41421356, 20, "1.4")],
)
def test_a_number_has_the_digits_that_it_needs(value: float, layers: int, text: str) -> None:
    assert f"{rounded(value, layers):g}" == text
    # Its error moves the ratio by at most about a tenth of a decade.
    assert layers * abs(math.log10(rounded(value, layers) / value)) <= 0.11


def test_a_further_seed_that_is_told_against_a_change_is_one_that_is_not_stable() -> None:
    # Far from what is wanted, 0.01 to 10, may still be stable.
    low, high = 1e-12, 10.0
    options: dict[str, Any] = {"act": "tanh", "width": 2, "layers": 30, "weight_std": 4.0}
    profile = vanish.simulate(**options, seed=53, vanish_below=low, explode_above=high)
    assert profile.remedy is not None
    told = re.search(r"on this seed, but (\S+) on a further seed", profile.remedy.why)
    assert told is not None
    assert not low <= float(told[1]) <= high
