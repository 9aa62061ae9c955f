"""Measures a module: one forward pass and one backward pass of a copy."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vanish.errors import UsageError, VanishError, plain
from vanish.network.converting import is_listed
from vanish.numbers.scaled import ZERO
from vanish.simulation.modules import Run
from vanish.simulation.table import SETTINGS
from vanish.simulation.thresholds import Thresholds
from vanish.simulation.values import taken
from vanish.torch.copies import copied, name_of, own, require_plain, tensors, undisturbed
from vanish.torch.layers import layers_of, outside
from vanish.torch.recording import Recorder, called_in_order, gradients
from vanish.torch.records import followed_layers, records_of
from vanish.torch.results import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


# Those in which modules compute; torch has others that only store numbers.
_TYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def profile(
    model: nn.Module,
    batch: Any,
    loss: Callable[..., Tensor],
    *,
    target: Any = None,
    select: str | Sequence[str] | None = None,
    dtype: torch.dtype | None = torch.float64,
    vanish_below: float = 1e-3,
    explode_above: float = 1e3,
) -> Profile:
    """Measure the gradients of any PyTorch module, layer by layer.

    The model itself is not touched: a copy runs, in the mode that the model is in, and random
    states of processor and CUDA are afterwards what they were. Hooks of yours run with the copy.

    Parameters
    ----------
    model
        The module. A layer is a matrix of it: of nn.Linear, convolutions, embeddings, the parts
        of nn.LSTM and nn.MultiheadAttention, and of any module without modules in it.
    batch
        What it is called with: a tensor, a tuple or list of arguments, or a mapping of arguments by
        name.
    loss
        Called with the output, or with the output and the target; returns L, a tensor of one
        number. Where it takes two and no `target` is given, the last item of a tuple or list is
        the target.
    target
        What the loss compares the output with.
    select
        Globs such as ``encoder.layers.*.linear1``: which layers to measure. Without it all whose
        weight has two dimensions or more; a norm's scale is measured where it is asked for.
    dtype
        The number type of the copy: float64, which holds what is above 1e-308. None runs it as
        it is, which takes a quarter to a half of the memory: for a model of P parameters 2 · P
        numbers, and what its layers keep for the way back.
    vanish_below, explode_above
        What ratio of the first layer's signal to the last one's is called so.

    Raises
    ------
    UsageError
        If the module cannot be copied and watched, or nothing is selected.
    VanishError
        If something is infinite or not a number.
    MemoryLimitError
        If the copy does not fit.

    Examples
    --------
    >>> from torch import nn, randn
    >>> model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    >>> found = profile(model, randn(8, 4), lambda output: output.square().mean())
    >>> [layer.name for layer in found.layers]
    ['0', '2']
    """
    require_plain(model)
    globs: tuple[Any, ...] = (select,)
    if select is None or is_listed(select):
        globs = tuple(select or ())
    if not all(isinstance(each, str) for each in globs):
        raise UsageError(f"select {select!r}: give a glob, or a list of globs")
    given = {"vanish_below": vanish_below, "explode_above": explode_above}
    thresholds = Thresholds(**{name: taken(SETTINGS[name], each) for name, each in given.items()})
    _require_dtype(model, dtype)
    args, kwargs, comparing = _split(batch, target, loss)
    recorder = None
    try:
        with undisturbed(model, dtype):
            twin = copied(model, dtype)
            layers = layers_of(twin, globs)
            recorder = Recorder(layers)
            criterion = copied(loss, dtype) if isinstance(loss, nn.Module) else loss
            args, kwargs = own(args, dtype), own(kwargs, dtype)
            # Modules that nobody watches may take it first.
            recorder.roots += [each for each in tensors((args, kwargs)) if each.requires_grad]
            output = recorder.watch_output(twin(*args, **kwargs))
            value = criterion(output, *own(comparing, dtype))
            _require_loss(value)
            used = called_in_order(recorder, layers)
            if not used:
                raise UsageError(
                    "the forward pass calls none of the layers that are measured: select one that"
                    " it calls"
                )
            recorder.require_seen(value)
            followed = followed_layers(used, recorder)
            found = gradients(value, twin, recorder)
    except (RuntimeError, TypeError) as error:
        if dtype is not None:
            error.add_note(
                f"vanish.torch.profile runs a copy in {name_of(dtype)}; dtype=None runs it as it is"
            )
        raise
    finally:
        if recorder is not None:
            recorder.close()
    records = records_of(used, recorder, followed, twin, found)
    if all(each.grad_a is None for each in records):
        raise UsageError(
            "the loss depends on nothing that the selected layers are seen to give: select others"
        )
    names = {layer.name for layer in used}
    run = Run(
        model=plain(type(model).__name__),
        loss=_name(loss),
        parameters=sum(each.numel() for each in model.parameters()),
        number_type=name_of(dtype or _own_type(model)),
        mode=_mode(model),
        value=float(value.detach()),
        gradients={
            plain(name): found[each].norm if each in found else ZERO
            for name, each in twin.named_parameters()
            if each.requires_grad
        },
        shared=_shared(model),
        unused=tuple(layer.name for layer in layers if layer.name not in names),
        outside=() if globs else outside(twin),
        select=globs,
        is_chain=followed.is_chain,
    )
    return Profile(run, records, thresholds)


def _require_dtype(model: nn.Module, dtype: Any) -> None:
    if dtype is None:
        return
    if dtype not in _TYPES:
        known = ", ".join(map(str, _TYPES))
        raise UsageError(f"dtype {dtype}: give {known} or None")
    if dtype == torch.float64 and any(each.device.type == "mps" for each in model.parameters()):
        raise UsageError("dtype torch.float64: mps has none: give dtype=None, or model.cpu()")


def _own_type(model: nn.Module) -> torch.dtype:
    """Return the number type of most of a model's numbers."""
    sizes: Counter[torch.dtype] = Counter()
    for each in model.parameters():
        sizes[each.dtype] += each.numel()
    return max(sizes, key=lambda dtype: sizes[dtype], default=torch.get_default_dtype())


