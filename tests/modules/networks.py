"""PyTorch networks to measure, and what plain autograd says of them.

The judge knows nothing of `vanish.torch`: a copy in float64, hooks that keep outputs, `backward`.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

torch: Any = pytest.importorskip("torch", reason="PyTorch is measured: pip install torch==2.13.0")
nn: Any = torch.nn


# PyTorch is optional, and mypy reads none of it: its classes are Any, of which strict mypy lets
# nobody inherit. All classes of these tests inherit from these two.
class Module(nn.Module):  # type: ignore[misc]  # as above
    """A module of one's own."""


class Function(torch.autograd.Function):  # type: ignore[misc]  # as above
    """A function of one's own."""


class Case(NamedTuple):
    """A network, what it is called with, and its loss."""

    model: Any
    args: tuple[Any, ...]
    loss: Callable[..., Any]
    target: Any = None

    def value(self, output: Any) -> Any:
        return self.loss(output) if self.target is None else self.loss(output, self.target)


def square(output: Any) -> Any:
    return output.square().mean()


def mlp(depth: int = 6, act: Any = nn.Tanh, width: int = 12) -> Case:
    torch.manual_seed(0)
    layers = [each for _ in range(depth - 1) for each in (nn.Linear(width, width), act())]
    target = torch.arange(9) % 3
    return Case(
        nn.Sequential(*layers, nn.Linear(width, 3)),
        (torch.randn(9, width),),
        nn.CrossEntropyLoss(),
        target,
    )


def cnn() -> Case:
    torch.manual_seed(1)
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        *(nn.Conv2d(4, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU(inplace=True)),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(24, 5)),
    )
    return Case(model, (torch.randn(7, 1, 7, 7),), nn.CrossEntropyLoss(), torch.arange(7) % 5)


def encoder(norm_first: bool = False) -> Case:
    torch.manual_seed(2)
    model = nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True, norm_first=norm_first)
    return Case(model, (torch.randn(3, 5, 8),), square)


class Recurrent(Module):
    """An LSTM that begins with zeros of the default number type, and what reads its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, 2, batch_first=True)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Any) -> Any:
        begin = torch.zeros(2, len(x), 6)
        values, (last, _) = self.lstm(x, (begin, begin))
        return self.head(values[:, -1] + last[-1])


def lstm() -> Case:
    torch.manual_seed(3)
    return Case(Recurrent(), (torch.randn(5, 7, 4),), nn.functional.mse_loss, torch.randn(5, 2))


CASES: dict[str, Callable[[], Case]] = {
    "mlp": mlp,
    "cnn": cnn,
    "encoder": encoder,
    "encoder, norm first": lambda: encoder(norm_first=True),
    "lstm": lstm,
}


class Judged(NamedTuple):
    """Norms of plain gradients: by the parameters, and by what each module gave."""

    parameters: dict[str, float]
    outputs: dict[str, float]


def judged(case: Case) -> Judged:
    """Return what backward says of a copy in float64, with the random numbers that come next."""
    model = copy.deepcopy(case.model).double()
    kept: dict[str, list[Any]] = {}

    def keep(name: str) -> Any:
        def hook(_: Any, __: Any, output: Any) -> Any:
            parts = [output] if isinstance(output, torch.Tensor) else [output[0], *output[1]]
            kept[name] = [each for each in parts if each is not None and each.requires_grad]
            for each in kept[name]:
                each.retain_grad()
            # What writes over an output would write over what is kept.
            return output.clone() if isinstance(output, torch.Tensor) else None

        return hook

    for name, module in model.named_modules():
        if not isinstance(module, nn.MultiheadAttention):
            module.register_forward_hook(keep(name))
    args = [each.double() if each.is_floating_point() else each for each in case.args]
    target = case.target
    if target is not None and target.is_floating_point():
        target = target.double()
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.random.fork_rng(devices=[]):
            case._replace(target=target).value(model(*args)).backward()
    finally:
        torch.set_default_dtype(default)

    def norm(tensors: list[Any]) -> float:
        grads = [each.grad for each in tensors if each.grad is not None]
        return math.sqrt(sum(float(each.square().sum()) for each in grads))

    return Judged(
        {name: norm([each]) for name, each in model.named_parameters()},
        {name: norm(each) for name, each in kept.items()},
    )
