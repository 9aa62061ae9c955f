"""Formulas and names with numbers, through every command that takes an activation."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from command import run_in_process
from matplotlib.mathtext import MathTextParser

import vanish
from vanish.network import activations
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

GATE = "x*sigmoid(1.702*x)"


def printed(line: str) -> str:
    result = run_in_process(*shlex.split(line))
    assert result.status == 0, result.stderr.decode()
    return result.stdout.decode()


def rows(line: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in printed(f"{line} --format jsonl").splitlines()]


def test_a_list_is_parted_by_commas_outside_brackets() -> None:
    found = rows("--act 'relu,leaky_relu(0.2), max(x,0)^2' --layers 2 --width 4")
    acts = [row["act"] for row in found]
    assert acts == ["relu"] * 2 + ["leaky_relu(0.2)"] * 2 + ["max(x,0)^2"] * 2


def test_a_formula_stands_wherever_an_activation_does() -> None:
    each = rows(f"--layer-acts 'relu,where(x>0, x, 0.1*x),{GATE}' --width 4")
    assert [row["act"] for row in each] == ["relu", "where(x>0,x,0.1*x)", GATE]
    last = rows(f"--act relu --last-act '{GATE}' --layers 2 --width 4")
    assert [row["act"] for row in last] == ["relu", GATE]
    for line in (f"train --act '{GATE}' --layers 1 --epochs 1 --width 4", f"theory --act '{GATE}'"):
        assert rows(line)[0]["act"] == GATE
    assert {row["act"] for row in rows(f"collapse --act '{GATE}' --layers 2")} == {GATE}


@pytest.mark.parametrize(
    ("formula", "built_in"),
    [("x*sigmoid(x)", "silu"), ("where(x>0,x,0.2*x)", "leaky_relu(0.2)"), ("relu(x)", "relu")],
)
def test_a_formula_of_a_built_in_one_gives_its_numbers(formula: str, built_in: str) -> None:
    one, other = (rows(f"--act '{act}' --layers 4 --width 8") for act in (formula, built_in))
    for mine, right in zip(one, other, strict=True):
        assert mine["init"] == right["init"]
        for name in ("grad_w", "log10_grad_a", "log10_predicted", "log10_slope_bound"):
            if right[name] is None:
                assert mine[name] is None
            else:
                assert mine[name] == pytest.approx(right[name], rel=1e-9, abs=1e-13), name


@pytest.mark.parametrize(
    ("formula", "built_in"),
    [
        ("x/(1+exp(-x))", "silu"),
        ("x*Phi(x)", "gelu"),
        ("1-2/(1+exp(2*x))", "tanh"),
        ("where(x>0,x,0.2*x)", "leaky_relu(0.2)"),
        ("where(x>0,x,exp(x)-1)", "elu"),
        ("ln(1+exp(x))", "softplus"),
    ],
)
def test_critical_points_are_those_of_the_built_in_one(formula: str, built_in: str) -> None:
    line = "theory --act '{}' --bias-std 0.3"
    (mine,), (right,) = rows(line.format(formula)), rows(line.format(built_in))
    assert mine["phase"] == right["phase"]
    for name in ("critical_weight_std", "critical_q", "chi_q"):
        if right[name] is None:
            assert mine[name] is None
        else:
            assert mine[name] == pytest.approx(right[name], rel=1e-9), name


@pytest.mark.parametrize("engine", ["dense", "sampled"])
def test_both_engines_take_a_formula(engine: str) -> None:
    found = rows(f"--act '{GATE}' --layers 3 --width 16 --trials 3 --engine {engine}")
    assert [row["engine"] for row in found] == [engine] * 3


@pytest.mark.slow
def test_workers_are_sent_formulas(tmp_path: Path) -> None:
    out = tmp_path / "swept.jsonl"
    line = f"sweep --act 'leaky_relu(0.2),{GATE}' --layers 2,3 --width 4 -o {out}"
    printed(f"{line} --jobs 2 --format jsonl")
    parallel = out.read_text("utf-8")
    printed(f"{line} --jobs 1 --format jsonl --force")
    assert out.read_text("utf-8") == parallel
    assert [json.loads(row)["act"] for row in parallel.splitlines()][::2] == [
        "leaky_relu(0.2)",
        GATE,
    ]


def test_a_config_file_has_formulas(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text('layers = [2, 3]\nwidth = 4\nact = ["max(x,0)^2", "elu(alpha=0.5)"]\n')
    found = rows(f"sweep --config {path} --jobs 1")
    assert [row["act"] for row in found] == ["max(x,0)^2"] * 2 + ["elu(0.5)"] * 2


def test_acts_prints_the_slope_and_its_latex_beside_the_numbers() -> None:
    text = printed("acts 'x * tanh(x)' --format table")
    for line in (
        "x*tanh(x)",
        "S'(x)      tanh(x)+x*sech(x)^2",
        r"S', LaTeX  \tanh(x)+x\,\mathrm{sech}(x)^{2}",
        "range      ≈ [0, ∞)",
        "sup|S'|    ≈ 1.19967864025773",
    ):
        assert line in text
    (row,) = rows("acts 'x * tanh(x)'")
    assert row["derivative"] == "tanh(x)+x*sech(x)^2"
    assert row["latex_derivative"] == r"\tanh(x)+x\,\mathrm{sech}(x)^{2}"
    # Nothing is found of what is proved.
    assert "≈" not in printed("acts tanh --format table")


@pytest.mark.parametrize(
    "text", [GATE, "max(x,0)^2", "where(x>0,x,0.1*x)", "x/2*(1+erf(x/sqrt(2)))"]
)
def test_figures_can_set_the_latex_of_a_formula(text: str) -> None:
    for each in activations.get(text).latex:
        MathTextParser("agg").parse(f"${each}$")


def test_a_derivation_says_what_s_and_its_slope_are() -> None:
    text = printed("derive --act 'x*tanh(x)' --layers 1 --block residual")
    assert "S(x) = x*tanh(x)\nS'(x) = tanh(x)+x*sech(x)^2\n" in text


def test_slopes_that_grow_without_end_have_no_bound() -> None:
    found = rows("--layer-acts 'relu,max(x,0)^2,tanh' --width 4 --norm-bound")
    assert [row["log10_slope_bound"] for row in found] == [None, None, 0.0]
    assert [row["slope_bound"] for row in found] == [None, None, 1.0]
    assert [row["log10_norm_bound"] for row in found] == [None] * 3
    assert found[1]["saturated"] is None
    assert found[0]["saturated"] is not None
    text = printed("--act 'max(x,0)^2' --layers 3 --width 8 --format table")
    assert "No bound on the slopes of max(x,0)^2: its |S'| grows without end" in text
    (row,) = rows("acts 'max(x,0)^2'")
    assert [row[name] for name in ("sup_slope", "bound", "log10_bound")] == [None] * 3
    assert "no bound, |S'| grows without end (where(x>0,2*x,0))" in printed(
        "acts 'max(x,0)^2' --format table"
    )
    text = printed("derive --act 'max(x,0)^2' --layers 2 --width 4 --values")
    assert text.count("none") == 10
    profile = vanish.simulate(act="max(x,0)^2", layers=2, width=4)
    assert list(profile.bounds) == ["sigmoid", "relu"]
    bound = vanish.simulate(act="x*tanh(x)", layers=2).bounds["x*tanh(x)"]
    assert float(bound) == pytest.approx(1.199678640257734**2, rel=1e-12)


@pytest.mark.slow
def test_figures_leave_out_a_bound_that_is_none(tmp_path: Path) -> None:
    for line in (
        "--act 'max(x,0)^2' --layers 3 --width 4",
        "--act 'max(x,0)^2,relu' --layers 3 --width 4",
        "acts 'max(x,0)^2,x*tanh(x)'",
    ):
        printed(f"{line} --plot {tmp_path / 'figure.svg'}")


def test_python_takes_formulas() -> None:
    profile = vanish.simulate(act=" x * tanh(x) ", layers=3, width=4)
    assert [layer.act for layer in profile.layers] == ["x*tanh(x)"] * 3
    assert profile.to_dict()["runs"][0]["settings"]["act"] == "x*tanh(x)"
    settings = Settings(act="LeakyReLU(negative_slope=0.2)", layers=2)
    assert settings.act == "leaky_relu(0.2)"
    assert settings.model.activations[0] is activations.get("leaky_relu(0.2)")
    (row,) = vanish.acts("x*tanh(x)").rows()
    assert row["act"] == "x*tanh(x)"


def test_help_tells_which_names_take_numbers() -> None:
    text = printed("help leaky_relu")
    assert "It takes another number in brackets, `leaky_relu(slope=0.01)`" in text
    assert "in brackets" not in printed("help tanh")


def test_a_formula_that_is_0_where_it_is_drawn_is_drawn() -> None:
    result = run_in_process("acts", "max(x-10,0)", "-f", "table")
    assert result.status == 0
    assert "⣀" in result.stdout.decode()
