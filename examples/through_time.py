"""Show how a gradient goes back through time, in an RNN whose steps share W and in one of new ones.

Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks": for
tanh, whose slope is at most 1, a largest singular value ‖W‖₂ below 1 is enough for the gradient to
vanish, and one above 1 is needed for it to explode. Run it with `python examples/through_time.py`.
"""

from __future__ import annotations

import vanish

STEPS = 100
SHOWN = (1, 25, 50, 75, 99)

print("‖∂L/∂f_k‖ over ‖∂L/∂f_100‖, f_k = tanh(W f_(k-1) + U u_k + b)\n")
print(f"{'W':9}{'‖W‖₂':>6}", *(f"k = {k}".rjust(9) for k in SHOWN), "  ‖W‖₂ says       gradient")
for weight_std in (0.4, 0.9, 2.0):
    for block, name in (("rnn", "one"), ("rnn_untied", "new ones")):
        simulation = vanish.Simulation(
            vanish.Settings(
                block=block, act="tanh", layers=STEPS, weight_std=(("W", weight_std), ("U", 0.1))
            )
        )
        # Of new ones in every step the largest.
        matrices = (simulation.chain.matrices(k)[0] for k in range(1, STEPS + 1))
        norm = max(float(weight.spectral_norm()) for weight in matrices)
        profile = simulation.profile()
        last = profile.layers[-1].signal
        parts = [float(profile.layers[k - 1].signal / last) for k in SHOWN]
        says = "must vanish" if norm < 1.0 else "may explode"
        print(
            f"{name:9}{norm:6.2f}",
            *(f"{part:9.2g}" for part in parts),
            f"  {says:14}  {profile.verdict}",
        )
