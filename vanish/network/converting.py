"""Arrays as callers have them, lists of numbers too, as what is reckoned with: or refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vanish.errors import UsageError, quoted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vanish.numbers.scaled import FloatArray


def is_listed(given: object) -> bool:
    """Tell whether something is several values, and not one by itself."""
    # An array of no axes is one number, and cannot be walked through.
    is_one = isinstance(given, str | bytes | Mapping) or getattr(given, "ndim", 1) == 0
    return isinstance(given, Iterable) and not is_one


def listed(source: str, name: str, given: Iterable[Any]) -> tuple[Any, ...]:
    """Return what is to be a list of arrays.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not is_listed(given):
        raise UsageError(f"{source}: {name} {quoted(given)}: give a list of arrays")
    return tuple(given)


def read(name: str, given: ArrayLike) -> NDArray[Any]:
    """Return what NumPy makes of something.

    Raises
    ------
    UsageError
        If it makes nothing of it.
    """
    try:
        return np.asarray(given)
    except ValueError:
        raise UsageError(f"{name}: rows of several lengths: give rows of one") from None
    except Exception:  # noqa: BLE001 - PyTorch's tensors have reasons of several types
        raise UsageError(
            f"{name}: of type {type(given).__name__}, which NumPy cannot read: give an array, of a"
            " tensor of PyTorch tensor.detach().numpy(), with float() before numpy() where it is"
            " bfloat16"
        ) from None


def real(name: str, given: ArrayLike) -> FloatArray:
    """Return an array of finite float64, which may be the one that was given.

    Raises
    ------
    UsageError
        If an entry is no real number, or not finite.
    """
    array = read(name, given)
    if array.dtype.kind not in "fiub":
        raise UsageError(f"{name}: entries of type {array.dtype}: give real numbers")
    # What is beyond float64 is refused here, and a NaN of any kind.
    with np.errstate(over="ignore", invalid="ignore"):
        values = array.astype(np.float64, copy=False)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        index = ", ".join(str(i + 1) for i in bad[0])
        raise UsageError(
            f"{name}: entry {index} is {values[tuple(bad[0])]}: give finite numbers only"
        )
    return values


def matrix(source: str, name: str, given: ArrayLike) -> FloatArray:
    """Return an array of two axes.

    Raises
    ------
    UsageError
        If it is another one, or for another reason that `real` has.
    """
    array = real(f"{source}: {name}", given)
    if array.ndim != 2 or not array.size:
        raise UsageError(f"{source}: {name} has shape {array.shape}: give (n_out, n_in)")
    return array


def vector(source: str, name: str, given: ArrayLike) -> FloatArray:
    """Return an array of one axis, also one that is a row or a column.

    Raises
    ------
    UsageError
        As `matrix` does.
    """
    array = real(f"{source}: {name}", given)
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim != 1 or not array.size:
        size = "n_N" if name == "r" else "n_out"
        raise UsageError(f"{source}: {name} has shape {array.shape}: give ({size},)")
    return array


def readout_of(source: str, given: ArrayLike | None) -> FloatArray | None:
    """Return r, shape (n_N,), if it is given."""
    return None if given is None else vector(source, "r", given)
