"""The page of `vanish --format html`: whole by itself, with the numbers of the JSON document."""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest import mock
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from command import run_in_process

from vanish import Settings
from vanish.lessons.derivation import Derivation, first_matrix, parse_variable
from vanish.readings.notation import MATHML, TEXT, mathematics
from vanish.render.derivation import mathml, wrapped

if TYPE_CHECKING:
    from pathlib import Path

# Elements of HTML that have no end tag.
VOID = {"meta", "br", "hr", "img", "link", "input"}
# What MathML Core has, and we use.
MATH = {"math", "mrow", "mfrac", "msub", "msqrt", "mi", "mn", "mo"}


class Page(HTMLParser):
    """A page taken apart; a tag that is not closed, or closed twice, is refused.

    The tables are those of the numbers, and beside them what is shown at a glance.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.identifiers: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.glances: list[list[list[str]]] = []
        self.derivations: list[list[list[str]]] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(set(self.identifiers)) == len(self.identifiers)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            kinds = {"glance": self.glances, "derivation": self.derivations}
            self.table: list[list[str]] = []
            kinds.get(dict(attrs).get("class") or "", self.tables).append(self.table)
        elif tag == "tr":
            self.table.append([])
        elif tag in ("th", "td"):
            self.table[-1].append("")
        elif tag in ("pre", "p", "dd", "h1"):
            self.text.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "br" and self.open[-1] == "th":
            self.table[-1][-1] += "\n"
        self.attributes += [(name, value or "") for name, value in attrs]
        self.identifiers += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("th", "td"):
            self.table[-1][-1] += data
        for tag in {*self.open} & {*self.text}:
            self.text[tag][-1] += data

    def rows(self, runs: int) -> list[list[dict[str, str]]]:
        """Return the rows of each run, the parts of its table put together."""
        found: list[list[dict[str, str]]] = []
        for heads, *rows in self.tables:
            if not found or set(heads) - {"layer"} <= set(found[-1][0]):
                found.append([{} for _ in rows])
            for row, cells in zip(found[-1], rows, strict=True):
                assert row.get("layer", cells[0]) == cells[0]
                row |= dict(zip(heads, cells, strict=True))
        assert len(found) == runs
        return found


@cache
def html(line: str) -> str:
    result = run_in_process(*shlex.split(line), "--format", "html")
    assert result.status == 0
    return result.stdout.decode()


def page(line: str) -> Page:
    return Page(html(line))


def as_written(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


LINES = [
    "--layers 3 --width 4 --act sigmoid",
    "--layers 4 --width 4 --act tanh,relu --block prenorm,S(Wx+b)",
    "--layers 2 --width 3 --act relu --trials 3",
    "--layers 1 --width 1 --act identity --gain 1e-300",
    # Magnitudes outside float64.
    "--layers 8 --width 2 --act tanh --gain 1e-200",
    "--layers 3 --width 3 --act selu --block 'x + W~ S(U~x)'",
    "--widths 4,3,3,3 --act selu --block 'x + V S(Wx+b)'",
]


def check_numbers(found: Page, line: str) -> None:
    """Check that a page has the numbers and settings of the JSON document of a command."""
    document = json.loads(run_in_process(*shlex.split(line), "--format", "json").stdout)
    for run, rows in zip(document["runs"], found.rows(len(document["runs"])), strict=True):
        for layer, row in zip(run["layers"], rows, strict=True):
            shown = {name: as_written(value) for name, value in layer.items()}
            assert shown == dict.fromkeys(shown, "") | row
        for value in run["settings"].values():
            assert value is None or any(str(value) in each for each in found.text["dd"])


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_page_is_whole_by_itself_and_has_the_numbers_of_the_json(line: str) -> None:
    found = page(line)
    check_numbers(found, line)
    document = json.loads(run_in_process(*shlex.split(line), "--format", "json").stdout)
    assert not found.tags & {"script", "link", "img", "iframe", "object", "embed", "base"}
    for name, value in found.attributes:
        assert not name.startswith("on")
        assert name.startswith("xmlns") or "//" not in value
        assert name not in ("href", "src", "xlink:href") or value.startswith("#")
    verdicts = [run["verdict"].upper() for run in document["runs"]]
    said = [each for each in found.text["p"] if each.split(",")[0].split(".")[0] in verdicts]
    assert len(said) == len(verdicts)


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_nothing_in_a_page_asks_the_network(line: str) -> None:
    text = run_in_process(*shlex.split(line), "--format", "html").stdout.decode()
    beside = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert not re.search(r"https?:|@import|url\((?!#)", beside)


@pytest.mark.slow
def test_the_verdicts_sentences_are_those_of_the_other_formats() -> None:
    line = "--layers 3 --width 4 --act tanh --weight-std 0.01"
    said = run_in_process(*shlex.split(line), "--format", "html").stderr.decode()
    _, _, sentences = said.strip().partition(": ")
    assert sentences in page(line).text["p"]
    quiet = page(f"{line} --quiet")
    assert not any("VANISHING" in each for each in quiet.text.get("p", []))


@pytest.mark.slow
def test_a_page_is_the_same_bytes_each_time() -> None:
    line = ("--layers", "3", "--width", "4", "--format", "html", "--act", "tanh,relu")
    assert run_in_process(*line) == run_in_process(*line)


@pytest.mark.slow
def test_the_format_is_understood_in_every_spelling() -> None:
    line = ("--layers", "2", "--width", "3", "--act", "tanh")
    shouted, said = (run_in_process(*line, f"-f{name}").stdout for name in ("HTML", "html"))
    assert shouted.replace(b"-fHTML", b"-fhtml") == said


@pytest.mark.slow
def test_chosen_columns_are_the_table() -> None:
    found = page("--layers 3 --width 4 --act relu --columns grad_w,layer,dead_fraction")
    assert [table[0] for table in found.tables] == [["layer", "grad_w", "dead_fraction"]]
    (alone,) = page("--layers 3 --width 4 --act relu --columns layer").tables
    assert alone == [["layer"], ["1"], ["2"], ["3"]]


@pytest.mark.parametrize("line", LINES)
def test_at_a_glance_a_run_is_what_a_terminal_shows(line: str) -> None:
    found = page(line)
    document = json.loads(run_in_process(*shlex.split(line), "--format", "json").stdout)
    assert len(found.glances) == len(document["runs"])
    for run, (heads, *rows) in zip(document["runs"], found.glances, strict=True):
        assert heads[0] == "layer"
        assert [row[0] for row in rows] == [str(layer["layer"]) for layer in run["layers"]]
        weights = heads.index("‖∂L/∂W‖")
        for row, layer in zip(rows, run["layers"], strict=True):
            # Three digits; of several trials both are the median.
            mantissa, _, power = row[weights].partition("e")
            log10 = math.log10(float(mantissa)) + int(power or 0)
            assert log10 == pytest.approx(float(layer["log10_grad_w"]), abs=5e-3)


@pytest.mark.slow
def test_a_deep_network_is_elided_at_a_glance_alone() -> None:
    found = page("--layers 60 --width 2 --act tanh")
    (glance,) = found.glances
    assert len(glance) == 1 + 24
    assert ["⋮ 37 more layers"] in glance
    assert len(found.rows(1)[0]) == 60
    assert not page("--layers 60 --width 2 --act tanh --columns layer").glances


@pytest.mark.parametrize("line", LINES)
def test_a_page_can_be_heard_and_gone_through_without_a_mouse(line: str) -> None:
    elements = page(line).elements
    assert ("html", {"lang": "en"}) in elements
    assert [tag for tag, _ in elements if tag in ("main", "h1", "footer")] == [
        *("main", "h1", "footer")
    ]
    # Each heading is at most one level below the last one.
    levels = [int(tag[1]) for tag, _ in elements if re.fullmatch("h[1-6]", tag)]
    assert all(below <= above + 1 for above, below in pairwise(levels))
    for number, (tag, attributes) in enumerate(elements):
        if tag == "svg":
            assert attributes["role"] == "img"
            assert "How much gradient" in attributes["aria-label"]
        if tag == "th":
            assert attributes["scope"] in {"col", "row"}
        if tag == "table":
            # What is too broad is scrolled by a region that has a name and takes the focus.
            around = elements[number - 1]
            assert around[0] == "div"
            assert (around[1]["role"], around[1]["tabindex"]) == ("region", "0")
            assert around[1]["aria-label"]
            of_table = [each for each, _ in elements[number + 1 : number + 3]]
            assert of_table == ["thead", "tr"] or attributes["role"] == "presentation"
    rows = [i for i, (tag, _) in enumerate(elements) if tag == "tr"]
    named = [elements[i + 1] for i in rows if elements[i + 1][0] != "td"]
    assert all("scope" in attributes for _, attributes in named)
    assert sum(attributes["scope"] == "row" for _, attributes in named) >= len(named) / 2


@pytest.mark.slow
def test_the_numbers_of_another_run_are_noticed() -> None:
    shown, other = page("--layers 3 --width 4 --act tanh"), page("--layers 3 --width 4 --act sin")
    assert shown.rows(1) != other.rows(1)
    with pytest.raises(AssertionError):
        check_numbers(shown, "--layers 3 --width 4 --act sin")
    check_numbers(other, "--layers 3 --width 4 --act sin")
    before, numbers = html("--layers 3 --width 4 --act sin").split("<details", 1)
    wrong = re.sub(r"(<td>-?[0-9.]*)([0-8])</td>", one_more, numbers, count=1)
    with pytest.raises(AssertionError):
        check_numbers(Page(f"{before}<details{wrong}"), "--layers 3 --width 4 --act sin")


def one_more(digits: re.Match[str]) -> str:
    """Return a cell whose last digit is off by one."""
    return f"{digits[1]}{int(digits[2]) + 1}</td>"


@pytest.mark.parametrize("fault", ["<p>", "</p>", "<p><b></p></b>", '<i id="a"></i><i id="a"></i>'])
def test_a_page_that_is_not_well_formed_is_found(fault: str) -> None:
    Page("<div>x</div>")
    with pytest.raises((AssertionError, IndexError)):
        Page(f"<div>x</div>{fault}")


def test_names_of_files_are_text(tmp_path: Path) -> None:
    path = tmp_path / "<script>alert('1')&amp;"
    path.mkdir()
    weights = path / "<b onclick=x>\x1b[31m.npz"
    np.savez(weights, W1=np.eye(3), b1=np.zeros(3))
    output = path / "<i>&lt;.html"
    result = run_in_process(
        *("--weights", str(weights), "--act", "tanh", "--output", str(output), "--quiet")
    )
    assert (result.status, result.stdout, result.stderr) == (0, b"", b"")
    text = output.read_text(encoding="utf-8")
    found = Page(text)
    assert not found.tags & {"script", "b", "i"}
    assert "\x1b" not in text
    (command,) = found.text["pre"]
    assert "<script>alert('\"'\"'1'\"'\"')&amp;" in command
    assert "<b onclick=x>\\x1b[31m.npz" in command


@pytest.mark.slow
def test_the_command_line_makes_the_page_again() -> None:
    first = page("--layers 2 --width 3 --act tanh --block 'x + S(Wx+b)'")
    (command,) = first.text["pre"]
    name, *words = shlex.split(command)
    assert name == "vanish"
    again = run_in_process(*words)
    assert Page(again.stdout.decode()).tables == first.tables


def test_without_matplotlib_a_page_says_how_to_get_figures() -> None:
    line = "--layers 2 --width 3 --act tanh"
    assert "svg" in page(line).tags
    with mock.patch.dict(sys.modules, {"matplotlib": None, "matplotlib.figure": None}):
        bare = Page(html.__wrapped__(line))
    assert "svg" not in bare.tags
    assert any("pip install" in each and "'plot'" in each for each in bare.text["p"])


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "r.html"
    result = run_in_process("--layers", "2", "-o", str(path))
    assert result.status == 2
    assert result.stderr.startswith(b"Error: ")
    # Only `vanish` itself has a page.
    for command in ("train", "acts", "sweep", "theory", "collapse", "derive"):
        refused = run_in_process(command, "--format", "html")
        assert (refused.status, refused.stdout) == (2, b"")
        assert b"html" in refused.stderr
    for option in ("--no-header", "--rows=5"):
        assert run_in_process("--format", "html", option).status == 2


# The notation.

BLOCKS = [
    "S(Wx+b)",
    "x + S(Wx+b)",
    "prenorm",
    "x + 1/sqrt(layers) V S(Wx+b)",
    "0.5 x - V RMS(S(W~x+U~x))",
    "BN(S(Wx))",
]


def derivation(block: str, layers: int, wrt: str | None = None) -> Derivation:
    graph = Settings(act="tanh", block=block, layers=layers, width=4, batch=2).model.graph
    return Derivation(graph, parse_variable(wrt or first_matrix(graph), graph))


def as_text(element: ET.Element) -> str:
    """Return MathML as the plain notation writes it, blanks left out."""
    parts = [as_text(each) for each in element]
    if element.tag == "mfrac":
        return "/".join(parts)
    if element.tag == "msub":
        base, index = parts
        return base + index.translate(str.maketrans("0123456789k-", "₀₁₂₃₄₅₆₇₈₉ₖ₋"))
    if element.tag == "msqrt":
        return f"sqrt({''.join(parts)})"
    return (element.text or "").strip().replace("−", "-") + "".join(parts)


def plain(text: str) -> str:
    return re.sub(r"\s", "", text).replace("layers", "N")


def pieces(shown: Derivation) -> list[list[str]]:
    """Return the derivation's lines in the pieces that a terminal of one column has of them."""
    lines = (line if line.startswith("+ ") else f"= {line}" for line in shown.lines(TEXT))
    return [[plain(each) for each in wrapped("", line, 1)] for line in lines]


