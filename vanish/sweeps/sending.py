"""Work on its way to processes that share no memory with this one: as bytes, and back."""

from __future__ import annotations

import functools
import pickle
from typing import TYPE_CHECKING, Any

from vanish.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class UnsendableError(UsageError):
    """Work that cannot be sent to the processes that are to do it.

    Parameters
    ----------
    why
        What is wrong with it.
    dumps
        What turns what can be sent into bytes, to find the part that cannot.
    """

    def __init__(self, why: Exception, dumps: Callable[[object], bytes]) -> None:
        super().__init__(f"other processes cannot be sent what to do: {why}: give jobs=1")
        self.dumps = dumps


def packed(work: Callable[[Sequence[int]], object], dumps: Callable[[object], bytes]) -> bytes:
    """Return work as bytes, for a process that does not share this one's memory.

    Parameters
    ----------
    work
        What is to be done with a share.
    dumps
        What turns it into bytes.

    Raises
    ------
    UnsendableError
        If that cannot be.
    """
    try:
        return dumps(work)
    except Exception as error:  # noqa: BLE001 - whatever an object has to say against it
        raise UnsendableError(error, dumps) from None


@functools.lru_cache(maxsize=4)
def unpacked(work: bytes) -> Callable[[Sequence[int]], Any]:
    """Return the work that bytes stand for.

    Raises
    ------
    InputError
        If this process lacks something that it needs.
    """
    try:
        found: Callable[[Sequence[int]], Any] = pickle.loads(work)  # noqa: S301 - of the same user
    except Exception as error:
        raise InputError(
            f"a worker lacks what the sweep needs: {error}: let it import the same modules"
        ) from error
    return found
