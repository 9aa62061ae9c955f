"""Which arrays of a checkpoint make a chain: those that are asked for, or all that fit.

A checkpoint holds more than a chain of matrices: norms, embeddings, what an optimizer keeps.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

from vanish.errors import InputError, unknown_name
from vanish.files.arraynames import Name, Naming, usual_layout
from vanish.network.layout import AUTO, LAYOUTS, OUT_IN
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vanish.files.arraynames import Shaped

# What a name has behind that of its layer: Keras ends names with :0.
_BEHIND = re.compile(r"[./](?:weight|bias|kernel)(?::\d+)?$")

# Where trainers keep what is no part of the network, in front of its own names.
_NOT_ITS_OWN = re.compile(r"optim", re.IGNORECASE)

# What --save-weights writes beside the weights.
_SAMPLE = ("x", "r", "u")


# An unknown name is compared with so many: with each it takes some microseconds.
_LIKENED = 1000


class Selection(Record):
    """What was taken of a file.

    Attributes
    ----------
    naming
        The arrays of the chain.
    left
        The names of all others, in natural order.
    """

    naming: Naming
    left: tuple[str, ...]

    @classmethod
    def of(cls, naming: Naming, names: Iterable[str]) -> Selection:
        """Return what is taken of arrays of these names."""
        own = {*naming.weights, *naming.biases}
        return cls(naming, tuple(sorted((each for each in names if each not in own), key=natural)))


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key by which 2 comes before 10 wherever names have numbers."""
    # A number longer than Python reads is ordered by its digits.
    return [
        (0, int(part), "") if part.isdecimal() and len(part) < 1000 else (1, 0, part)
        for part in re.split(r"(\d+)", name)
    ]


def stem(name: str) -> str:
    """Return the name of the layer that an array belongs to: without .weight or .bias."""
    return _BEHIND.sub("", name)


def selected(
    source: str, arrays: Mapping[str, Shaped], patterns: Sequence[str], layout: str
) -> Selection:
    """Return the weights that patterns name, with their biases.

    Parameters
    ----------
    source
        What messages call the file.
    arrays
        All arrays of the file.
    patterns
        Globs such as ``layers.*.fc1``, for names with or without .weight; of several the
        weights of each come behind those of the one before, in natural order; where these do
        not fit, as of layers.*.up and layers.*.down, the first of each come first, then the
        second ones; and where these do not fit either, all in natural order.
    layout
        How weights lie, ``auto`` for what fits.

    Raises
    ------
    InputError
        If a pattern names nothing, or no matrix, or two that follow each other do not fit.
    UsageError
        If a name without a star is that of no array.
    """
    ordered = [Name.of(each) for each in sorted(arrays, key=natural)]
    chosen: dict[str, Name] = {}
    by_pattern: list[list[Name]] = []
    for pattern in patterns:
        matching = [
            each
            for each in ordered
            if fnmatchcase(each.whole, pattern) or fnmatchcase(stem(each.whole), pattern)
        ]
        if not matching:
            known = [*dict.fromkeys(stem(each.whole) for each in ordered)][:_LIKENED]
            raise unknown_name(f"name in {source}", pattern, known, _lists(source))
        matrices = [each for each in matching if _is_matrix(each, arrays)]
        if not matrices:
            first = min(matching, key=lambda each: each.is_bias).whole
            raise InputError(
                f"{source}: {first} has shape {arrays[first].shape}: --select weights of two axes"
            )
        by_pattern.append([each for each in matrices if each.whole not in chosen])
        chosen |= {each.whole: each for each in matrices}
    weights = [*chosen.values()]
    biases = _biases(ordered, arrays)
    usual = usual_layout(weights)
    layouts = LAYOUTS if layout == AUTO else (layout,)
    ways = sorted(layouts, key=lambda each: each != usual)
    clashes = {each: _clashes(weights, arrays, each) for each in ways}
    if all(clashes.values()):
        in_turns = [each for turn in zip_longest(*by_pattern) for each in turn if each is not None]
        together = sorted(weights, key=lambda each: natural(each.whole))
        for order in (in_turns, together):
            if not all(_clashes(order, arrays, each) for each in ways):
                return Selection.of(_naming(order, biases, usual), arrays)
        read = min(clashes, key=lambda each: len(clashes[each]))
        before, behind = clashes[read][0]
        n_out, n_in = _sizes(arrays[before.whole], read)[1], _sizes(arrays[behind.whole], read)[0]
        raise InputError(
            f"{source}: {_shaped(before, arrays)} gives {n_out}, but {_shaped(behind, arrays)}"
            f" behind it takes {n_in}: --select weights that follow each other"
        )
    return Selection.of(_naming(weights, biases, usual), arrays)