@pytest.mark.parametrize("layers", [1, 2, 3, 12])
@pytest.mark.parametrize("block", BLOCKS)
def test_mathml_says_what_the_text_says(block: str, layers: int) -> None:
    shown = derivation(block, layers)
    root = ET.fromstring("".join(mathml(shown)))  # noqa: S314 - no XML from outside: vanish wrote it
    assert {each.tag for each in root.iter()} - {"table", "tbody", "tr", "td"} <= MATH
    for each in root.iter():
        # What is no token holds elements alone, and a fraction or an index has two.
        assert each.tag in {"mi", "mn", "mo"} or not (each.text or "").strip()
        assert not (each.tail or "").strip()
        assert len(each) == 2 or each.tag not in {"mfrac", "msub"}
    rows = [[as_text(cell) for cell in row] for row in root[0]]
    # A page breaks the lines where the text is broken.
    for row, line in zip(root[0][-len(pieces(shown)) :], pieces(shown), strict=True):
        assert [as_text(each) for each in row[1]] == line
    lines = [plain(line if line.startswith("+ ") else f"= {line}") for line in shown.lines(TEXT)]
    assert [right for _, right in rows][-len(lines) :] == lines
    assert rows[-len(lines)][0] == plain(TEXT.partial("L", TEXT.named(shown.by)))
    if not shown.is_plain:
        assert rows[-len(lines) - 1] == ["f₀", "=x"]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("wrt", ["x", None])
def test_factors_in_mathml_are_the_notations(block: str, wrt: str | None) -> None:
    for factor in derivation(block, 3, wrt).products():
        symbol = mathematics(MATHML.symbol(factor))
        written = ET.fromstring(f"<mrow>{symbol}</mrow>")  # noqa: S314 - vanish wrote it
        assert as_text(written) == plain(TEXT.symbol(factor))
