"""Arrays that users give: rows of data, and the parameters of a real network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vanish.errors import UsageError
from vanish.network.graph import Variable
from vanish.network.layout import AUTO, AXES, LAYOUTS, OUT_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike

    from vanish.network.fit import Labels, Shapes
    from vanish.network.origin import Origin
    from vanish.numbers.scaled import FloatArray


# Records that compare by identity have no use for generated methods, which would cost
# start-up time.
@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """A batch of rows with the name of where it came from.

    Attributes
    ----------
    values
        Shape (B, n), finite. Numbers without a second axis are one row, but see `of`.
    name
        What messages and results call it: a file's path, or ``"array"``.
    flat
        Whether they came without a second axis: an array of shape (k,), or text with one
        number a line.
    """

    values: FloatArray
    name: str = "array"
    flat: bool = field(init=False)

    if TYPE_CHECKING:

        def __init__(self, values: ArrayLike, name: str = ...) -> None: ...

    def __post_init__(self) -> None:
        from vanish.network import converting  # noqa: PLC0415 - start-up

        given = converting.real(self.name, self.values)
        values = np.atleast_2d(given)
        if values.ndim != 2 or not values.size:
            raise UsageError(
                f"{self.name}: an array of shape {np.shape(self.values)}: give one vector, or"
                " a batch of rows"
            )
        object.__setattr__(self, "values", np.array(values))
        object.__setattr__(self, "flat", given.ndim < 2)

    def of(self, size: int | None) -> Rows:
        """Return the rows of a network with that many inputs (of a target: outputs).

        k numbers without a second axis are k rows where there is one input, else one row.
        """
        return Rows(self.values.T, self.name) if self.flat and size == 1 else self


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """The parameters of a real network, and the sample that it was saved with.

    Attributes
    ----------
    weights
        W_1, …, W_N, each of shape (n_out, n_in); see `of` for any other layout.
    biases
        b_1, …, b_N, each of shape (n_out,), or None for zero; all zero without. (1, n_out)
        and (n_out, 1) are taken as (n_out,).
    x, readout
        The input batch and the readout r of the run that saved it, if it holds them.
    name
        What messages and results call it: a file's path, or ``"arrays"``.
    layout
        How the weights lay where they were read from, ``out_in`` or ``in_out``.
    assumed
        Whether they would have fitted the other way as well, and nothing said which.
    origin
        What the file that they are from calls them, and what else it holds; None for arrays
        of no file.

    Raises
    ------
    UsageError
        If an array has another shape, or an entry that is not a finite number, or does not
        fit the others.
    """

    # No graph of its own, as a file with its graph has: see `FileNetwork`.
    graph: ClassVar[None] = None

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray | None, ...] = ()
    x: FloatArray | None = None
    readout: FloatArray | None = None
    name: str = "arrays"
    layout: str = OUT_IN
    assumed: bool = False
    origin: Origin | None = None

    def __post_init__(self) -> None:
        from vanish.network import converting, fit  # noqa: PLC0415 - start-up

        labels, weights, biases = _parameters(self.name, None, self.weights, self.biases)
        n_0 = weights[0].shape[1]
        x = None if self.x is None else Rows(self.x, f"{self.name}: x").of(n_0).values
        readout = converting.readout_of(self.name, self.readout)
        fit.require_fit(self.name, _shapes(labels, weights, biases, x, readout))
        checked = {
            "weights": tuple(map(np.array, weights)),
            "biases": tuple(None if bias is None else np.array(bias) for bias in biases),
            "x": x,
            "readout": readout,
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls,
        weights: Sequence[ArrayLike],
        biases: Sequence[ArrayLike | None] = (),
        x: ArrayLike | None = None,
        readout: ArrayLike | None = None,
        name: str = "arrays",
        *,
        layout: str = AUTO,
        usual: str = OUT_IN,
        is_known: bool = False,
        labels: Labels | None = None,
        origin: Origin | None = None,
    ) -> Network:
        """Return the network of weights that may lie either way.

        Parameters
        ----------
        weights, biases, x, readout, name
            Those of a network, but with weights of shape (n_out, n_in), all of them, or
            (n_in, n_out).
        layout
            ``out_in`` or ``in_out``; ``auto`` takes the one that fits: each W_k must take
            what the one before gives, and give as many numbers as b_k has.
        usual, is_known
            What ``auto`` takes where both fit, and whether that is known to be right.
        labels
            What messages call the arrays.
        origin
            As of a network.

        Raises
        ------
        UsageError
            If an array has another shape, or an entry that is not a finite number, or does
            not fit the others.
        """
        from vanish.network import converting, fit  # noqa: PLC0415 - start-up

        labels, given, vectors = _parameters(name, labels, weights, biases)
        x = None if x is None else converting.read(f"{name}: x", x)
        rows = None if x is None else Rows(x, f"{name}: x")
        r = converting.readout_of(name, readout)
        # k numbers in one line may be one row or k: they tell nothing beside a 1.
        says = rows is not None and not (rows.flat and 1 in given[0].shape)
        shapes = _shapes(labels, given, vectors, rows.values if rows and says else None, r)
        chosen, both = fit.choose(name, shapes, layout, usual)
        return cls(
            weights=given if chosen == OUT_IN else _transposed(given),
            biases=vectors,
            x=x,
            readout=r,
            name=name,
            layout=chosen,
            assumed=both
            and not is_known
            and not all(np.array_equal(each, each.T) for each in given),
            origin=origin,
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """n_0, n_1, …, n_N."""
        return (self.weights[0].shape[1], *(weight.shape[0] for weight in self.weights))

    @property
    def depth(self) -> int:
        """N, the number of layers."""
        return len(self.weights)

    @property
    def arrays(self) -> dict[Variable, FloatArray]:
        """Every W_k, and every b_k that there is, by its address, layer 1 first."""
        return {
            Variable(letter, k): array
            for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True), 1)
            for letter, array in (("W", weight), ("b", bias))
            if array is not None
        }

    @property
    def knows_depth(self) -> bool:
        """Whether anything says how many layers there are: always."""
        return True

    @property
    def said_depth(self) -> None:
        """How many layers settings say that there are: never, see `BlockNetwork`."""

    def of_depth(self, _: int | None) -> Network:
        """Return the network, whose weights are as many as its layers."""
        return self

    @property
    def steps(self) -> None:
        """What goes into each layer from outside: nothing, see `BlockNetwork`."""

    @property
    def block(self) -> None:
        """The formula that it was saved with: none, see `BlockNetwork`."""

    @property
    def label(self) -> str:
        """What people are shown: the name, and how the weights were read if that may surprise."""
        told = self.origin.told if self.origin is not None else ""
        read = (
            f"{AXES[self.layout]} assumed"
            if self.assumed
            else f"read as {AXES[self.layout]}"
            if self.layout != OUT_IN
            else ""
        )
        return ", ".join(part for part in (self.name, read, told) if part)

    def settled(self, x: Rows | None, target: Rows | None) -> Network:
        """Return the network, read the way that fits what goes in and what is to come out.

        Parameters
        ----------
        x, target
            The input and the target of a run, None where there is none.
        """
        if not self.assumed:
            return self

        def fits(n_in: int, n_out: int) -> bool:
            given = ((x, n_in), (target, n_out))
            return all(rows is None or rows.of(n).values.shape[1] == n for rows, n in given)

        first, last = self.weights[0], self.weights[-1]
        as_read = fits(first.shape[1], last.shape[0])
        if as_read == fits(first.shape[0], last.shape[1]):
            return self
        if as_read:
            return replace(self, assumed=False)
        (other,) = {*LAYOUTS} - {self.layout}
        weights = _transposed(self.weights)
        return replace(self, weights=weights, layout=other, assumed=False)


def _parameters(
    source: str,
    labels: Labels | None,
    weights: Iterable[ArrayLike],
    biases: Iterable[ArrayLike | None],
) -> tuple[Labels, tuple[FloatArray, ...], tuple[FloatArray | None, ...]]:
    """Return what messages call them, weights of two axes and biases of one."""
    from vanish.network import converting, fit  # noqa: PLC0415 - start-up

    weights = converting.listed(source, "weights", weights)
    biases = converting.listed(source, "biases", biases)
    labels = labels or fit.Labels.numbered(len(weights))
    if not weights:
        raise UsageError(f"{source}: no weights: give W1, W2, …")
    biases = biases or (None,) * len(weights)
    if len(biases) != len(weights):
        raise UsageError(
            f"{source}: {len(biases)} biases for {len(weights)} weights: give one each, None"
            " for zero"
        )
    matrices = zip(labels.weights, weights, strict=True)
    vectors = zip(labels.biases, biases, strict=True)
    return (
        labels,
        tuple(converting.matrix(source, name, each) for name, each in matrices),
        tuple(
            None if each is None else converting.vector(source, name, each)
            for name, each in vectors
        ),
    )


def _shapes(
    labels: Labels,
    weights: tuple[FloatArray, ...],
    biases: tuple[FloatArray | None, ...],
    x: FloatArray | None,
    readout: FloatArray | None,
) -> Shapes:
    matrices = zip(labels.weights, weights, strict=True)
    vectors = zip(labels.biases, biases, strict=True)
    from vanish.network.fit import Shapes  # noqa: PLC0415 - start-up

    return Shapes(
        weights=tuple((name, (each.shape[0], each.shape[1])) for name, each in matrices),
        biases=tuple(None if each is None else (name, len(each)) for name, each in vectors),
        x=None if x is None else x.shape[1],
        readout=None if readout is None else len(readout),
    )


def _transposed(weights: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
    # In rows, as they would have been read: the order in memory may change the last digit.
    return tuple(np.ascontiguousarray(weight.T) for weight in weights)
