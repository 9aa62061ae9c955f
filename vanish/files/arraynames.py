"""Which array of a file is which: weights and biases of the layers, by their names.

Nobody names arrays alike: W1 and b1, net.0.weight and net.0.bias, dense_1/kernel and
dense_1/bias, coefs_0, arr_0. What they have in common: one word of a name says whether it is
a weight or a bias, the rest of it which layer's, and numbers count the layers.
"""

from __future__ import annotations

import re
from itertools import chain, islice, permutations
from typing import TYPE_CHECKING, Protocol

from vanish.errors import InputError
from vanish.network.blockarrays import is_lettered
from vanish.network.fit import Shapes, makes_chain
from vanish.network.layout import IN_OUT, LAYOUTS, OUT_IN
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    # What a weight has in common with its bias: the words and the numbers of their names.
    Layer = tuple[tuple[str, ...], tuple[int, ...]]

# The words that say which of the two an array is, and those of libraries whose weights are
# (n_in, n_out): Keras and Flax, scikit-learn.
_WEIGHTS = ("w", "weight", "weights", "kernel", "kernels", "coef", "coefs")
_BIASES = ("b", "bias", "biases", "intercept", "intercepts")
_KERNELS = ("kernel", "kernels", "coef", "coefs")

# What numpy.savez calls arrays that were given without a name.
_UNNAMED = ("arr",)

_EXAMPLES = "W1 and b1, or fc1.weight and fc1.bias"


class Shaped(Protocol):
    """An array, or one that has not been read yet."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def ndim(self) -> int:
        """How many axes it has."""

    @property
    def size(self) -> int:
        """How many numbers it has."""


# So many groups of names are put into other orders, of which there are 120.
_MOST_GROUPS = 5


class Naming(Record):
    """The names of a network's arrays.

    Attributes
    ----------
    weights
        Those of W_1, …, W_N.
    biases
        Those of b_1, …, b_N, None for none.
    usual
        How weights of such names usually lie, ``out_in`` or ``in_out``.
    """

    weights: tuple[str, ...]
    biases: tuple[str | None, ...]
    usual: str

    @property
    def groups(self) -> tuple[str, ...]:
        """Globs of the weights, those of the same words together, in their order."""
        found: dict[tuple[str, ...], str] = {}
        for weight in self.weights:
            name = Name.of(weight)
            found.setdefault(name.words, re.sub("[0-9]+", "*", weight.removesuffix(".weight")))
        return tuple(found.values())

    @property
    def is_numbered(self) -> bool:
        """Whether the names of the weights number them and say nothing else: W1, or arr_0."""
        names = map(Name.of, self.weights)
        return all(name.counted or name.words == _UNNAMED for name in names)

    def makes_chain(self, arrays: Mapping[str, Shaped], layouts: Iterable[str] = LAYOUTS) -> bool:
        """Tell whether those arrays fit each other in one of some layouts."""
        shapes = {name: arrays[name].shape for name in self.weights}
        if any(len(shape) != 2 for shape in shapes.values()):
            return False
        weights = tuple((name, (shape[0], shape[1])) for name, shape in shapes.items())
        sizes = (None if name is None else (name, arrays[name].size) for name in self.biases)
        return makes_chain(Shapes(weights, tuple(sizes)), layouts)


class Name(Record):
    """A name taken apart.

    Attributes
    ----------
    whole
        The name itself.
    role
        The word that says what it is; empty if none does.
    words, numbers
        The rest, which says of what layer.
    counted
        Whether it is a role and a number behind it and nothing else, such as W1.
    """

    whole: str
    role: str
    words: tuple[str, ...]
    numbers: tuple[int, ...]
    counted: bool

    @classmethod
    def of(cls, whole: str) -> Name:
        """Take a name apart."""
        # Keras ends its names with :0; hiddenWeight are two words.
        plain = re.sub(r":\d+$", "", whole)
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower()
        parts = re.findall(r"[^\W\d_]+|\d{1,18}", spaced)
        places = [i for i, part in enumerate(parts) if part in _WEIGHTS + _BIASES]
        role = parts.pop(places[-1]) if places else ""
        numbers = tuple(int(part) for part in parts if part.isdecimal())
        words = tuple(part for part in parts if not part.isdecimal())
        counted = places[-1:] == [0] and not words and len(numbers) < 2
        return cls(whole, role, words, numbers, counted)

    @property
    def layer(self) -> Layer:
        """Which layer's it is."""
        return self.words, self.numbers

    @property
    def is_weight(self) -> bool:
        """Whether it says that it is a weight."""
        return self.role in _WEIGHTS

    @property
    def is_bias(self) -> bool:
        """Whether it says that it is a bias."""
        return self.role in _BIASES


def usual_layout(names: Iterable[Name]) -> str:
    """Return how weights of such names usually lie: (n_in, n_out) where all are kernels."""
    return IN_OUT if all(name.role in _KERNELS for name in names) else OUT_IN