def chained(source: str, arrays: Mapping[str, Shaped], layout: str) -> Selection:
    """Return the longest chain that the matrices make in natural order, with their biases.

    Parameters
    ----------
    source, arrays, layout
        As for `selected`.

    Raises
    ------
    InputError
        If there is no matrix.
    """
    ordered = [
        Name.of(each)
        for each in sorted(arrays, key=natural)
        if each not in _SAMPLE and not _NOT_ITS_OWN.match(each)
    ]
    matrices = [each for each in ordered if _is_matrix(each, arrays)]
    if not matrices:
        raise InputError(f"{source}: no weights of two axes in it: {_lists(source)}")
    biases = _biases(ordered, arrays)
    usual = usual_layout(matrices)
    layouts = LAYOUTS if layout == AUTO else (layout,)
    found = [
        _longest(matrices, biases, arrays, each)
        for each in sorted(layouts, key=lambda each: each != usual)
    ]
    # Where both ways are as long, the usual one.
    longest = max(found, key=len) or matrices[:1]
    return Selection.of(_naming(longest, biases, usual), arrays)


def _lists(source: str) -> str:
    return f"vanish show {source} lists all names"


def _is_matrix(name: Name, arrays: Mapping[str, Shaped]) -> bool:
    array = arrays[name.whole]
    return array.ndim == 2 and array.size > 0 and not name.is_bias


def _biases(names: Iterable[Name], arrays: Mapping[str, Shaped]) -> dict[object, Name]:
    """Return the biases by the layers that they belong to."""
    return {
        each.layer: each
        for each in names
        if each.is_bias and arrays[each.whole].size == max(arrays[each.whole].shape, default=0)
    }


def _sizes(array: Shaped, layout: str) -> tuple[int, int]:
    """Return n_in and n_out of a matrix."""
    first, second = array.shape
    return (second, first) if layout == OUT_IN else (first, second)


def _shaped(name: Name, arrays: Mapping[str, Shaped]) -> str:
    return f"{name.whole} of shape {arrays[name.whole].shape}"


def _clashes(
    weights: Sequence[Name], arrays: Mapping[str, Shaped], layout: str
) -> list[tuple[Name, Name]]:
    """Return what follows each other and does not fit."""
    return [
        (before, behind)
        for before, behind in pairwise(weights)
        if _sizes(arrays[before.whole], layout)[1] != _sizes(arrays[behind.whole], layout)[0]
    ]


def _longest(
    matrices: Sequence[Name],
    biases: Mapping[object, Name],
    arrays: Mapping[str, Shaped],
    layout: str,
) -> list[Name]:
    """Return the longest of all chains, of several the one that is complete first.

    Each matrix is put behind the longest chain before it that gives what it takes.
    """
    # By what it gives, the longest chain so far: its length, and its last matrix.
    best: dict[int, tuple[int, int]] = {}
    before: list[int] = []
    longest = (0, -1)
    for place, name in enumerate(matrices):
        n_in, n_out = _sizes(arrays[name.whole], layout)
        length, last = best.get(n_in, (0, -1))
        before.append(last)
        bias = biases.get(name.layer)
        if bias is not None and arrays[bias.whole].size != n_out:
            continue  # it lies the other way
        if length + 1 > best.get(n_out, (0, -1))[0]:
            best[n_out] = length + 1, place
        longest = max(longest, (length + 1, place), key=lambda each: each[0])
    chain: list[Name] = []
    place = longest[1]
    while place >= 0:
        chain.append(matrices[place])
        place = before[place]
    return chain[::-1]


def _naming(weights: Sequence[Name], biases: Mapping[object, Name], usual: str) -> Naming:
    own = [biases.get(each.layer) for each in weights]
    return Naming(
        tuple(each.whole for each in weights),
        tuple(None if each is None else each.whole for each in own),
        usual,
    )
