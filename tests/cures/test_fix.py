"""`vanish fix`: a row's numbers are those of its command, and the order is what it says."""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from arrayfile import npz
from command import VANISH, run_in_process, run_in_terminal

import vanish
from vanish import Settings
from vanish.cli.parse import gains
from vanish.cures import draws, remedy
from vanish.cures import fix as cures
from vanish.cures.catalogue import CHEAP, everything
from vanish.cures.columns import FIXES
from vanish.cures.commands import command
from vanish.cures.cure import Cure, Part
from vanish.cures.stalling import stalled
from vanish.cures.workbench import Bench
from vanish.simulation import run as simulation

if TYPE_CHECKING:
    from pathlib import Path

FAULTY = "--layers 10 --width 12 --gain 1x4,1e-5,1x5"

# Command lines behind `vanish fix`: activations × inits × depths × heads × blocks, given weights,
# one faulty layer. Files are those of `place`.
QUICK = (
    "--act sigmoid --layers 8 --width 6 --gain 0.4",
    "--act tanh --weights faulty.npz",
    "--act relu --layers 6 --width 5 --gain 0.1 --batch 3 --trials 2",
)
SLOW = (
    "",
    "--act tanh --gain 0.5",
    "--act tanh --weight-std 3 --layers 30",
    "--act relu --gain 0.3 --layers 15",
    "--act relu --width 2 --layers 8",
    "--act gelu --layers 50 --width 32",
    "--act silu --layers 40 --width 16 --init he_uniform",
    "--act softplus --layers 25",
    "--act selu --init he_normal --layers 40",
    "--act elu --layers 30 --init xavier_uniform --gain 0.6",
    "--act leaky_relu --init orthogonal --layers 30 --gain 0.5",
    "--act hard_tanh --layers 20 --init torch",
    "--act sin --weight-std 4 --layers 30 --width 16",
    "--act mish --layers 30 --init 'normal(0.02)'",
    "--act identity --gain 1.7 --layers 30",
    "--act log_sigmoid --layers 12",
    "--act sigmoid --loss cross_entropy --last-act identity --widths 20,12x8,4 --batch 5",
    "--act tanh --loss mse --gain 0.4 --layers 12 --width 9",
    "--act relu --loss sum --gain 0.4 --layers 12 --width 9",
    "--act sigmoid --loss bce --last-act identity --layers 9 --width 8",
    "--act tanh --loss cross_entropy --last-act identity --input x.txt --layers 14 --gain 0.5",
    "--act tanh --loss mse --input x.txt --target t.txt --gain 0.3 --layers 9 --width 5",
    "--layer-acts tanh,relu,tanh,relu,tanh,relu,tanh,identity --gain 0.2",
    "--act sigmoid --block 'x + V S(Wx+b)' --gain 60 --layers 12",
    "--act relu --block residual --layers 60",
    "--act tanh --block postnorm --layers 40 --width 16",
    "--act gelu --block prenorm --layers 12 --width 8 --hidden 2x",
    "--act sigmoid --block rnn --layers 12 --width 8",
    "--act tanh --block 'S(Wx + Uu + b)' --gain 0.5 --layers 12 --width 8 --bias-std 0.1",
    "--act relu --block layernorm_after --layers 30 --width 8",
    "--act sigmoid --bias-std 0.5 --layers 12",
    "--act sigmoid --bias-init 'constant(0.1)' --layers 12 --width 8",
    f"--act tanh {FAULTY}",
    f"--act relu {FAULTY} --init orthogonal",
    "--act tanh --layers 12 --last-gain 1e-6 --width 16",
    "--act relu --weights small.npz",
    "--act sigmoid --weights keras.npz --batch 3",
    "--act tanh --weights block.npz",
    "--act tanh --weights small.npz --gain 1x5,3,1x6",
    "--act relu --layers 40 --trials 200 --gain 0.7",
    "--act tanh --layers 60 --width 300 --gain 0.5 --engine sampled",
    "--act tanh --gain 0.5 --vanish-below 0.4 --explode-above 10 --seed 7 --layers 12",
    "--act tanh --gain 0.7 --layers 12 --width 6 --norm-bound --trials 1",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("fix")
    draw = np.random.default_rng(5).standard_normal
    small = {f"W{k}": draw((12, 12)) * 0.08 for k in range(1, 13)}
    (place / "small.npz").write_bytes(npz(**small))
    faulty = {f"W{k}": draw((8, 8)) / 8**0.5 for k in range(1, 9)}
    faulty["W4"] *= 1e-6
    (place / "faulty.npz").write_bytes(npz(**faulty))
    keras = {f"dense_{k}/kernel": draw((7 + k, 8 + k)) / 3 for k in range(5)}
    (place / "keras.npz").write_bytes(npz(**keras))
    block = {f"{letter}{k}": draw((6, 6)) for k in range(1, 9) for letter in "WV"}
    (place / "block.npz").write_bytes(npz(**block, block=np.array("x + V S(Wx)")))
    (place / "x.txt").write_text("0.1 -0.4 0.3 1.2 0.5\n0.7 0.2 -0.9 0.1 0.4\n")
    (place / "t.txt").write_text("0 1 0 0.5 0\n")
    return place


def fixed(line: str) -> dict[str, Any]:
    result = run_in_process("fix", *shlex.split(line), "--format", "json")
    assert result.status == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def rerun(line: str) -> dict[str, Any]:
    """Return the run of a command line of a row."""
    program, *words = shlex.split(line)
    assert program == "vanish"
    result = run_in_process(*words, "--format", "json")
    assert result.status == 0, result.stderr
    (run,) = json.loads(result.stdout)["runs"]
    assert isinstance(run, dict)
    return run


def check_rows(found: dict[str, Any], every: int = 1) -> None:
    """Check each row, or some of them, against what its command gives by itself."""
    for row in found["rows"][::every]:
        words = shlex.split(row["command"])
        assert {"--seed", "--trials", "--engine"} <= {*words}
        run = rerun(row["command"])
        for name in ("verdict", "log10_ratio", "log10_ratio_p05", "log10_ratio_p95"):
            assert row[name] == run[name], (row["command"], name)
        assert row["log10_grad_w"] == run["layers"][0]["log10_grad_w"]
        shares = run["verdict_shares"] or {run["verdict"]: 1.0}
        assert row["stable_share"] == shares.get("stable", 0.0)


def check_order(found: dict[str, Any]) -> None:
    """Check what comes before what."""
    size = {cure.name: cure.size for cure in everything()}
    keys = []
    for row in found["rows"]:
        log10_ratio = row["log10_ratio"]
        decades = math.inf if log10_ratio is None else math.floor(abs(log10_ratio))
        stable = row["verdict"] == "stable"
        assert stable or not row["works"]
        assert bool(row["why_not"]) == (stable and not row["works"])
        keys.append((not row["works"], not stable, size[row["cure"]], decades))
    assert keys == sorted(keys)
    if not any(row["works"] for row in found["rows"]):
        assert re.search("None of|nothing|no cure", found["sentence"]), found["sentence"]


def check_before(found: dict[str, Any], line: str) -> None:
    """Check that the diagnosis is the run of the same command, and each row's "before" it."""
    words = ["--trials", "5"] * ("--trials" not in line)
    acts = ["--act", "sigmoid"] * ("act" not in line)
    run = rerun(shlex.join(["vanish", *shlex.split(line), *words, *acts]))
    assert found["diagnosis"] == run
    for row in found["rows"]:
        assert row["log10_ratio_before"] == run["log10_ratio"]
        assert row["log10_ratio_before_p05"] == run["log10_ratio_p05"]
        assert row["log10_grad_w_before"] == run["layers"][0]["log10_grad_w"]


@pytest.mark.parametrize("line", QUICK[:1])
def test_a_row_is_what_its_command_gives(
    line: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    found = fixed(line)
    assert found["rows"][0]["works"]
    check_rows(found, 3)
    check_order(found)


@pytest.mark.slow
@pytest.mark.parametrize("line", [*QUICK, *SLOW])
def test_every_row_is_what_its_command_gives(
    line: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    found = fixed(line)
    assert len(found["rows"]) > 2
    check_before(found, line)
    check_rows(found)
    check_order(found)
    check_depths(found)


def check_depths(found: dict[str, Any]) -> None:
    """Check what is said of other numbers of layers."""
    diagnosis, most = found["diagnosis"], found["most_layers"]
    if most is not None:
        assert 1 < most < diagnosis["settings"]["layers"]
        assert f"--layers {most}" in found["sentence"]
    for row in found["rows"]:
        held = row["layers_held"]
        assert held is None or (row["works"] and held >= diagnosis["settings"]["layers"])
        assert (held is None) == (row["held_all"] is None)


def test_forty_settings_and_more_are_tried() -> None:
    assert len(QUICK) + len(SLOW) >= 40


@cache
def found(act: str = "sigmoid", **options: Any) -> vanish.Fix:
    return vanish.fix(act=act, **options)


@pytest.mark.slow
def test_fewer_layers_are_stable_as_they_are() -> None:
    most = found(layers=20, width=32).most_layers
    assert most is not None
    chain: dict[str, Any] = {"act": "sigmoid", "width": 32, "trials": 5}
    assert vanish.simulate(**chain, layers=most).verdict == "stable"
    assert vanish.simulate(**chain, layers=most + 1).verdict == "vanishing"
    # Where the depth is no setting of its own it is no way out.
    assert found(widths=(9, 8, 8, 8, 8, 8, 8)).most_layers is None
    assert found("tanh", layers=6, width=4).most_layers is None


@pytest.mark.slow
def test_as_many_layers_as_are_held_are_stable_and_more_are_not() -> None:
    rows = {row.cure.name: row for row in found(layers=20, width=32)}
    settings, reach = rows["critical weight_std"].after.settings, rows["critical weight_std"].reach
    assert reach is not None
    assert not reach.is_open
    for engine in ("sampled", "dense"):
        deeper = replace(settings, layers=2 * reach.layers, engine=engine)
        assert vanish.simulate(deeper).verdict != "stable"
    held = replace(settings, layers=reach.layers, engine="sampled")
    assert vanish.simulate(held).verdict == "stable"
    skip = rows["scaled skip"].reach
    assert skip is not None
    assert skip.is_open
    assert rows["LSUV"].reach is None  # it does not work


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"act": "sigmoid"},
        {"act": "tanh", "gain": 0.5},
        {"act": "relu", "init": "xavier_normal", "gain": 0.6},
        {"act": "softplus"},
        {"act": "relu", "width": 2, "layers": 10, "gain": 0.5},
        {"layer_acts": ("tanh", "relu", "sin") * 4, "gain": 0.2},
    ],
)
def test_the_verdicts_remedy_is_the_best_cheap_row(options: dict[str, Any]) -> None:
    tried = vanish.fix(**options)
    cheap = {cure.name for cure in CHEAP}
    best = next(row for row in tried if row.cure.name in cheap)
    assert best.works
    search = remedy.find(tried.diagnosis)
    assert search.remedy is not None
    assert search.remedy.options == best.attempt.options
    assert search.remedy.excluded == best.attempt.excluded
    assert search.remedy.log10_ratio == best.after.log10_ratio
    assert tried.to_dict()["diagnosis"]["remedy"] == list(best.attempt.options)


