"""`vanish theory`: its rows, its table, its figure, and what the verdict says of theory."""

from __future__ import annotations

import csv
import io
import json
import math
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from command import run_in_process
from snapshot import check
from sweep_runs import without_ranges

import vanish
from vanish import Network
from vanish.lessons.spread import spread
from vanish.network import activations
from vanish.simulation.verdict import explain
from vanish.theories import infinitewidth as theory

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: tuple[str, ...] = (
    *("act", "weight_std", "bias_std", "q_star", "chi_1", "chi_q", "depth_scale", "phase"),
    *("critical_weight_std", "critical_q", "critical_stable", "reason"),
)
SPREAD_COLUMNS = (
    *("layers", "width", "log10_expected", "log10_typical", "log10_std", "dead", "source"),
    *("log10_typical_se", "log10_std_se", "dead_se"),
)

SHOWN = {
    "theory_all": "--format table",
    "theory_points": "--act tanh,gelu --weight-std 0.5:3:3 --bias-std 0,0.3 --format table",
    "theory_spread": "--act relu,softplus --layers 30 --width 4 --format table",
    "theory_markdown": "--act tanh,softplus --bias-std 0.1 --format markdown",
}


def run_theory(options: str) -> str:
    result = run_in_process("theory", *shlex.split(options))
    assert (result.status, without_ranges(result.stderr)) == (0, b"")
    return result.stdout.decode()


def failure(options: str) -> str:
    result = run_in_process("theory", *shlex.split(options))
    assert (result.status, result.stdout) == (2, b"")
    message = result.stderr.decode()
    assert message.startswith("Error: ")
    assert message.count("\n") == 1
    return message


def no_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is not JSON")


def rows(options: str) -> list[dict[str, Any]]:
    document = json.loads(run_theory(f"{options} --format json"), parse_constant=no_constant)
    found: list[dict[str, Any]] = document["rows"]
    return found


