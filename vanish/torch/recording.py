"""Watches the calls of a model's layers: what enters, what leaves, and the gradients by both.

Every tensor that enters a watched module is a view of its own, and every one that leaves it is
copied: so the gradient by an input is that through this module alone, and whoever writes over
an output, as nn.ReLU(inplace=True) does, writes over the copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from vanish.errors import UsageError, VanishError, plain
from vanish.torch.copies import mapped, tensors
from vanish.torch.tallies import NotFiniteError, Tally, tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.autograd.graph import Node

    from vanish.simulation.module_precision import Size
    from vanish.torch.layers import Layer


# What nn.MultiheadAttention projects, in the order of its arguments.
_ATTENDED = ("query", "key", "value")


class Tap:
    """A tensor on its way: what its entries are, and what the gradient by it is.

    Attributes
    ----------
    values
        Its entries.
    gradient
        ∂L by it; None until it has come by.
    made_by
        The operation that made it, where that is recorded.
    tensor
        The tensor itself; None once it is not needed any more.
    """

    def __init__(self, tensor: Tensor, values: Tally) -> None:
        self.values: Final = values
        self.gradient: Tally | None = None
        self.made_by: Node | None = tensor.grad_fn
        self.tensor: Tensor | None = tensor.detach()


class Call:
    """One call of a watched module.

    Attributes
    ----------
    inputs, outputs
        The tensors that entered and left it.
    weight
        ∂L by W, of this call alone; None where nobody sees it.
    nodes
        The operations from which the outputs go on.
    lent
        Tensors that entered as copies, these, and how often they had been written to.
    """

    def __init__(self) -> None:
        self.inputs: list[Tap] = []
        self.outputs: list[Tap] = []
        self.weight: Tally | None = None
        self.nodes: list[Node] = []
        self.lent: list[tuple[Tensor, Tensor, int]] = []


class Recorder:
    """Watches the layers of a model, which is a copy that nobody else uses.

    Parameters
    ----------
    layers
        What to watch.

    Attributes
    ----------
    calls
        Those of each watched module, in the order of the first ones.
    output
        What the model gives.
    roots
        Tensors that begin a graph of their own: gradients are asked for by them, too.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._names: dict[nn.Module, str] = {}
        self._attributes: dict[nn.Module, str | None] = {}
        for layer in layers:
            self._names.setdefault(layer.site, layer.name)
            self._attributes.setdefault(layer.site, layer.attribute)
        self.calls: dict[nn.Module, list[Call]] = {}
        self.roots: list[Tensor] = []
        self.output: list[Tap] = []
        self._phase = "forward"
        # Whether any was called without gradients.
        self._blind = False
        self._open: dict[nn.Module, list[Call]] = {site: [] for site in self._names}
        self._hooks = [
            handle
            for site in self._names
            for handle in (
                site.register_forward_pre_hook(self._enter, with_kwargs=True),
                site.register_forward_hook(self._leave),
            )
        ]

    def turn(self) -> None:
        """From here on the gradients that come by are those of the loss."""
        self._phase = "back"

    def close(self) -> None:
        """Watch nothing any more."""
        for handle in self._hooks:
            handle.remove()

    def _enter(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        call = Call()
        self._blind |= not torch.is_grad_enabled()
        if self._phase == "forward":
            # Not what a checkpoint computes again on the way back.
            self.calls.setdefault(module, []).append(call)
        self._open[module].append(call)
        self._lend(module, call)
        # A tensor that enters several times, as query, key and value, stays one.
        known: dict[int, Tensor] = {}

        def change(tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point() or _is_mask(tensor):
                return tensor
            if id(tensor) not in known:
                known[id(tensor)] = self._input(module, call, tensor)
            return known[id(tensor)]

        if isinstance(module, nn.MultiheadAttention):
            # query, key and value; what else it takes are masks.
            entering = {name: kwargs[name] for name in _ATTENDED if name in kwargs}
            args = (*mapped(args[: len(_ATTENDED)], change), *args[len(_ATTENDED) :])
            return args, kwargs | mapped(entering, change)
        return mapped(args, change), mapped(kwargs, change)

    def _input(self, module: nn.Module, call: Call, tensor: Tensor) -> Tensor:
        tap = Tap(tensor, self._tally(module, "what enters it", tensor))
        tap.tensor = None
        call.inputs.append(tap)
        if tensor.requires_grad:
            if tensor.is_leaf:
                self.roots.append(tensor)
            found = tensor.view_as(tensor)
        else:
            root = tensor.detach().requires_grad_()
            self.roots.append(root)
            found = root.clone()
            call.lent.append((tensor, found, _writes(found)))
        self._watch(f"{self._names[module]}: ∂L by what enters it", found, tap)
        return found

    def _leave(self, module: nn.Module, _: tuple[Any, ...], output: Any) -> Any:
        call = self._open[module].pop()
        self._take_back(module)
        for tensor, lent, written in call.lent:
            # A module may write into what it is given, and others read that.
            if _writes(lent) > written:
                tensor.copy_(lent)

        def change(tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point():
                return tensor
            if not tensor.requires_grad:
                root = tensor.detach().requires_grad_()
                self.roots.append(root)
                tensor = root.clone()
            tap = Tap(tensor, self._tally(module, "what it gives", tensor))
            call.outputs.append(tap)
            self._watch(f"{self._names[module]}: ∂L by what it gives", tensor, tap)
            found = tensor.clone()
            if found.grad_fn is not None:
                call.nodes.append(found.grad_fn)
            return found

        return mapped(output, change)

    def watch_output(self, output: Any) -> Any:
        """Watch what the model gives, which is returned as it is."""
        for each in tensors(output):
            if each.is_floating_point() and each.requires_grad and bool(each.isfinite().all()):
                self.output.append(Tap(each, tally(each)))
                self._watch("the output: ∂L by it", each, self.output[-1])
        return output

    def require_seen(self, loss: Tensor) -> None:
        """Refuse a loss to which some layers lead in a way that autograd does not show.

        Raises
        ------
        UsageError
            If a checkpoint calls them again on the way back only.
        """
        if not self._blind:
            return
        waiting, seen = [loss.grad_fn], {loss.grad_fn}
        while waiting:
            node = waiting.pop()
            if node is None:
                continue
            if node.name().startswith("CheckpointFunction"):
                raise UsageError(
                    "a reentrant checkpoint hides its layers: use_reentrant=False shows them"
                )
            fresh = {before for before, _ in node.next_functions} - seen
            seen |= fresh
            waiting += fresh

    def _watch(self, what: str, tensor: Tensor, tap: Tap) -> None:
        """Take note of the gradient by a tensor once it comes by."""

        def take(gradient: Tensor) -> None:
            if self._phase == "back":
                tap.gradient = finite(gradient, what)

        if tensor.requires_grad:
            tensor.register_hook(take)

    def _lend(self, module: nn.Module, call: Call) -> None:
        """Give a call a view of W of its own, by which the gradient is that of this call."""
        attribute = self._attributes[module]
        weight = None if attribute is None else module._parameters.get(attribute)  # noqa: SLF001 - torch has no public one
        if attribute is None or weight is None or not weight.requires_grad:
            return
        lent = weight.view_as(weight)

        def take(gradient: Tensor) -> None:
            if self._phase == "back":
                call.weight = self._tally(module, "∂L/∂W", gradient)

        if lent.requires_grad:
            lent.register_hook(take)
            # An attribute of the instance is found before a parameter.
            module.__dict__[attribute] = lent

    def _take_back(self, module: nn.Module) -> None:
        attribute = self._attributes[module]
        if attribute is not None:
            module.__dict__.pop(attribute, None)

    def _tally(self, module: nn.Module, what: str, tensor: Tensor) -> Tally:
        return finite(tensor, f"{self._names[module]}: {what}")


def _writes(tensor: Tensor) -> int:
    """Return how many operations have written into a tensor."""
    return int(tensor._version)  # noqa: SLF001 - torch has no public one


def _is_mask(tensor: Tensor) -> bool:
    """Tell whether a tensor is a mask, which is -∞ where nothing is to be looked at."""
    return not tensor.requires_grad and bool(torch.isneginf(tensor).any())


def finite(tensor: Tensor, what: str) -> Tally:
    """Return what is kept of a tensor.

    Raises
    ------
    VanishError
        If not all of its entries are finite.
    """
    try:
        return tally(tensor)
    except NotFiniteError:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise VanishError(f"{what} is not finite in {kind}: nothing can be measured") from None


def called_in_order(recorder: Recorder, layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that were called, in the order of their first calls."""
    order = {site: place for place, site in enumerate(recorder.calls)}
    used = [layer for layer in layers if layer.site in order]
    return sorted(used, key=lambda layer: order[layer.site])


def gradients(loss: Tensor, model: nn.Module, recorder: Recorder) -> dict[Tensor, Size]:
    """Return how large the gradients by a model's parameters are, of those that move.

    The recorder takes note of all others meanwhile. Nothing is accumulated anywhere, whatever
    else the loss depends on. Those of which the loss does not depend at all are left out.
    """
    moving = {each: name for name, each in model.named_parameters() if each.requires_grad}
    recorder.turn()
    found = torch.autograd.grad(loss, [*moving, *recorder.roots], allow_unused=True)
    return {
        each: finite(gradient, f"∂L by {plain(name)}").size
        for (each, name), gradient in zip(moving.items(), found, strict=False)
        if gradient is not None
    }