@pytest.mark.slow
def test_a_smaller_cure_than_the_remedy_is_one_that_its_budget_left_out() -> None:
    tried = vanish.fix(act="gelu", layers=50)
    search = tried.found.remedy
    assert search is not None
    assert search.remedy is not None
    assert search.cure is not None
    rows = {row.cure.name: row for row in tried}
    assert rows[search.cure.name].attempt.options == search.remedy.options
    assert tried.best is not None
    assert tried.best.cure.size <= search.cure.size


def test_cures_are_named_once_and_the_cheap_ones_by_size() -> None:
    every = everything()
    assert len({cure.name for cure in every}) == len(every)
    sizes = [cure.size for cure in CHEAP]
    # Strictly: else another one of the same size may be the best cheap row.
    assert all(one < other for one, other in pairwise(sizes))
    assert [cure.size for cure in every] == sorted(cure.size for cure in every)


@pytest.mark.slow
def test_what_is_done_to_given_weights_stands_by_itself(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    rows = fixed("--act tanh --weights faulty.npz")["rows"]
    own = [row["cure"] for row in rows if row["changes"] == "weights"]
    assert own[0] == "gain of faulty layers"
    assert {*own} == {"gain of faulty layers", "gain", "LSUV"}
    assert {row["changes"] for row in rows} == {"weights", "activation", "architecture"}
    text = run_in_process(
        *shlex.split("fix --act tanh --weights faulty.npz --format table")
    ).stdout.decode()
    heads = [text.index(each) for each in ("Of the given weights:", "Of the architecture:")]
    assert heads == sorted(heads)
    first, second = text[heads[0] : heads[1]], text[heads[1] :]
    assert "--gain 1x3," in first
    assert "--block" not in first
    assert "--init lsuv" not in second
    assert "W4 multiplies the signal by" in text[: heads[0]]


@pytest.mark.slow
@pytest.mark.parametrize("lines", [18, 24, 30])
def test_the_table_of_given_weights_fits_the_terminal(
    lines: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    words = [*VANISH, *shlex.split("fix --act tanh --weights faulty.npz")]
    status, text = run_in_terminal(words, lines=lines, env={"NO_COLOR": "1"})
    assert status == 0
    # A progress bar that was slow enough to be seen takes its line back.
    assert text.count("\n") - text.count("\x1b[1A") < lines
    assert "more cures: --rows 0" in text


@pytest.mark.slow
def test_the_gain_of_a_faulty_layer_is_what_it_lacks(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (row, *_) = fixed("--act tanh --weights faulty.npz")["rows"]
    _, listed = shlex.split(row["options"])
    numbers = gains(listed)
    assert isinstance(numbers, tuple)
    assert [k for k, gain in enumerate(numbers, 1) if gain != 1.0] == [4]
    assert 2e5 < numbers[3] < 5e6  # W4 is a millionth of the others


# --- weights that do not learn ---


@pytest.mark.slow
def test_no_cure_has_weights_without_a_gradient() -> None:
    tried = found("relu", layers=8, width=2)
    for row in tried:
        gradients = vanish.simulate(row.after.settings).measured.grad_w
        dead = bool((np.median(gradients.mantissas != 0.0, axis=1) == 0.0).any())
        assert not (dead and row.works), row.cure.name
    (row,) = (row for row in tried if row.cure.name == "scaled skip")
    # The skip hands the signal on, but a layer's units are dead.
    assert (row.after.verdict, row.works) == ("stable", False)
    assert "exactly 0 in layer" in row.fault


def test_a_smaller_gradient_in_layer_1_is_no_cure() -> None:
    before = vanish.simulate(act="sigmoid", layers=8, width=8, gain=0.3)
    after = vanish.simulate(act="tanh", layers=8, width=8, gain=0.3, block="x + 1e-9 S(Wx+b)")
    assert (before.verdict, after.verdict) == ("vanishing", "stable")
    # ‖∂L/∂W‖ has the 1e-9, and no more than that arrives.
    told = "the weights of layer 1 get a smaller gradient than before"
    assert stalled(before, after.measured) == told
    # Of what was too large less is wanted, of what was enough a tenth will do.
    exploding = vanish.simulate(act="relu", layers=8, width=8, weight_std=50.0)
    assert exploding.verdict == "exploding"
    assert stalled(exploding, after.measured) == ""
    stable = vanish.simulate(act="tanh", layers=8, width=8, init="orthogonal")
    assert stable.log10_ratio is not None
    assert stable.log10_ratio < 0.0
    less = vanish.simulate(act="tanh", layers=8, width=8, init="orthogonal", gain=0.9)
    assert float(less.layers[0].grad_w) < float(stable.layers[0].grad_w)
    assert stalled(stable, less.measured) == ""
    assert stalled(stable, after.measured) == told


def test_a_search_promises_no_weights_that_do_not_learn() -> None:
    def skips(_: Any) -> Any:
        yield {"block": "x + 1e-12 S(Wx+b)"}

    cure = Cure("small", Part.ARCHITECTURE, 1, skips)
    profile = vanish.simulate(act="sigmoid", layers=8, width=8, gain=0.3)
    search = remedy.find(profile, cures=[cure])
    assert search.remedy is None
    assert search.attempts[0].stalls
    assert "but the weights of layer 1 get a smaller gradient" in search.why


@pytest.mark.slow
def test_what_would_take_too_long_is_named_and_not_tried() -> None:
    # Orthogonal weights of a hundred chains, which are else drawn in law without them.
    tried = found(layers=6, width=200, trials=100)
    assert tried.found.untried == ("LSUV",)
    assert "LSUV" not in {row.cure.name for row in tried}
    assert " ".join(str(tried).split()).endswith("Not tried, since it would take too long: LSUV.")


# --- the command line ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("--fail-on vanishing", 0),
        ("--fail-on vanishing --act identity --layers 1", 0),
        # Nothing makes the two ends of a chain of such limits stable.
        ("--fail-on exploding,dead,vanishing --vanish-below 1e6 --explode-above 1e7", 3),
    ],
)
def test_the_status_goes_by_the_best_row(line: str, status: int) -> None:
    words = ["--layers", "8", "--width", "4"] if "--layers" not in line else []
    result = run_in_process("fix", *words, *line.split(), "--format", "jsonl")
    assert result.status == status, result.stderr
    rows = [json.loads(each) for each in result.stdout.splitlines()]
    if status:
        assert rows[0]["verdict"] in line
        assert not rows[0]["works"]
        assert b"None of " in result.stderr


@pytest.mark.parametrize(
    ("block", "act"),
    [("3 S(Wx+b)", "relu"), ("3 S(Wx+b)", "sigmoid"), ("S(Wx + Vx + b)", "relu")],
)
def test_the_critical_weights_of_a_block_are_those_of_its_theory(block: str, act: str) -> None:
    settings = vanish.Settings(block=block, act=act, layers=12, width=16, weight_std=0.1)
    found = draws.critical_std(Bench(vanish.simulate(settings)))
    (point,) = vanish.theory(act, block=block)
    assert found == point.critical_weight_std
    assert found != vanish.theory(act)[0].critical_weight_std


def test_where_theory_has_no_critical_weights_of_a_block_none_are_tried() -> None:
    settings = vanish.Settings(block="residual", act="hard_tanh", layers=12, width=16)
    assert draws.critical_std(Bench(vanish.simulate(settings))) is None


def test_one_layer_has_nothing_to_mend() -> None:
    result = run_in_process("fix", "--layers", "1", "--format", "json")
    document = json.loads(result.stdout)
    assert (result.status, document["rows"]) == (0, [])
    assert "nothing to mend on the way" in document["sentence"]
    text = run_in_process("fix", "--layers", "1", "--format", "table").stdout.decode()
    assert "With one layer there is nothing to vanish on the way." in text


@pytest.mark.slow
def test_quiet_is_the_data_alone() -> None:
    line = "fix --layers 6 --width 4 --gain 0.2 --quiet"
    for each in ("tsv", "json"):
        assert run_in_process(*line.split(), "--format", each).stderr == b""
    text = run_in_process(*line.split(), "--format", "table").stdout.decode()
    assert "VANISHING" not in text
    assert "STABLE" not in text
    assert "critical weight_std" in text


@pytest.mark.slow
def test_a_table_is_shortened_to_its_best_rows() -> None:
    line = "fix --layers 6 --width 4 --gain 0.2 --format table"
    whole = run_in_process(*line.split()).stdout.decode()
    short = run_in_process(*line.split(), "--rows", "4").stdout.decode()
    assert re.search(r"⋮  \d+ more cures: --rows 0", short)
    assert "more cures" not in whole
    first = whole.splitlines().index(next(each for each in whole.splitlines() if "───" in each)) + 1
    best = whole.splitlines()[first].split()
    assert any(each.split()[:4] == best[:4] for each in short.splitlines())
    chosen = run_in_process(*line.split(), "--columns", "cure,works").stdout.decode()
    assert re.search(r"^LSUV +yes$", chosen, re.MULTILINE)


@pytest.mark.slow
def test_the_progress_counts_cures() -> None:
    seen: list[tuple[int, int]] = []
    settings = Settings(act="tanh", layers=5, width=4, gain=0.3)
    cures.fix(settings, watch=lambda done, steps: seen.append((done, steps)))
    done, steps = zip(*seen, strict=True)
    assert [*done] == [*range(1, steps[0] + 1)]
    assert {*steps} == {steps[-1]}


# --- settings as a command line ---


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "--act sigmoid --seed 0 --trials 1 --engine dense"),
        (
            {"act": "Swish", "init": "HE-normal", "gain": 0.1 + 0.2, "trials": 7},
            "--act silu --init he_normal --gain 0.30000000000000004 --seed 0 --trials 7"
            " --engine dense",
        ),
        (
            {"widths": (4, 3, 3, 3, 2), "gain": (1.0, 1.0, 1e-5, 1.0), "norm_bound": False},
            "--act sigmoid --widths 4,3x3,2 --gain 1x2,1e-05,1 --seed 0 --trials 1 --engine dense"
            " --no-norm-bound",
        ),
        (
            {"layer_acts": ("relu", "tanh"), "bias_init": "uniform(-1,1)"},
            "--layer-acts relu,tanh --bias-init 'uniform(-1,1)' --seed 0 --trials 1 --engine dense",
        ),
        (
            {"block": "x + V S(Wx)", "weight_std": {"W": 1.5, "V": 0.5}, "hidden": "2x"},
            "--act sigmoid --block 'x + V S(Wx)' --hidden 2x --weight-std W=1.5,V=0.5 --seed 0"
            " --trials 1 --engine dense",
        ),
        (
            {"layers": 60, "width": 2000, "last_act": "identity", "loss": "mse", "batch": 2},
            "--act sigmoid --last-act identity --layers 60 --width 2000 --batch 2 --loss mse"
            " --seed 0 --trials 1 --engine sampled",
        ),
    ],
)
def test_settings_are_a_command_line(options: dict[str, Any], line: str) -> None:
    assert command(Settings(**options)) == f"vanish {line}"


