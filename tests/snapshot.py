"""Text that is compared with what it was: the files in snapshots/."""

from __future__ import annotations

import os
from pathlib import Path

SNAPSHOTS = Path(__file__).parent / "snapshots"


def check(name: str, text: str) -> None:
    """Compare with a snapshot; with VANISH_UPDATE_SNAPSHOTS=1 take a new one."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("VANISH_UPDATE_SNAPSHOTS") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no {path}: take it with VANISH_UPDATE_SNAPSHOTS=1 and look at it"
    assert text == path.read_text(encoding="utf-8")
