"""A network that nobody ran: records of modules, for what shows them where PyTorch is missing."""

from __future__ import annotations

from vanish.numbers.scaled import Magnitude
from vanish.numbers.signed import Signed
from vanish.simulation.module_precision import Size
from vanish.simulation.modules import ModuleCourse, ModuleRecord, Run, Slopes, Spread
from vanish.simulation.thresholds import Thresholds


def record(layer: int, name: str, signal: float | None, *, dead: float = 0.0) -> ModuleRecord:
    """Return a layer of ten units, of which some are dead, with a signal that is seen or not."""
    one = Magnitude.of(1.0)
    grad_a = None if signal is None else Magnitude.of(signal)
    sizes = {"W": Size(one, one, 100), "a": Size(one, one, 10)}
    if grad_a is not None:
        sizes["grad_a"] = Size(grad_a, grad_a, 10)
    return ModuleRecord(
        layer=layer,
        name=name,
        module="Linear",
        parameter=f"{name}.weight",
        n_in=10,
        n_out=10,
        calls=1,
        act="relu",
        is_act_alone=True,
        grad_w=one,
        grad_b=one,
        grad_a=grad_a,
        grad_input=grad_a,
        grad_f=grad_a,
        weight=one,
        gain_back=one,
        sizes=sizes,
        spread_a=Spread(Signed(0.0), one),
        spread_f=None,
        size_f=None,
        slopes=Slopes(0.5, 1.0, dead, dead, 10.0 * (1.0 - dead), dead),
        units=100,
        is_affine=True,
    )


def course(*layers: ModuleRecord, is_chain: bool = True) -> ModuleCourse:
    """Return a network of some layers."""
    run = Run(
        model="Net",
        loss="mse_loss",
        parameters=110 * len(layers),
        number_type="float64",
        mode="training",
        value=0.5,
        gradients={},
        shared=(("embed.weight", "head.weight"),),
        unused=("spare",),
        outside=(),
        select=(),
        is_chain=is_chain,
    )
    return ModuleCourse(run, layers, Thresholds(1e-3, 1e3))
