"""What vanish does, with JAX: a chain of layers, and jax.grad."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", val=True)

_ACTS = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}


def _loss(
    weights: jax.Array, biases: jax.Array, x: jax.Array, readout: jax.Array, act: str
) -> jax.Array:
    """Return L = r·f_N. One compiled loop over all layers: unrolled they compile for long."""

    def layer(f: jax.Array, parameters: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        weight, bias = parameters
        return _ACTS[act](weight @ f + bias), None

    output, _ = jax.lax.scan(layer, x, (weights, biases))
    return readout @ output


@partial(jax.jit, static_argnames="act")
def _norms(
    weights: jax.Array, x: jax.Array, readout: jax.Array, act: str
) -> tuple[jax.Array, jax.Array]:
    """Return ‖∂L/∂a_k‖, which is that by a bias of zeros, and ‖∂L/∂W_k‖."""
    biases = jnp.zeros(weights.shape[:2])
    by_weights, by_biases = jax.grad(_loss, (0, 1))(weights, biases, x, readout, act)
    return jnp.linalg.norm(by_biases, axis=1), jnp.linalg.norm(by_weights, axis=(1, 2))


@partial(jax.jit, static_argnums=(0, 1, 2))
def _drawn(act: str, layers: int, width: int, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    std = width**-0.5  # xavier_normal of a square matrix
    for_weights, for_x, for_readout = jax.random.split(key, 3)
    weights = std * jax.random.normal(for_weights, (layers, width, width))
    x = jax.random.normal(for_x, (width,))
    readout = std * jax.random.rademacher(for_readout, (width,), float)
    norms: tuple[jax.Array, jax.Array] = _norms(weights, x, readout, act)
    return norms


def answer(act: str, layers: int, width: int) -> list[tuple[float, float]]:
    """Return ‖∂L/∂a_k‖ and ‖∂L/∂W_k‖ of a chain that is drawn, for L = r·f_N, layer 1 first.

    In float64. The first call of a size compiles it.
    """
    return _pairs(_drawn(act, layers, width, jax.random.key(0)))


def answer_for(
    act: str, weights: Sequence[NDArray[Any]], x: NDArray[Any], r: NDArray[Any]
) -> list[tuple[float, float]]:
    """Return the same of a chain that is given, of layers of one width."""
    return _pairs(_norms(jnp.stack(weights), jnp.asarray(x), jnp.asarray(r), act))


def _pairs(norms: tuple[jax.Array, jax.Array]) -> list[tuple[float, float]]:
    signals, weights = norms
    return list(zip(signals.tolist(), weights.tolist(), strict=True))
