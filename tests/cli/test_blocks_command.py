"""`vanish --block`, `vanish sweep --block` and `vanish blocks` as their users have them."""

from __future__ import annotations

import csv
import io
import json
import shlex
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import check_error, run_in_process

from vanish.network.formulas.named import NAMED

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "--layers 3 --width 4"


def out(line: str) -> str:
    """Return what a command that succeeds writes to standard output."""
    result = run_in_process(*shlex.split(line))
    assert result.status == 0, result.stderr.decode()
    return result.stdout.decode()


def rows(line: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out(f"{line} --format csv"))))


# --- what is wrong, in one line ---

# With a caret before the character that is named.
POINTED = {
    "x + S(Wx+e)": ("S(Wx+^e)", 10, "e means nothing here"),
    "S(W'x)": ("S(W^'x)", 4, "a prime"),
    "S(W’x)": ("S(W^’x)", 4, "a prime"),
    "S((Wx+b)": ("S^((Wx+b)", 2, "this bracket is never closed"),
    "S(Wx+b))": ("S(Wx+b)^)", 8, "this bracket closes none"),
    "x + S(Wx+b)/2": ("S(Wx+b)^/2", 12, "before the first letter"),
    "x/layers": ("x^/layers", 2, "before the first letter"),
    "1/x": ("1/^x", 3, "divided by numbers"),
    "x + W/2 x": ("x + ^W/2 x", 5, "nothing behind it"),
    "x + Wb": ("x + W^b", 6, "b is a bias"),
    "x + N x": ("x + ^N x", 5, "kept for norms"),
    "x + L x": ("x + ^L x", 5, "kept for norms"),
    "x + S x": ("x + ^S x", 5, "takes brackets"),
    "x + LN~(x)": ("x + LN^~(x)", 7, "no parameter"),
    "S(W~x) + Wx": ("S(W~x) + ^Wx", 10, "shared by all layers in one place"),
    "S(Wu+b)": ("^S(Wu+b)", 1, "x, the block's input, is nowhere"),
    "x": ("^x", 1, "x alone"),
    "x + 2": ("x + ^2", 5, "a number alone"),
    "x + 0 S(Wx)": ("x + ^0 S(Wx)", 5, "leaves nothing"),
    "x + 1.2.3 S(Wx)": ("x + ^1.2.3", 5, "no number"),
    "x + √2 Wx": ("x + ^√2 Wx", 5, "sqrt"),
    "x ** 2": ("x ^** 2", 3, ""),
    "S(b)": ("S(^b)", 3, "nothing here that it is added to"),
    "x + S(Wx+b": ("x + S^(Wx+b", 6, "never closed"),
}


@pytest.mark.parametrize("text", POINTED)
def test_a_formula_that_is_none_is_pointed_into(text: str) -> None:
    shown, character, says = POINTED[text]
    result = run_in_process("--block", text, *shlex.split(SMALL))
    message = result.stderr.decode()
    assert (result.status, result.stdout) == (2, b"")
    assert message.count("\n") == 1
    assert message.startswith("Error: block ")
    assert shown in message
    assert f"character {character}: " in message
    assert says in message


