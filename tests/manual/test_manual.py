"""`vanish help`: topics, terms in any spelling, and what the records say of themselves."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from arrayfile import npz
from command import VANISH, check_error, run_in_process, run_in_terminal

from vanish.manual import pages, records
from vanish.manual.pages import TOPICS, Term
from vanish.manual.spelling import key
from vanish.network import activations, initializers, losses
from vanish.network.formulas.named import NAMED
from vanish.render.contract import TABLES
from vanish.training import optimizers

if TYPE_CHECKING:
    from pathlib import Path


def answer(word: str) -> str:
    result = run_in_process("help", *word.split(" "))
    assert (result.status, result.stderr) == (0, b""), result.stderr.decode()
    return result.stdout.decode()


def test_an_option_has_a_command_line_where_the_manual_shows_one() -> None:
    assert "`vanish sweep`: Numbers of layers" in answer("--layers")
    assert "Try `vanish sweep --layers 5:50:10 --dry-run`." in answer("--dry-run")
    assert "Try `vanish derive --wrt b1" in answer("--wrt")


def test_what_a_registry_has_tells_meaning_formula_source_use_and_a_command_to_try() -> None:
    wanted = {
        "logistic": ("**Activation `sigmoid` (also logistic)**", "1/(1+e^-x)", "S(1-S)", "eq. 2"),
        "gelu": ("xΦ(x)", "Φ(x)+xφ(x)", "Hendrycks and Gimpel 2016", "`he_normal`"),
        "he_normal": (
            "variance 2/n_in",
            "weight_std of `he_normal` is 1.414",
            "eq. 10",
            "relu, leaky_relu",
        ),
        "glorot_uniform": ("uniform entries of variance 2/(n_in + n_out)", "eq. 16"),
        "orthogonal": ("rows or columns are orthonormal", "Saxe, McClelland and Ganguli"),
        "siren": ("±√(6/n_in)/omega", "section 3.2"),
        "bce": ("σ(f) - t", "contains sigmoid", "Cox 1958"),
        "readout": ("∂L/∂f = r", "‖r‖ = 1"),
        "pre-ln": ("x + V S(W LN(x)+b)", '"On layer normalization in the transformer'),
        "adam": ("θ ← θ - η m̂/(√v̂+1e-08)", "Kingma and Ba 2015", "learning rate, 0.001"),
    }
    for word, facts in wanted.items():
        text = answer(word)
        assert all(fact in text for fact in (*facts, "Source: ", "takes it", "Try `")), word


def test_all_that_is_built_in_has_a_meaning_formulas_and_a_source() -> None:
    acts = [each for each in activations.registered() if activations.is_built_in(each)]
    assert len(acts) == 19
    others = [*map(losses.get, losses.names()), *map(optimizers.get, optimizers.names()), *NAMED]
    published = re.compile(r"\b(?:1[89]|20)\d\d\b|of (?:PyTorch|Keras|Flax)\b")
    for each in (*acts, *initializers.families(), *others):
        assert min(len(each.meaning), len(each.source)) > 8, each.name
        assert published.search(each.source) or each.name in {"readout", "sum"}
    assert all(each.purpose for each in initializers.families())
    assert all(each.formula and each.derivative for each in acts)


# Who, and when; in running text a line may end in the middle.
CITED = re.compile(
    r"(?:[A-Z]\w+,\s)?[A-Z]\w+(?:\set\sal\.|\sand\s[A-Z]\w+)?\s(?:19|20)\d\d\b", re.ASCII
)


def test_every_paper_that_is_cited_by_its_authors_has_its_title() -> None:
    texts = [pages.page(name) for name in (*TOPICS, pages.TERMS)]
    texts += [block.source for block in NAMED]
    cited = {" ".join(each.split()) for text in texts for each in CITED.findall(text)}
    assert {"He et al. 2016", "Yang and Schoenholz 2017", "Ba, Kiros and Hinton 2016"} <= cited
    assert {each for each in cited if pages.cited(each) == each} == set()
    assert 'He et al. 2016, "Deep residual learning' in answer("residual")


@pytest.mark.slow
def test_a_term_and_a_record_of_one_name_are_both_told() -> None:
    for name in records.registered_names():
        assert all(text in answer(name) for text in records.registered(name)), name
    assert "**LN**: " in answer("layernorm")
    assert "**Block `layernorm`**: " in answer("layer norm")


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_its_page(name: str) -> None:
    text = answer(name)
    assert text.startswith("# ")
    first = pages.page(name).partition("<!--")[0]
    assert text.startswith(first)
    assert run_in_process("help", name.upper()).stdout.decode().startswith(first)


def test_without_a_word_the_topics_are_listed_a_line_each() -> None:
    text = answer("")
    assert [*TOPICS] == re.findall(r"^    (\w+)  +\S", text, re.MULTILINE)
    assert all(about in text for about in TOPICS.values())


@pytest.mark.parametrize(
    ("spellings", "says"),
    [
        (("χ₁", "chi_1", "Chi-1", "chi1", "CHI 1"), "χ₁ = weight_std² C(q*)"),
        (("‖∂L/∂a‖", "dL/da", "∂L/∂a", "grad_a", "signal"), "what the chain rule hands"),
        (("norm bound", "norm-bound", "NormBound", "norm_bound"), "It always holds"),
        (("slope product", "log10_slope_product"), "product of the largest slopes"),
        (("q*", "q_star", "Q-star"), "the length map"),
        (("ξ", "xi", "depth-scale", "depth ξ"), "-1/ln χ₁"),
        (("S'", "S′", "s'(x)", "derivative"), "multiplies the signal"),
        (("σ_w", "sigma_w", "weight-std", "--weight-std"), "variance"),
        (("LN", "LayerNorm", "layer-norm"), "population variance"),
        (("~", "W~", "tilde"), "all layers share"),
        (("trials", "--trials"), "independent"),
        (("moved",), "of its own size"),
    ],
)
def test_a_word_is_found_in_any_spelling(spellings: tuple[str, ...], says: str) -> None:
    for each in spellings:
        assert says in answer(f"-- {each}"), each


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("colums", "columns"),
        ("vanishng", "vanish"),
        ("xaviar_normal", "xavier_normal"),
        ("--wdth", "--width"),
        ("‖∂L/∂q‖", "‖∂L/∂W‖"),
    ],
)
def test_a_word_that_is_unknown_is_an_error_with_near_ones(given: str, near: str) -> None:
    check_error(f"help -- {given}", f"the manual has no {given!r}: did you mean")
    check_error(f"help -- {given}", near)
    check_error("help zzzz", "vanish help lists the topics")


def test_terms_have_all_that_an_entry_is() -> None:
    known = {*records.column_names()}
    by_key: dict[str, str] = {}
    for term in pages.terms():
        assert len(term.text) > 40
        assert {*term.columns} <= known
        # What is to be tried stands last: columns are told before it.
        assert term.text.split("\n\n")[-1].startswith("Try `vanish "), term.names[0]
        for name in term.names:
            assert name == name.strip() != ""
            if key(name) == "rms":  # a measure, and a norm: both are told
                continue
            assert by_key.setdefault(key(name), term.names[0]) == term.names[0], name


# What the terms say is to be tried, tests/test_readme.py runs.
@pytest.mark.slow
@pytest.mark.parametrize("line", records.PRINTING.values())
def test_a_table_is_printed_by_the_command_line_that_its_columns_name(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.npz").write_bytes(npz(W1=[[1.0]]))
    assert run_in_process(*shlex.split(line)[1:]).status == 0


def test_every_table_has_a_command_line_that_prints_it() -> None:
    assert {name for table in TABLES for name in table.printed_by} == {*records.PRINTING}
    assert all(line.startswith("vanish ") for line in records.PRINTING.values())


def test_a_term_is_what_its_section_says() -> None:
    term = pages.term("one · two\n\nText\nof it.\n\nColumns: `a`, `b`\n")
    assert term == Term(("one", "two"), "Text\nof it.", ("a", "b"))
    assert pages.term("·\n\nText.") == Term(("·",), "Text.")


def test_a_terminal_gets_no_markdown_and_nothing_too_wide() -> None:
    status, text = run_in_terminal([*VANISH, "help", "formats"], 60, 50, {"NO_COLOR": "1"})
    assert status == 0
    assert "`" not in text
    assert "# Formats" not in text
    assert text.startswith("Formats\n")
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_the_topics_fit_a_terminal_and_are_whole_in_a_pipe(columns: int) -> None:
    status, text = run_in_terminal([*VANISH, "help"], columns, 60, {"NO_COLOR": "1"})
    assert status == 0
    lines = text.splitlines()
    assert max(map(len, lines)) <= columns
    told = " ".join(text.split())
    piped = run_in_process("help").stdout.decode()
    for name, about in TOPICS.items():
        assert f"{name} {about}" in told
        assert f"    {name:{max(map(len, TOPICS))}}  {about}\n" in piped
    # What goes on does so below itself.
    indent = max(map(len, TOPICS)) + 2
    topics = lines[2 : lines.index("", 2)]
    assert all(line[:indent].isspace() or line.split()[0] in TOPICS for line in topics)


@pytest.mark.parametrize(
    ("word", "shows"),
    [
        ("norm bound", r"^layer  grad_w  log10_norm_bound\n─+\n    1 +[\d.]+ +[\d.]+$"),
        ("saturated", r"^layer  saturated\n─+\n    1 +0\.\d+$"),
        ("fault", r"W3 multiplies the signal by .*? Rescale W3\."),
    ],
)
def test_what_is_to_be_tried_shows_what_the_word_means(word: str, shows: str) -> None:
    line = re.search(r"Try `(vanish [^`]*)`", answer(word))
    assert line is not None
    text = run_in_process(*shlex.split(line[1])[1:], "-f", "table").stdout.decode()
    assert re.search(shows, text, re.MULTILINE | re.DOTALL)


def test_a_block_of_80_columns_stays_whole_on_any_terminal() -> None:
    status, text = run_in_terminal([*VANISH, "help", "tour"], 60, 50, {"NO_COLOR": "1"})
    assert status == 0
    assert (
        "   20     0.238     0.236              ██████████████████████▉     0.924  0.504\n" in text
    )


def test_colour_is_for_terminals_that_have_it() -> None:
    _, coloured = run_in_terminal([*VANISH, "help", "formats"])
    _, plain = run_in_terminal([*VANISH, "help", "formats"], env={"NO_COLOR": "1"})
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured).split() == plain.split()


def test_the_two_laws_called_kaiming_uniform_do_what_the_manual_says() -> None:
    told = answer("kaiming_uniform")
    assert told.startswith(answer("nn.Linear").rstrip())
    line = re.search(r"Try `(vanish [^`]*)`", told)
    assert line is not None
    verdicts = run_in_process(*shlex.split(line[1])[1:]).stderr.decode()
    found = re.findall(r"^relu, (\w+): (\w+)\..*? gets (\S+) of layer 50's", verdicts, re.MULTILINE)
    assert [name for name, _, _ in found] == ["he_uniform", "torch"]
    for _, word, share in found:
        assert word in told
        assert f"{share} of" in " ".join(told.split())
    assert "`vanish help kaiming_uniform`" in answer("he_uniform")
