"""Checkpoints as people have them, of numbers that are always the same."""

from __future__ import annotations

import atexit
import json
import shutil
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = {"f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "b1": "BOOL", "u1": "U8"}


def safetensors(arrays: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a .safetensors file; a pair is a type and what its bytes are."""
    header: dict[str, Any] = {"__metadata__": dict(notes)} if notes else {}
    content = b""
    for name, given in arrays.items():
        kind, array = given if isinstance(given, tuple) else ("", np.asarray(given))
        begin = len(content)
        content += array.tobytes()
        header[name] = {
            "dtype": kind or _TYPES[array.dtype.str[1:]],
            "shape": array.shape,
            "data_offsets": [begin, len(content)],
        }
    return raw(json.dumps(header).encode(), content)


def raw(header: bytes, content: bytes = b"") -> bytes:
    """Return a header with its length, and what lies behind it."""
    return struct.pack("<Q", len(header)) + header + content


def bfloat16(array: Any) -> tuple[str, np.ndarray]:
    """Return numbers cut to bfloat16, as a file has them."""
    return "BF16", (np.asarray(array, "<f4").view("<u4") >> 16).astype("<u2")


def transformer(layers: int = 3, width: int = 6) -> dict[str, Any]:
    """Return the arrays of a small one, in the order of the alphabet as its files are."""
    normal = np.random.default_rng(0).standard_normal
    arrays: dict[str, Any] = {
        "embed.weight": normal((9, width)).astype("<f4"),
        "steps": np.arange(4),
        "norm.weight": np.array([1.0, np.nan, 1.0]),
        "scale": np.array(2.0),
    }
    for k in range(layers):
        here = f"layers.{k}"
        arrays |= {
            f"{here}.attn.qkv.weight": normal((3 * width, width)).astype("<f4"),
            f"{here}.mlp.fc1.weight": bfloat16(normal((2 * width, width))),
            f"{here}.mlp.fc1.bias": np.zeros(2 * width, "<f4"),
            f"{here}.mlp.fc2.weight": normal((width, 2 * width)).astype("<f2"),
            f"{here}.mlp.fc2.bias": np.ones(width, "<f4"),
        }
    return dict(sorted(arrays.items()))


def large() -> dict[str, Any]:
    """Return matrices whose singular values are not asked for in full, or not at all."""
    normal = np.random.default_rng(0).standard_normal
    vast = np.ones((3000, 1500), "u1")
    return {"V": normal((300, 260)).astype("<f4"), "W": ("F8_E5M2", vast)}


@cache
def place() -> Path:
    """Return a directory with these as files, for as long as the tests run."""
    found = Path(tempfile.mkdtemp(prefix="v-"))
    atexit.register(shutil.rmtree, found, ignore_errors=True)
    (found / "t.safetensors").write_bytes(safetensors(transformer(12)))
    (found / "w.safetensors").write_bytes(safetensors(large()))
    return found


SMALL = str(place() / "t.safetensors")
LARGE = str(place() / "w.safetensors")