# --- in Python ---


@pytest.mark.slow
def test_a_fix_prints_as_the_command_does() -> None:
    words = ["--act", "tanh", "--layers", "6", "--width", "8", "--gain", "0.2"]
    tried = found("tanh", layers=6, width=8, gain=0.2)
    text = run_in_process("fix", *words, "--format", "table").stdout.decode()
    assert str(tried) == text.removesuffix("\n")
    assert repr(tried).startswith("<Fix: vanishing, --weight-std ")
    assert tried._repr_html_().startswith("<pre>tanh · 6 layers")
    assert [row["cure"] for row in tried.rows()] == [*tried.to_pandas()["cure"]]
    assert tried.best is tried[0]


def test_what_is_no_framework() -> None:
    no_name: dict[str, Any] = {"framework": 3}
    with pytest.raises(vanish.UsageError, match="unknown framework 'torhc': did you mean torch"):
        vanish.fix(act="tanh", layers=3, framework="torhc")
    with pytest.raises(vanish.UsageError, match="framework 3: give one name"):
        vanish.fix(act="tanh", layers=3, **no_name)


@pytest.mark.slow
def test_a_run_of_a_row_is_measured_as_the_command_measures_it() -> None:
    row = found("tanh", layers=6, width=8, gain=0.2)[0]
    (again,) = simulation.compare([row.after.settings])
    assert again.log10_ratio == row.after.log10_ratio
    assert again.layers[0].grad_w.log10 == row.after.grad_w.log10
    assert again.verdict_shares == row.after.shares


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_where_nothing_is_to_mend_the_header_stands(form: str) -> None:
    options = ("fix", "--act", "relu", "--layers", "1", "-f", form, "--quiet")
    whole = run_in_process(*options).stdout.decode()
    assert tuple(re.split("[,\t]", whole.strip())) == FIXES.names
    chosen = run_in_process(*options, "--columns", "cure,works").stdout.decode()
    assert re.split("[,\t]", chosen.strip()) == ["cure", "works"]
    assert run_in_process(*options, "--no-header").stdout == b""
