"""A second reader of blocks: from a formula's text to PyTorch, sharing nothing with `vanish`.

It evaluates while it reads, in one pass over the characters, so that neither the package's
parser nor its graph has a part in what it says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import oracles

from vanish.network.weights import Weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from vanish.simulation.run import Simulation

    Array = NDArray[np.float64]

# What a layer's arguments of S are called, the first one first.
ARGUMENTS = "aghijklm"

NORMS = {"LN": (-1, True), "RMS": (-1, False), "BN": (-2, True)}


def normalised(y: Any, axis: int, *, centred: bool) -> Any:
    """Return what a norm makes of rows, shape (…, B, n); 0 of what is constant."""
    torch = oracles.pytorch()
    rest = y - y.mean(axis, keepdim=True) if centred else y
    square = (rest * rest).mean(axis, keepdim=True)
    constant = square.detach().sqrt() <= 1e-13 * y.detach().abs().amax(axis, keepdim=True)
    # Roots have no slope at 0, which autograd would multiply by 0.
    sigma = torch.where(constant, torch.ones_like(square), square).sqrt()
    return torch.where(constant, torch.zeros_like(y), rest / sigma)


class Evaluation:
    """One layer's value, read off its text.

    Parameters
    ----------
    text
        The block's formula.
    x, u
        What it takes, shape (B, n); or (T, B, n) for T networks.
    parameters
        By letter; of T networks with another axis in front, and (T, 1, n) for a bias.
    activation
        S.
    layers
        N.

    Attributes
    ----------
    arguments
        What S was applied to, in the order of being worked out.
    value
        f.
    """

    def __init__(
        self,
        text: str,
        x: Any,
        u: Any,
        parameters: Mapping[str, Any],
        activation: Callable[[Any], Any],
        layers: int,
    ) -> None:
        self._text, self._at = text.replace("~", "").replace(" ", ""), 0
        self._x, self._u, self._parameters = x, u, parameters
        self._activation, self._layers = activation, layers
        self.arguments: list[Any] = []
        self.value = self._sum()
        assert self._at == len(self._text), self._text[self._at :]

    def _next(self, *words: str) -> str:
        """Return which of some words comes next, and move behind it."""
        for word in words:
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return word
        return ""

    def _sum(self) -> Any:
        total = None
        while True:
            sign = self._next("+", "-")
            if total is not None and not sign:
                return total
            factor = self._number()
            value = self._value()
            factor = -factor if sign == "-" else factor
            part = value if factor == 1.0 else value * factor
            total = part if total is None else total + part

    def _number(self) -> float:
        """Return the coefficient that comes, 1 where there is none."""
        total, over = 1.0, False
        while True:
            if self._next("/"):
                over = True
            self._next("*")
            here = self._at
            if self._next("layers"):
                factor = float(self._layers)
            elif self._next("sqrt("):
                factor = math.sqrt(self._number())
                assert self._next(")")
            else:
                while self._at < len(self._text) and self._text[self._at] in "0123456789.":
                    self._at += 1
                if self._at == here:
                    return total
                factor = float(self._text[here : self._at])
            total, over = total / factor if over else total * factor, False

    def _value(self) -> Any:
        word = self._next("LN(", "RMS(", "BN(", "S(", "(")
        if word:
            inside = self._sum()
            assert self._next(")")
            name = word[:-1]
            if not name:
                return inside
            if name in NORMS:
                axis, centred = NORMS[name]
                return normalised(inside, axis, centred=centred)
            self.arguments.append(inside)
            return self._activation(inside)
        letter = self._text[self._at]
        self._at += 1
        if letter == "x":
            return self._x
        if letter == "u":
            return self._u
        parameter = self._parameters[letter]
        return self._value() @ parameter.mT if letter.isupper() else parameter


class Judged(NamedTuple):
    """What PyTorch says of a run.

    Attributes
    ----------
    gradients
        By name: W1, b1, …, f1, x, u1, and a1, g1, … of the arguments of S but for x and u
        themselves. Of what all layers share W1 is the part of layer 1, and W the sum.
    slopes, arguments
        S' at all arguments of S of each layer, and these, shape (B, n).
    values
        f_0, …, f_N.
    weights
        The matrices of each layer, each once.
    """

    gradients: dict[str, Array]
    slopes: list[Array]
    arguments: list[Array]
    values: list[Array]
    weights: list[list[Array]]


def letters(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the letters of the parameters of a formula, and whether all layers share them."""
    bare = text
    for word in ("layers", "sqrt", "LN", "RMS", "BN", "S"):
        bare = bare.replace(word, " " * len(word))
    for place, letter in enumerate(bare):
        if letter.isalpha() and letter not in "xu":
            yield letter, bare[place + 1 : place + 2] == "~"


def judged(simulation: Simulation, texts: list[str]) -> Judged:
    """Return what autograd makes of a run.

    Parameters
    ----------
    simulation
        Of which the arrays and shapes are taken, and nothing else.
    texts
        The formula of each layer.
    """
    torch = oracles.pytorch()
    chain = simulation.chain

    def leaf(array: Any) -> Any:
        return torch.tensor(array, dtype=torch.float64, requires_grad=True)

    leaves = {}
    for address, _, shape in simulation.settings.model.parameters:
        each = chain.parameters[address]
        array = each.multiplied_out() if isinstance(each, Weight) else each
        leaves[str(address)] = leaf(np.zeros(shape) if array is None else array)
        assert leaves[str(address)].shape == shape
    f = leaf(simulation.x)
    nodes: dict[str, Any] = {"x": f}
    values, slopes, weights = [simulation.x], [], []
    arguments = []
    for k, text in enumerate(texts, 1):
        act = oracles.torch_activation(chain.activation(k).name)
        # What this layer does with a shared one is a node of its own.
        here = {
            letter: leaves[letter].clone() if tied else leaves[f"{letter}{k}"]
            for letter, tied in dict(letters(text)).items()
        }
        nodes |= {f"{letter}{k}": node for letter, node in here.items()}
        x = f
        u = nodes[f"u{k}"] = leaf(chain.step(k)) if "u" in text else None
        run = Evaluation(text, x, u, here, act, len(texts))
        own = [each for each in run.arguments if each is not x and each is not u]
        nodes |= {f"{name}{k}": each for name, each in zip(ARGUMENTS, own, strict=False)}
        nodes[f"f{k}"] = f = run.value
        values.append(f.detach().numpy())
        weights.append([each.detach().numpy() for name, each in here.items() if name.isupper()])
        parts = [np.zeros((len(f), 0))]
        for argument in run.arguments:
            at = argument.detach().clone().requires_grad_()
            # PyTorch's sigmoid loses its accuracy beyond.
            assert chain.activation(k).name != "sigmoid" or at.abs().max() <= 12.0
            parts.append(torch.autograd.grad(act(at).sum(), at)[0].numpy())
        slopes.append(np.concatenate(parts, axis=1))
        parts[1:] = [argument.detach().numpy() for argument in run.arguments]
        arguments.append(np.concatenate(parts, axis=1))
    nodes = {name: node for name, node in {**leaves, **nodes}.items() if node is not None}
    loss = (f * torch.tensor(simulation.reference)).sum() / len(f)
    found = torch.autograd.grad(loss, list(nodes.values()), allow_unused=True)
    gradients = {
        name: np.zeros(node.shape) if grad is None else grad.numpy()
        for (name, node), grad in zip(nodes.items(), found, strict=True)
    }
    return Judged(gradients, slopes, arguments, values, weights)
