"""What vanish does, with JAX: a chain of tanh layers, and jax.grad.

Arguments: LAYERS WIDTH. Prints the norm of every layer's weight gradient.
"""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", val=True)


def _loss(weights: jax.Array, x: jax.Array, readout: jax.Array) -> jax.Array:
    """Return L = r·f_N. One compiled loop over all layers: unrolled they compile for long."""
    output, _ = jax.lax.scan(lambda f, weight: (jnp.tanh(weight @ f), None), x, weights)
    return readout @ output


def _norms(layers: int, width: int, key: jax.Array) -> jax.Array:
    std = width**-0.5  # xavier_normal of a square matrix
    for_weights, for_x, for_readout = jax.random.split(key, 3)
    weights = std * jax.random.normal(for_weights, (layers, width, width))
    x = jax.random.normal(for_x, (width,))
    readout = std * jax.random.rademacher(for_readout, (width,), float)
    return jnp.linalg.norm(jax.grad(_loss)(weights, x, readout), axis=(1, 2))


_compiled = jax.jit(_norms, static_argnums=(0, 1))


def gradient_norms(layers: int, width: int) -> list[float]:
    """Return ‖∂L/∂W_k‖ for L = r·f_N, in float64, layer 1 first.

    The first call of a size compiles it.
    """
    norms: list[float] = _compiled(layers, width, jax.random.key(0)).tolist()
    return norms


if __name__ == "__main__":
    for norm in gradient_norms(*map(int, sys.argv[1:])):
        sys.stdout.write(f"{norm}\n")
