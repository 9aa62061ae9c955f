"""Show in which place a norm rescues the sigmoid: before S it does not, behind it it does.

Before S a norm gives S values of deviation 1, but the largest slope is still 1/4. Behind S it
divides by the deviation of what S gives, which is small, and so what flows back grows by as much;
RMS does not, since it keeps the mean of about 1/2 that S gives, and divides by that.
Run it with `python examples/a_norm_in_which_place.py`; it takes some seconds.
"""

from __future__ import annotations

import vanish

PLACES = {
    "none": "S(Wx+b)",
    "LN before S": "S(LN(Wx+b))",
    "LN behind S": "LN(S(Wx+b))",
    "RMS before S": "S(RMS(Wx+b))",
    "RMS behind S": "RMS(S(Wx+b))",
}

print(f"{'norm':14}{'block':14}{'a layer':>8}{'layer 1 / 20':>14}  {'gradient':10}  trained")
for place, block in PLACES.items():
    profile = vanish.simulate(block=block, act="sigmoid", layers=20)
    ratio = float(profile.layers[0].signal / profile.layers[-1].signal)
    a_layer = ratio ** (1 / 19)
    outcome = vanish.train(block=block, act="sigmoid", layers=12, epochs=10).outcome
    print(f"{place:14}{block:14}{a_layer:8.3f}{ratio:14.2g}  {profile.verdict:10}  {outcome}")
