"""Names: one rule of spelling, and registries of what they mean.

Everything that is chosen by name, an activation as well as a format, is looked up here: case,
blanks, - and _ make no difference, so LeakyReLU and leaky-relu are leaky_relu, and TSV is tsv.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from vanish.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Entry = TypeVar("Entry")


def folded(name: str) -> str:
    """Return what all spellings of a name have in common."""
    return "".join(name.split()).lower().replace("_", "").replace("-", "")


def spelled(given: str, known: Iterable[str]) -> str:
    """Return the known name that one in any spelling means; an unknown one as it is."""
    wanted = folded(given)
    return next((name for name in known if folded(name) == wanted), given)


def choice(kind: str, given: str, known: Iterable[str]) -> str:
    """Return the known name that one in any spelling means.

    Parameters
    ----------
    kind
        What the name should name, such as ``"format"``.
    given
        The name as the user wrote it.
    known
        Every name that would be right.

    Raises
    ------
    UsageError
        If it is none of them; the message names the nearest ones.
    """
    names = tuple(known)
    found = spelled(given, names)
    if found not in names:
        raise unknown_name(kind, given, names)
    return found


class Registry(Generic[Entry]):
    """What names of one kind mean.

    Parameters
    ----------
    kind
        What messages call an entry, such as ``"activation"``.
    entries
        The first ones, by their names.
    synonyms
        Words that others have for a part of a name, with ours. They are understood, and not
        told.
    beside
        Names that mean no entry, and that messages tell before the others.
    """

    def __init__(
        self,
        kind: str,
        entries: Mapping[str, Entry] | None = None,
        *,
        synonyms: Mapping[str, str] | None = None,
        beside: tuple[str, ...] = (),
    ) -> None:
        self._kind, self._synonyms, self._beside = kind, synonyms or {}, beside
        self._entries: dict[str, Entry] = {}
        self._names: dict[str, str] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}
        for name, entry in (entries or {}).items():
            self.add(name, entry)

    def add(self, name: str, entry: Entry, aliases: tuple[str, ...] = ()) -> None:
        """Let a name and its aliases mean an entry.

        Raises
        ------
        UsageError
            If one of them is taken.
        """
        spellings: dict[str, str] = {}
        for each in (name, *aliases):
            spelling = folded(each)
            if spelling in self._names or spelling in spellings:
                raise UsageError(f"{self._kind} name {each!r} is taken: choose another one")
            spellings[spelling] = name
        self._entries[name], self._aliases[name] = entry, aliases
        self._names |= spellings

    def remove(self, name: str) -> None:
        """Forget an entry, its name and its aliases."""
        del self._entries[name]
        for each in (name, *self._aliases.pop(name)):
            del self._names[folded(each)]

    def get(self, name: str) -> Entry:
        """Return the entry that a name or an alias means.

        Raises
        ------
        UsageError
            If there is none; the message names the nearest ones.
        """
        own = self._own(name)
        if own is None:
            aliases = (alias for each in self._aliases.values() for alias in each)
            raise unknown_name(self._kind, name, [*self.names(), *aliases])
        return self._entries[own]

    def spelled(self, name: str) -> str:
        """Return an entry's own name for any of its spellings; an unknown one as it is."""
        own = self._own(name)
        return spelled(name, self._beside) if own is None else own

    def _own(self, name: str) -> str | None:
        spelling = folded(name)
        for word, ours in self._synonyms.items():
            spelling = spelling.replace(word, ours)
        return self._names.get(spelling)

    def names(self) -> tuple[str, ...]:
        """Return the names, in the order in which they were added."""
        return (*self._beside, *self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())