def in_json(value: Any) -> Any:
    """Return a value as JSON has it, which has no infinity among its numbers."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value


@pytest.mark.parametrize("name", SHOWN)
def test_a_table_is_drawn_as_it_was(name: str) -> None:
    check(name, run_theory(SHOWN[name]))


@pytest.mark.parametrize("more", [False, True])
def test_columns_and_their_order_in_every_format(more: bool) -> None:
    options = "--act tanh,relu --weight-std 1.5 --bias-std 0.1"
    columns = COLUMNS
    if more:
        options, columns = f"{options} --layers 3 --width 4", (*COLUMNS, *SPREAD_COLUMNS)
    for name, delimiter in (("tsv", "\t"), ("csv", ",")):
        first = run_theory(f"{options} --format {name}").partition("\n")[0]
        assert tuple(first.split(delimiter)) == columns
    assert [tuple(row) for row in rows(options)] == [columns] * 2
    lines = run_theory(f"{options} --format jsonl").splitlines()
    assert [tuple(json.loads(line, parse_constant=no_constant)) for line in lines] == [columns] * 2


def test_every_format_has_the_same_values() -> None:
    options = "--weight-std 0.7,2.5 --bias-std 0,0.4"
    expected = rows(options)
    assert len(expected) == 4 * len(activations.names())
    lines = run_theory(f"{options} --format jsonl").splitlines()
    assert [json.loads(line) for line in lines] == expected
    for name, delimiter in (("tsv", "\t"), ("csv", ",")):
        text = run_theory(f"{options} --format {name}")
        for row, right in zip(
            csv.DictReader(io.StringIO(text), delimiter=delimiter), expected, strict=True
        ):
            for column, value in right.items():
                if value in (None, "inf"):
                    # Only JSON tells them apart.
                    assert row[column] == ""
                elif isinstance(value, bool):
                    assert row[column] == str(value).lower()
                elif isinstance(value, float):
                    assert float(row[column]) == value
                else:
                    assert row[column] == value


def test_values_are_those_of_theory() -> None:
    found = iter(rows("--act tanh,relu,gelu,softplus --weight-std 0.5,1.5,2.5 --bias-std 0,0.2"))
    for act in ("tanh", "relu", "gelu", "softplus"):
        for bias_std in (0.0, 0.2):
            for weight_std in (0.5, 1.5, 2.5):
                point = theory.point(activations.get(act), weight_std, bias_std)
                expected = {name: in_json(value) for name, value in point._asdict().items()}
                assert next(found) == expected
    assert next(found, None) is None


def test_spread_columns_are_those_of_spread() -> None:
    for row in rows("--act relu,tanh,softplus --layers 4 --width 6"):
        found = spread(theory.point(activations.get(row["act"])), 4, 6)
        assert [row[name] for name in SPREAD_COLUMNS] == (
            [None] * len(SPREAD_COLUMNS) if found is None else list(found)
        )


def test_a_range_has_both_its_ends() -> None:
    found = [row["weight_std"] for row in rows("--act tanh --weight-std 0.5:3:26")]
    assert len(found) == 26
    assert (found[0], found[-1]) == (0.5, 3.0)
    assert found == pytest.approx(np.linspace(0.5, 3.0, 26), rel=1e-15)
    found = [row["weight_std"] for row in rows("--act tanh --weight-std 0.1:0.7:8")]
    assert (found[0], found[-1]) == (0.1, 0.7)


def test_lists_and_ranges_in_their_order() -> None:
    found = rows("--act tanh --weight-std 3,1:2:3,0.5 --bias-std 0.5,0")
    pairs = [(row["bias_std"], row["weight_std"]) for row in found]
    assert pairs == [(bias, std) for bias in (0.5, 0.0) for std in (3.0, 1.0, 1.5, 2.0, 0.5)]


@pytest.mark.parametrize("bias_std", [0.0, 0.3])
def test_without_a_weight_std_the_row_is_at_the_critical_point(bias_std: float) -> None:
    for row in rows(f"--bias-std {bias_std}"):
        assert row["weight_std"] == row["critical_weight_std"]
        if row["weight_std"] is None:
            assert row["reason"]
            names = ("q_star", "chi_1", "chi_q", "depth_scale", "phase", "critical_q")
            assert {row[name] for name in names} == {None}
        elif row["phase"] != "unbounded":
            assert row["chi_1"] == pytest.approx(1.0, abs=1e-9)
            assert (row["phase"], row["depth_scale"]) == ("critical", "inf")


@pytest.mark.parametrize("act", ["softplus", "log_sigmoid"])
def test_no_critical_point_has_a_reason(act: str) -> None:
    (row,) = rows(f"--act {act}")
    assert row["critical_weight_std"] is row["critical_q"] is row["critical_stable"] is None
    assert f"{act} has no critical point" in row["reason"]
    shown = run_theory(f"--act {act} --format table")
    assert f"{act} has no critical point" in " ".join(shown.split())


def test_an_unstable_critical_point_is_told() -> None:
    (row,) = rows("--act gelu")
    assert row["critical_stable"] is False
    assert "unstable" in row["reason"]
    assert "unstable" in run_theory("--act gelu --format table")
    (stable,) = rows("--act tanh")
    assert stable["critical_stable"] is True
    assert stable["reason"] == ""


def test_booleans_are_words_in_tsv() -> None:
    lines = run_theory("--act tanh,gelu,softplus --format tsv --no-header").splitlines()
    at = COLUMNS.index("critical_stable")
    assert [line.split("\t")[at] for line in lines] == ["true", "false", ""]


@pytest.mark.parametrize(
    ("init", "act", "weight_std"),
    [
        ("he_normal", "tanh", math.sqrt(2.0)),
        ("xavier_normal", "relu", 1.0),
        ("xavier_uniform", "relu", 1.0),
        ("lecun_normal", "relu", 1.0),
        ("orthogonal", "tanh", 1.0),
        ("auto", "relu", math.sqrt(2.0)),
        ("auto", "tanh", 1.0),
    ],
)
def test_an_initialiser_is_a_weight_std(init: str, act: str, weight_std: float) -> None:
    (row,) = rows(f"--act {act} --init {init}")
    assert row["weight_std"] == pytest.approx(weight_std, rel=1e-15)


def test_json_says_what_was_asked() -> None:
    document = json.loads(run_theory("--act tanh --weight-std 0.5:1:2 --format json"))
    assert document["settings"] == {
        "act": ["tanh"],
        "weight_std": [0.5, 1.0],
        "bias_std": [0.0],
        "init": None,
        "layers": None,
        "width": None,
        "input_rms": 1.0,
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--act tanh --init he_normal --weight-std 1", "--init beside --weight-std"),
        ("--act tanh --layers 3", "--layers without --width"),
        ("--act tanh --width 3", "--layers without --width"),
        ("--act tanh --layers 0 --width 3", "layers 0"),
        ("--act nosuch", "nosuch"),
        ("--act tanh --init nosuch", "nosuch"),
        ("--act tanh --weight-std 0", "weight_std 0"),
        ("--act tanh --weight-std nan", "nan"),
        ("--act tanh --weight-std inf", "inf"),
        ("--act tanh --bias-std -1", "bias_std -1"),
        ("--act tanh --bias-std nan", "nan"),
        ("--act tanh --input-rms 0", "input_rms 0: give a number from 1e-09 to 1e+09"),
        ("--act tanh --input-rms nan", "input_rms nan"),
        ("--act tanh --input-rms 1:2", "1:2"),
        ("--act tanh --weight-std 1:2", "'1:2' is neither a number nor a range"),
        ("--act tanh --weight-std 1:2:0", "'1:2:0' is neither"),
        ("--act tanh --weight-std 1:2:3:4", "'1:2:3:4' is neither"),
        ("--act tanh --weight-std 1:2:2.5", "'1:2:2.5' is neither"),
        ("--act tanh --weight-std 1:2:10000000", "1,000,000"),
        ("--act tanh --weight-std 1,", "'' is neither"),
        ("--act tanh --bias-std ''", "'' is neither"),
        ("--act tanh,", "an empty name"),
    ],
)
def test_errors_are_one_line(options: str, told: str) -> None:
    assert told in failure(options)


# The input that q starts from.


def test_q_starts_from_the_input_s_mean_square_and_the_table_says_so() -> None:
    options = "--act gelu --weight-std 1.43 --bias-std 0.1"
    for more, input_rms, square in (("", 1.0, "1"), ("--input-rms 60", 60.0, "3.60e+03")):
        point = theory.point(activations.get("gelu"), 1.43, 0.1, input_rms)
        (row,) = rows(f"{options} {more}")
        assert row["q_star"] == in_json(point.q_star)
        assert row["phase"] == point.phase
        shown = run_theory(f"{options} {more} --format table")
        assert shown.partition("\n")[0].endswith(f", input of mean square {square}")
        document = json.loads(run_theory(f"{options} {more} --format json"))
        assert document["settings"]["input_rms"] == input_rms
    # Of these two chains only the input differs.
    assert rows(options)[0]["phase"] == "ordered"
    assert rows(f"{options} --input-rms 60")[0]["phase"] == "unbounded"
    said = " ".join(run_in_process("theory", "--help").stdout.decode().split())
    assert "input of mean square 1" in said
    assert "--input-rms" in said


def test_the_spread_is_that_of_the_same_input() -> None:
    (row,) = rows("--act tanh --weight-std 1.5 --bias-std 0.3 --layers 3 --width 8 --input-rms 4")
    point = theory.point(activations.get("tanh"), 1.5, 0.3, 4.0)
    found = spread(point, 3, 8, 4.0)
    assert [row[name] for name in SPREAD_COLUMNS] == list(found or ())


# What was measured beside theory.


def test_what_was_measured_has_its_standard_error_in_the_table() -> None:
    options = "--act relu,tanh --layers 20 --width 4 --bias-std 0.1 --weight-std 1.4"
    text = " ".join(run_theory(f"{options} --format table").split())
    assert "(± standard errors)" in text
    for row in rows(options):
        found = [("log10_typical", "log10_typical_se"), ("log10_std", "log10_std_se")]
        found += [("dead", "dead_se")] * (row["dead"] > 0.0)
        for value, error in found:
            decimals = max(0, 1 - math.floor(math.log10(row[error])))
            assert f"{row[value]:.{decimals}f} ± {row[error]:.{decimals}f}" in text
    exact = run_theory("--act relu --layers 20 --width 4 --format table")
    assert "±" not in exact
    assert "(exact)" in exact


def test_a_chain_that_is_always_dead_has_a_gradient_of_0_beside_theory() -> None:
    options = "--act relu --layers 40 --width 1 --weight-std 1.4 --bias-std 0.01"
    text = " ".join(run_theory(f"{options} --format table").split())
    (row,) = rows(options)
    assert row["log10_typical"] is None
    assert "‖∂L/∂b₁‖ is exactly 0 in every chain (measured)" in text
    assert f"log10 of theory's root mean square {row['log10_expected']:.4g}" in text


@pytest.mark.parametrize("act", ["relu6", "tanh"])
def test_an_exact_zero_is_0_in_the_table(act: str) -> None:
    # Without a bias and with small weights q* is 0.
    options = f"--act {act} --weight-std 0.5"
    (row,) = rows(options)
    assert row["q_star"] == 0.0
    lines = run_theory(f"{options} --format markdown").splitlines()
    cells = [[each.strip() for each in line.split("|")] for line in lines if line.startswith("|")]
    assert dict(zip(cells[0], cells[2], strict=True))["q*"] == "0"


# The phase diagram.

GRID = "--act tanh --weight-std 0.5:3:3 --bias-std 0:1:2"
MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", MAGIC)
def test_a_phase_diagram_has_the_same_bytes_twice(suffix: str, tmp_path: Path) -> None:
    first, second = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
    for path in (first, second):
        text = run_theory(f"{GRID} --plot {shlex.quote(str(path))} --format tsv")
        assert text.count("\n") == 1 + 3 * 2
    assert first.read_bytes().startswith(MAGIC[suffix])
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "grid",
    [
        "",
        "--weight-std 1.5",
        "--weight-std 0.5:3:4",
        "--weight-std 1.5 --bias-std 0:1:3",
        "--bias-std 0:1:3",
        "--init he_normal --bias-std 0:1:3",
    ],
)
@pytest.mark.parametrize("act", ["sigmoid", "softplus"])
def test_a_figure_of_no_grid_is_an_error(grid: str, act: str, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    assert "--plot" in failure(f"--act {act} {grid} --plot {shlex.quote(str(path))}")
    assert not path.exists()


def test_a_figure_of_another_suffix_is_an_error(tmp_path: Path) -> None:
    assert "--plot" in failure(f"{GRID} --plot {shlex.quote(str(tmp_path / 'x.jpg'))}")


# The verdict.


def test_the_verdict_has_decades_measured_and_in_theory() -> None:
    profile = vanish.simulate(act="sigmoid", layers=20)
    text = explain(profile).text
    measured, expected = profile.decades_per_layer, profile.predicted_decades_per_layer
    assert measured is not None
    assert expected is not None
    assert expected == pytest.approx(measured, abs=0.05)
    assert f"({measured:.3f} decades a layer, in theory {expected:.3f})" in text


def test_the_verdict_on_a_given_network_has_no_theory() -> None:
    weights = tuple(0.1 * np.eye(3) for _ in range(8))
    profile = vanish.simulate(act="sigmoid", weights=Network(weights, (None,) * 8))
    assert profile.verdict is vanish.Verdict.VANISHING
    assert profile.predicted_decades_per_layer is None
    assert all(layer.predicted is layer.predicted_b is None for layer in profile.layers)
    assert "theory" not in explain(profile).text
    assert "decades" not in explain(profile).text


@pytest.mark.slow
def test_blocks_are_compared_row_by_row() -> None:
    found = rows("--block layernorm,layernorm_after --act sigmoid,tanh --bias-std 0,0.1")
    assert [(row["block"], row["act"], row["bias_std"]) for row in found] == [
        (block, act, bias)
        for block in ("layernorm", "layernorm_after")
        for act in ("sigmoid", "tanh")
        for bias in (0.0, 0.1)
    ]
    assert [round(row["chi"], 3) for row in found[::2]] == [0.153, 1.178, 1.034, 1.178]
    # A name and its formula are one block.
    named, written = rows("--block residual --act relu"), rows("--block 'x+S(W x + b)' --act relu")
    assert {**named[0], "block": ""} == {**written[0], "block": ""}


def test_layers_of_a_block_lead_to_its_point() -> None:
    options = "--block rmsnorm_after --act gelu --bias-std 0.1 --input-rms 3"
    [point] = rows(options)
    layers = rows(f"{options} --layers 40")
    assert [row["layer"] for row in layers] == [*range(1, 41)]
    assert layers[-1]["chi"] == pytest.approx(point["chi"], rel=1e-12)
    assert layers[-1]["p"] == pytest.approx(point["p_star"], rel=1e-12)
    assert layers[-1]["log10_predicted_f"] == 0.0
    decades = layers[-2]["log10_predicted_f"]
    assert decades == pytest.approx(0.5 * math.log10(point["chi"]), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("block", ["residual", "prenorm", "postnorm", "rmsnorm_after"])
def test_layers_of_a_block_are_those_that_a_run_predicts(block: str) -> None:
    layers = rows(f"--block {block} --act tanh --weight-std 1.2 --bias-std 0.2 --layers 6")
    signs = vanish.Rows(np.tile([[1.0, -1.0]], (1, 32)))  # of mean 0 and mean square 1
    run = vanish.simulate(
        act="tanh", block=block, layers=6, weight_std=1.2, bias_std=0.2, input=signs
    )
    predicted = [float(str(row["log10_predicted_f"])) for row in run.rows()]
    # A run at finite width may have the second mode, too.
    expected = [row["log10_predicted_f"] for row in layers]
    assert [each - predicted[-1] for each in predicted] == pytest.approx(expected, abs=0.01)


def test_a_block_without_a_law_is_an_empty_row_with_its_reason() -> None:
    for options in ("", "--layers 5"):
        [row] = rows(f"--block batchnorm --act relu {options}")
        assert row["chi"] is None
        assert row["reason"].startswith("no law for BN, which mixes the rows of a batch")
        assert "No law" in run_theory(f"--block batchnorm --act relu {options} --format table")


def test_a_plain_block_with_a_width_is_the_plain_table() -> None:
    options = "--act relu --layers 5 --width 4 --format tsv"
    assert run_theory(f"--block plain {options}") == run_theory(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--block residual --layers 3 --width 3", "--width beside --block 'residual'"),
        ("--block residual --plot a.png", "--plot beside --block"),
        ("--block 'x + W x' --bias-std 1", "which has no bias"),
        ("--block residual --weight-std V=1", "weight_std of V beside block 'x + S(Wx+b)'"),
        ("--block residual --weight-std W=", "--weight-std 'W=': give a number"),
        ("--block residual --weight-std 1e-20", "weight_std 1e-20: give a number from"),
        ("--block residual --layers 0", "layers 0: give at least 1"),
        ("--block residual --layers 100000000000", "of memory"),
        ("--block residual,", "an empty name in it"),
        ("--block residule", "unknown block 'residule'"),
        ("--block 'x + S(W'", "W is a matrix with nothing behind it"),
        ("--weight-std W=1 --act tanh", "'W=1' is neither a number nor a range"),
        ("--block residual --init he_normal --weight-std 1", "--init beside --weight-std"),
    ],
)
def test_what_does_not_go_with_blocks_is_one_line(options: str, message: str) -> None:
    result = run_in_process("theory", *shlex.split(options))
    assert result.status != 0
    assert message in result.stderr.decode()
    assert result.stdout == b""


@pytest.mark.slow
def test_theory_of_blocks_in_python_is_the_command_s() -> None:
    blocks = ["bottleneck", "x + 0.5 S(Wx+b)"]
    found = vanish.theory(act=["relu", "tanh"], block=blocks, weight_std=1.5, bias_std=[0, 0.1])
    command = "--block 'bottleneck,x + 0.5 S(Wx+b)' --act relu,tanh --weight-std 1.5"
    command = f"{command} --bias-std 0,0.1"
    assert found.to_dict()["rows"] == rows(command)
    assert f"{found}\n" == run_theory(f"{command} --format table")
    assert repr(found) == "<BlockTheory: 8 points>"
    layered = vanish.theory("relu", block="bottleneck", weight_std={"W": 1.5}, layers=3)
    assert layered.rows() == rows("--block bottleneck --act relu --weight-std W=1.5 --layers 3")
    assert layered.layers is not None
    assert [each.layer for each in layered.layers[0]] == [1, 2, 3]


def test_a_width_has_no_default() -> None:
    text = run_in_process("theory", "--help").stdout.decode()
    (line,) = [each for each in text.splitlines() if "--width N" in each]
    assert "With --layers" in line
    assert "64" not in line
