"""Show why residual networks train: a skip hands the gradient on as it is.

A plain chain multiplies slopes of at most 1/4, one a layer; with a skip each layer multiplies by
1 + ∂S/∂a · W, which is about 1. Measures ‖∂L/∂f‖ of the first layer over that of the last one
before the first step, then trains, with sigmoid in all of them. Run it with
`python examples/why_residual_networks_train.py`; it takes some seconds.
"""

from __future__ import annotations

import vanish

BLOCKS = ("S(Wx+b)", "x + S(Wx+b)")
DEPTHS = (1, 4, 16)

print(f"{'block':13}{'hidden layers':>14}{'gradient':>11}{'W₁ moved':>11}{'test %':>8}  outcome")
for block in BLOCKS:
    for layers in DEPTHS:
        training = vanish.train(block=block, act="sigmoid", layers=layers, epochs=20)
        row = training.row()
        start, end = training.trials[0].start, training.trials[0].end
        gradient = 10.0 ** (start.log10_grad_f[0] - start.log10_grad_f[-1])
        print(
            f"{block:13}{layers:14}{gradient:11.2g}{row['change_first']:11.2g}"
            f"{100.0 * end.test_accuracy if end else 0.0:8.1f}  {training.outcome}"
        )
