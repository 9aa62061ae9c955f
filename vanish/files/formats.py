"""The formats of files that hold arrays, by their suffixes."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from vanish.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.files.stored import Checkpoint

NPZ, SAFETENSORS, TORCH, ONNX, KERAS = "npz", "safetensors", "torch", "onnx", "keras"

_BY_SUFFIX = {
    ".npz": NPZ,
    ".safetensors": SAFETENSORS,
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin"), TORCH),
    ".onnx": ONNX,
    **dict.fromkeys((".keras", ".h5", ".hdf5"), KERAS),
}

# Each has a function `checkpoint`, which takes a file and an ExitStack that closes it.
_READERS = {
    NPZ: "vanish.files.npzmembers",
    SAFETENSORS: "vanish.files.safetensors",
    TORCH: "vanish.files.torchfile",
    ONNX: "vanish.files.onnx.arrays",
}


def format_of(path: str) -> str:
    """Return the format of a file by its suffix, .npz where that says nothing."""
    return _BY_SUFFIX.get(Path(path).suffix.lower(), NPZ)


@contextmanager
def opened(path: str) -> Iterator[Checkpoint]:
    """Open a file of arrays, which are read while it is open.

    Parameters
    ----------
    path
        A file in one of the formats.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    form = format_of(path)
    if form not in _READERS:
        raise InputError(
            f'{path}: a Keras file: export it where Keras is: python -c "import keras, numpy;'
            f" numpy.savez('model.npz', **{{w.path: w.numpy() for w in"
            f' keras.saving.load_model({path!r}).weights}})"'
        )
    with ExitStack() as files:
        yield import_module(_READERS[form]).checkpoint(path, files)
