"""`vanish help` answers for every word that a screen shows, and every option and value takes."""

from __future__ import annotations

import ast
import html
import json
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import typer
from checkpoints import LARGE, SMALL
from command import run_in_process
from handmade import course, record
from snapshot import SNAPSHOTS

import vanish
from vanish.cli import formats
from vanish.cli.commands import build, every
from vanish.cli.help import usages
from vanish.errors import UsageError
from vanish.manual import lookup, records
from vanish.render import modules
from vanish.render import table as tables
from vanish.render.contract import TABLES
from vanish.render.view import View
from vanish.simulation import names, table
from vanish.simulation.course import Verdict
from vanish.theories.infinitewidth import Phase
from vanish.training import data
from vanish.training.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Command lines that draw every table there is, with the columns that only some runs have.
DRAWN = (
    "--layers 2",
    "--act sigmoid --layers 3",
    "--act relu --layers 3 --trials 5",
    "--act relu --layers 8 --width 2",
    "--layer-acts relu,tanh",
    "--act hard_tanh --weight-std 8 --layers 3",
    "--act tanh --layers 3 --columns layer,grad_w,log10_norm_bound",
    "--block residual --act tanh --layers 3",
    "--block rnn --act tanh --layers 3 --trials 3",
    "--block batchnorm --act relu --batch 4 --layers 3",
    "--block residual,plain --act tanh,relu --init xavier_normal,orthogonal --layers 3",
    "--block residual,layernorm --act tanh --layers 3",
    "sweep --layers 2,3 --trials 5",
    "sweep --layers 2,3 --weight-std 1,2,3",
    "sweep --block plain,residual --act tanh --layers 2",
    "theory --act tanh,softplus",
    "theory --act relu,tanh --layers 3 --width 4",
    "theory --block residual,batchnorm --act relu",
    "theory --block bottleneck --weight-std W=1,V=2 --act relu",
    "theory --block residual --act relu --layers 3",
    "theory --block batchnorm --act relu --layers 3",
    "acts relu tanh",
    "blocks",
    "blocks residual",
    "collapse --layers 2",
    "collapse --act relu,tanh --layers 2",
    "train --layers 1,2 --width 4 --epochs 1 --trials 3 --act relu --block plain,residual",
    "train --layers 1 --width 4 --epochs 1 --init he_normal,xavier_normal --per-layer",
    "train --layers 1,2 --width 4 --epochs 1 --act relu --trials 3 --per-layer",
    "train --act relu --lr 3 --layers 3 --width 8 --epochs 2",
    f"show {SMALL}",
    f"show {LARGE}",
    f"--weights {SMALL} --act tanh",
    "fix --act tanh --layers 5 --width 4 --gain 0.2",
    f"fix --weights {SMALL} --act tanh --gain 0.2",
)

# Command lines whose words on a terminal are no table.
SPOKEN = (
    "--act relu --layers 3 --format html",
    "acts selu",
    "acts gelu_tanh",
    "acts mish",
    "acts hard_swish",
    "derive --values",
    "derive --block residual --values",
    "derive --block rnn --layers 2",
)

# Words of heads that say nothing alone.
SMALL_WORDS = {"a", "at", "from", "in", "is", "it", "l", "next", "of", "or", "over", "the", "to"}
SMALL_WORDS |= {"what", "by", "last", "times", "log", "log10", "→", "…"}

# Words of sentences that mean what they do in any book.
PLAIN = {*Path(__file__).with_name("plain_words.txt").read_text(encoding="utf-8").split()}

RENDERING = Path(vanish.__file__).parent / "render"


def unanswered(words: Iterable[str]) -> dict[str, str]:
    """Return the words that the manual has nothing about, with what it says instead."""
    known = tuple(usages())
    found = {}
    for word in words:
        try:
            assert len(lookup.answer(word, known)) > 40
        except UsageError as error:
            found[word] = str(error)
    return found


# Heads of tables.


@cache
def drawn() -> tuple[tuple[View, ...], frozenset[tuple[str, int]]]:
    """Return the views that `DRAWN` draws, and where in the code views were made for it."""
    views: list[View] = []
    sites: set[tuple[str, int]] = set()
    View._make(View._fields)._replace()  # the first call of all compiles the constructor
    draw, make = tables.table, View.__new__

    def note(view: View, *rest: Any, **named: Any) -> str:
        views.append(view)
        return draw(view, *rest, **named)

    def made(cls: type[View], *rest: Any, **named: Any) -> View:
        caller = sys._getframe(1)
        sites.add((Path(caller.f_code.co_filename).name, caller.f_lineno))
        return make(cls, *rest, **named)

    with (
        mock.patch.object(tables, "table", note),
        mock.patch.object(View, "__new__", made),
    ):
        for line in DRAWN:
            before = len(views)
            result = run_in_process(*shlex.split(line), "--format", "table")
            assert (result.status, len(views)) == (0, before + 1), line
        # What no command draws.
        networks = (record(1, "in", 1e-6, dead=0.9),), [record(k, f"b.{k}.fc", 1.0) for k in (1, 2)]
        for layers in networks:
            tables.table(modules.view(course(*layers)), tables.Canvas())
    return tuple(views), frozenset(sites)