# Sizes that are at odds point into the formula, too.
@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("--block layernorm --width 1", "S(^LN(Wx+b))"),
        ("--block 'S(W~x+b)' --widths 3,4,5", "S(^W~x+b)"),
        ("--block 'S(W~x+b)' --widths 3,4,4", "S(^W~x+b)"),
        ("--block 'S(Wx+b~)' --widths 4,4,5", "S(Wx+^b~)"),
        ("--block 'S(W S(Wx+b))' --widths 3,4", "S(^W S(Wx+b))"),
        ("--block 'x + S(W~x+b)' --widths 3,4,4", "x + S(^W~x+b)"),
        ("--block 'x + 1/(layers layers layers) Wx' --layers 2 --width 3", ""),
    ],
)
def test_sizes_at_odds_are_pointed_at(line: str, shown: str) -> None:
    if not shown:
        assert out(line)
        return
    check_error(line, shown)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--block residual --steps {wide} --layers 2 --width 4", "no input u of its own"),
        ("--block rnn --steps {wide} --layers 3 --width 4", "2 rows for 3 layers"),
        ("--block 'S(Wx + u)' --steps {wide} --layers 2 --width 4", "for a u of 4"),
        ("--block rnn --hidden 5 --steps {wide} --layers 2 --width 4", "for a u of 5"),
        ("--block residual --hidden 3 --layers 2 --width 4", "leaves no size open"),
        ("--hidden 3 --layers 2 --width 4", "leaves no size open"),
        ("--block bottleneck --hidden 0 --layers 2 --width 4", "hidden 0: give at least 1"),
        ("--block bottleneck --hidden 0x --layers 2", "hidden"),
        ("--block bottleneck --hidden x --layers 2", "hidden"),
        ("--block residual --weight-std Q=1", "weight_std of Q"),
        ("--block residual --weight-std W=1,V=0.1", "weight_std of V"),
        ("--block residual --weight-std W=", "weight-std"),
        ("--block residual --weight-std W=1,W=2", "W"),
        ("--block residual --weight-std W=-1", "weight_std"),
        ("--block residual --weight-std W=1 --init he_normal", "both set the weights"),
        ("--block 'x + S(Wx)' --bias-std 0.1", "has no bias"),
        ("--block batchnorm --layers 2 --width 4", "batch 2 or more"),
        ("--block batchnorm --batch 1 --layers 2 --width 4", "batch 2 or more"),
        ("--block rnn --engine sampled --layers 2 --width 4", "give engine dense"),
        ("--block 'x + W S(Wx+b)' --engine sampled --layers 2 --width 4", "used twice"),
        ("--block residul", "did you mean residual"),
        ("--block prenrm", "did you mean prenorm"),
        ("--block transformer", "unknown block 'transformer'"),
        ("--block ''", "--block ''"),
        ("--block residual,,prenorm", "leave out a comma"),
        ("blocks nothing", "unknown block 'nothing'"),
    ],
)
def test_what_does_not_go_with_a_block_is_said_in_one_line(
    line: str, says: str, tmp_path: Path
) -> None:
    wide = tmp_path / "steps.txt"
    wide.write_text("1 2 3\n4 5 6\n")
    check_error(line.format(wide=wide), says)


# --- fuzz ---

TOKENS = [
    *"xxxWVUbcduSuTLN+-*/()()()~~ ^,=",
    *("S(", "LN(", "RMS(", "BN(", "Wx", "Wx+b", "layers", "sqrt(", "1/", "0.5 ", "1e300 ", "2"),
    *("x + S(Wx+b)", "1e-300", "é", "\n", "\t", "'", '"', "→", "\x1b[31m", "∂", "x + ", "0"),
]


def random_text(generator: np.random.Generator) -> str:
    if generator.random() < 0.4:
        return "".join(generator.choice(TOKENS, generator.integers(1, 10)).tolist())
    # One that is nearly right.
    whole = list(NAMED.get(str(generator.choice(NAMED.names()))).text)
    for _ in range(generator.integers(0, 3)):
        at = generator.integers(len(whole))
        whole[at : at + generator.integers(0, 2)] = [str(generator.choice(TOKENS))]
    return "".join(whole)


def check_any(text: str) -> int:
    """Check that a text is simulated, or refused in one line; return the status."""
    arguments = ["--layers", "2", "--width", "3", "--batch", "2", "--act", "tanh", "--quiet"]
    result = run_in_process(f"--block={text}", *arguments)
    message = result.stderr.decode()
    assert result.status in (0, 2), (text, message)
    if result.status == 2:
        assert result.stdout == b"", text
        assert message.startswith("Error: "), (text, message)
        assert message.count("\n") == 1, (text, message)
        assert "Traceback" not in message, text
        assert message.rstrip("\n").isprintable(), (text, message)
    else:
        assert len(result.stdout.splitlines()) == 3, text
        assert message == "", (text, message)
    return result.status


@pytest.mark.parametrize(
    "text", ["S(RMS(Wx+1e300 b))", "x + 1e-300 S(Wx)", "1e300 x - 1e300 S(Wx+b)", "LN(1e-300 x)"]
)
def test_numbers_near_either_end_of_float64_are_numbers(text: str) -> None:
    assert check_any(text) == 0


@pytest.mark.parametrize("seed", range(4))
def test_random_texts_are_simulated_or_refused_in_one_line(seed: int) -> None:
    generator = np.random.default_rng(seed)
    statuses = [check_any(random_text(generator)) for _ in range(50)]
    assert 5 <= statuses.count(0) <= 45


