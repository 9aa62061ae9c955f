"""What `vanish theory` does, with neural-tangents: a layer's kernels, iterated until they settle.

Its newest release, 0.6.5, needs JAX before 0.6, and with it a Python environment of its own:
tangents.txt. It has erf in closed form, tanh by quadrature.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from neural_tangents import stax
from phase_grid import grid

if TYPE_CHECKING:
    from collections.abc import Callable

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", val=True)

# Its own advice for smooth activations; each step takes the square of it.
_DEGREE = 25

_SETTLED, _MOST = 1e-13, 100_000


def answer(act: str, steps: int) -> list[tuple[float, float]]:
    """Return q* and χ₁ at each point, those of one weight_std behind one another."""
    q, chi = _phases(act)(*map(jnp.asarray, grid(steps)))
    return list(zip(q.ravel().tolist(), chi.ravel().tolist(), strict=True))


@cache
def _phases(act: str) -> Callable[..., Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that quadrature is not exact
        layer = stax.Erf() if act == "erf" else stax.ElementwiseNumerical(jnp.tanh, deg=_DEGREE)

    def phase(weight_std: jax.Array, bias_std: jax.Array) -> tuple[jax.Array, jax.Array]:
        *_, first = stax.Dense(1, W_std=weight_std, b_std=bias_std)
        *_, further = stax.serial(layer, stax.Dense(1, W_std=weight_std, b_std=bias_std))
        start = first(jnp.ones((1, 1)), None)

        def after(q: jax.Array, tangent: Any = None) -> Any:
            return further(start.replace(nngp=q[None, None], cov1=q[None], ntk=tangent))

        def moves(state: tuple[jax.Array, ...]) -> jax.Array:
            before, q, step = state
            return (jnp.abs(q - before) > _SETTLED * q) & (step < _MOST)

        def step(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            _, q, count = state
            return q, after(q).nngp[0, 0], count + 1

        _, q, _ = jax.lax.while_loop(moves, step, (jnp.inf, start.nngp[0, 0], 0))
        # A layer adds to χ₁ times the tangent kernel what does not depend on it.
        one, none = (after(q, jnp.full((1, 1), tangent)).ntk[0, 0] for tangent in (1.0, 0.0))
        return q, one - none

    by_bias = jax.vmap(phase, (None, 0))
    phases: Callable[..., Any] = jax.jit(jax.vmap(by_bias, (0, None)))
    return phases