def heads() -> frozenset[str]:
    # Numbers of an axis are no words.
    axis = r"(?:log, )?\d+e[+-]\d+ … \d+e[+-]\d+|(?<=^weight_std) .*"
    found = (re.sub(axis, "", head) for view in drawn()[0] for head in view.columns)
    return frozenset(" ".join(head.split()) for head in found)


def words_of(head: str) -> Iterator[str]:
    """Yield a head, and each of its words that is one alone, numbers aside."""
    yield head
    words = (word for word in re.split(r"[\s,]+", head) if word and not word.isdigit())
    yield from (word for word in words if word not in SMALL_WORDS)


def views_in_the_code() -> Iterator[tuple[str, ast.Call]]:
    """Yield every place that makes a view with columns."""
    for path in RENDERING.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "View":
                columns = [each.value for each in node.keywords if each.arg == "columns"]
                if columns:
                    yield path.name, node


@pytest.mark.slow
def test_every_word_of_every_table_head_is_explained() -> None:
    assert {"signal ‖∂L/∂a‖", "theory expects", "W₁ moved", "critical weight_std"} <= heads()
    assert unanswered({word for head in heads() for word in words_of(head)}) == {}


@pytest.mark.slow
def test_every_table_that_the_code_can_draw_is_drawn_here() -> None:
    views, sites = drawn()
    found = [*views_in_the_code()]
    assert len(found) > 10
    missing = {
        (name, node.lineno)
        for name, node in found
        if not any((name, line) in sites for line in range(node.lineno, (node.end_lineno or 0) + 1))
    }
    assert missing == set()
    # A head that only some runs have stands in the code as text: it has been drawn, too.
    shown = {head for view in views for head in view.columns}
    written = {
        leaf.value
        for _, node in found
        for each in node.keywords
        if each.arg == "columns"
        for leaf in ast.walk(each.value)
        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
    }
    assert len(written) > 20
    assert {head for head in written if not any(head in each for each in shown)} == set()


# Sentences: verdicts, notes, titles.


def words_on(screen: str) -> set[str]:
    """Return the words that a screen shows, without its numbers and its formulas."""
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen)
    tokens = (token.removeprefix("(") for token in re.split(r"[\s→]+", plain))
    # A formula has signs between its letters.
    words = (token.rstrip(")") for token in tokens if not re.search(r"[([+^=·²½|{~]", token))
    split = (part.strip(".\"…'*`") for word in words for part in re.split(r"[,;:]", word))
    bare = (re.sub(r"'s$|^[\d.]+-(?=fold)|-$", "", part) for part in split)
    # What a digit starts is a number.
    return {word for word in bare if re.fullmatch(r"[^\W\d_][\w-]*|[‖∂√][\w∂/‖]+", word)}


@cache
def screens() -> tuple[str, ...]:
    """Return what people are shown: by the lines here at several widths, and in snapshots."""
    shown = []
    for width in ("40", "80", "160"):
        for line in (*(f"{each} --format table" for each in DRAWN), *SPOKEN):
            result = run_in_process(*shlex.split(line), env={"COLUMNS": width})
            assert result.status == 0
            shown += [_without_markup(result.stdout.decode()), result.stderr.decode()]
    kept = ("table_", "terminal_", "verdicts", "theory_", "train", "sweep_", "collapse_", "acts_")
    shown += [
        path.read_text(encoding="utf-8")
        for path in sorted(SNAPSHOTS.iterdir())
        if path.stem.startswith(kept)
    ]
    return tuple(shown)


def _without_markup(text: str) -> str:
    """Return what a page shows as text; anything else as it is."""
    if not text.startswith("<!DOCTYPE html>"):
        return text
    drawn_or_derived = r"<(style|svg|math|pre)\b.*?</\1>"
    return html.unescape(re.sub(rf"{drawn_or_derived}|<[^>]*>", " ", text, flags=re.DOTALL))


