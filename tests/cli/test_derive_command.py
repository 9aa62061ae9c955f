"""`vanish derive`: text, LaTeX, Markdown and JSON, and what it refuses."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from command import VANISH, check_error, environment, run, run_in_process, run_in_terminal
from known import known
from matplotlib.mathtext import MathTextParser
from snapshot import check

from vanish import Settings, Simulation
from vanish.lessons.derivation import Derivation, MeasuredFactor, measured_factors, parse_variable
from vanish.lessons.nested import lines as derivation
from vanish.network.graph import article_graph
from vanish.numbers.words import short
from vanish.readings.notation import LATEX, TEXT
from vanish.readings.products import Factor
from vanish.render.derivation import rows
from vanish.system import memory

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = {
    "derive_three_layers": "",
    "derive_values": "--values",
    "derive_values_of_tanh": "--values --act tanh --wrt b2 --layers 4 --seed 1 --width 8",
    "derive_elided": "--layers 12 --wrt b3 --values",
    "derive_full": "--layers 5 --wrt W4 --full",
    "derive_dead": "--values --act relu --layers 4 --width 2 --seed 7",
    "derive_latex": "--values --format latex",
    "derive_markdown": "--values --format markdown --wrt x",
    "derive_json": "--layers 1 --format json --wrt b1",
}


def derive(options: str = "") -> str:
    result = run_in_process("derive", *shlex.split(options))
    assert (result.status, result.stderr) == (0, b"")
    return result.stdout.decode()


def measured(layers: int, by: str, **options: Any) -> list[MeasuredFactor]:
    simulation = Simulation(Settings(layers=layers, **options))
    return measured_factors(simulation, parse_variable(by, article_graph(layers)))


@pytest.mark.parametrize("name", SHOWN)
def test_a_derivation_is_shown_as_it_was(name: str) -> None:
    check(name, derive(SHOWN[name]))


def test_the_default_is_the_articles_three_layers_and_help_says_so() -> None:
    assert derive() == derive("--layers 3 --wrt W1")
    assert "[default: 3]" in run_in_process("derive", "--help").stdout.decode()


# Text.


@pytest.mark.parametrize("options", ["", "--full"])
def test_the_numbers_stand_under_the_symbols_of_the_last_line(options: str) -> None:
    head, *blocks = derive(f"--layers 12 --values {options}").split("\n\n")[1:]
    last_line = head.splitlines()[-1].removeprefix(" " * 7 + "= ")
    symbols: list[str] = []
    numbers: dict[str, list[str]] = {}
    for block in blocks:
        heading, *lines = block.splitlines()
        assert max(map(len, block.splitlines())) <= 80
        cells = [*re.finditer(r"[^ ·]+", heading)]
        symbols += [cell[0] for cell in cells]
        for line in lines:
            label = line[:12].strip()
            found = {number.end(): number[0] for number in re.finditer(r"\S+", line[12:])}
            # Each ends where its symbol ends; nothing stands under the elision.
            in_order = [found.pop(cell.end() - 12, "") for cell in cells]
            assert not found
            numbers.setdefault(label, []).extend(in_order)
    assert " · ".join(symbols) == last_line

    factors = {TEXT.symbol(each.factor): each for each in measured(12, "W1")}
    assert (set(symbols) - {"…"} == set(factors)) == bool(options)
    for i, symbol in enumerate(symbols):
        shown = [numbers[name][i] for name in ("measured", "at most", "product", "its bound")]
        each = factors.get(symbol)
        assert shown == (
            [""] * 4
            if each is None or each.measured is None
            else [short(known(n)) for n in (each.measured, each.largest, each.product, each.bound)]
        )


def test_a_pipe_gets_the_same_bytes_whatever_the_environment() -> None:
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "20", "FORCE_COLOR": "1"}
    assert run("derive", "--values", env=env).stdout.decode() == derive("--values")


def test_a_terminal_without_unicode_tells_the_layers_apart() -> None:
    env = {"TERM": "dumb", "PYTHONIOENCODING": "ascii"}
    status, text = run_in_terminal([*VANISH, "derive", "--values"], env=env)
    assert status == 0
    assert "?" not in text
    assert "dL/dW_1 = dL/df_3 * dS(W_3 S(W_2 S(W_1 x+b_1)+b_2)+b_3)/dW_1" in text
    *_, symbols, measured, _, _, _ = text.splitlines()
    # Numbers end where their symbols do, in words too.
    ends = [found.end() for found in re.finditer(r"[^ *]+", symbols)]
    assert [found.end() for found in re.finditer(r"[\d.]+", measured)] == ends


@pytest.mark.parametrize("suffix", ["txt", "tex", "md", "json"])
def test_a_file_gets_the_format_of_its_suffix(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"derivation.{suffix}"
    assert derive(f"--values -o {path}") == ""
    format_name = {"txt": "text", "tex": "latex", "md": "markdown"}.get(suffix, suffix)
    assert path.read_text("utf-8") == derive(f"--values --format {format_name}")


def test_a_full_derivation_streams_and_ends_quietly_when_its_reader_leaves() -> None:
    script = f"{shlex.join(VANISH)} derive --layers 1000 --full | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"{script}; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        env=environment(),
        check=False,
    )
    first, status = done.stdout.decode().splitlines()
    assert first.startswith("L = L(S(W₁₀₀₀S(W₉₉₉S(W₉₉₈")
    assert (status, done.stderr) == ("0", b"")


def test_more_layers_than_fit_are_refused_before_they_are_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    result = run_in_process("derive", "--layers", "50000")
    assert (result.status, result.stdout) == (2, b"")
    assert b"memory" in result.stderr


# LaTeX.


DISPLAYED = {
    "latex": r"\\\[(.*?)\\\]|\\begin\{align\*\}(.*?)\\end\{align\*\}",
    "markdown": r"\$\$(.*?)\$\$",
}


def formulas(document: str, format_name: str) -> list[str]:
    """Return the formulas of a document, one a line of mathematics."""
    displayed = re.compile(DISPLAYED[format_name], re.DOTALL)
    found: list[str] = []
    for match in displayed.finditer(document):
        body = "".join(filter(None, match.groups()))
        body = re.sub(r"\\(begin|end)\{aligned\}|&", "", body).replace("\n", " ")
        found += body.strip().removesuffix(r"\\").split(r"\\")
    rest = displayed.sub("", document).replace("$$", "")  # an empty cell
    return found + re.findall(r"\$(.+?)\$", rest)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["latex", "markdown"])
@pytest.mark.parametrize("layers", [1, 3, 20])
def test_every_formula_of_a_document_is_mathematics_to_another_reader(
    layers: int, format_name: str
) -> None:
    parser = MathTextParser("agg")
    document = derive(f"--layers {layers} --values --format {format_name}")
    found = formulas(document, format_name)
    shown = list(
        derivation(article_graph(layers), parse_variable("W1", article_graph(layers)), LATEX)
    )
    assert sum(line.strip() in formula for formula in found for line in shown) >= len(shown)
    for formula in found:
        parser.parse(f"${formula.strip()}$")


def tex_engine() -> str:
    installed = next(filter(shutil.which, ("pdflatex", "xelatex", "lualatex")), None)
    if installed is None:
        pytest.skip(
            "only a TeX engine can tell whether a document compiles (its formulas are parsed in"
            " any case): install pdflatex, xelatex or lualatex"
        )
    return installed


@pytest.mark.parametrize("options", ["--layers 1", "--layers 3 --values", "--layers 20 --values"])
def test_a_latex_document_compiles_as_it_is(options: str, tmp_path: Path) -> None:
    engine = tex_engine()
    (tmp_path / "derivation.tex").write_text(derive(f"{options} --format latex"), "utf-8")
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "derivation.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "derivation.pdf").read_bytes().startswith(b"%PDF")


# Markdown and JSON.


def test_markdown_has_a_row_a_factor() -> None:
    document = derive("--values --format markdown --layers 4 --wrt b2")
    table = [line.split(" | ") for line in document.splitlines() if line.startswith("| $")]
    factors = measured(4, "b2")
    assert [row[0] for row in table] == [f"| ${LATEX.symbol(each.factor)}$" for each in factors]
    for row, each in zip(table, factors, strict=True):
        assert each.measured is not None
        expected = [each.measured, each.largest, each.product, each.bound]
        assert [cell.removesuffix(" |") for cell in row[1:]] == [
            short(known(each)) for each in expected
        ]
    widths = {line.count("|") for line in document.splitlines() if line.startswith("|")}
    assert widths == {6}
    assert document.count("$$") == 6


def no_constant(name: str) -> NoReturn:
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "act", "width"),
    [(1, "sigmoid", 64), (3, "tanh", 16), (8, "relu", 2), (700, "sigmoid", 2)],
)
def test_json_has_the_rows_of_the_library(layers: int, act: str, width: int) -> None:
    options = f"--layers {layers} --act {act} --width {width} --values --format json"
    document = json.loads(derive(options), parse_constant=no_constant)
    assert (document["schema"], document["settings"]["wrt"]) == (1, "W1")
    factors = measured(layers, "W1", act=act, width=width)
    by = parse_variable("W1", article_graph(layers))
    assert document["rows"] == rows(Derivation(article_graph(layers), by, factors=factors))
    for row, each in zip(document["rows"], factors, strict=True):
        assert row["factor"] == TEXT.symbol(each.factor)
        assert row["latex"] == LATEX.symbol(each.factor)
        assert isinstance(each.factor, Factor)
        assert (row["kind"], row["layer"]) == (each.factor.kind, each.factor.layer)
        magnitudes = each.measured, each.largest, each.product, each.bound
        numbers = [value for name, value in row.items() if name.startswith("log10_")]
        assert numbers == [None if each is None else each.log10 for each in magnitudes]
        assert all(number is None or math.isfinite(number) for number in numbers)
    has_nothing = [row["log10_measured"] is None for row in document["rows"]]
    assert any(has_nothing) == (act == "relu")


def test_without_values_json_has_the_symbols_only() -> None:
    with_values = json.loads(derive("--values --format json"))["rows"]
    without = json.loads(derive("--format json"))["rows"]
    assert len(without) == 7
    for row, other in zip(without, with_values, strict=True):
        assert list(row) == list(other)
        assert {name: row[name] or other[name] for name in row} == other
        assert [value for name, value in row.items() if name.startswith("log10_")] == [None] * 4


# What is refused.


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("derive --wrt W9", "'W9'"),
        ("derive --wrt q", "'q'"),
        ("derive --wrt ''", "''"),
        ("derive --wrt W2 --layers 1 --values", "'W2'"),
        ("derive --act sigmod", "did you mean sigmoid"),
        ("derive --init he_norml --values", "did you mean he_normal"),
        ("derive --layers 0", "layers 0"),
        ("derive --width 0 --values", "width 0"),
        ("derive --seed -1 --values", "seed -1"),
        ("derive --format tsv", "'tsv'"),
        ("derive --output x.csv", "'.csv'"),
        ("derive --output missing/x.tex", "missing/x.tex"),
        ("derive W1", "W1"),
        ("derve", "derive"),
        ("-n 3 derive", "--layers before derive"),
        ("--act relu --quiet derive", "--act before derive"),
    ],
)
def test_an_error_is_one_line_that_names_what_was_given(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_error(line, says)
    assert not list(tmp_path.iterdir())


# Shapes and matrices, other chains, fragments, windows.


def test_the_matrix_form_is_added_and_nothing_else_changes() -> None:
    plain, whole = derive("--values --act tanh"), derive("--values --act tanh --matrix")
    lines = whole.splitlines()
    assert [line for line in plain.splitlines() if line not in lines] == []
    for line in (
        "S'(x) = 1-S²",
        "Wₖ: nₖ × nₖ₋₁, bₖ: nₖ, aₖ: nₖ, fₖ: nₖ, ∂L/∂f₃: 1 × n₃",
        "δ₃ = (∂L/∂f₃)ᵀ ⊙ S'(a₃)",
        "δₖ = Wₖ₊₁ᵀδₖ₊₁ ⊙ S'(aₖ), k < 3",
        "∂L/∂Wₖ = δₖfₖ₋₁ᵀ",
    ):
        assert line in lines
    assert derive("--no-matrix") == derive()


def test_a_fragment_is_the_body_of_the_document() -> None:
    document = derive("--format latex --values --matrix")
    fragment = derive("--format latex --values --matrix --fragment")
    assert fragment in document
    assert "document" not in fragment


def test_values_are_those_of_the_chain_that_the_options_describe(tmp_path: Path) -> None:
    options = "--layers 3 --width 8 --weight-std 1.7 --bias-std 0.4 --seed 5"
    shown = json.loads(derive(f"{options} --values --format json"))["rows"]
    factors = measured(3, "W1", width=8, weight_std=1.7, bias_std=0.4, seed=5)
    assert [row["log10_product"] for row in shown] == [each.product.log10 for each in factors]
    path = tmp_path / "chain.npz"
    run_in_process(*shlex.split(f"{options} --act sigmoid --save-weights {path}"))
    saved = json.loads(derive(f"--weights {path} --values --format json"))["rows"]
    for row, right in zip(saved, shown, strict=True):
        assert row["log10_product"] == pytest.approx(right["log10_product"], abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 60])
def test_lines_fit_the_window_of_a_terminal(columns: int) -> None:
    status, text = run_in_terminal([*VANISH, "derive", "--values", "--matrix"], columns=columns)
    assert status == 0
    for line in text.splitlines():
        # What is wider is one symbol.
        bare = line.strip().removeprefix("= ").removeprefix("· ")
        assert len(line.rstrip()) <= columns or " · " not in bare


@pytest.mark.parametrize("form", ["latex", "markdown", "text"])
def test_a_slope_without_a_bound_is_none_in_every_format(form: str) -> None:
    assert "none" in derive(f"--act max(x,0)^2 --layers 2 --values --format {form}")


def test_the_matrix_form_is_no_row_of_json() -> None:
    check_error("derive --matrix --format json", "--matrix beside --format json")


def test_names_of_one_layer_are_no_range() -> None:
    check_error(
        "derive --layers 1 --wrt W2",
        "a chain of 1 layer has x, W1, b1, a1 and f1: give one of them",
    )
