"""The pages of the manual, a topic each, and the words it explains by hand."""

from __future__ import annotations

import re
import textwrap
from functools import cache
from pathlib import Path

from vanish.records import Record

# In the order in which they are listed, with what each is about. The tests hold that each has
# its page, and each page its topic.
TOPICS = {
    "tour": "start here: the article that it implements, step by step",
    "columns": "every column of every command, with its meaning",
    "formats": "table, tsv, csv, json, jsonl, markdown, html; files; figures",
    "scripts": "exit statuses, jq, pandas, duckdb, shell completion",
    "theory": "the chain rule, the bounds, and what mean-field theory expects",
    "blocks": "layers of other formulas: skips, norms, recurrent networks",
    "formulas": "activations by formula, such as x*sigmoid(1.702*x), and names with numbers",
    "fixing": "what to change where a gradient vanishes or explodes: every cure, measured",
    "trials": "many chains at once, and chains too large to store",
    "sweeps": "grids of settings, resumed after any end; maps and phase diagrams",
    "clusters": "sweeps on the workers of a Dask cluster",
    "training": "what becomes of a network whose gradient vanishes",
    "networks": "your own weights and data, losses and targets",
    "onnx": "a network in an ONNX file: its graph is the network",
    "pytorch": "the gradients of any PyTorch module, layer by layer",
    "numbers": "how exact they are, their range, what fewer bits lose",
    "sources": "the papers that formulas are from",
    "speed": "beside PyTorch hooks, JAX, torchlens; what each can do",
    "python": "each command as a function",
    "architecture": "how it is built, and how to add to it",
}

TERMS = "terms"

# Where more is told of a command.
OF_COMMANDS = {
    "vanish": "tour",
    "vanish acts": "tour",
    "vanish blocks": "blocks",
    "vanish collapse": "tour",
    "vanish derive": "tour",
    "vanish show": "networks",
    "vanish fix": "fixing",
    "vanish sweep": "sweeps",
    "vanish theory": "theory",
    "vanish train": "training",
}

# Narrower lines of what a topic is about are hard to read.
_NARROWEST = 20

_HERE = Path(__file__).parent


class Term(Record):
    """A word that is explained by hand.

    Attributes
    ----------
    names
        What it is called, its title first.
    text
        What it means, as Markdown.
    columns
        The columns that have it; what they say of themselves belongs to the explanation.
    """

    names: tuple[str, ...]
    text: str
    columns: tuple[str, ...] = ()


def page(name: str) -> str:
    """Return a page as it is written, Markdown.

    Parameters
    ----------
    name
        One of `TOPICS`, or `TERMS`.
    """
    return (_HERE / f"{name}.md").read_text(encoding="utf-8")


def topics(width: int | None = None) -> str:
    """Return the list of topics, Markdown.

    Parameters
    ----------
    width
        In columns, of what a topic is about and its name; None for a line each, whatever its
        length.
    """
    widest = max(map(len, TOPICS))
    lines = "\n".join(
        f"    {line}"
        for name, about in TOPICS.items()
        for line in _hanging(f"{name:{widest}}  ", about, width)
    )
    return (
        "# vanish help TOPIC|TERM\n\n"
        f"{lines}\n\n"
        "A term is any word that a table, a verdict or an option shows: `vanish help signal`,"
        " `vanish help log10_grad_w`, `vanish help --weight-std`, `vanish help gelu`,"
        " `vanish help chi_1`. The options of a command are told by `vanish COMMAND --help`.\n"
    )


def _hanging(label: str, text: str, width: int | None) -> list[str]:
    """Return a text behind its label, which goes on below itself where the width asks for it."""
    if width is None:
        return [label + text]
    room = max(width - len(label), _NARROWEST)
    first, *others = textwrap.wrap(text, room, break_on_hyphens=False)
    return [label + first, *(" " * len(label) + line for line in others)]


@cache
def _sources() -> dict[str, str]:
    """Return the entries of the page of sources by who and when."""
    entries = re.findall(r"^- (.+? \d{4}),\s(.+?)\.$", page("sources"), re.MULTILINE | re.DOTALL)
    return {who: " ".join(f"{who}, {what}".split()) for who, what in entries}


def cited(source: str) -> str:
    """Return a text with the titles of its sources, such as ``He et al. 2016``, behind them."""
    for who, with_title in _sources().items():
        source = source.replace(who, with_title)
    return source


@cache
def terms() -> tuple[Term, ...]:
    """Return the words of the page of terms: `## name, other name`, and what they mean."""
    _, *sections = page(TERMS).split("\n## ")
    return tuple(map(term, sections))


def term(section: str) -> Term:
    """Return the entry that a section of the page of terms is, from its heading on."""
    heading, _, text = section.partition("\n")
    lines = text.strip().splitlines()
    columns: tuple[str, ...] = ()
    if lines[-1].startswith("Columns: "):
        columns = tuple(lines.pop().removeprefix("Columns: ").replace("`", "").split(", "))
    names = tuple(name.strip() for name in heading.split(" · "))
    return Term(names, "\n".join(lines).strip(), columns)
