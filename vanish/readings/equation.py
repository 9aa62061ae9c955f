"""A layer as one line of text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vanish.readings.names import values
from vanish.readings.notation import TEXT
from vanish.readings.written import ANY

if TYPE_CHECKING:
    from vanish.network.graph import Block


def equation(block: Block) -> str:
    """Return a layer written out in letters that every terminal has, f_k = S(W_k f_{k-1} + b_k)."""
    text = TEXT._replace(any_layer=("_k", "_{k-1}")).value(values(block, ANY)[-1])
    # A blank between factors, and around every +.
    text = re.sub(r"(_k|_\{k-1\})(?=[A-Za-z(])", r"\1 ", text)
    text = re.sub(r"(?<![A-Z])([A-Z])(?=[a-z]_|(LN|RMS|BN|S)\()", r"\1 ", text)
    text = re.sub(r"(?<! )\+(?! )", " + ", text)
    return f"f_k = {text}"
