"""What no gradient does: exceed its norm bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.chainrule import back
from vanish.network.graph import Variable
from vanish.readings import dense
from vanish.readings.bounds import BOUND, TraceNorms, norm_bounds

if TYPE_CHECKING:
    from vanish.numbers.scaled import Magnitude
    from vanish.simulation.run import Simulation

# A bound may be attained; then only rounding, of some operations a layer, tells the two apart.
ROUNDING = 1e-11


def exceeds(value: Magnitude, bound: Magnitude) -> bool:
    """Tell whether a norm is larger than its bound."""
    return bool(value) and not (bound and float(value / bound) <= 1.0 + ROUNDING)


def exceeding(simulation: Simulation) -> list[str]:
    """Return the names of all gradients that exceed their norm bounds."""
    trace, loss = simulation.trace, simulation.loss_gradient
    norms = TraceNorms(trace)
    one_by_one = dict(back(trace.chain.graph, BOUND, norms, norms.kept_at, loss.norm()))
    found = {variable: each.norm() for variable, each in dense.gradients(trace, loss)}
    assert found.keys() == one_by_one.keys()
    wrong = [str(each) for each in found if exceeds(found[each], one_by_one[each])]
    # All layers at once, as a profile has them.
    for letter, column in norm_bounds(trace, loss.norm()).items():
        for k, bound in enumerate(column.at((..., 0)).listed(), 1):
            value = found.get(Variable(letter, k))
            if value is not None and exceeds(value, bound):
                wrong.append(f"{letter}{k} of all")
    return wrong
