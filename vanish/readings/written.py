"""Values as a person would write them: what the notation reading lets flow forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.records import Record

if TYPE_CHECKING:
    from vanish.network.graph import Slot

# The layer of formulas that hold for every k.
ANY = -1


# How tightly a value is written: a symbol or S(…), a product of matrices, one with a number in
# front, a sum.
ATOM, MATRICES, NUMBER, SUM = range(4)


def written(slot: Slot) -> str:
    """Return how a parameter is written, with ``{k}`` for the layer's index."""
    return slot.letter + ("" if slot.tied else "{k}")


class Written(Record):
    """A value as it is written.

    Attributes
    ----------
    parts
        Texts, ``{k}`` and ``{j}`` standing for the indices of the layer and of the one before it,
        and the values between them.
    layer
        That layer.
    binds
        `ATOM`, `MATRICES`, `NUMBER` or `SUM`. Anything but an atom stands in brackets where it
        is differentiated.
    """

    parts: tuple[str | Written, ...]
    layer: int
    binds: int = ATOM

    def within(self, before: str, after: str, layer: int, *, binds: int = ATOM) -> Written:
        """Return it between two texts."""
        return Written((before, self, after), layer, binds)

    def affine(self, weight: Slot, bias: Slot | None = None, *, layer: int) -> Written:
        """Return W f + b, or W f."""
        after = "" if bias is None else f"+{written(bias)}"
        binds = MATRICES if bias is None else SUM
        return self._behind(written(weight), after, layer, binds)

    def scaled(self, constant: str, layer: int) -> Written:
        """Return c f, given c as text."""
        return self._behind("-" if constant == "-1" else f"{constant} ", "", layer, NUMBER)

    def shifted(self, bias: Slot, *, layer: int) -> Written:
        """Return f + b."""
        return self.plus(Written((written(bias),), layer), layer)

    def _behind(self, text: str, after: str, layer: int, binds: int) -> Written:
        """Return it behind a matrix or a number, in brackets where it needs them."""
        opening, closing = ("", "") if self.binds < NUMBER else ("(", ")")
        return self.within(text + opening, closing + after, layer, binds=binds)

    def plus(self, other: Written, layer: int) -> Written:
        """Return the sum of two values."""
        first, *rest = other.parts
        if isinstance(first, str) and first.startswith("-"):
            negated = other._replace(parts=(first[1:], *rest))
            return Written((self._spaced(), " - ", negated), layer, SUM)
        return Written((self._spaced(), " + ", other._spaced()), layer, SUM)

    def _spaced(self) -> Written:
        """Return W f+b with blanks, as part of a longer sum."""
        *front, last = self.parts
        if len(front) < 2 or isinstance(last, Written):
            return self
        return self._replace(parts=(*front, last.replace("+", " + ")))
