"""What the options mean: statuses, thresholds, lists, aliases, names."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from command import run, run_in_process

import vanish
from vanish.cli.formats import AUTO, TABLES, WITH_PAGE
from vanish.network import activations, initializers, layout, losses
from vanish.simulation import names
from vanish.simulation.course import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DEAD = "--act relu --widths 1,1,1 --input -"  # fed with a zero
VANISHING = "--act sigmoid --layers 20"
EXPLODING = "--act identity --layers 9 --gain 4"
STABLE = "--act tanh --layers 5"
CHAINS = {"dead": DEAD, "vanishing": VANISHING, "exploding": EXPLODING, "stable": STABLE}


def runs(*args: str) -> list[Any]:
    result = run_in_process(*args, "--format", "json")
    assert result.status == 0
    found: list[Any] = json.loads(result.stdout)["runs"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["dead", "vanishing", "exploding"])
@pytest.mark.parametrize("verdict", CHAINS)
def test_fail_on_exits_with_3_where_its_verdict_holds(verdict: str, condition: str) -> None:
    command = shlex.split(CHAINS[verdict])
    result = run_in_process(*command, "--fail-on", condition, stdin=b"0")
    plain = run_in_process(*command, stdin=b"0")
    assert result == (3 if verdict == condition else 0, plain.stdout, plain.stderr)
    assert f": {verdict.upper()}. " in plain.stderr.decode()


@pytest.mark.parametrize(
    "conditions",
    [
        ["--fail-on", "dead,vanishing"],
        ["--fail-on", "dead", "--fail-on", "vanishing"],
        ["--fail-on", " vanishing , exploding"],
    ],
)
def test_fail_on_takes_several_conditions(conditions: list[str]) -> None:
    assert run_in_process(*shlex.split(VANISHING), *conditions).status == 3
    assert run_in_process(*shlex.split(STABLE), *conditions).status == 0


def test_fail_on_holds_if_one_of_several_chains_is_so() -> None:
    for acts in ("relu,sigmoid", "sigmoid,relu"):
        assert run_in_process("--act", acts, "--fail-on", "vanishing", "--quiet").status == 3


def test_fail_on_comes_after_the_output(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    options = [*shlex.split(VANISHING), "--fail-on", "vanishing", "--output", str(path)]
    assert run_in_process(*options).status == 3
    assert path.read_bytes() == run_in_process(*shlex.split(VANISHING)).stdout


def test_the_thresholds_decide_the_verdict() -> None:
    (run,) = runs(*shlex.split(STABLE))
    ratio = 10.0 ** run["log10_ratio"]
    assert ratio < 1.0
    for factor, verdict in ((0.999, "stable"), (1.001, "vanishing")):
        (run,) = runs(*shlex.split(STABLE), "--vanish-below", repr(ratio * factor))
        assert run["verdict"] == verdict
    for factor, verdict in ((0.999, "exploding"), (1.001, "stable")):
        below = ["--vanish-below", "1e-9"]
        (run,) = runs(*shlex.split(STABLE), *below, "--explode-above", repr(ratio * factor))
        assert run["verdict"] == verdict


@pytest.mark.parametrize(
    "acts",
    [
        ["--act", "relu,tanh"],
        ["--act", "relu", "--act", "tanh"],
        ["-a", "relu", "-a", "tanh"],
        ["-arelu,tanh"],
        ["--act", " relu , tanh "],
        ["--act", "ReLU,Tanh"],
        ["--act", "ramp,TANH"],
    ],
)
def test_acts_are_listed_repeated_or_spelled_otherwise(acts: list[str]) -> None:
    expected = run_in_process("--layers", "3", "--act=relu,tanh")
    assert run_in_process("--layers", "3", *acts) == expected


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("linear", "identity"),
        ("swish", "silu"),
        ("logistic", "sigmoid"),
        ("LeakyReLU", "leaky_relu"),
        ("leaky-relu", "leaky_relu"),
        ("Hardtanh", "hard_tanh"),
        ("ReLU6", "relu6"),
        ("LogSigmoid", "log_sigmoid"),
    ],
)
def test_common_names_select_the_activation(alias: str, name: str) -> None:
    expected = run_in_process("--layers", "3", "--act", name)
    assert expected.status == 0
    assert run_in_process("--layers", "3", "--act", alias) == expected


@pytest.mark.parametrize(
    ("alias", "name"),
    [("glorot_normal", "xavier_normal"), ("kaiming_uniform", "he_uniform"), ("He-Normal",) * 2],
)
def test_common_names_select_the_initialiser(alias: str, name: str) -> None:
    expected = run_in_process("--layers", "3", "--init", name.lower().replace("-", "_"))
    assert expected.status == 0
    assert run_in_process("--layers", "3", "--init", alias) == expected


def test_every_act_is_run_with_every_init() -> None:
    found = runs("--layers", "3", "--act", "relu,tanh", "--init", "he_normal", "--init=orthogonal")
    assert [(run["act"], run["settings"]["init"]) for run in found] == [
        ("relu", "he_normal"),
        ("relu", "orthogonal"),
        ("tanh", "he_normal"),
        ("tanh", "orthogonal"),
    ]


def test_without_options_sigmoid_and_relu_are_compared() -> None:
    settings = [run["settings"] for run in runs()]
    assert [each["act"] for each in settings] == ["sigmoid", "relu"]
    assert {(each["layers"], each["width"], each["seed"]) for each in settings} == {(20, 64, 0)}
    assert run_in_process() == run_in_process("--act=sigmoid,relu", "--layers=20", "--width=64")


def test_widths_are_all_sizes_input_first() -> None:
    (run,) = runs("--act=relu", "--widths=5,3,4", "--layers=2")
    assert [(row["n_in"], row["n_out"]) for row in run["layers"]] == [(5, 3), (3, 4)]
    assert run["settings"]["widths"] == [5, 3, 4]
    assert run["settings"]["width"] is None


def test_another_seed_is_another_chain_and_the_same_seed_the_same() -> None:
    first = run_in_process("--layers=3", "--seed=1")
    assert run_in_process("--layers=3", "--seed=1") == first
    assert run_in_process("--layers=3", "--seed=2").stdout != first.stdout


def test_the_norm_bound_is_computed_when_asked_for_or_cheap() -> None:
    def has_bound(*args: str) -> bool:
        (run,) = runs("--act=relu", *args)
        bounds = [row["log10_norm_bound"] is not None for row in run["layers"]]
        assert all(bounds) or not any(bounds)
        return bounds[0]

    assert has_bound("--layers=20")
    assert not has_bound("--layers=20", "--no-norm-bound")
    assert not has_bound("--layers=2", "--width=200")
    assert has_bound("--layers=2", "--width=200", "--norm-bound")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("--act=sigmod", "sigmoid"),
        ("--act=relu,Leaky_Rleu", "leaky_relu"),
        ("--layer-acts=softplsu", "softplus"),
        ("--init=he_norml", "he_normal"),
        ("--init=he", "he_normal"),
        ("--loss=redout", "readout"),
        ("--format=jsno", "json"),
        ("--fail-on=vanish", "vanishing"),
        ("--wdith=3", "--width"),
    ],
)
def test_a_misspelled_name_is_answered_by_the_nearest(given: str, meant: str) -> None:
    result = run_in_process(given)
    assert (result.status, result.stdout) == (2, b"")
    assert re.search(rf"(did you mean|Possible options:) .*{meant}\b", result.stderr.decode())


def test_version_and_help_are_told_at_once() -> None:
    version = (0, f"vanish {vanish.__version__}\n".encode(), b"")
    assert run_in_process("--version") == version
    assert run_in_process("--layers", "0", "--version") == version
    text = run_in_process("--help")
    assert (text.status, text.stderr) == (0, b"")
    assert text.stdout.startswith(b"Usage: vanish ")
    assert run_in_process("-h") == text


@pytest.mark.slow
def test_the_module_is_the_command() -> None:
    assert run("--layers", "3") == run_in_process("--layers", "3")
    assert run("--layers", "0") == run_in_process("--layers", "0")
    assert run("--act=sigmoid", "--fail-on=vanishing", "-q").status == 3


@pytest.mark.parametrize(
    ("written_out", "live"),
    [
        (names.ACTIVATIONS, activations.names()),
        (names.INITIALIZERS, initializers.names()),
        (names.LOSSES, losses.names()),
        (names.FORMATS, (AUTO, *TABLES.by_suffix.values())),
        (names.WITH_PAGE, (AUTO, *WITH_PAGE.by_suffix.values())),
        (names.VERDICTS, set(Verdict) - {Verdict.STABLE}),
        (names.LAYOUTS, (layout.AUTO, *layout.LAYOUTS)),
    ],
)
def test_the_names_in_help_are_the_registries(written_out: str, live: Iterable[str]) -> None:
    names = written_out.split(", ")
    assert len(names) == len(set(names))
    assert set(names) == set(live)
