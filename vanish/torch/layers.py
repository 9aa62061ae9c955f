"""Which layers a module has: its matrices, and where their signals can be seen.

A layer is a parameter of two dimensions or more of a module without modules in it. Of most of
them W's input and output are the module's own; of those that compute several products in one
step, such as nn.LSTM, only what enters and what leaves the module is seen.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from vanish.errors import UsageError, plain
from vanish.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torch import Tensor

# W times the input plus b, and nothing else.
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_SPATIAL = (*_CONVOLUTIONS, *_TRANSPOSED)
_AFFINE = (nn.Linear, *_SPATIAL)

# Their scales and shifts are no matrices, over however many axes.
_NORMS = (nn.LayerNorm, nn.RMSNorm)

# They hold parameters for another module, and are never called.
_LISTS = (nn.ParameterList, nn.ParameterDict)

_PARAMETRIZED = "parametrizations"

# What the older nn.utils.spectral_norm calls W.
_ORIGINAL = "weight_orig"


class Layer(Record):
    """A matrix of a module.

    Attributes
    ----------
    name
        What the layer is called: its module's path, with the parameter's name where the module
        has several matrices.
    site
        The module whose calls are watched.
    kind
        The class of the module that holds W.
    parameter, bias
        Their own names; None without a bias.
    attribute
        What W is called in its module, where each call may be given a view of it; else None.
    sees_input
        Whether what enters the site is seen to belong to the layer.
    sees_output
        ``all`` where what leaves it does, ``first`` where the first tensor does; else empty.
    units
        Which dimension of the output counts the units.
    is_affine
        Whether the site is W times its input plus b.
    n_in, n_out
        What W takes and gives.
    """

    name: str
    site: nn.Module
    kind: str
    parameter: str
    bias: str | None
    attribute: str | None
    sees_input: bool
    sees_output: str
    units: int
    is_affine: bool
    n_in: int
    n_out: int


def layers_of(model: nn.Module, select: Sequence[str]) -> list[Layer]:
    """Return the layers of a model in the order in which it holds them.

    Parameters
    ----------
    model
        The model.
    select
        Globs, of the names of layers, modules or parameters; without any, all with a matrix.

    Raises
    ------
    UsageError
        If there is none.
    """
    found = list(_found(model, narrow=bool(select)))
    if not select:
        if not found:
            beside = outside(model)
            hint = (
                f"{beside[0]} has none of its own: give it one"
                if beside
                else "give a model with a layer, or select a parameter by its name"
            )
            raise UsageError(
                f"{plain(type(model).__name__)}: no module without modules in it has a weight of"
                f" two dimensions or more: {hint}"
            )
        return found
    for glob in select:
        if not any(_matches(layer, glob) for layer in found):
            known = ", ".join(layer.name for layer in found[:8])
            more = ", …" if len(found) > 8 else ""
            hint = f"give one of {known}{more}" if found else "the model has none"
            raise UsageError(f"select {plain(glob)!r}: no layer has such a name: {hint}")
    return [layer for layer in found if any(_matches(layer, glob) for glob in select)]


def outside(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the matrices that have no module of their own, which are no layers."""
    measured = {layer.parameter for layer in _found(model, narrow=False)}
    return tuple(
        plain(_joined(path, name))
        for path, module in model.named_modules()
        if (isinstance(module, _LISTS) or any(True for _ in module.children()))
        and not isinstance(module, nn.MultiheadAttention)
        for name, each in module.named_parameters(recurse=False)
        if _dimensions(each) > 1 and _joined(path, name) not in measured
        if not (isinstance(module, ParametrizationList) and _is_scale(each, module.parameters()))
    )


def _matches(layer: Layer, glob: str) -> bool:
    return any(fnmatchcase(name, glob) for name in (layer.name, layer.parameter))


def _found(model: nn.Module, *, narrow: bool) -> Iterator[Layer]:
    """Yield all layers; `narrow` ones, such as a norm's scale, only where they are asked for."""
    inside: set[nn.Module] = set()
    for path, module in model.named_modules():
        if module in inside or isinstance(module, _LISTS):
            continue
        if isinstance(module, nn.MultiheadAttention):
            inside |= {*module.modules()}
            yield from _attention(path, module)
        elif isinstance(module, nn.RNNBase):
            yield from _recurrent(path, module)
        else:
            children = {name for name, _ in module.named_children()}
            if children <= {_PARAMETRIZED}:
                inside |= {*module.modules()} - {module}
                yield from _leaf(path, module, narrow=narrow)


