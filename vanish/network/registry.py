"""Names: one rule of spelling, and registries of what they mean.

Everything that is chosen by name, an activation as well as a format, is looked up here: case,
blanks, - and _ make no difference, so LeakyReLU and leaky-relu are leaky_relu, and TSV is tsv.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from vanish.errors import UsageError, quoted, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Protocol

    class Named(Protocol):
        """What can be looked up by its name."""

        @property
        def name(self) -> str:
            """What it is called."""


Entry = TypeVar("Entry", bound="Named")


def folded(name: str) -> str:
    """Return what all spellings of a name have in common."""
    return "".join(name.split()).lower().replace("_", "").replace("-", "")


def spelled(given: str, known: Iterable[str]) -> str:
    """Return the known name that one in any spelling means; an unknown one as it is."""
    wanted = folded(given)
    return next((name for name in known if folded(name) == wanted), given)


def apart(listed: str) -> Iterator[str]:
    """Yield what commas part, but for those in brackets."""
    depth = start = 0
    for at, sign in enumerate(listed):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth <= 0:
            yield listed[start:at]
            start = at + 1
    yield listed[start:]


def choice(kind: str, given: str, known: Iterable[str], help: str = "") -> str:
    """Return the known name that one in any spelling means.

    Parameters
    ----------
    kind
        What the name should name, such as ``"format"``.
    given
        The name as the user wrote it.
    known
        Every name that would be right.
    help
        What lists them, where they are too many for a message.

    Raises
    ------
    UsageError
        If it is none of them; the message names the nearest ones.
    """
    names = tuple(known)
    _require_text(kind, given)
    found = spelled(given, names)
    if found not in names:
        raise unknown_name(kind, given, names, help)
    return found


def _require_text(kind: str, given: object) -> None:
    """Refuse what is no name of anything."""
    if not isinstance(given, str):
        raise UsageError(f"{kind} {quoted(given)}: give one name")


class Registry(Generic[Entry]):
    """What names of one kind mean.

    Parameters
    ----------
    kind
        What messages call an entry, such as ``"activation"``.
    entries
        The first ones: records with a `name`, and `aliases` if they have any.
    synonyms
        Words that others have for a part of a name, with ours. They are understood, and not
        told.
    beside
        Names that mean no entry, told before the others.
    """

    def __init__(
        self,
        kind: str,
        entries: Iterable[Entry] = (),
        *,
        synonyms: Mapping[str, str] | None = None,
        beside: tuple[str, ...] = (),
    ) -> None:
        self._kind, self._synonyms, self._beside = kind, synonyms or {}, beside
        # By their own names, in the order in which they came; one that is not made yet is None.
        self._entries: dict[str, Entry | None] = {}
        self._makers: dict[str, Callable[[], Entry]] = {}
        # The own name that each spelling means.
        self._names: dict[str, str] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Let an entry's name and its aliases mean it.

        Raises
        ------
        UsageError
            If one of them is taken.
        """
        self._make_all()
        self._enter(entry.name, entry.name)
        try:
            self._enter_aliases(entry)
        except UsageError:
            self._forget(entry.name)
            raise
        self._entries[entry.name] = entry

    def defer(self, name: str, make: Callable[[], Entry]) -> None:
        """Let a name mean what `make` returns, once it is asked for, and its aliases from then on.

        Whatever is no name yet may be an alias, and asks for all.
        """
        self._enter(name, name)
        self._entries[name], self._makers[name] = None, make

    def remove(self, name: str) -> None:
        """Forget an entry, its name and its aliases."""
        del self._entries[name]
        self._makers.pop(name, None)
        self._forget(name)

    def get(self, name: str) -> Entry:
        """Return the entry that a name or an alias means.

        Raises
        ------
        UsageError
            If there is none; the message names the nearest ones.
        """
        _require_text(self._kind, name)
        own = self._own(name)
        if own is None:
            self.require_one(name)
            aliases = (each for entry in self for each in _aliases(entry))
            meant = name.strip().lower()
            for word, ours in self._synonyms.items():
                meant = meant.replace(word, ours)
            raise unknown_name(self._kind, name, [*self.names(), *aliases], meant=meant)
        return self._made(own)

    def require_one(self, text: str) -> None:
        """Refuse a list where one entry is wanted.

        Raises
        ------
        UsageError
            If commas part it, and a part is a name, with or without numbers in brackets.
        """
        # Whoever asks for a formula comes by here, for every layer.
        if "," not in text or len(parts := [*apart(text)]) == 1:
            return
        names = {self.spelled(part.partition("(")[0]) for part in parts}
        if not names.isdisjoint(self.names()):
            raise UsageError(f"{self._kind} {text!r}: a list of {len(parts)}: give one")

    def spelled(self, name: str) -> str:
        """Return an entry's own name for any of its spellings; an unknown one as it is."""
        if name in self._beside:  # the default of many a command, and no reason to make all
            return name
        own = self._own(name)
        return spelled(name, self._beside) if own is None else own

    def names(self) -> tuple[str, ...]:
        """Return the names, in the order in which they came."""
        return (*self._beside, *self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return map(self._made, tuple(self._entries))

    def _own(self, name: str) -> str | None:
        if name in self._entries:
            return name
        spelling = folded(name)
        for word, ours in self._synonyms.items():
            spelling = spelling.replace(word, ours)
        if spelling not in self._names:
            self._make_all()
        return self._names.get(spelling)

    def _made(self, name: str) -> Entry:
        found = self._entries[name]
        if found is None:
            found = self._entries[name] = self._makers[name]()
            self._enter_aliases(found)
        return found

    def _make_all(self) -> None:
        for name in self._makers:
            self._made(name)

    def _enter_aliases(self, entry: Entry) -> None:
        for alias in _aliases(entry):
            self._enter(alias, entry.name)

    def _enter(self, spelling: str, name: str) -> None:
        if folded(spelling) in self._names:
            raise UsageError(f"{self._kind} name {spelling!r} is taken: choose another one")
        self._names[folded(spelling)] = name

    def _forget(self, name: str) -> None:
        self._names = {each: own for each, own in self._names.items() if own != name}


def _aliases(entry: object) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(entry, "aliases", ())
    return found
