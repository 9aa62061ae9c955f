"""Independent random streams, addressed by what they are for."""

from __future__ import annotations

import math
from enum import IntEnum
from itertools import accumulate, pairwise, takewhile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from vanish.numbers.scaled import FloatArray


class Role(IntEnum):
    """What a stream draws. The numbers are part of what a seed means: never reuse one."""

    INPUT = 0
    READOUT = 1
    WEIGHTS = 2
    BIAS = 3
    FORWARD = 4
    BACKWARD = 5
    REMAINDER = 6
    DATA = 10
    SPLIT = 11
    ORDER = 12


# More roles than there will be: those of one letter end before those of the next begin.
_ROLES = 16

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def role_of(letter: str, role: Role) -> int:
    """Return the role of a parameter's numbers, which depends on its letter alone.

    W and b have the roles that they had when there were no others; those of another letter
    follow from its place in the alphabet, so that they do not depend on what else there is.

    Parameters
    ----------
    letter
        What the parameter is called.
    role
        What W, or for a bias what b, draws it with.
    """
    if letter in ("W", "b"):
        return role
    return role + _ROLES * (1 + _LETTERS.index(letter))


class Streams:
    """The random streams of one seed: one for each role, layer and number of a trial or a block.

    Philox is a counter-based generator (Salmon et al. 2011, "Parallel random numbers:
    as easy as 1, 2, 3"): the seed is hashed to its key and the address is put into the
    upper three words of its counter, so any stream is reached at once, none overlap
    (2^64 blocks each), and no stream depends on which others are drawn.

    Parameters
    ----------
    seed
        Any integer that is at least 0.
    """

    def __init__(self, seed: int) -> None:
        self.seed: Final = seed
        self._key = _Hashed(seed)

    def generator(self, role: int, layer: int = 0, number: int = 0) -> np.random.Generator:
        """Return a new generator at the start of the stream at that address.

        Parameters
        ----------
        role
            See `role_of`.
        layer
            From 1; 0 for what is drawn once.
        number
            Of the trial where each has a stream of its own, as of dense weights; of the block of
            trials where they share one, a row each, see `Trials`.
        """
        return np.random.Generator(self._philox(role, layer, number))

    def by_layer(self, role: int, layers: int, block: int = 0) -> LayerStreams:
        """Return one stream a layer, cheap to go to, for the trials of a block."""
        words = self._philox(role, 0, block).random_raw(3 * layers)
        return LayerStreams(words.reshape(layers, 3))

    def _philox(self, role: int, layer: int, number: int) -> np.random.Philox:
        counter = np.array([0, layer, role, number], dtype=np.uint64)
        return np.random.Philox(self._key, counter=counter)


class _Hashed(np.random.SeedSequence):
    """A seed that is hashed to a key of Philox once, and not for every stream.

    To give numpy the key itself is no better: then it hashes a seed that nobody asked for.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._words = super().generate_state(2, np.uint64)

    def generate_state(self, *_: Any) -> NDArray[Any]:
        """Return the key."""
        return self._words


def draw_step(streams: Streams, trials: Trials, k: int, shape: tuple[int, int]) -> FloatArray:
    """Draw the fresh input u_k of layer k: standard normals of shape (B, n_u), for each trial.

    Whoever asks again, on whatever engine, gets the same numbers.

    Returns
    -------
    array
        Shape (T, B, n_u).
    """
    role = role_of("u", Role.INPUT)
    return trials.rows(lambda block: streams.generator(role, k, block).standard_normal, shape)


class LayerStreams:
    """Streams of many small draws, one a layer.

    To go to a stream of its own costs a generator more than to draw a row of it, so one
    SFC64 (Doty-Humphrey 2010, PractRand's small fast counting generator, faster than
    Philox) is set to 192 random bits a layer.

    Parameters
    ----------
    words
        Three random words a layer, shape (N, 3).
    """

    def __init__(self, words: NDArray[np.uint64]) -> None:
        # The fourth word is a counter, which starts at 1; random words need no warming up.
        self._states = np.insert(words, 3, 1, axis=1)
        self._bits = np.random.SFC64(0)
        self._generator = np.random.Generator(self._bits)
        self._state = self._bits.state

    def at(self, layer: int) -> np.random.Generator:
        """Return a generator at the start of a layer's stream, until the next call."""
        self._state["state"]["state"] = self._states[layer - 1]
        self._bits.state = self._state
        return self._generator


# Of so many numbers an array is long enough for numpy's loops to be worth their calls, and
# short enough for a dozen of them to stay in a processor's cache.
_NUMBERS_A_BLOCK = 8192


