"""What mean-field theory expects of every layer, and what it has seen on its way forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, overload

import numpy as np

from vanish.numbers.fields import Roots, Same, Sizes
from vanish.numbers.stack import Magnitudes
from vanish.records import Record

if TYPE_CHECKING:
    from vanish.numbers.fields import Field
    from vanish.numbers.scaled import Magnitude


class Expected(Record):
    """Root mean squares over the draws of weights, biases and readout, of one layer.

    Attributes
    ----------
    grad_w, grad_b
        Those of the gradients by all matrices, and by all biases, of the layer together:
        roots of the sums of their squares. None where it has none.
    grad_f
        That of ‖∂L/∂f_k‖.
    value
        That of the entries of f_k.
    q
        The mean square of the entries of a_k; None where nothing is called a.
    of_s
        That of each argument of S, in the order of their places.
    """

    grad_w: Magnitude | None
    grad_b: Magnitude | None
    grad_f: Magnitude
    value: Magnitude
    q: Magnitude | None
    of_s: tuple[Magnitude, ...]


class Expectations(Sequence[Expected]):
    """What is expected of every layer, layer 1 first; the fields of `Expected` as arrays.

    Parameters
    ----------
    grad_w, grad_b, grad_f, value, q
        Those of all layers.
    seen
        What is known of the way forward.
    """

    def __init__(
        self, grad_w: Field, grad_b: Field, grad_f: Field, value: Field, q: Field, *seen: Seen
    ) -> None:
        self.grad_w: Final = grad_w
        self.grad_b: Final = grad_b
        self.grad_f: Final = grad_f
        self.value: Final = value
        self.q: Final = q
        self._seen = seen

    @classmethod
    def none(cls) -> Expectations:
        """Return none of no layer, as every field of it says."""
        nothing = Same(None)
        return cls(nothing, nothing, nothing, nothing, nothing)

    def __len__(self) -> int:
        return sum(seen.layers for seen in self._seen)

    @overload
    def __getitem__(self, index: int) -> Expected: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Expected]: ...
    def __getitem__(self, index: int | slice) -> Expected | Sequence[Expected]:
        places = range(len(self))[index]
        return self._at(places) if isinstance(places, int) else [self._at(at) for at in places]

    def _at(self, place: int) -> Expected:
        rows = slice(place, place + 1)
        of_s = [each.listed()[0] for each in self.of_s(place + 1, place + 1)]
        return Expected(
            *(self.grad_w.part(rows)[0], self.grad_b.part(rows)[0], self.grad_f.part(rows)[0]),
            *(self.value.part(rows)[0], self.q.part(rows)[0]),
            of_s=tuple(of_s),
        )

    def of_s(self, first: int, last: int) -> list[Magnitudes]:
        """Return the mean squares of what S is applied to, by its places, in layers of a run.

        Raises
        ------
        IndexError
            If there are no such layers.
        """
        before = 0
        for seen in self._seen:
            if last <= before + seen.layers:
                here = slice(first - 1 - before, last - before), 0
                return [each.at(here) for each in seen.of_s]
            before += seen.layers
        raise IndexError(last)


class Seen(Record):
    """What is known of the way forward through the layers of a run, shape (L, 1) each.

    Attributes
    ----------
    kept
        What every place keeps.
    values, arguments
        The mean squares of f_k and of a_k; None where nothing is called a.
    of_s
        Those of what S is applied to, by its places.
    """

    kept: list[Magnitudes | None]
    values: Magnitudes
    arguments: Magnitudes | None
    of_s: list[Magnitudes]

    @property
    def layers(self) -> int:
        """L."""
        return len(self.values.mantissas)


def joined(
    parts: Sequence[Magnitudes | None],
    depths: Sequence[int],
    kind: type[Sizes | Roots] = Sizes,
) -> Field:
    """Return a field of the layers of some runs, None where a run has none."""
    if all(part is None for part in parts):
        return Same(None)
    zeros = (Magnitudes.of(np.zeros(depth)) for depth in depths)
    found = [nothing if part is None else part for part, nothing in zip(parts, zeros, strict=True)]
    known = None
    if any(part is None for part in parts):
        known = np.repeat([part is not None for part in parts], depths)
    return kind(Magnitudes.layers(found).narrow(), known)
