"""The first trial's rows going back, for who takes note of them: kept, or drawn once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanish.readings.forwardsignal import LayerRows
from vanish.readings.recursion import AT_ONCE, FF, YF, Products, Ray
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vanish.numbers.scaled import FloatArray
    from vanish.numbers.stack import Magnitudes, Stack


# f, S'(a) and y: bytes a unit.
_KEPT = 3 * 8


class Back(Record):
    """The way back.

    Attributes
    ----------
    g, d
        ∂L/∂f_N and ∂L/∂a_N.
    rho
        ρ, layer 1 first, shape (N, T).
    by_f
        ‖g_k‖ / cδ of layers 1 to N-1, shape (N-1, T).
    delta
        ‖d_k‖, shape (N, T).
    growth
        c δ of the layer behind, shape (N-1, T).
    """

    g: Stack
    d: Stack
    rho: FloatArray
    by_f: FloatArray
    delta: Magnitudes
    growth: Magnitudes


class FirstTrial:
    """What layers give the way back in the first trial.

    Parameters
    ----------
    stretches
        The first and the last layers of each piece of the walk.
    room
        Bytes that rows may take.
    """

    def __init__(self, stretches: Sequence[tuple[int, int]], room: int) -> None:
        self._stretches, self._room = stretches, room
        # By the first of some layers.
        self._kept: dict[int, Ray] = {}

    def has_room(self, sizes: Iterable[int]) -> bool:
        """Tell whether the rows of layers of these sizes can all be kept."""
        return _KEPT * sum(sizes) < self._room

    def keep(self, first: int, ray: Ray) -> None:
        """Take what layers from k = `first` on give all trials, while there is room."""
        self._room -= _KEPT * ray.f[:, 0].size
        if self._room > 0:
            self._kept[first] = _of_first_trial(ray)

    def hand_out(
        self,
        take_back: Callable[[str, LayerRows], object],
        back: Back,
        products: Products,
        again: Callable[[int, int], Ray],
    ) -> None:
        """Hand out ∂L/∂f_k and ∂L/∂a_k.

        Parameters
        ----------
        take_back
            Called with f or a, and the gradients by it of some layers, layer N first.
        back, products
            What has been found of the way back.
        again
            Returns what the layers of a piece give all trials, once more.
        """
        for letter, rows in (("f", back.g), ("a", back.d)):
            power = rows.exponents if isinstance(rows.exponents, int) else int(rows.exponents[0])
            take_back(letter, LayerRows(rows.values[None, :1], power))
        tops = products.tops
        for first, ray in self._last_first(again):
            layers = range(first, first + len(ray.f))
            here = slice(first, layers.stop)
            beta = back.rho[here, :1] - products.of[here, YF, :1]
            g = products.added((here, FF, slice(0, 1)), ray, beta)
            behind = back.growth.at((slice(first - 1, layers.stop - 1), slice(0, 1)))
            g *= behind.mantissas[..., None]
            powers = np.asarray(behind.exponents, dtype=np.int64)
            take_back("f", LayerRows(g[::-1, :, None], powers[::-1]))
            slopes = ray.slopes
            if tops:
                shifts = np.array([[tops[k][0] if k in tops else 0] for k in layers])
                slopes, powers = np.ldexp(slopes, -shifts[..., None]), powers + shifts
            # In rows of its own: those of g may wait to be read.
            d = g * slopes
            take_back("a", LayerRows(d[::-1, :, None], powers[::-1]))

    def _last_first(self, again: Callable[[int, int], Ray]) -> Iterator[tuple[int, Ray]]:
        """Yield what layers give, many at a time, and the first one's k."""
        waiting: list[Ray] = []
        numbers = 0
        for first, last in reversed(self._stretches):
            # Kept no longer: nobody asks twice, and it is the most memory of a deep run.
            ray = self._kept.pop(first, None) or _of_first_trial(again(first, last))
            if not len(ray.f):
                continue
            apart = waiting and waiting[-1].f.shape[2] != ray.f.shape[2]
            if apart or numbers + ray.f.size > AT_ONCE:
                yield from self._joined(first + len(ray.f), waiting)
                waiting, numbers = [], 0
            waiting.append(ray)
            numbers += ray.f.size
        yield from self._joined(1, waiting)

    @staticmethod
    def _joined(first: int, rays: list[Ray]) -> Iterator[tuple[int, Ray]]:
        if len(rays) == 1:
            yield first, rays[0]
        elif rays:
            yield first, Ray(*map(np.concatenate, zip(*rays[::-1], strict=True)))


def _of_first_trial(ray: Ray) -> Ray:
    """Return the rows of trial 0, but not z: nobody asks for it again."""
    ray = ray._replace(z=ray.z[..., :0])
    # The rows of the others are not to be kept for its sake.
    return ray if ray.f.shape[1] == 1 else Ray(*(rows[:, :1].copy() for rows in ray))
