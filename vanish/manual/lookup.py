"""What `vanish help` answers: a topic's page, or all that is known of a term."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.manual import pages
from vanish.manual.spelling import forms, key, words
from vanish.network.formulas.named import NAMED
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vanish.manual.pages import Term

# Where the columns stand in their page.
_COLUMNS = "<!-- the columns -->"
_OF_MODULES = "<!-- the columns of modules -->"

# Topics that a record may be called by, too, such as an initialiser.
_TOPICS_AND_RECORDS = ("pytorch",)

# Command lines, in a session and in running text; and what stands in some for the reader's own.
_COMMANDS = re.compile(r"(?:^\$ |`)(vanish [^`\n;|]*)", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\b(?:[A-Z]{2,}|N)\b(?!=)|…")

# How many near names an error tells.
_NEAREST = 5


class Usage(Record):
    """A command, or an option of one, as the command line has it.

    Attributes
    ----------
    command
        Such as ``vanish sweep``.
    flags
        Such as ``--layers, -n``; empty for the command itself.
    meaning
        What its help says.
    metavar
        What stands for the value of an option that takes one.
    """

    command: str
    flags: str
    meaning: str
    metavar: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called."""
        flags = tuple(self.flags.replace("/", ", ").split(", "))
        return flags if self.flags else (self.command, self.command.removeprefix("vanish "))


def answer(asked: str, usages: Sequence[Usage]) -> str:
    """Return the page of a topic, or what is known of a term, Markdown.

    Parameters
    ----------
    asked
        As the user wrote it; empty for the list of topics.
    usages
        All commands and options.

    Raises
    ------
    UsageError
        If the manual has no such word; the message names near ones.
    """
    if not asked.strip():
        return pages.topics()
    wanted = key(asked)
    found = _joined(_found(asked, usages))
    topic = next((name for name in pages.TOPICS if wanted == key(name)), None)
    if topic is not None:
        found = found.replace(f" More: `vanish help {topic}`.", "")
        found = found.replace(f"More: `vanish help {topic}`.\n\n", "")
        return _page(topic) + (f"\n## The word {topic}\n\n{found}\n" if found else "")
    topic = next((name for name in pages.TOPICS if wanted == key(name)[:-1]), None)
    if topic is not None and not found:
        return _page(topic)
    for form in forms(asked):
        found = found or _joined(_found(form, usages))
    found = found or _joined(_containing(asked))
    if not found:
        raise _unknown(asked, usages)
    return f"{found}\n"


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(dict.fromkeys(parts))


def _page(topic: str) -> str:
    text = pages.page(topic)
    if _COLUMNS not in text and _OF_MODULES not in text:
        return text
    from vanish.manual import records  # noqa: PLC0415 - it imports numpy

    if _COLUMNS in text:
        text = text.replace(_COLUMNS, records.tables())
    return text.replace(_OF_MODULES, records.columns_of_modules())


def _found(asked: str, usages: Sequence[Usage]) -> Iterator[str]:
    """Yield all that is known of a term of that name."""
    wanted = key(asked)
    by_hand = [term for term in pages.terms() if wanted in map(key, term.names)]
    yield from map(_told, by_hand)
    options = [*_usages(asked, usages)]
    yield from options
    # A word explained by hand is the name of no record, unless it is also one of a column, an
    # option or a block.
    if asked.startswith("-"):
        return
    topic = wanted in map(key, pages.TOPICS) and wanted not in _TOPICS_AND_RECORDS
    if not options and (topic or _settled(wanted, by_hand)):
        return
    from vanish.manual import records  # noqa: PLC0415 - it imports numpy

    # What a term has told of its columns is not told again.
    if wanted not in {key(name) for term in by_hand for name in term.columns}:
        yield from records.columns(asked)
    yield from records.registered(asked)


def _settled(wanted: str, terms: Sequence[Term]) -> bool:
    """Tell whether there are terms, and nothing but they can tell of the word."""
    blocks = (name for block in NAMED for name in (block.name, *block.aliases))
    return (
        bool(terms) and not any(term.columns for term in terms) and wanted not in map(key, blocks)
    )


def _told(term: Term) -> str:
    parts = [
        pages.cited(" ".join(part.split())) if part.startswith("Source: ") else part
        for part in term.text.split("\n\n")
    ]
    if term.columns:
        from vanish.manual import records  # noqa: PLC0415 - it imports numpy

        lines = (f"- {each}" for name in term.columns for each in records.meanings(name))
        # Before what is to be tried, which stands last.
        parts[-1:-1] = ["Its columns:", "\n".join(lines)]
    return f"**{term.names[0]}**: " + "\n\n".join(parts)


def _usages(asked: str, usages: Sequence[Usage]) -> Iterator[str]:
    """Yield commands and options of that name; what several commands say alike once."""
    wanted = key(asked)
    alike: dict[tuple[str, str, str], list[str]] = {}
    for usage in usages:
        if wanted in map(key, usage.names):
            alike.setdefault(usage[1:], []).append(usage.command)
    for (flags, meaning, metavar), commands in alike.items():
        listed = ", ".join(f"`{command}`" for command in commands)
        if not flags:
            more = pages.OF_COMMANDS.get(commands[0])
            page = f" More: `vanish help {more}`." if more else ""
            yield f"**Command {listed}**: {meaning} Its options: `{commands[0]} --help`.{page}"
            continue
        value = f" {metavar}" if metavar else ""
        tried = _example(flags.split(", ")[0], commands[0])
        yield f"**Option `{flags}{value}`** of {listed}: {meaning}{tried}"


def _example(flag: str, command: str) -> str:
    """Return the manual's first command line that has an option, ready to be shown."""
    for text in map(pages.page, (pages.TERMS, *pages.TOPICS)):
        for line in _COMMANDS.findall(text):
            words = line.split()
            of_it = line.startswith(f"{command} ") and (command != "vanish" or words[1][0] == "-")
            if of_it and flag in words and not _PLACEHOLDER.search(line):
                return f"\n\nTry `{line.strip()}`."
    return ""


def _containing(asked: str) -> Iterator[str]:
    """Yield the terms that have all words of what was asked in one of their names."""
    wanted = words(asked)
    if len(key(asked)) < 3:  # part of too much: no, of, an
        return
    for term in pages.terms():
        if wanted and any(wanted <= words(name) for name in term.names):
            yield _told(term)


def _unknown(asked: str, usages: Sequence[Usage]) -> UsageError:
    from vanish.manual import records  # noqa: PLC0415 - it imports numpy

    known = [*pages.TOPICS, *(name for term in pages.terms() for name in term.names)]
    known += [name for usage in usages for name in usage.names if " " not in name]
    known += [*records.column_names(), *records.registered_names()]
    if asked.startswith("-"):
        known = [name for name in known if name.startswith("-")]
    # A sign is near no word: its name, such as chi, is only how its key is written.
    by_key = {key(name): name for name in reversed(known) if name.isascii() or not asked.isascii()}
    near = get_close_matches(key(asked), by_key, n=_NEAREST, cutoff=0.6)
    near = (
        near or [each for each in by_key if len(key(asked)) > 2 and key(asked) in each][:_NEAREST]
    )
    advice = (
        f"did you mean {', '.join(by_key[each] for each in near[:_NEAREST])}?"
        if near
        else "vanish help lists the topics"
    )
    return UsageError(f"the manual has no {asked!r}: {advice}")