def _split(
    batch: Any, target: Any, loss: Any
) -> tuple[tuple[Any, ...], dict[str, Any], tuple[Any, ...]]:
    """Return the arguments of the model, those by name, and what the loss compares with.

    Raises
    ------
    UsageError
        If the loss needs a target and there is none.
    """
    if not callable(loss):
        raise UsageError(f"loss of type {type(loss).__name__}: give a function of the output")
    # A PackedSequence is a tuple, and one argument.
    several = isinstance(batch, tuple | list) and not hasattr(batch, "_fields")
    comparing = () if target is None else (target,)
    if not comparing and _takes(loss) > 1:
        if not several or len(batch) < 2:
            raise UsageError(f"loss {_name(loss)} takes a target, too: give target=…")
        *batch, last = batch
        comparing = (last,)
    if isinstance(batch, Mapping):
        return (), dict(batch), comparing
    return (tuple(batch) if several else (batch,)), {}, comparing


def _takes(loss: Callable[..., Tensor]) -> int:
    """Return how many arguments a loss cannot do without; one where nobody knows."""
    try:
        known = inspect.signature(loss.forward if isinstance(loss, nn.Module) else loss)
    except (TypeError, ValueError):
        return 1
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        each.kind in by_place and each.default is inspect.Parameter.empty
        for each in known.parameters.values()
    )


def _require_loss(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise UsageError(f"the loss is of type {type(value).__name__}: return a tensor")
    if value.numel() != 1:
        shape = tuple(value.shape)
        raise UsageError(f"the loss has the shape {shape}: return one number, such as its mean")
    if not value.isfinite().all():
        raise VanishError(
            f"the loss is {float(value.detach())}: nothing can be measured: give inputs and targets"
            " that make it finite"
        )
    if not value.requires_grad:
        raise UsageError(
            "the loss has no gradient: it does not depend on what the model computes: make it of"
            " the model's output, outside torch.no_grad()"
        )


def _name(loss: Any) -> str:
    return plain(getattr(loss, "__name__", type(loss).__name__)).strip("<>")


def _mode(model: nn.Module) -> str:
    modes = {each.training for each in model.modules()}
    return "mixed" if len(modes) > 1 else "training" if modes.pop() else "evaluation"


def _shared(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Return the names of each parameter that has several."""
    names: dict[int, list[str]] = {}
    for name, each in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(each), []).append(plain(name))
    return tuple(tuple(found) for found in names.values() if len(found) > 1)
