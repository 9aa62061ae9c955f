"""The judge of lost precision: PyTorch's own arithmetic in float16 and bfloat16.

python tests/precision_judge.py [SETTINGS]

Random settings are run by the command, which saves its weights and says in JSON what each
format loses. PyTorch then computes the same network in that format, forward and back, with
the loss multiplied by the loss scale. A promise is kept if the norm of every layer's
gradient is right to 10 %; a refusal is right if no scale from 2^-30 to 2^30 does that.

Judged is range alone, so a setting counts where rounding does no harm: where the same walk
with 11 or 8 digits, but exponents without end, is right to 5 %.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from command import run_in_process
from oracles import pytorch, torch_activation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vanish.numbers.scaled import FloatArray

# The digits of the formats.
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24}

SCALES = range(-30, 31)

_ACTS = ("sigmoid", "tanh", "relu", "gelu", "silu", "elu", "softplus", "selu")
_FURTHER = ("identity", "leaky_relu", "softsign", "mish", "hard_tanh", "relu6", "hard_swish")
_INITS = ("auto", "xavier_normal", "he_normal", "lecun_normal", "orthogonal", "he_uniform")


def random_options(generator: np.random.Generator, widest: int = 128) -> list[str]:
    """Return options of a random network, of layers from 4 to `widest` units."""
    draw = generator.uniform
    layers, seed = generator.integers(3, 61), generator.integers(1000)
    act = generator.choice(_ACTS if draw() < 0.8 else _FURTHER)
    options = ["--act", act, "--seed", seed, "--no-norm-bound"]
    sizes = (2.0 ** draw(2.0, math.log2(widest), layers + 1)).astype(int)
    if draw() < 0.25:
        options += ["--widths", ",".join(map(str, sizes))]
    else:
        options += ["--layers", layers, "--width", sizes[0]]
    kind = draw()
    if kind < 0.55:
        options += ["--weight-std", 10.0 ** generator.normal(0.1, 0.5)]
    elif kind < 0.7:
        options += ["--weight-std", 10.0 ** draw(-3.0, 3.0)]
    else:
        options += ["--init", generator.choice(_INITS)]
    if draw() < 0.3:
        options += ["--gain", 10.0 ** generator.normal(0.0, 0.5)]
    if draw() < 0.35:
        options += ["--bias-std", 10.0 ** draw(-3.0, 0.5)]
    if draw() < 0.35:
        options += ["--batch", generator.integers(2, 17)]
    if draw() < 0.15:
        options += ["--loss", generator.choice(["mse", "sum"])]
    if draw() < 0.2:
        options += ["--last-act", "identity"]
    return [str(option) for option in options]


class Saved(NamedTuple):
    """A network that the command saved, and what it said of it."""

    weights: list[FloatArray]
    biases: list[FloatArray | None]
    acts: list[str]
    x: FloatArray
    loss: str
    readout: FloatArray | None
    precision: dict[str, Any]
    # Which gradients are exactly 0.
    zeros: list[bool]

    @staticmethod
    def is_held_by_float64(norm: float, is_zero: bool) -> bool:
        """Return whether float64 is a judge of a norm: it may have lost it, too."""
        return norm == 0.0 if is_zero else 1e-250 < norm < 1e250

    @classmethod
    def by(cls, options: Sequence[str], folder: Path) -> Saved | None:
        """Run the command; None where the run leaves float64."""
        path = folder / "network.npz"
        result = run_in_process(*options, "--save-weights", str(path), "--format", "json")
        if result.status:
            assert b"grow past" in result.stderr, result.stderr.decode()
            return None
        (run,) = json.loads(result.stdout)["runs"]
        with np.load(path) as arrays:
            found = dict(arrays)
        layers = range(1, len(run["layers"]) + 1)
        return cls(
            [found[f"W{k}"] for k in layers],
            [found.get(f"b{k}") for k in layers],
            [row["act"] for row in run["layers"]],
            found["x"],
            run["settings"]["loss"],
            found.get("r"),
            run["precision"],
            [row["status"] == "zero" for row in run["layers"]],
        )


class Network:
    """Its way forward in one format of PyTorch, ready for ways back.

    Parameters
    ----------
    saved
        The network.
    kind
        The format's name.
    """

    def __init__(self, saved: Saved, kind: str) -> None:
        torch = pytorch()
        dtype = getattr(torch, kind)

        def tensor(array: FloatArray) -> Any:
            return torch.tensor(array, dtype=torch.float64).to(dtype)

        self._torch = torch
        self.weights = [tensor(weight).requires_grad_() for weight in saved.weights]
        f = tensor(saved.x)
        for weight, bias, act in zip(self.weights, saved.biases, saved.acts, strict=True):
            b = None if bias is None else tensor(bias)
            f = torch_activation(act)(torch.nn.functional.linear(f, weight, b))
        # As torch.amp does it: the loss is at least a float32.
        output = f.to(torch.promote_types(dtype, torch.float32))
        self.loss = _loss(saved, output, torch)

    def norms(self, scale: int = 0) -> list[float]:
        """Return ‖∂L/∂W_k‖ for k = 1..N, with the loss times 2^scale on the way back."""
        scaled = self.loss * 2.0**scale
        gradients = self._torch.autograd.grad(scaled, self.weights, retain_graph=True)
        return [float(each.double().norm()) * 2.0**-scale for each in gradients]


def _loss(saved: Saved, output: Any, torch: Any) -> Any:
    match saved.loss:
        case "readout":
            total = (output * torch.tensor(saved.readout, dtype=output.dtype)).sum()
        case "sum":
            total = output.sum()
        case _:
            total = (output**2).sum() / 2
    return total / len(output)


def rounded_norms(saved: Saved, digits: int) -> list[float]:
    """Return the same norms from numbers of so many digits and exponents without end.

    What is stored is rounded, sums are not. PyTorch takes the slopes of tanh and sigmoid from
    their values, which are rounded, and all others from a.
    """
    torch = pytorch()

    def rounded(values: FloatArray) -> FloatArray:
        mantissas, exponents = np.frexp(values)
        return np.asarray(np.ldexp(np.rint(mantissas * 2.0**digits), exponents - digits))

    weights, f = [rounded(weight) for weight in saved.weights], rounded(saved.x)
    passed = []
    for weight, bias, act in zip(weights, saved.biases, saved.acts, strict=True):
        a = f @ weight.T
        a = rounded(a if bias is None else a + rounded(bias))
        variable = torch.tensor(a, requires_grad=True)
        value = torch_activation(act)(variable)
        (slope,) = torch.autograd.grad(value.sum(), variable)
        slopes, value = slope.numpy(), rounded(value.detach().numpy())
        if act == "tanh":
            slopes = (1.0 - value) * (1.0 + value)
        elif act == "sigmoid":
            slopes = value * (1.0 - value)
        passed.append((f, slopes))
        f = value
    output = torch.tensor(f, requires_grad=True)
    (gradient,) = torch.autograd.grad(_loss(saved, output, torch), output)
    rows, found = rounded(gradient.numpy()), []
    for weight, (inputs, slopes) in zip(weights[::-1], passed[::-1], strict=True):
        rows = rounded(rows * slopes)
        found.append(float(np.linalg.norm(rounded(rows.T @ inputs))))
        rows = rounded(rows @ weight)
    return found[::-1]


def are_right(norms: Sequence[float], exact: Sequence[float], tolerance: float = 0.1) -> bool:
    """Return whether all norms are right to a relative tolerance."""
    return all(
        math.isfinite(norm) and abs(norm - right) <= tolerance * right
        for norm, right in zip(norms, exact, strict=True)
    )


class Case(NamedTuple):
    """One setting in one format: what was said, and whether it is so."""

    kind: str
    options: list[str]
    said: dict[str, Any]
    right: bool

    @property
    def is_promise(self) -> bool:
        return bool(self.said["fits"] == "yes")

    @property
    def is_refusal(self) -> bool:
        return bool(self.said["fits"] == "no")


def cases(seed: int, widest: int = 128, scales: Sequence[int] = SCALES) -> Iterator[Case]:
    """Judge random settings in every format in which rounding alone does not spoil them.

    Parameters
    ----------
    seed, widest
        What the settings follow from, and how wide their layers are at most.
    scales
        Those that are tried where none is said to help.
    """
    generator = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            options = random_options(generator, widest)
            saved = Saved.by(options, Path(folder))
            if saved is None:
                continue
            exact = Network(saved, "float64").norms()
            if not all(map(saved.is_held_by_float64, exact, saved.zeros)):
                continue
            for kind in ("float16", "bfloat16"):
                with np.errstate(over="ignore", invalid="ignore"):
                    control = rounded_norms(saved, DIGITS[kind])
                if are_right(control, exact, 0.05):
                    right = is_right(saved, kind, exact, scales)
                    yield Case(kind, options, saved.precision[kind], right)


def is_right(saved: Saved, kind: str, exact: Sequence[float], scales: Sequence[int]) -> bool:
    """Return whether what was said of a network in a format is so; see `cases`."""
    network, scale = Network(saved, kind), saved.precision[kind]["log2_loss_scale"]
    if scale is None:
        return not any(are_right(network.norms(each), exact) for each in scales)
    return are_right(network.norms(scale), exact)


class Tally(NamedTuple):
    """How many promises and refusals there were, and how many were right."""

    promises: int
    kept: int
    refusals: int
    right: int

    @classmethod
    def of(cls, judged: Sequence[Case]) -> Tally:
        promised = [each.right for each in judged if each.is_promise]
        refused = [each.right for each in judged if each.is_refusal]
        return cls(len(promised), sum(promised), len(refused), sum(refused))

    @property
    def is_good(self) -> bool:
        """Whether 98 % of the promises were kept and 97 % of the refusals right."""
        return self.kept >= 0.98 * self.promises and self.right >= 0.97 * self.refusals


def main() -> None:
    """Print the percentages of both formats, and every case that was not right."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    judged: dict[str, list[Case]] = {"float16": [], "bfloat16": []}
    for case in cases(seed=11):
        if len(judged[case.kind]) < most:
            judged[case.kind].append(case)
        if all(len(found) == most for found in judged.values()):
            break
    for kind, found in judged.items():
        promises, kept, refusals, right = Tally.of(found)
        say = sys.stdout.write
        say(
            f"{kind}: {kept} of {promises} promises kept ({100 * kept / max(1, promises):.1f} %),"
            f" {right} of {refusals} refusals right ({100 * right / max(1, refusals):.1f} %),"
            f" {most - promises - refusals} only just\n"
        )
        for case in found:
            if not case.right:
                said = case.said["fits"], case.said["log2_loss_scale"], case.said["margin_bits"]
                say(f"  not so: {said} {' '.join(case.options)}\n")


if __name__ == "__main__":
    main()
