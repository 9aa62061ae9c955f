"""Advice that is printed was tried, and holds when it is obeyed."""

from __future__ import annotations

import json
import math
import shlex
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import run_in_process
from hypothesis import given, settings
from hypothesis import strategies as st

import vanish
from vanish import Network, Settings, Verdict, remedy
from vanish.candidates import rounded
from vanish.simulation import Draws
from vanish.streams import Streams

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
    "--act relu --layers 20": None,
    "--act identity --layers 1": None,
}


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
    np.savez(path, **arrays)  # type: ignore[arg-type]  # its stub takes no ** mapping
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


@settings(max_examples=40)
@given(RUNS)
def test_a_printed_remedy_obeyed_is_stable(options: dict[str, Any]) -> None:
    asked = Settings(**options)
    draws = Draws(Streams(asked.seed))
    (profile,) = vanish.compare([asked], draws=draws)
    found = remedy.find(profile, draws)
    if profile.verdict is Verdict.STABLE:
        assert found == remedy.Search()
    if found.remedy is None:
        return
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


@pytest.mark.parametrize(
    ("value", "layers", "text"),
    [(10.1487, 20, "10.1"), (10.1487, 1000, "10.15"), (2.0, 20, "2"), (1.41421356, 20, "1.4")],
)
def test_a_number_has_the_digits_that_it_needs(value: float, layers: int, text: str) -> None:
    assert f"{rounded(value, layers):g}" == text
    # Its error moves the ratio by at most about a tenth of a decade.
    assert layers * abs(math.log10(rounded(value, layers) / value)) <= 0.11
