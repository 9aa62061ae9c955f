"""vanish: a gradient-vanishing simulator.

>>> import vanish
>>> profile = vanish.simulate(act="sigmoid", layers=20)
>>> print(f"{profile.bounds['sigmoid'].log10:.2f}")
-12.04
"""

from __future__ import annotations

__version__ = "0.1.0"

# As of `typing`, which takes longer to import than all of this: long enough to be interrupted.
TYPE_CHECKING = False

# What is public is in `vanish.api`, which is imported on first use: `vanish --help` does not
# wait for numpy.
if TYPE_CHECKING:
    from typing import Any

    from vanish.api import *  # noqa: F403 - all that is public there


def __getattr__(name: str) -> Any:
    if name == "__all__" or not name.startswith("_"):
        from importlib import import_module  # noqa: PLC0415 - only when asked for

        # Not `from vanish import api`, which would ask here for it.
        api = import_module(f"{__name__}.api")
        if name == "__all__":
            return api.__all__
        if name in api.__all__:
            return getattr(api, name)
        if name == "torch":
            return import_module(f"{__name__}.torch")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__getattr__("__all__")]
