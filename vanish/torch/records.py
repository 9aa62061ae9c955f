"""From what was watched to a record a layer."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from vanish.numbers.scaled import ZERO
from vanish.numbers.signed import Signed
from vanish.records import Record
from vanish.simulation.module_precision import Size
from vanish.simulation.modules import ModuleRecord, Slopes
from vanish.torch.following import activation_of, origin, slopes_of, takers_of
from vanish.torch.tallies import Tally, pooled, tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor, nn
    from torch.autograd.graph import Node

    from vanish.numbers.scaled import Magnitude
    from vanish.torch.layers import Layer
    from vanish.torch.recording import Call, Recorder, Tap


class Followed(Record):
    """What follows each layer.

    Attributes
    ----------
    is_chain
        Whether each layer takes what is made of the one before it, and of no other.
    acts
        The activation that takes what a layer gives; empty where nobody knows.
    alone
        Whether nothing but that stands between a layer and the next one.
    slopes, units
        What its slopes say, and of how many units.
    """

    is_chain: bool
    acts: tuple[str, ...]
    alone: tuple[bool, ...]
    slopes: tuple[Slopes | None, ...]
    units: tuple[int, ...]


def followed_layers(layers: Sequence[Layer], recorder: Recorder) -> Followed:
    """Return what follows each layer; what they gave is let go of.

    Parameters
    ----------
    layers
        Those that were called, in their order.
    recorder
        What was watched, before the way back.
    """
    # Of the layers of one module the last that shows what it gives stands for it.
    shown = {layer.site: k for k, layer in enumerate(layers) if layer.sees_output}
    nodes: dict[Node, int] = {
        node: k for site, k in shown.items() for call in recorder.calls[site] for node in call.nodes
    }
    ends = [
        [tap.made_by for call in recorder.calls[layer.site] for tap in call.inputs]
        if layer.sees_input
        else []
        for layer in layers
    ]
    ends.append([tap.made_by for tap in recorder.output])
    origins = [origin(each, nodes) for each in ends]
    is_chain = len({layer.site for layer in layers}) == len(layers) and all(
        found.layers == ({k - 1} if k else set()) for k, found in enumerate(origins)
    )
    is_chain = is_chain and all(
        layer.sees_input and layer.sees_output and len(recorder.calls[layer.site]) == 1
        for layer in layers
    )
    takers = takers_of(chain.from_iterable(ends), nodes)
    acts, slopes, units = [], [], []
    for k, layer in enumerate(layers):
        calls = recorder.calls[layer.site]
        given = [tap.tensor for tap in _outputs(layer, calls)]
        known = [each for each in given if each is not None and each.numel()]
        # What is taken of several tensors is not all that a layer gives.
        is_one = len(known) == len(given) == len(calls)
        act = activation_of(takers.get(k, ())) if is_one else ""
        found = slopes_of(act, known, layer.units) if act else None
        acts.append(act)
        slopes.append(None if found is None else found[0])
        units.append(0 if found is None else found[1])
    for calls in recorder.calls.values():
        for tap in (tap for call in calls for tap in call.outputs):
            tap.tensor = tap.made_by = None
    alone = tuple(
        bool(act) and after.is_plain for act, after in zip(acts, origins[1:], strict=True)
    )
    return Followed(is_chain, tuple(acts), alone, tuple(slopes), tuple(units))


def records_of(
    layers: Sequence[Layer],
    recorder: Recorder,
    followed: Followed,
    model: nn.Module,
    gradients: Mapping[Tensor, Size],
) -> list[ModuleRecord]:
    """Return a record a layer.

    Parameters
    ----------
    layers
        Those that were called, in their order.
    recorder
        What was watched.
    followed
        What follows each of them.
    model
        The copy that was run.
    gradients
        Those by its parameters that move.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    found = []
    for k, layer in enumerate(layers):
        calls = recorder.calls[layer.site]
        outputs, inputs = _outputs(layer, calls), _inputs(layer, calls)
        weight = parameters[layer.parameter]
        # What enters the next layer, or the loss.
        after = layers[k + 1 : k + 2]
        next_one = _inputs(after[0], recorder.calls[after[0].site]) if after else recorder.output
        f = next_one if followed.is_chain else []
        sizes = {
            "W": tally(weight).size,
            "a": _size(outputs),
            "input": _size(inputs),
            "grad_a": _gradient(outputs),
            "grad_input": _gradient(inputs),
            "grad_w": gradients.get(weight),
        }
        known = {name: size for name, size in sizes.items() if size is not None}
        bias = parameters[layer.bias] if layer.bias else None
        found.append(
            ModuleRecord(
                layer=k + 1,
                name=layer.name,
                module=layer.kind,
                parameter=layer.parameter,
                n_in=layer.n_in,
                n_out=layer.n_out,
                calls=len(calls),
                act=followed.acts[k],
                is_act_alone=followed.is_chain and followed.alone[k],
                grad_w=_norm(known.get("grad_w")),
                grad_b=None if bias is None else _norm(gradients.get(bias)),
                grad_a=_norm(known.get("grad_a")),
                grad_input=_norm(known.get("grad_input")),
                grad_f=_norm(_gradient(f)),
                weight=known["W"].norm,
                gain_back=None,
                sizes=known,
                spread_a=pooled(_values(outputs))[1] if outputs else None,
                spread_f=pooled(_values(f))[1] if f else None,
                size_f=_size(f),
                slopes=followed.slopes[k],
                units=followed.units[k],
                is_affine=layer.is_affine,
                is_frozen=not weight.requires_grad,
                by_call=_by_call(layer, calls),
            )
        )
    return _with_gains(found)


