"""Settings as lines of PyTorch: the network and how it is drawn, part by part.

A cure's lines are the parts in which the run with it differs from the one without; where weights
or gains do, both: weights are drawn afresh, so that they can be run on a model as it was. PyTorch
itself is not imported: the lines are text.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from vanish.cures.torchblock import UnknownError, biased, module
from vanish.network.blocks import formula
from vanish.network.formulas.parser import parse
from vanish.network.formulas.tree import written
from vanish.network.graph import LAYER
from vanish.network.initializers import Law
from vanish.network.initializers.laws import CUT, CUT_STD
from vanish.network.initializers.record import fan_average, fan_in, one
from vanish.records import Record
from vanish.simulation.table import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vanish.network.activations import Activation
    from vanish.network.initializers import Initializer
    from vanish.network.model import Model
    from vanish.simulation.settings import Settings

_ACTIVATIONS = {
    "identity": "nn.Identity()",
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "relu": "nn.ReLU()",
    "leaky_relu": "nn.LeakyReLU(0.01)",
    "elu": "nn.ELU()",
    "selu": "nn.SELU()",
    "gelu": "nn.GELU()",
    "gelu_tanh": 'nn.GELU("tanh")',
    "silu": "nn.SiLU()",
    "softplus": "nn.Softplus()",
    "softsign": "nn.Softsign()",
    "mish": "nn.Mish()",
    "hard_sigmoid": "nn.Hardsigmoid()",
    "hard_tanh": "nn.Hardtanh()",
    "relu6": "nn.ReLU6()",
    "hard_swish": "nn.Hardswish()",
    "sin": "torch.sin",
    "log_sigmoid": "nn.LogSigmoid()",
}

# Those that take numbers, by their plain names.
_OF_NUMBERS = {
    "leaky_relu": "nn.LeakyReLU({})",
    "elu": "nn.ELU({})",
    "softplus": "nn.Softplus({})",
    "silu": "lambda a: a * torch.sigmoid({} * a)",
}

# The calls that draw W where they have a name; any other law is written out.
_CALLS = {
    "xavier_normal": "nn.init.xavier_normal_(layer.{W}.weight)",
    "xavier_uniform": "nn.init.xavier_uniform_(layer.{W}.weight)",
    "he_normal": 'nn.init.kaiming_normal_(layer.{W}.weight, nonlinearity="relu")',
    "he_uniform": 'nn.init.kaiming_uniform_(layer.{W}.weight, nonlinearity="relu")',
    "orthogonal": "nn.init.orthogonal_(layer.{W}.weight)",
}

_FANS: dict[Callable[[int, int], float], str] = {
    fan_in: "layer.{W}.in_features",
    fan_average: "((layer.{W}.in_features + layer.{W}.out_features) / 2)",
}


class Program(Record):
    """A network in parts: run one after the other they make `model`.

    Attributes
    ----------
    acts
        The activation of each layer.
    layer
        The class of a layer.
    network
        The layers, of `sizes` and `acts`.
    weights
        How parameters are drawn; nothing for given ones. With LSUV they hang on `x`, the batch.
    gains
        What weights are multiplied by; nothing for 1.
    """

    acts: str
    layer: str
    network: str
    weights: str
    gains: str

    @property
    def structure(self) -> tuple[str, ...]:
        """All parts but its numbers."""
        return self.acts, self.layer, self.network


def lines(before: Settings, after: Settings) -> str:
    """Return the lines that make a run in PyTorch another one; nothing where there are none.

    They are of a model whose layers are called as in `program`: ``layer.W`` is an ``nn.Linear``.
    Those of weights and gains are for a model that has those of `before`, and draw it afresh; given
    weights are multiplied by what the new gain is of the old one.

    Parameters
    ----------
    before, after
        The settings of both.
    """
    try:
        return "\n".join(filter(None, _changed(before, after)))
    except UnknownError:
        return ""


def _changed(before: Settings, after: Settings) -> list[str]:
    """Return the parts that differ, of weights and gains both."""
    acts = [[each.name for each in one.model.activations] for one in (before, after)]
    # Where S stays nobody need know what PyTorch calls it.
    old, new = program(before, acts=False), program(after, acts=acts[0] != acts[1])
    found = [own for own, other in zip(new.structure, old.structure, strict=True) if own != other]
    if (new.weights, new.gains) == (old.weights, old.gains):
        return found
    return found + ([new.weights, new.gains] if new.weights else [_gains(after, over=before)])


def program(settings: Settings, *, acts: bool = True) -> Program:
    """Return the parts of a network in PyTorch.

    Parameters
    ----------
    settings
        The network.
    acts
        Whether to tell the activations, too.

    Raises
    ------
    UnknownError
        If it has no such lines: layers that share their parameters, or have an input of their
        own; sizes inside a layer; an activation of the user's.
    """
    model = settings.model
    tree = parse(formula(settings.block).text)
    drawn = settings.weights is None
    if settings.hidden is not None:
        raise UnknownError
    plain = [block == LAYER for block, a, b in model.graph.runs for _ in range(a, b + 1)]
    mixed = any(plain) and not all(plain)
    classes = [module("Layer", tree)]
    if mixed:
        # Where n_in and n_out differ a skip does not fit.
        classes.append(module("Plain", parse(PLAIN)))
    by_data = model.is_scaled_by_data
    if by_data and written(tree) != PLAIN:
        raise UnknownError
    return Program(
        acts=f"acts = {_listed(map(_activation, model.activations))}" if acts else "",
        layer="\n\n".join(classes),
        network=_network(mixed=mixed),
        weights=_scaled_by_data(model, drawn=drawn) if by_data else _drawn(model) if drawn else "",
        gains="" if by_data else _gains(settings),
    )


def _activation(activation: Activation) -> str:
    if activation.name in _ACTIVATIONS:
        return _ACTIVATIONS[activation.name]
    if activation.family not in _OF_NUMBERS:
        raise UnknownError
    return _OF_NUMBERS[activation.family].format(*map(_number, activation.parameters.values()))


def _listed(texts: Iterable[str]) -> str:
    """Return a list of texts as Python has it, equal ones together."""
    return " + ".join(_times(text, len([*alike])) for text, alike in groupby(texts))


def _times(text: str, count: int) -> str:
    return f"[{text}]" if count == 1 else f"[{text}] * {count}"


def _network(*, mixed: bool) -> str:
    if not mixed:
        return "model = nn.Sequential(*map(Layer, sizes, sizes[1:], acts))"
    return (
        "model = nn.Sequential(*(\n"
        "    (Layer if n_in == n_out else Plain)(n_in, n_out, act)\n"
        "    for n_in, n_out, act in zip(sizes, sizes[1:], acts)\n"
        "))"
    )


def _stretches(values: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each value with the part of the model whose layers have it."""
    first = 0
    for value, alike in groupby(values):
        last = first + len([*alike])
        whole = last - first == len(values)
        yield value, "model" if whole else f"model[{first}:{last}]"
        first = last


