"""What a classifier learns from: generated, bundled or the user's own, checked and split."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vanish.errors import InputError, plain, unknown_name
from vanish.files.content import read_bytes
from vanish.files.labelled import is_number, labelled
from vanish.files.npz import is_archive, load_npz
from vanish.network.converting import read
from vanish.network.registry import spelled
from vanish.network.streams import Role
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from vanish.network.streams import Streams
    from vanish.numbers.scaled import FloatArray

    Classes = NDArray[np.intp]

SPIRALS, DIGITS = NAMES = ("spirals", "digits")

# Two arms of three quarters of a turn each, so wound that no straight line tells much more
# than nine in ten of the points apart, and with so little noise that the arms do not touch.
SPIRAL_POINTS = 1000
SPIRAL_TURNS = 0.75
SPIRAL_NOISE = 0.03

TEST_SHARE = 0.2

# So many times the largest number of the training part is as good as infinite.
_FAR = 1e150


class Examples(Record):
    """Examples with their classes.

    Attributes
    ----------
    x
        Features, shape (n, features), finite.
    y
        Classes, from 0, shape (n,).
    """

    x: FloatArray
    y: Classes


class Split(Record):
    """The two parts of one trial, every feature standardised by the training part."""

    train: Examples
    test: Examples

    @property
    def chance(self) -> float:
        """The test accuracy of whoever always names the class most frequent there."""
        return float(np.bincount(self.test.y).max()) / len(self.test.y)


class Data(Record):
    """Something to classify.

    Attributes
    ----------
    name
        What messages and results call it: ``spirals``, ``digits``, or a file's path.
    classes
        The names of the classes, as they may be shown.
    features
        How many numbers describe an example.
    draw
        Returns the examples of a trial: of generated data new ones, else always the same.
    test
        The test part, where it is given and not split off.
    """

    name: str
    classes: tuple[str, ...]
    features: int
    draw: Callable[[Streams, int], Examples]
    test: Examples | None = None

    @classmethod
    def of(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        x_test: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        name: str = "arrays",
    ) -> Data:
        """Check arrays of examples.

        Parameters
        ----------
        x
            Features, shape (n, …); all axes but the first are flattened.
        y
            Labels, numbers or text, shape (n,).
        x_test, y_test
            The same of a test part of its own.
        name
            What messages call them.

        Raises
        ------
        InputError
            If they are no finite numbers, do not fit each other, or cannot be classified.
        """
        name = plain(str(name))
        features, labels = _features(f"{name}: X", x), _labels(f"{name}: y", y)
        _check_lengths(name, "X", features, "y", labels)
        classes, number = _classes(name, labels)
        given = None
        if (x_test is None) != (y_test is None):
            raise InputError(f"{name}: one of X_test and y_test: give both or neither")
        if x_test is not None and y_test is not None:
            held_out, answers = (
                _features(f"{name}: X_test", x_test),
                _labels(f"{name}: y_test", y_test),
            )
            _check_lengths(name, "X_test", held_out, "y_test", answers)
            if held_out.shape[1] != features.shape[1]:
                raise InputError(
                    f"{name}: X_test has {held_out.shape[1]} features, X {features.shape[1]}:"
                    " give both the same"
                )
            if new := sorted(set(answers) - set(number)):
                raise InputError(
                    f"{name}: a label {new[0]!r} in y_test that y has not: give examples to"
                    " learn it from"
                )
            given = Examples(held_out, np.array([number[each] for each in answers]))
        fixed = Examples(features, np.array([number[each] for each in labels]))
        if given is None:
            _check_splits(name, fixed.y)
        return cls(
            name, tuple(map(plain, classes)), features.shape[1], partial(_always, fixed), given
        )

    def split(self, streams: Streams, trial: int = 0) -> Split:
        """Return the training and the test part of a trial.

        The training part is shuffled. Without a test part of its own a fifth of each class
        is one.
        """
        examples = self.draw(streams, trial)
        order = streams.generator(Role.SPLIT, number=trial).permutation(len(examples.y))
        shuffled = Examples(examples.x[order], examples.y[order])
        if self.test is not None:
            return _standardised(shuffled, self.test)
        held_out = np.zeros(len(order), dtype=np.bool_)
        for each in range(len(self.classes)):
            members = np.flatnonzero(shuffled.y == each)
            held_out[members[: _test_size(len(members))]] = True
        return _standardised(
            Examples(shuffled.x[~held_out], shuffled.y[~held_out]),
            Examples(shuffled.x[held_out], shuffled.y[held_out]),
        )


def _always(examples: Examples, _: Streams, __: int) -> Examples:
    """Return the examples of every trial of data that are not drawn: what a pickle can name."""
    return examples


def load(name: str) -> Data:
    """Return the data of that name, or those of a file.

    Parameters
    ----------
    name
        ``spirals``, ``digits``, or the path of a .csv or .npz file.

    Raises
    ------
    InputError
        If a file cannot be read or holds something else, or scikit-learn is missing.
    UsageError
        If there are no such data.
    """
    own = spelled(name, NAMES)
    if own != name and Path(name).exists():
        own = name
    if own == SPIRALS:
        return Data(SPIRALS, ("0", "1"), 2, spirals)
    if own == DIGITS:
        return _digits()
    if name.isidentifier() and not Path(name).exists():
        raise unknown_name("data", name, [*NAMES, "FILE.csv", "FILE.npz"])
    content = read_bytes(name)
    if is_archive(content):
        return _from_archive(name, content)
    return Data.of(*labelled(name, content), name=name)


def spirals(streams: Streams, trial: int = 0) -> Examples:
    """Draw points on two spiral arms, shape (1000, 2), one class an arm.

    After Lang and Witbrock 1988, "Learning to tell two spirals apart", with fewer turns and
    some noise: arm c is r·(cos θ, sin θ) with θ = 2π·(0.75·r + c/2), r = √u for a uniform u,
    and Gaussian noise of standard deviation 0.03 is added to both coordinates.
    """
    generator = streams.generator(Role.DATA, number=trial)
    arm = np.arange(SPIRAL_POINTS) % 2
    radius = np.sqrt(generator.random(SPIRAL_POINTS))
    angle = 2.0 * math.pi * (SPIRAL_TURNS * radius + 0.5 * arm)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Examples(points + SPIRAL_NOISE * generator.standard_normal(points.shape), arm)


def _digits() -> Data:
    """Return 1797 handwritten digits of 8 × 8 pixels.

    Alpaydin and Kaynak 1998, "Cascading classifiers"; bundled with scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            "data digits: scikit-learn, which holds them, is not installed: pip install"
            " scikit-learn"
        ) from None
    x, y = load_digits(return_X_y=True)
    return Data.of(x, y, name=DIGITS)