def _with_gains(records: Sequence[ModuleRecord]) -> list[ModuleRecord]:
    """Return the records with the factors from the next layer that shows its signal."""
    found: list[ModuleRecord] = []
    above: Magnitude | None = None
    for each in reversed(records):
        gain = each.grad_a / above if each.grad_a and above else None
        found.append(each._replace(gain_back=gain))
        above = above if each.grad_a is None else each.grad_a
    return found[::-1]


def _by_call(layer: Layer, calls: Sequence[Call]) -> tuple[dict[str, Magnitude | None], ...]:
    if len(calls) == 1:
        return ()
    return tuple(
        {
            "grad_a": _norm(_gradient(_outputs(layer, [call]))),
            "grad_input": _norm(_gradient(_inputs(layer, [call]))),
            "grad_w": None if call.weight is None else call.weight.size.norm,
        }
        for call in calls
    )


def _outputs(layer: Layer, calls: Sequence[Call]) -> list[Tap]:
    if not layer.sees_output:
        return []
    most = 1 if layer.sees_output == "first" else None
    return [tap for call in calls for tap in call.outputs[:most]]


def _inputs(layer: Layer, calls: Sequence[Call]) -> list[Tap]:
    return [tap for call in calls for tap in call.inputs] if layer.sees_input else []


def _values(taps: Iterable[Tap]) -> list[Tally]:
    return [tap.values for tap in taps]


def _size(taps: Sequence[Tap]) -> Size | None:
    return pooled(_values(taps))[0] if taps else None


def _gradient(taps: Sequence[Tap]) -> Size | None:
    """Return ∂L by some tensors; None where it could not come by, or the loss hangs on none.

    It is zero of those that it does not depend on where it depends on others, as of a call
    without gradients.
    """
    if all(tap.gradient is None for tap in taps):
        return None
    return pooled([tap.gradient or _nothing(tap.values.size.entries) for tap in taps])[0]


def _nothing(entries: int) -> Tally:
    return Tally(Size(ZERO, ZERO, entries), Signed(0.0), ZERO)


def _norm(size: Size | None) -> Magnitude | None:
    return None if size is None else size.norm
