"""Show where a PyTorch network's gradient goes, with and without skips, and a weight at fault.

Twelve blocks of a convolution and a sigmoid, on random pictures: the signal vanishes, and with
skips it does not. Then one weight of a plain network is made a thousand times smaller, and it is
named. Run it with `python examples/torch_profile.py`; it needs PyTorch.
"""

from __future__ import annotations

import sys
from typing import Any

try:
    import torch
    from torch import nn
except ModuleNotFoundError as missing:
    sys.exit(f"No {missing.name} here: this example needs `pip install torch`")

from vanish.torch import profile

BLOCKS, CHANNELS = 12, 8


class Block(nn.Module):  # type: ignore[misc]  # PyTorch is optional: Any to mypy
    """The sigmoid of a convolution, with what enters it added or not."""

    def __init__(self, skip: bool) -> None:
        super().__init__()
        self.conv, self.skip = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), skip

    def forward(self, x: Any) -> Any:
        """Return what it makes of x."""
        y = torch.sigmoid(self.conv(x))
        return x + y if self.skip else y


def network(skip: bool) -> Any:
    """Return blocks between a first convolution and a classifier of ten classes."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, CHANNELS, 3, padding=1),
        nn.Sequential(*(Block(skip) for _ in range(BLOCKS))),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 10)),
    )


torch.manual_seed(1)
pictures, classes = torch.randn(16, 1, 12, 12), torch.arange(16) % 10
for skip in (False, True):
    found = profile(network(skip), pictures, nn.CrossEntropyLoss(), target=classes)
    print(found, end="\n\n")

torch.manual_seed(2)
plain = nn.Sequential(*(each for _ in range(10) for each in (nn.Linear(32, 32), nn.Tanh())))
with torch.no_grad():
    plain[8].weight /= 1000.0
found = profile(plain, torch.randn(16, 32), lambda output: output.square().mean())
for fault in found.named_faults:
    print(f"At fault: {found.layers[fault.layer - 1].name}")
print(found.story.text)