@pytest.mark.parametrize("word", ["S", "LN", "RMS"])
@pytest.mark.parametrize("times", [14, 16, 34, 45])
def test_a_block_of_more_operations_than_there_are_letters(word: str, times: int) -> None:
    text = f"{word}(" * times + "Wx+b" + ")" * times
    assert out(f"--block '{text}' --layers 2 --width 5 --act tanh --format table")
    assert out(f"derive --block '{text}' --layers 1")


@pytest.mark.parametrize("form", ["text", "json", "latex", "markdown"])
@pytest.mark.parametrize("text", ["S(x+x)", "x + x", "x + S(x) + W(x + x)"])
def test_a_derivation_with_a_sum_of_ones(text: str, form: str) -> None:
    assert out(f"derive --block '{text}' --layers 2 --wrt x --format {form}")


# --- blocks that are right ---


@pytest.mark.parametrize("form", ["tsv", "csv", "json", "jsonl", "table", "markdown"])
def test_vanish_blocks_lists_all_of_them_in_every_format(form: str) -> None:
    text = out(f"blocks --format {form}")
    for record in NAMED:
        assert record.name in text
    if form == "json":
        found = json.loads(text)
        listed = found["rows"]
        assert [each["block"] for each in listed] == [record.name for record in NAMED]
        assert [each["formula"] for each in listed] == [record.text for record in NAMED]
    if form in ("tsv", "csv"):
        delimiter = "\t" if form == "tsv" else ","
        read = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
        assert {each["block"]: each["formula"] for each in read} == {
            record.name: record.text for record in NAMED
        }
        assert all(each["source"] and each["growth"] for each in read)


@pytest.mark.parametrize("columns", ["40", "60", "80", "200"])
@pytest.mark.parametrize("block", NAMED.names())
def test_one_block_is_told_in_full_in_any_window(block: str, columns: str) -> None:
    record = NAMED.get(block)
    for name in (record.name, *record.aliases):
        result = run_in_process("blocks", name, "-f", "table", env={"COLUMNS": columns})
        text = result.stdout.decode()
        assert max(map(len, text.splitlines())) <= int(columns)
        told = " ".join(text.split())
        meaning = f"{record.meaning[0].upper()}{record.meaning[1:]}"
        for fact in (record.name, *record.aliases, record.text, meaning, record.source):
            assert fact in told
        assert f"multiplies E‖∂L/∂f‖² by {record.growth}" in told
    # The letters of its growth, and no others.
    told = told.partition("In the growth")[2]
    (p, v) = ("mean square and mean of the entries of x", "mean square and mean of S(")
    assert (p in told) == ("p" in record.growth)
    assert (v in told) == ("V" in record.growth)


def test_markdown_of_one_block_is_a_list() -> None:
    text = out("blocks pre-ln -f markdown")
    assert text.startswith("**prenorm (pre\\_ln)**\n\nA transformer's two matrices")
    assert "\n- source: Xiong et al. 2020\n" in text
    assert "|" not in text


@pytest.mark.parametrize("columns", ["40", "60", "80", "120"])
def test_letters_are_explained_where_the_growth_is_shown_alone(columns: str) -> None:
    for names in ((), ("plain", "prenorm")):
        words = ("blocks", *names, "-f", "table")
        text = run_in_process(*words, env={"COLUMNS": columns}).stdout.decode()
        assert ("In the growth" in text) == ("times E‖∂L/∂f‖²" in text)
        assert "In the formulas" in text
    assert int(columns) > 40 or "times E‖∂L/∂f‖²" not in text


def test_a_formula_of_the_articles_layer_is_no_block_at_all() -> None:
    for form in ("tsv", "csv", "json", "table", "markdown"):
        for options in ("--act tanh --layers 5 --width 6", "--layers 3 --width 4 --batch 2"):
            plain = out(f"{options} --format {form}")
            for block in ("S(Wx+b)", "S(W x + b)", "plain", "S((W(x))+b)"):
                assert out(f"{options} --format {form} --block '{block}'") == plain, block


def test_several_blocks_are_compared_like_several_activations() -> None:
    line = f"--block residual,prenorm --act tanh {SMALL}"
    table = out(f"{line} --format table")
    assert "x + S(Wx+b)" in table
    assert "x + V S(W LN(x)+b)" in table
    single = [rows(f"--block {name} --act tanh {SMALL}") for name in ("residual", "prenorm")]
    assert rows(line) == single[0] + single[1]
    assert rows(f"--block 'x+S(W x+b)' --block prenorm --act tanh {SMALL}") == rows(line)