def layers_of(source: str, arrays: Mapping[str, Shaped]) -> Naming:
    """Return which of a file's arrays are the weights and biases of which layers.

    Layers whose names differ only by numbers are in the order of these, however the file has
    them, unless only the order of the file makes a chain; others are in the order of the
    file, as those of a saved state_dict are.

    Where no name says weight or bias, as in arr_0, arr_1, … of numpy.savez, arrays of two
    axes are the weights, and those of one are their biases: the k-th of the k-th weight where
    there are as many, else of the weight before. A row or a column right behind a weight is
    a bias, too, where the arrays make no chain otherwise.

    Parameters
    ----------
    source
        What messages call the file.
    arrays
        All of its arrays, in the order of the file.

    Raises
    ------
    InputError
        If there is no weight, a number is missing, or an array is neither a weight nor the
        one bias of one.
    """
    names = [Name.of(name) for name in arrays]
    if names and not any(name.role for name in names):
        return _by_axes(source, arrays, names)
    block = "give the block that it belongs to, or " * is_lettered(arrays, beside_block=True)
    for name in names:
        if not name.role:
            raise InputError(
                f"{source}: {name.whole!r} is neither a weight nor a bias by its name: leave it"
                f" out, --select the others, or {block}name arrays like {_EXAMPLES}"
            )
    weights = _once(source, "weights", (name for name in names if name.is_weight))
    biases = _once(source, "biases", (name for name in names if name.is_bias))
    if not weights:
        raise InputError(f"{source}: no weights in it: name arrays like {_EXAMPLES}")
    for name in biases.values():
        if name.layer not in weights:
            raise InputError(
                f"{source}: {name.whole!r} is a bias without its weight: name them alike, such as"
                f" {_EXAMPLES}"
            )

    def naming(order: list[Name]) -> Naming:
        own = [biases.get(name.layer) for name in order]
        return Naming(
            tuple(name.whole for name in order),
            tuple(None if name is None else name.whole for name in own),
            usual_layout(order),
        )

    as_filed = [*weights.values()]
    ordered = _by_number(as_filed)
    if all(name.counted for name in ordered):
        _require_all(source, ordered)
    found = naming(ordered)
    if found.makes_chain(arrays):
        return found
    # A decoder may count its layers down.
    other = naming(as_filed)
    if other.makes_chain(arrays):
        return other
    # Some files have their names sorted: output before stem.
    ways = other_orders(found, arrays)
    return ways[0] if len(ways) == 1 else found


def other_orders(naming: Naming, arrays: Mapping[str, Shaped]) -> list[Naming]:
    """Return the other orders of layers of different words in which they make a chain.

    As the weights usually lie: lying the other way they fit the other way round.

    Parameters
    ----------
    naming
        The layers; those of the same words stay in their order.
    arrays
        All arrays of their file.
    """
    groups: dict[tuple[str, ...], list[tuple[str, str | None]]] = {}
    for weight, bias in zip(naming.weights, naming.biases, strict=True):
        groups.setdefault(Name.of(weight).words, []).append((weight, bias))
    if len(groups) > _MOST_GROUPS:
        return []
    orders = islice(permutations(groups.values()), 1, None)
    found = []
    for order in orders:
        weights, biases = zip(*chain.from_iterable(order), strict=True)
        found.append(Naming(weights, biases, naming.usual))
    return [each for each in found if each.makes_chain(arrays, (naming.usual,))]


def _once(source: str, what: str, names: Iterable[Name]) -> dict[Layer, Name]:
    """Return the names by their layers."""
    found: dict[Layer, Name] = {}
    for name in names:
        other = found.setdefault(name.layer, name)
        if other is not name:
            raise InputError(
                f"{source}: {other.whole!r} and {name.whole!r} are both {what} of one layer:"
                " leave one out"
            )
    return found


def _by_number(names: list[Name]) -> list[Name]:
    """Return the names, those of the same words sorted by their numbers."""
    ordered = list(names)
    for words in dict.fromkeys(name.words for name in names):
        places = [i for i, name in enumerate(names) if name.words == words]
        alike = sorted((names[i] for i in places), key=lambda name: name.numbers)
        for i, name in zip(places, alike, strict=True):
            ordered[i] = name
    return ordered


def _require_all(source: str, names: list[Name]) -> None:
    """Refuse a gap in W1, W2, …; other numbers may count what has no weights, too."""
    if not names[0].numbers:
        if len(names) == 1:
            return
        raise InputError(
            f"{source}: {names[0].whole!r} has no number, {names[1].whole!r} has one: number all"
            " weights"
        )
    first = min(1, *names[0].numbers)
    for k, name in enumerate(names, first):
        if name.numbers != (k,):
            missing = re.sub(r"\d+", str(k), name.whole)
            raise InputError(
                f"{source}: {name.whole} but no {missing}: number the weights without a gap"
            )


def _by_axes(source: str, arrays: Mapping[str, Shaped], names: list[Name]) -> Naming:
    """Tell weights from biases by their axes alone."""
    ordered = [name.whole for name in _by_number(names)]
    for name in ordered:
        if arrays[name].ndim not in (1, 2):
            raise InputError(
                f"{source}: {name} has shape {arrays[name].shape}: give weights of two axes and"
                " biases of one"
            )
    weights = [name for name in ordered if arrays[name].ndim == 2]
    if len(weights) == len(ordered):
        alone = Naming(tuple(weights), (None,) * len(weights), OUT_IN)
        pairs = Naming(tuple(ordered[::2]), tuple(ordered[1::2]), OUT_IN)
        flat = len(ordered) % 2 == 0 and all(1 in arrays[name].shape for name in ordered[1::2])
        return pairs if flat and not alone.makes_chain(arrays) else alone
    if not weights:
        raise InputError(f"{source}: no array of two axes in it: give weights as (n_out, n_in)")
    biases = [name for name in ordered if name not in weights]
    if len(biases) == len(weights):
        return Naming(tuple(weights), tuple(biases), OUT_IN)
    own: dict[str, str] = {}
    before = ""
    for name in ordered:
        if name in weights:
            before = name
        elif not before or before in own:
            raise InputError(
                f"{source}: {name} is a bias by its axes, but has no weight of its own before it:"
                f" name arrays like {_EXAMPLES}"
            )
        else:
            own[before] = name
    return Naming(tuple(weights), tuple(own.get(name) for name in weights), OUT_IN)