@pytest.mark.slow
def test_every_word_that_a_screen_shows_is_explained_or_plain() -> None:
    words = {word for screen in screens() for word in words_on(screen)}
    assert {"VANISHING", "decades", "fold", "float16", "remedy", "stable", "χ", "∂L/∂a"} <= words
    # A plain word is written as in the middle of a sentence.
    unknown = {word for word in words if not {word, word.lower()} & PLAIN}
    assert unanswered(unknown) == {}


def test_words_are_told_from_numbers_and_formulas() -> None:
    screen = "VANISHING. Layer 1's ‖∂L/∂W₁‖ shrinks 4.21-fold (-0.624; 1e-12), x + S(Wx+b) · √q"
    wanted = {"VANISHING", "Layer", "‖∂L/∂W₁‖", "shrinks", "fold", "x", "√q"}
    assert words_on(f"\x1b[1m{screen}\x1b[0m") == wanted
    assert _without_markup("<!DOCTYPE html><style>p {}</style><p>a &amp; b</p>").split() == [
        *("a", "&", "b")
    ]
    assert {*unanswered({"vanishing", "frobnicate", "W₃", "chains"})} == {"frobnicate"}


def test_every_verdict_is_explained() -> None:
    words = {each.value for kind in (Verdict, Outcome, Phase) for each in kind}
    words |= {word.upper() for word in words} | {"AFFINE", "NOT AFFINE", "stable, shrinking"}
    assert unanswered(words) == {}


# Options and their values.


def parameters() -> Iterator[tuple[str, Any]]:
    """Yield every parameter of every command, with the command."""
    root = typer.main.get_command(build(every()))
    commands = {"vanish": root} | getattr(root, "commands", {})
    yield from ((name, each) for name, command in commands.items() for each in command.params)


@pytest.mark.slow
def test_every_command_and_every_option_is_explained() -> None:
    flags = {
        flag
        for _, each in parameters()
        for flag in (*each.opts, *each.secondary_opts)
        if flag.startswith("-")
    }
    some = {"--layers", "-n", "--norm-bound", "--no-norm-bound", "--resume", "--wrt", "--columns"}
    assert some <= flags
    assert unanswered({*flags, *(name for name, _ in parameters())}) == {}
    # Of each option in all commands that have it.
    known = tuple(usages())
    for name, each in parameters():
        command = "vanish" if name == "vanish" else f"vanish {name}"
        for flag in each.opts:
            assert not flag.startswith("-") or f"`{command}`" in lookup.answer(flag, known)


def test_every_value_that_an_option_takes_by_name_is_explained() -> None:
    listed = {name for row in table.every() for name in row.choices.split(", ") if name}
    assert {"auto", "sigmoid", "he_normal", "bce", "sampled", "in_out", "vanishing"} <= listed
    listed |= {name for kind in (names.VERDICTS, names.OUTCOMES) for name in kind.split(", ")}
    listed |= {*records.registered_names(), *data.NAMES}
    for kind in (formats.TABLES, formats.WITH_PAGE, formats.TEXTS):
        listed |= {*kind.by_suffix.values()}
    assert {"glorot_uniform", "residual", "adam", "digits", "latex", "html", "chance"} <= listed
    assert unanswered(listed) == {}


@pytest.mark.slow
def test_every_column_is_explained_by_its_record() -> None:
    known = tuple(usages())
    for each in TABLES:
        for column in each.columns:
            text = lookup.answer(column.name, known)
            assert f"`{column.name}` of" in text or f"`{column.name}`** of" in text
            assert column.meaning in text


# Command lines whose JSON has every field there is.
DOCUMENTS = (
    "--act sigmoid --layers 20",
    "--act relu --trials 5 --layers 6 --width 4",
    "--block rnn --act tanh --layers 3",
    "--block batchnorm --act relu --batch 4 --layers 3",
    "--layer-acts tanh,tanh,hard_sigmoid,tanh,tanh",
    "sweep --layers 2,3",
    "train --layers 1 --epochs 1 --width 4",
    "theory --act tanh",
    "theory --block residual --act tanh",
    "acts",
    "blocks",
    "collapse",
    "derive --values",
    f"show {SMALL}",
    f"--weights {SMALL} --act tanh",
)


def fields_of(value: Any) -> Iterator[str]:
    """Yield the names in a JSON document, at any depth."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield name
            yield from fields_of(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from fields_of(inside)


@pytest.mark.slow
def test_every_field_of_json_is_explained() -> None:
    found: set[str] = set()
    for line in DOCUMENTS:
        result = run_in_process(*line.split(), "--format", "json")
        assert result.status == 0
        found |= {*fields_of(json.loads(result.stdout))}
    assert {"verdict_shares", "not_held", "faults", "critical_q", "schema"} <= found
    assert unanswered(found) == {}