def _drawn(model: Model) -> str:
    """Return how every parameter is drawn."""
    each: dict[int, list[str]] = {k: [] for k in range(1, model.depth + 1)}
    for address, k, shape in model.parameters:
        if len(shape) == 2:
            initializer = model.initializer(address.letter, k)
            each[k] += _weight(initializer, address.letter, shape)
    for k, own in each.items():
        own += [line for letter in _biased(model, k) for line in _bias(model, letter)]
    parts = []
    for body, layers in _stretches(["\n    ".join(own) for own in each.values()]):
        parts.append(f"for layer in {layers}:\n    {body}")
    return "\n".join(parts)


def _biased(model: Model, k: int) -> tuple[str, ...]:
    """Return the matrices of layer k that have a bias beside them."""
    is_plain = model.formula is None or model.graph.block(k) == LAYER
    return biased(parse(PLAIN if is_plain or model.formula is None else model.formula.text))


def _weight(init: Initializer, letter: str, shape: tuple[int, ...]) -> list[str]:
    """Return what draws a matrix."""
    if init.name in _CALLS:
        return [_CALLS[init.name].format(W=letter)]
    n_out, n_in = shape
    weight = f"layer.{letter}.weight"
    if init.law is Law.ORTHOGONAL:
        return [f"nn.init.orthogonal_({weight}, gain={_number(init.factor)})"]
    if init.law is Law.IDENTITY:
        return [f"nn.init.eye_({weight}).data.mul_({_number(init.scale(n_in, n_out))})"]
    mean = init.shift * init.scale(n_in, n_out)
    if init.law is Law.CONSTANT:
        return [f"nn.init.constant_({weight}, {_number(mean)})"]
    fan = _FANS.get(init.fan)
    std = _number(init.factor if fan else init.scale(n_in, n_out))
    return _entries(weight, init, f"{std} / {fan.format(W=letter)} ** 0.5" if fan else std, mean)


