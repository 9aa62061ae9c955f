"""The arrays of a network of blocks: parameters by their letters, and what goes into layers."""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from vanish.errors import UsageError, plain
from vanish.network.arrays import Rows
from vanish.network.converting import matrix, readout_of, real, vector
from vanish.network.formulas.parser import BIASES, MATRICES
from vanish.network.graph import Variable
from vanish.network.layout import OUT_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vanish.network.blocks import Formula
    from vanish.numbers.scaled import FloatArray

# More layers, and their numbers are no longer read.
_MOST_LAYERS = 10**15

_PARAMETER = re.compile(rf"([{MATRICES}{BIASES}])([1-9][0-9]{{0,14}})?")
_STEP = re.compile(r"u([1-9][0-9]{0,14})?")

# What a network holds beside its parameters and u.
_X, _READOUT, _BLOCK, _LAYERS = "x", "r", "block", "layers"
_OTHERS = (_X, _READOUT, _BLOCK, _LAYERS)

_EXAMPLES = "W1, V1, b1, ..., or W for one that all layers share, x, r, u, block and layers"


class BlockNetwork:
    """The parameters of a network of blocks, and the sample that it was saved with.

    Parameters
    ----------
    given
        By name: each parameter's array, ``W1`` of shape (n_out, n_in), ``b1`` of shape (n,),
        ``W`` where all layers share one; a missing bias is zero. The rest may be missing:
        ``x`` and ``r`` as in a `Network`; ``u``, what goes into each layer from outside, of
        shape (N, n_u) or (N, B, n_u), or ``u1``, ``u2``, … of shapes (n_u,) or (B, n_u);
        ``block``, the formula; ``layers``, N, where no number says it.
    name
        What messages and results call it: a file's path, or ``"arrays"``.

    Raises
    ------
    UsageError
        If a name is none of these, or an array has another shape than its name asks for, or an
        entry that is not a finite number. Whether they fit each other is known with the
        block, see `vanish.network.blockfit`.

    Attributes
    ----------
    arrays
        Every parameter that there is, by its address.
    x, readout
        The input batch, shape (B, n_0), and r, if they are given.
    block
        The formula that it was saved with.
    steps
        u_k by k, shape (1 or B, n_u); None where there are none.
    said_depth
        How many layers settings say that there are, where nothing here does; else None.
    """

    # Its arrays do not say them without a formula.
    sizes: ClassVar[tuple[int, ...]] = ()
    # Names of letters are this program's, and never read another way.
    layout: ClassVar[str] = OUT_IN
    assumed: ClassVar[bool] = False
    # Its graph is its formula's.
    graph: ClassVar[None] = None
    origin: ClassVar[None] = None

    def __init__(self, given: Mapping[Any, Any], name: str = "arrays") -> None:
        self.name: Final = name
        given, names = dict(given), [*given]
        for each in names:
            if not isinstance(each, str) or not _is_ours(each):
                raise UsageError(
                    f"{name}: {plain(str(each))!r} is no parameter of a block: name arrays"
                    f" {_EXAMPLES}"
                )
        self.block: Final = _formula(name, given[_BLOCK]) if _BLOCK in given else None
        self.arrays: Final = {
            _address(each): (matrix if each[0].isupper() else vector)(name, each, given[each])
            for each in names
            if _PARAMETER.fullmatch(each)
        }
        x = given.get(_X)
        self.x: Final = None if x is None else Rows(x, f"{name}: {_X}").values
        self.readout: Final = readout_of(name, given.get(_READOUT))
        self.steps: Final = _steps(name, given)
        said = _count(name, given[_LAYERS]) if _LAYERS in given else 0
        numbers = [k for _, k in self.arrays] + [*(self.steps or ())]
        most = said or max(numbers, default=0)
        self._depth: int | None = most or None
        self.said_depth: int | None = None

    @property
    def knows_depth(self) -> bool:
        """Whether anything says how many layers there are."""
        return self._depth is not None

    @property
    def depth(self) -> int:
        """N, the number of layers.

        Raises
        ------
        UsageError
            If nothing says it.
        """
        if self._depth is None and not self.arrays:
            raise UsageError(f"{self.name}: no parameters in it: name arrays {_EXAMPLES}")
        if self._depth is None:
            raise UsageError(
                f"{self.name}: all layers share its parameters, and nothing says how many there"
                " are: give --layers"
            )
        return self._depth

    @property
    def label(self) -> str:
        """What people are shown: the name."""
        return self.name

    def of_depth(self, layers: int | None) -> BlockNetwork:
        """Return the network with so many layers, where it does not say itself."""
        other = copy(self)
        other._depth = other.said_depth = layers  # noqa: SLF001 - its own class's
        return other

    def settled(self, *_: Rows | None) -> BlockNetwork:
        """Return itself: its names say how it is read."""
        return self


def is_lettered(names: Iterable[str], *, beside_block: bool) -> bool:
    """Tell whether arrays are named as the parameters of blocks, and not of a plain chain only.

    Parameters
    ----------
    names
        Of all arrays.
    beside_block
        Whether a block is given, whose parameters they may be.
    """
    names = [*names]
    others = [each for each in names if _STEP.fullmatch(each) or _is_of_blocks(each)]
    return _BLOCK in names or (beside_block and bool(others) and all(map(_is_ours, names)))


def _is_of_blocks(name: str) -> bool:
    """Tell whether a name is that of a parameter that a plain chain has not, such as V1 or W."""
    return bool(_PARAMETER.fullmatch(name)) and (name[0] not in "Wb" or len(name) == 1)


def _is_ours(name: str) -> bool:
    return name in _OTHERS or bool(_PARAMETER.fullmatch(name) or _STEP.fullmatch(name))


def _address(name: str) -> Variable:
    return Variable(name[0], int(name[1:] or 0))


def _formula(source: str, given: Any) -> Formula:
    from vanish.network.blocks import Formula, formula  # noqa: PLC0415 - start-up

    if isinstance(given, Formula):
        return given
    try:
        array = np.asarray(given)
        text = str(array.item()) if array.size == 1 and array.dtype.kind == "U" else None
    except (ValueError, SystemError):  # numbers that are no characters
        text = None
    if text is None:
        raise UsageError(f"{source}: block is no text: give one such as 'x + S(Wx+b)'")
    try:
        return formula(text)
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from None


def _count(source: str, given: Any) -> int:
    array = np.asarray(given)
    if array.size != 1 or array.dtype.kind not in "iu" or not 0 < array.item() <= _MOST_LAYERS:
        raise UsageError(f"{source}: layers is no number of layers: give a whole one of at least 1")
    return int(array.item())


def _steps(source: str, given: Mapping[str, Any]) -> dict[int, FloatArray] | None:
    """Return u_k by k, each with an axis of rows."""
    found: dict[int, FloatArray] = {}
    for name in given:
        if not _STEP.fullmatch(name):
            continue
        array = real(f"{source}: {name}", given[name])
        axes = array.ndim + (name != "u")
        if axes not in (2, 3) or not array.size:
            shape = "(N, n_u) or (N, B, n_u)" if name == "u" else "(n_u,) or (B, n_u)"
            raise UsageError(f"{source}: {name} has shape {array.shape}: give {shape}")
        layers = enumerate(array, 1) if name == "u" else [(int(name[1:]), array)]
        for k, rows in layers:
            if k in found:
                raise UsageError(f"{source}: u and u{k}: give one of them")
            found[k] = np.atleast_2d(rows)
    if len({len(rows) for rows in found.values()} - {1}) > 1:
        raise UsageError(f"{source}: u of several numbers of rows: give as many as x has")
    return found or None