class Trials(Record):
    """Consecutive trials; those of a block share the addresses of their streams, one row a trial.

    The rows of a stream are drawn in order, so that a trial's numbers do not depend on how
    many others are run, nor in which pieces: trial 0 is the plain run.

    Attributes
    ----------
    block
        The address of the first block that they are in.
    first, stop
        Their rows, counted on from the first one of that block's streams.
    size
        How many rows there are to a block.
    """

    block: int = 0
    first: int = 0
    stop: int = 1
    size: int = 1

    @classmethod
    def block_size(cls, sizes: Sequence[int]) -> int:
        """Return how many trials of a chain n_0, …, n_N make a block."""
        return max(1, _NUMBERS_A_BLOCK // max(sizes))

    @classmethod
    def one(cls, number: int, sizes: Sequence[int]) -> Trials:
        """Return trial number 0, 1, … alone."""
        size = cls.block_size(sizes)
        return cls(number // size, number % size, number % size + 1, size)

    @classmethod
    def blocks(cls, count: int, sizes: Sequence[int], together: int = 1) -> list[Trials]:
        """Return trials 0 to count - 1, some whole blocks at a time; what is left comes last."""
        size = cls.block_size(sizes)
        whole, rest = divmod(count, size)
        found = [
            cls(block, 0, size * min(together, whole - block), size)
            for block in range(0, whole, together)
        ]
        return [*found, cls(whole, 0, rest, size)] if rest else found

    @property
    def parts(self) -> Iterator[tuple[int, int]]:
        """Each block that they are in, and how many rows of it are drawn."""
        for block, before in enumerate(range(0, self.stop, self.size), self.block):
            yield block, min(self.size, self.stop - before)

    @property
    def width(self) -> int:
        """T, how many they are."""
        return self.stop - self.first

    @property
    def number(self) -> int:
        """The number of the first one, from 0."""
        return self.block * self.size + self.first

    def rows(
        self, draw: Callable[[int], Callable[[tuple[int, ...]], FloatArray]], shape: tuple[int, ...]
    ) -> FloatArray:
        """Draw an array of the given shape for each trial.

        Parameters
        ----------
        draw
            Of a block what draws an array of any shape from the start of its stream.
        shape
            What one trial gets.

        Returns
        -------
        array
            Shape (T, *shape).
        """
        drawn = [draw(block)((rows, *shape)) for block, rows in self.parts]
        return (np.concatenate(drawn) if len(drawn) > 1 else drawn[0])[self.first :]


class NormalRows:
    """Normal numbers for each trial, of one stream a layer.

    Parameters
    ----------
    streams
        One a layer, of each block that the trials are in.
    trials
        Whose they are.
    """

    def __init__(self, streams: Sequence[LayerStreams], trials: Trials) -> None:
        self._streams, self._trials = streams, trials
        # Where the rows of each block are.
        ends = accumulate((rows for _, rows in trials.parts), initial=0)
        self._parts = [slice(*both) for both in pairwise(ends)]

    def draw(self, layers: Sequence[int], shape: tuple[int, ...]) -> FloatArray:
        """Draw numbers of that shape for each trial of some layers, shape (L, T, *shape)."""
        rows = np.empty((len(layers), self._trials.stop, *shape))
        for k, there in zip(layers, rows, strict=True):
            for streams, part in zip(self._streams, self._parts, strict=True):
                streams.at(k).standard_normal(out=there[part])
        return rows[:, self._trials.first :]


class LayerNormals:
    """What the layers of a chain meet with matrices that are never drawn: rows of normals.

    Where they are short those of some layers are drawn at a time, in the order in which a walk
    asks for them. No stream's numbers depend on that.

    Parameters
    ----------
    streams
        One a layer, of each block that the trials are in.
    trials
        Whose they are.
    shapes
        What each trial of a layer gets, by k, in the order of the walk.
    segment
        How many layers are walked through at a time.

    Attributes
    ----------
    squares
        The sum of the squares of what each layer has been given, by k, shape (T,).
    """

    def __init__(
        self,
        streams: Sequence[LayerStreams],
        trials: Trials,
        shapes: Mapping[int, tuple[int, int]],
        segment: int,
    ) -> None:
        self._rows, self._trials, self._shapes = NormalRows(streams, trials), trials, shapes
        self._segment = segment
        self._order = list(shapes)
        self._places = {k: place for place, k in enumerate(self._order)}
        self._drawn: dict[int, FloatArray] = {}
        self.squares: dict[int, FloatArray] = {}

    def at(self, k: int) -> FloatArray:
        """Return the rows of layer k, shape (T, *shape), for whoever may overwrite them."""
        if k not in self._drawn:
            self._drawn.clear()
            self._draw(k)
        return self._drawn.pop(k)

    def _draw(self, k: int) -> None:
        """Draw the rows of layer k, and of those like it that come next."""
        layers = self._alike(k)
        rows = self._rows.draw(layers, self._shapes[k])
        squares = np.vecdot(rows, rows)
        squares = squares[..., 0] if rows.shape[2] == 1 else squares.sum(axis=2)
        for each, there, of_them in zip(layers, rows, squares, strict=True):
            self._drawn[each], self.squares[each] = there, of_them

    def _alike(self, k: int) -> list[int]:
        """Return k, and the next layers of its shape and segment that fit into a cache with it."""
        shape, begin = self._shapes[k], self._places[k]
        # A frame that spans everything leaves nothing to draw.
        most = _NUMBERS_A_BLOCK // max(1, self._trials.stop * math.prod(shape))
        if most < 2:  # nothing to look for
            return [k]
        segment = (k - 1) // self._segment
        following = self._order[begin : begin + most]
        return list(
            takewhile(
                lambda each: self._shapes[each] == shape and (each - 1) // self._segment == segment,
                following,
            )
        )
