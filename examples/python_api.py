"""Show vanish's Python API: one chain, several, a network and an activation of your own.

Run it with `python examples/python_api.py`.
"""

from __future__ import annotations

import math

import numpy as np

import vanish

# One chain. The keywords are the fields of vanish.Settings, named as the command's options.
profile = vanish.simulate(act="sigmoid", layers=20)
first, last = profile.layers[0], profile.layers[-1]
print(f"sigmoid: {profile.verdict}, {profile.decades_per_layer:.2f} decades a layer")
print(f"  ‖∂L/∂W‖ is {float(first.grad_w):.3g} in layer 1, {float(last.grad_w):.3g} in layer 20")

# A magnitude has no smallest number: its log10 is there where a float would be 0.
bound = vanish.simulate(act="sigmoid", layers=1000).bounds["sigmoid"]
print(f"  0.25^1000 is {float(bound)} as a float, and 10^{bound.log10:.2f}")

# Several chains of one seed, compared on the same random numbers.
settings = [vanish.Settings(act=act, layers=50) for act in ("tanh", "relu", "selu")]
for each in vanish.compare(settings):
    print(f"{each.settings.model.act_name}: {each.verdict}, log10 ratio {each.log10_ratio:.2f}")

# A network of your own, layer by layer, with your own input.
halving = np.eye(3) / 2
network = vanish.Network(weights=(halving,) * 4, biases=(None,) * 4)
x = vanish.Rows(np.array([1.0, 2.0, 2.0]))
own = vanish.simulate(act="identity", weights=network, input=x)
print("halving: ‖∂L/∂f‖ is", *(float(layer.grad_f) for layer in own.layers))


# An activation of your own: S and S' together, and what theory needs to know of them.
def arctan(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return S(a) and S'(a)."""
    return np.arctan(a), 1.0 / (1.0 + a * a)


record = vanish.Activation(
    name="arctan", pair=arctan, sup_slope=1.0, sup_at=0.0, lower=-math.pi / 2, upper=math.pi / 2
)
vanish.verify(record)  # raises vanish.VanishError if S' is not the derivative of S
vanish.register(record)
profile = vanish.simulate(act="arctan")
print(f"arctan: {profile.verdict}, log10 ratio {profile.log10_ratio:.2f}")
