"""The gradients of any PyTorch module, as `vanish` shows those of a chain.

This is the only place that imports PyTorch; ``import vanish`` does not.
"""

from __future__ import annotations

try:
    import torch as _  # noqa: F401 - whether it is there
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    raise ModuleNotFoundError(
        "vanish.torch: PyTorch is not installed: pip install torch", name="torch"
    ) from None

from vanish.torch.measuring import profile
from vanish.torch.results import Profile

__all__ = ["Profile", "profile"]