def _from_archive(path: str, content: bytes) -> Data:
    arrays = load_npz(path, content)
    for name in ("X", "y"):
        if name not in arrays:
            held = ", ".join(sorted(arrays)[:5]) or "nothing"
            raise InputError(
                f"{path}: no array {name} in it, but {held}: name the features X and the labels y"
            )
    return Data.of(arrays["X"], arrays["y"], arrays.get("X_test"), arrays.get("y_test"), path)


def _features(name: str, given: ArrayLike) -> FloatArray:
    array = read(name, given)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name}: entries of type {array.dtype}: give real numbers")
    if array.ndim < 2 or not array.size:
        raise InputError(f"{name}: shape {array.shape}: give (examples, features)")
    with np.errstate(over="ignore"):  # what is beyond float64 is refused here
        values = array.reshape(len(array), -1).astype(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"{name}: example {row + 1}, feature {column + 1} is {values[row, column]}: give"
            " finite numbers only"
        )
    return values


def _labels(name: str, given: ArrayLike) -> list[str]:
    """Return labels as text, numbers that are equal as the same text."""
    array = read(name, given)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "fiubU":
        raise InputError(
            f"{name}: shape {array.shape}, type {array.dtype}: give one label an example, a"
            " number or text"
        )
    # Each label once: as text they may take a hundred times what the array does.
    found, places = np.unique(array, return_inverse=True)
    texts = [str(each) for each in found.tolist()]
    if all(map(is_number, texts)):
        for i, text in enumerate(texts):
            if not math.isfinite(value := float(text)):
                number = int(np.flatnonzero(places == i)[0]) + 1
                raise InputError(f"{name}: label {number} is {value}: give every example a label")
            texts[i] = _whole(text) or (str(int(value)) if value.is_integer() else repr(value))
    return [texts[place] for place in places.tolist()]


def _whole(text: str) -> str:
    """Return a whole number as such: from 2^53 on float64 does not hold every one."""
    try:
        return str(int(text))
    except ValueError:
        return ""


def _classes(name: str, labels: Sequence[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the classes, numbers in their order, and the number of each."""
    found = sorted(set(labels))
    if all(map(is_number, found)):
        found.sort(key=float)
    if len(found) < 2:
        raise InputError(
            f"{name}: a single class, {found[0]!r}: give examples of at least two to tell apart"
        )
    if 2 * len(found) > len(labels):
        raise InputError(
            f"{name}: {len(found)} different labels for {len(labels)} examples: give classes,"
            " each with several examples"
        )
    return tuple(found), {label: number for number, label in enumerate(found)}


def _check_lengths(
    name: str, what: str, features: FloatArray, whose: str, labels: Sequence[str]
) -> None:
    if len(features) != len(labels):
        raise InputError(
            f"{name}: {len(features)} examples in {what}, {len(labels)} labels in {whose}: give"
            " each example a label"
        )


def _test_size(members: int) -> int:
    """Return how many of a class are held out, but not all."""
    return min(math.floor(TEST_SHARE * members + 0.5), members - 1)


def _check_splits(name: str, y: Classes) -> None:
    if not any(_test_size(count) > 0 for count in np.bincount(y).tolist()):
        raise InputError(
            f"{name}: {len(y)} examples are too few to hold a fifth of them out as a test part:"
            " give at least 3 of a class"
        )


def _standardised(train: Examples, test: Examples) -> Split:
    """Return both parts with the mean and the spread of each feature taken out.

    They are those of the training part: what the test part looks like is not known before.
    A feature that is constant in the training part becomes 0.
    """
    largest = np.abs(train.x).max(axis=0)
    # Divided first, since a square of what float64 just holds would be infinite. A test part
    # of quite another size is cut off at what stays finite.
    scale = np.where(largest > 0.0, largest, 1.0)
    with np.errstate(over="ignore"):
        parts = [np.clip(part.x / scale, -_FAR, _FAR) for part in (train, test)]
    mean, spread = parts[0].mean(axis=0), parts[0].std(axis=0)
    # One that is constant is 0 or ±1 there, whose sums are exact: its spread is exactly 0.
    factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0.0)
    x_train, x_test = (np.ascontiguousarray((part - mean) * factor) for part in parts)
    return Split(Examples(x_train, train.y), Examples(x_test, test.y))
