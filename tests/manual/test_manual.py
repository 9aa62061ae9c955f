"""`vanish help`: the manual answers for every word that anything shows."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import typer
from command import VANISH, check_error, run_in_process, run_in_terminal

from vanish.cli.app import build
from vanish.manual import pages, records
from vanish.manual.pages import TOPICS, Term
from vanish.manual.spelling import key
from vanish.render import table as tables
from vanish.render.contract import TABLES
from vanish.simulation import names
from vanish.simulation.profile import Verdict
from vanish.theories.infinitewidth import Phase
from vanish.training.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vanish.render.view import View

# Command lines that draw every table there is, with the columns that only some runs have.
DRAWN = (
    "--layers 2",
    "--act sigmoid --layers 3",
    "--act relu --layers 3 --trials 5",
    "--act relu --layers 8 --width 2",
    "--layer-acts relu,tanh",
    "--block residual --act tanh --layers 3",
    "--block residual,plain --act tanh,relu --init xavier_normal,orthogonal --layers 3",
    "sweep --layers 2,3 --trials 5",
    "sweep --layers 2,3 --weight-std 1,2,3",
    "theory --act tanh,softplus",
    "theory --act relu,tanh --layers 3 --width 4",
    "theory --block residual,batchnorm --act relu",
    "theory --block residual --act relu --layers 3",
    "acts relu tanh",
    "fix --act tanh --layers 5 --width 4 --gain 0.2",
    "blocks",
    "blocks residual",
    "collapse --layers 2",
    "collapse --act relu,tanh --layers 2",
    "train --layers 1,2 --width 4 --epochs 1 --trials 3 --act relu --block plain,residual",
    "train --layers 1 --width 4 --epochs 1 --init he_normal,xavier_normal --per-layer",
)

# Words of heads that say nothing alone.
SMALL_WORDS = {"a", "at", "from", "in", "is", "it", "l", "next", "of", "or", "over", "the", "to"}
SMALL_WORDS |= {"what", "by", "last", "times", "log", "log10", "→", "…"}


def heads_of(line: str) -> Iterator[str]:
    """Yield the heads of the columns that a command line draws."""
    shown: list[View] = []
    draw = tables.table

    def note(view: View, *rest: Any, **named: Any) -> str:
        shown.append(view)
        return draw(view, *rest, **named)

    with mock.patch.object(tables, "table", note):
        result = run_in_process(*line.split(), "--format", "table")
    assert result.status == 0
    assert shown
    yield from (column for view in shown for column in view.columns)


@cache
def heads() -> frozenset[str]:
    # Numbers of an axis are no words.
    axis = r"(?:log, )?\d+e[+-]\d+ … \d+e[+-]\d+|(?<=^weight_std) .*"
    found = (re.sub(axis, "", head) for line in DRAWN for head in heads_of(line))
    return frozenset(" ".join(head.split()) for head in found)


def words_of(head: str) -> Iterator[str]:
    """Yield a head, and each of its words that is one alone."""
    yield head
    yield from (word for word in re.split(r"[\s,]+", head) if word and word not in SMALL_WORDS)


def parameters() -> Iterator[str]:
    root = typer.main.get_command(build(["--help"]))
    for command in (root, *getattr(root, "commands", {}).values()):
        yield command.name or "vanish"
        for each in command.params:
            yield from (flag for flag in each.opts if flag.startswith("-"))


def answer(word: str) -> str:
    result = run_in_process("help", *word.split(" "))
    assert (result.status, result.stderr) == (0, b""), result.stderr.decode()
    return result.stdout.decode()


def unanswered(words: Iterable[str]) -> dict[str, str]:
    """Return the words that the manual has nothing about, with what it says instead."""
    found = {word: run_in_process("help", "--", *word.split()) for word in words}
    return {word: each.stderr.decode() for word, each in found.items() if each.status != 0}


@pytest.mark.slow
def test_every_word_of_every_table_head_is_explained() -> None:
    assert {"signal ‖∂L/∂a‖", "theory expects", "W₁ moved", "critical weight_std"} <= heads()
    assert unanswered({word for head in heads() for word in words_of(head)}) == {}


def test_every_word_of_a_verdict_is_explained() -> None:
    words = {each.value for kind in (Verdict, Outcome, Phase) for each in kind}
    words |= {word.upper() for word in words} | {"AFFINE", "NOT AFFINE", "stable, shrinking"}
    assert unanswered(words) == {}


@pytest.mark.slow
def test_every_option_is_explained_by_its_help() -> None:
    flags = {*parameters()}
    assert {"--layers", "-n", "--norm-bound", "--resume", "--input-rms", "--wrt"} <= flags
    assert unanswered(flags) == {}
    assert "`vanish sweep`: Numbers of layers" in answer("--layers")
    # With a command line that has it, where the manual shows one.
    assert "Try `vanish sweep --layers 5:50:10 --dry-run`." in answer("--dry-run")
    assert "Try `vanish derive --wrt b1" in answer("--wrt")


@pytest.mark.slow
def test_every_column_is_explained_by_its_record() -> None:
    for table in TABLES:
        for column in table.columns:
            text = answer(column.name)
            assert f"`{column.name}`" in text
            assert column.meaning in text


@pytest.mark.slow
def test_every_name_that_a_registry_has_is_explained() -> None:
    lists = [names.ACTIVATIONS, names.INITIALIZERS, names.LOSSES, names.VERDICTS]
    lists += [names.WITH_PAGE, names.ENGINES, names.LAYOUTS]
    wanted = {name for listed in lists for name in listed.split(", ")}
    assert unanswered({*wanted, *records.registered_names()}) == {}
    assert "1/(1+e^-x)" in answer("logistic")
    assert "variance 2/n_in" in answer("he_normal")
    assert "x + V S(W LN(x)+b)" in answer("pre-ln")


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
    [("colums", "columns"), ("vanishng", "vanish"), ("xaviar_normal", "xavier_normal")],
)
def test_a_word_that_is_unknown_is_an_error_with_near_ones(given: str, near: str) -> None:
    check_error(f"help {given}", f"the manual has no {given!r}: did you mean")
    check_error(f"help {given}", near)
    check_error("help zzzz", "vanish help lists the topics")


def test_terms_have_all_that_an_entry_is() -> None:
    known = {*records.column_names()}
    by_key: dict[str, str] = {}
    for term in pages.terms():
        assert len(term.text) > 40
        assert {*term.columns} <= known
        assert re.search(r"^Try `vanish ", term.text, re.MULTILINE), term.names[0]
        for name in term.names:
            assert name == name.strip() != ""
            if key(name) == "rms":  # a measure, and a norm: both are told
                continue
            assert by_key.setdefault(key(name), term.names[0]) == term.names[0], name


# What the terms say is to be tried, tests/test_readme.py runs.
@pytest.mark.slow
@pytest.mark.parametrize("line", records.PRINTING.values())
def test_a_table_is_printed_by_the_command_line_that_its_columns_name(line: str) -> None:
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
    assert answer("nn.Linear") == told
    line = re.search(r"Try `(vanish [^`]*)`", told)
    assert line is not None
    verdicts = run_in_process(*shlex.split(line[1])[1:]).stderr.decode()
    found = re.findall(r"^relu, (\w+): (\w+)\..*? gets (\S+) of layer 50's", verdicts, re.MULTILINE)
    assert [name for name, _, _ in found] == ["he_uniform", "torch"]
    for _, word, share in found:
        assert word in told
        assert f"{share} of" in " ".join(told.split())
    assert "`vanish help kaiming_uniform`" in answer("he_uniform")