def _leaf(path: str, module: nn.Module, *, narrow: bool) -> Iterator[Layer]:
    known = dict(module.named_parameters())
    matrices = {name: each for name, each in known.items() if _dimensions(each) > 1}
    if isinstance(module, _NORMS):
        matrices.clear()
    for name in [*matrices]:
        if _is_scale(matrices[name], _beside(name, matrices)):
            del matrices[name]
    if not matrices and narrow:
        matrices = {name: each for name, each in known.items() if name == "weight"}
    several = len(matrices) > 1
    for name, weight in matrices.items():
        n_out, n_in = _sizes(weight)
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag, *_TRANSPOSED)):
            n_in, n_out = n_out, n_in
        own = "weight" if name.startswith(_PARAMETRIZED) or name == _ORIGINAL else name
        bias = own.replace("weight", "bias", 1)
        whole = not several and not getattr(module, "sparse", False)
        yield _layer(
            path,
            name if several else "",
            site=module,
            parameter=_joined(path, name),
            bias=_joined(path, bias) if bias != own and bias in known else None,
            attribute=name if whole and "." not in name else None,
            sees_input=True,
            # What several matrices give together is said of the last one alone.
            sees_output="all" if name == [*matrices][-1] else "",
            units=1 - _dimensions(weight) if isinstance(module, _SPATIAL) else -1,
            is_affine=isinstance(module, _AFFINE) and not several,
            n_in=n_in,
            n_out=n_out,
        )


def _beside(name: str, matrices: Mapping[str, Tensor]) -> list[Tensor]:
    return [each for other, each in matrices.items() if _stem(other) == _stem(name)]


def _is_scale(part: Tensor, parts: Iterable[Tensor]) -> bool:
    """Tell whether of what a parametrization makes a weight of, a part is a number a row."""
    return bool(part.numel() == max(part.shape) < max(each.numel() for each in parts))


def _stem(name: str) -> str:
    """Return what parts of one parametrized weight have in common; of others the name."""
    return name.rpartition(".")[0] if name.startswith(_PARAMETRIZED) else name


def _recurrent(path: str, module: nn.RNNBase) -> Iterator[Layer]:
    """Yield the matrices of nn.RNN, nn.LSTM and nn.GRU, whose steps nobody sees."""
    known = dict(module.named_parameters())
    matrices = {name: each for name, each in known.items() if name.startswith("weight")}
    for name, weight in matrices.items():
        n_out, n_in = _sizes(weight)
        bias = name.replace("weight", "bias", 1)
        yield _layer(
            path,
            name,
            site=module,
            parameter=_joined(path, name),
            bias=_joined(path, bias) if bias in known else None,
            sees_input=name.startswith("weight_ih_l0"),
            sees_output="all" if name == [*matrices][-1] else "",
            n_in=n_in,
            n_out=n_out,
        )


def _attention(path: str, module: nn.MultiheadAttention) -> Iterator[Layer]:
    """Yield the projections of nn.MultiheadAttention; q, k and v themselves nobody sees."""
    known = dict(module.named_parameters())
    for name, weight in known.items():
        if _dimensions(weight) != 2:
            continue
        n_out, n_in = _sizes(weight)
        is_out = name == "out_proj.weight"
        bias = "out_proj.bias" if is_out else "in_proj_bias"
        yield _layer(
            path,
            name.removesuffix("_weight").removesuffix(".weight"),
            site=module,
            parameter=_joined(path, name),
            # One bias is that of all three projections.
            bias=_joined(path, bias)
            if bias in known and (is_out or name == "in_proj_weight")
            else None,
            sees_input=name == "in_proj_weight",
            sees_output="first" if is_out else "",
            n_in=n_in,
            n_out=n_out,
        )


def _layer(
    path: str,
    part: str,
    *,
    site: nn.Module,
    parameter: str,
    bias: str | None,
    sees_input: bool,
    sees_output: str,
    n_in: int,
    n_out: int,
    attribute: str | None = None,
    units: int = -1,
    is_affine: bool = False,
) -> Layer:
    name = plain(_joined(path, part) or type(site).__name__)
    kind = plain(type(site).__name__)
    return Layer(
        *(name, site, kind, parameter, bias, attribute, sees_input, sees_output),
        *(units, is_affine, n_in, n_out),
    )


def _joined(path: str, name: str) -> str:
    return ".".join(filter(None, (path, name)))


def _dimensions(weight: Tensor) -> int:
    return int(weight.dim())


def _sizes(weight: Tensor) -> tuple[int, int]:
    """Return n_out and n_in, as most modules store a matrix."""
    n_out = int(weight.shape[0]) if weight.dim() else 1
    return n_out, int(weight.numel()) // max(n_out, 1)
