"""A copy of a model to measure, so that nothing of the user's own is touched."""

from __future__ import annotations

import copy
import random
from contextlib import ExitStack, contextmanager
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from vanish.errors import UsageError, plain
from vanish.system import memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What would run the user's own module, or code that hooks do not reach.
_WRAPPED = {
    "OptimizedModule": "a compiled module: give the module itself, model._orig_mod",
    "DataParallel": "a module on several devices: give the module itself, model.module",
    "DistributedDataParallel": "a module on several devices: give the module itself, model.module",
    "FullyShardedDataParallel": "a sharded module: its weights are not whole on any device",
}


def require_plain(model: Any) -> None:
    """Refuse what cannot be copied and watched.

    Raises
    ------
    UsageError
        If it is no module, or a compiled, scripted, wrapped, lazy or complex one, or has no
        values.
    """
    if not isinstance(model, nn.Module):
        raise UsageError(f"model of type {type(model).__name__}: give a torch.nn.Module")
    for path, module in model.named_modules():
        where = f"{plain(path)}: " if path else ""
        if isinstance(module, torch.jit.ScriptModule):
            raise UsageError(f"{where}a scripted module: give the one that it was made of")
        for kind in type(module).__mro__:
            if kind.__name__ in _WRAPPED and kind.__module__.startswith("torch."):
                raise UsageError(f"{where}{_WRAPPED[kind.__name__]}")
    for name, each in (*model.named_parameters(), *model.named_buffers()):
        if nn.parameter.is_lazy(each):
            raise UsageError(f"{plain(name)} has no shape yet: run the model on a batch first")
        if each.is_meta:
            raise UsageError(f"{plain(name)} is on the meta device: load its values first")
        if each.is_complex():
            raise UsageError(f"{plain(name)} is complex: only real networks are measured")


def copied(model: nn.Module, dtype: torch.dtype | None) -> nn.Module:
    """Return a deep copy of a model, its numbers of that type; None keeps theirs.

    Raises
    ------
    UsageError
        If it cannot be copied.
    MemoryLimitError
        If the copy and its gradients do not fit.
    """
    entries = sum(each.numel() for each in model.parameters() if not each.is_cuda)
    size = 4 if dtype is None else dtype.itemsize
    memory.require(
        2 * size * entries,
        f"{'a' if dtype is None else f'a {name_of(dtype)}'} copy of the model with its gradients",
        "give a smaller part of the model" if dtype is None else "dtype=None measures it as it is",
    )
    try:
        found = copy.deepcopy(model)
    except Exception as error:
        why = str(error).partition("\n")[0]
        raise UsageError(
            f"{type(model).__name__} cannot be copied: {why}: give a model that"
            " copy.deepcopy can copy"
        ) from error
    if dtype is not None:
        # Not `to`, which would make real numbers of complex ones.
        found._apply(lambda each: each.to(dtype) if each.is_floating_point() else each)  # noqa: SLF001 - torch.nn's own way
    for each in found.parameters():
        each.grad = None
    return found


def name_of(dtype: torch.dtype) -> str:
    """Return what a number type is called."""
    return str(dtype).removeprefix("torch.")


def mapped(given: Any, change: Callable[[Tensor], Any]) -> Any:
    """Return a structure with other tensors: of tuples, lists, dictionaries and dataclasses."""
    if isinstance(given, Tensor):
        return change(given)
    if isinstance(given, tuple):
        parts = [mapped(each, change) for each in given]
        return type(given)(*parts) if hasattr(given, "_fields") else type(given)(parts)
    if isinstance(given, list):
        return [mapped(each, change) for each in given]
    if type(given) is dict:
        return {name: mapped(each, change) for name, each in given.items()}
    # One's own class: its items or fields are exchanged in a copy.
    if isinstance(given, dict):
        other = copy.copy(given)
        for name, each in given.items():
            other[name] = mapped(each, change)
        return other
    if is_dataclass(given) and not isinstance(given, type):
        found = copy.copy(given)
        for field in fields(given):
            object.__setattr__(found, field.name, mapped(getattr(given, field.name), change))
        return found
    return given


def tensors(given: Any) -> list[Tensor]:
    """Return the tensors of a structure."""
    if isinstance(given, Tensor):
        return [given]
    if isinstance(given, dict):
        parts = [*given.values()]
    elif isinstance(given, tuple | list):
        parts = [*given]
    elif is_dataclass(given) and not isinstance(given, type):
        parts = [getattr(given, field.name) for field in fields(given)]
    else:
        return []
    return [found for each in parts for found in tensors(each)]


def own(given: Any, dtype: torch.dtype | None) -> Any:
    """Return a structure with tensors of its own, real ones of that type."""

    def change(tensor: Tensor) -> Tensor:
        found = tensor.detach().clone()
        if dtype is not None and found.is_floating_point():
            found = found.to(dtype)
        return found.requires_grad_(tensor.requires_grad)

    return mapped(given, change)


@contextmanager
def undisturbed(model: nn.Module, dtype: torch.dtype | None) -> Iterator[None]:
    """Keep all random states and the default number type as they are.

    Within, tensors that the model makes by itself are of the copy's number type, gradients are
    recorded, and random numbers are those that would come next.
    """
    devices = {each.device for each in model.parameters() if each.is_cuda}
    indices = [
        torch.cuda.current_device() if each.index is None else each.index for each in devices
    ]
    default = torch.get_default_dtype()
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - others' state
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=indices))
        stack.callback(torch.set_default_dtype, default)
        stack.callback(random.setstate, python)
        stack.callback(np.random.set_state, numpy)
        # Where nothing needs a gradient torch runs an encoder in one step, past its modules.
        fast = torch.backends.mha
        stack.callback(fast.set_fastpath_enabled, fast.get_fastpath_enabled())
        fast.set_fastpath_enabled(value=False)
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        if dtype is not None:
            torch.set_default_dtype(dtype)
        yield