def test_all_spellings_of_a_block_are_one() -> None:
    spellings = ["residual", "RESIDUAL", "skip", "x+S(Wx+b)", "x + S( W*x + b )", "(x) + S(W(x)+b)"]
    found = [out(f"--block '{each}' {SMALL} --act gelu --format table") for each in spellings]
    assert set(found) == {found[0]}


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ("residual", "f_k = f_{k-1} + S(W_k f_{k-1} + b_k)"),
        ("layernorm", "f_k = S(LN(W_k f_{k-1} + b_k))"),
        ("prenorm", "f_k = f_{k-1} + V_k S(W_k LN(f_{k-1}) + b_k)"),
        ("rnn", "f_k = S(W f_{k-1} + b + U u_k)"),
    ],
)
def test_the_header_writes_the_layer_out(block: str, line: str) -> None:
    assert line in out(f"--block {block} {SMALL} --act tanh --format table").splitlines()
    assert "\nf_k =" not in out(f"{SMALL} --act tanh --format table")


def test_a_layer_that_a_skip_does_not_fit_is_named() -> None:
    table = out("--block residual --widths 3,5,5,4 --act tanh --format table")
    head = " ".join(table.split("layer  ")[0].split())
    assert "S(Wx+b) in layers 1, 3" in head
    assert "n_in and n_out differ" in head
    same = out("--block residual --widths 5,5,5 --act tanh --format table")
    assert "differ" not in same


def number(cell: str) -> float | None:
    return float(cell) if cell else None


def test_a_sweep_over_blocks_in_two_processes_is_the_single_runs(tmp_path: Path) -> None:
    target = tmp_path / "swept.csv"
    texts = ["residual", "x + 0.5 S(Wx+b)", "prenorm", "rnn"]
    blocks = " ".join(f"--block '{text}'" for text in texts)
    shared = "--act tanh --bias-std 0.1 --engine dense"
    line = f"sweep {blocks} --layers 2,4 --width 4 {shared} --per-layer -j 2 -o {target}"
    result = run_in_process(*shlex.split(line))
    assert result.status == 0, result.stderr.decode()
    swept = list(csv.DictReader(io.StringIO(target.read_text())))
    single: list[dict[str, str]] = []
    for text in texts:
        for layers in (2, 4):
            single += rows(f"--block '{text}' --layers {layers} --width 4 {shared}")
    assert len(swept) == len(single) == 4 * 6

    def key(row: dict[str, str], columns: Any) -> tuple[str, ...]:
        return tuple(row[column] for column in columns)

    columns = [name for name in single[0] if name in swept[0]]
    assert {"log10_grad_w", "log10_grad_f", "log10_predicted_f"} <= set(columns)
    assert sorted(key(row, columns) for row in swept) == sorted(key(row, columns) for row in single)
    # And which is which is in the rows.
    assert {row["block"] for row in swept} == {
        *("x + S(Wx+b)", "x + 0.5 S(Wx+b)", "x + V S(W LN(x)+b)", "S(W~x + U~u + b~)")
    }


@pytest.mark.parametrize("block", ["residual", "prenorm", "rnn", "batchnorm", "x + Wx"])
def test_json_has_the_block_and_the_numbers_of_the_rows(block: str) -> None:
    line = f"--block '{block}' --act tanh {SMALL} --batch 3"
    (run,) = json.loads(out(f"{line} --format json"))["runs"]
    text = {record.name: record.text for record in NAMED}.get(block, block)
    assert run["settings"]["block"] == text
    listed = rows(line)
    assert len(run["layers"]) == len(listed) == 3
    for layer, row in zip(run["layers"], listed, strict=True):
        for column, cell in row.items():
            value = layer[column]
            assert cell == ("" if value is None else str(value)), column


@pytest.mark.parametrize("form", ["tsv", "csv", "json", "jsonl", "table", "markdown"])
@pytest.mark.parametrize("name", NAMED.names())
def test_every_named_block_in_every_format(name: str, form: str) -> None:
    assert out(
        f"--block {name} {SMALL} --batch 3 --hidden 2x --format {form}".replace(
            "--hidden 2x", "--hidden 2x" if name in ("bottleneck", "prenorm") else ""
        )
    )