def _entries(tensor: str, init: Initializer, std: str, mean: float) -> list[str]:
    """Return what draws independent entries of a standard deviation and a mean."""
    found, shift = [f"std = {std}"], f"mean={_number(mean)}, " if mean else ""
    if init.law is Law.NORMAL:
        return [*found, f"nn.init.normal_({tensor}, {shift}std=std)"]
    if init.law is Law.UNIFORM:
        found.append("end = 3 ** 0.5 * std")
        low, high = (f"{_number(mean)} {sign} end" for sign in "-+") if mean else ("-end", "end")
        return [*found, f"nn.init.uniform_({tensor}, {low}, {high})"]
    # The entries that are cut have a smaller standard deviation than those before.
    found.append(f"std /= {CUT_STD:.6f}")
    ends = f"a=-{CUT:g} * std, b={CUT:g} * std"
    return [*found, f"nn.init.trunc_normal_({tensor}, std=std, {ends})"]


def _bias(model: Model, letter: str) -> list[str]:
    """Return what draws the bias beside a matrix."""
    bias, drawn = f"layer.{letter}.bias", model.drawn_biases
    if drawn is None:
        return [f"nn.init.zeros_({bias})"]
    law = drawn.law
    mean = law.shift * law.factor
    if law.law is Law.CONSTANT:
        return [f"nn.init.constant_({bias}, {_number(mean)})"]
    # As `Biases.scale` has it: by the numbers that the matrix beside it takes.
    std = _number(law.factor)
    if law.fan is fan_in:
        std += f" / layer.{letter}.in_features ** 0.5"
    elif law.fan is not one:
        raise UnknownError
    return _entries(bias, law, std, mean)


def _gains(settings: Settings, over: Settings | None = None) -> str:
    """Return what multiplies the weights, those of another network's gains where it is given."""
    model = settings.model
    before = None if over is None else over.model.gains
    each: dict[int, list[str]] = {k: [] for k in range(1, model.depth + 1)}
    for address, k, shape in model.parameters:
        factor = model.gains.at(k, model.depth)
        if before is not None:
            factor /= before.at(k, model.depth)
        gain = _number(factor)
        if len(shape) == 2 and gain != _number(1.0):
            each[k].append(f"layer.{address.letter}.weight *= {gain}")
    parts = [
        f"    for layer in {layers}:\n        {body}"
        for body, layers in _stretches(["\n        ".join(own) for own in each.values()])
        if body
    ]
    return "\n".join(["with torch.no_grad():", *parts]) if parts else ""


def _scaled_by_data(model: Model, *, drawn: bool) -> str:
    """Return LSUV: the batch x goes forward, and each W is scaled by what it makes of it."""
    gains = {_number(model.gains.at(k, model.depth)) for k in range(1, model.depth + 1)}
    if len(gains) > 1:
        raise UnknownError
    fresh = ["nn.init.orthogonal_(layer.W.weight)", *_bias(model, "W")] if drawn else []
    # With a bias one division is not enough.
    again = "" if drawn and model.drawn_biases is None else "for _ in range(10):\n            "
    body = [
        *fresh,
        f"{again}layer.W.weight *= {gains.pop()} / layer.W(h).std(correction=0)",
        "h = layer(h)",
    ]
    inner = "\n".join(f"        {line}" for line in body)
    return f"with torch.no_grad():\n    h = x\n    for layer in model:\n{inner}"


def _number(value: float) -> str:
    text = f"{value:.15g}"
    if float(text) != value or not math.isfinite(value):
        text = repr(value)
    return text if any(each in text for each in ".en") else f"{text}.0"
