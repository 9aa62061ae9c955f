"""The tensors of a file that PyTorch saved, read by PyTorch: such a file is a program.

With `weights_only` PyTorch runs none of it, and nothing else here unpickles.
"""

from __future__ import annotations

import warnings
import zipfile
from typing import TYPE_CHECKING, Any

from vanish.errors import InputError
from vanish.files.content import ZIP_MAGIC
from vanish.files.numbertypes import NumberType
from vanish.files.stored import PIECE, Checkpoint, Stored, open_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack
    from typing import IO

    from vanish.files.numbertypes import Array

NAME = "torch"

# What numpy has is handed on; of what it has not, float32 holds every value.
_PLAIN = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    **{f"int{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    "bool": "|b1",
    "complex64": "<c8",
    "complex128": "<c16",
}
_WIDENED = {
    "bfloat16",
    *(f"float8_{kind}" for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")),
}

# Deeper dictionaries in dictionaries are nobody's state.
_DEEPEST = 20


def checkpoint(path: str, files: ExitStack) -> Checkpoint:
    """Return the tensors of a .pt or .pth file, those in dictionaries by names with dots.

    Parameters
    ----------
    path
        The file.
    files
        What closes it.

    Raises
    ------
    InputError
        If there is no PyTorch, or the file holds anything that takes code to be read.
    """
    stream, size = open_file(path, files)
    try:
        import torch  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise InputError(
            f"{path}: PyTorch is not installed to read it: {_conversion(path)}"
        ) from None
    content = _loaded(path, stream, torch)
    found: dict[str, Any] = {}
    _collect(content, "", found, torch, set(), _DEEPEST)
    arrays = tuple(_stored(path, name, each, torch) for name, each in found.items())
    return Checkpoint(NAME, arrays, {}, size)


def _conversion(path: str) -> str:
    """Return the line that makes another format of it, where PyTorch is."""
    return (
        "pip install torch, or convert it where torch and safetensors are: python -c"
        ' "import torch, safetensors.torch as s;'
        f" s.save_file(torch.load({path!r}, weights_only=True), 'model.safetensors')\""
    )


def _loaded(path: str, stream: IO[bytes], torch: Any) -> Any:
    """Return what is in the file."""
    is_archive = stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    if is_archive:
        _require_unpacked(path, stream)
    try:
        # What PyTorch thinks of a file's age is nothing that its reader can change.
        with warnings.catch_warnings(action="ignore"):
            # Files of before PyTorch 1.6 are no archives, and cannot be mapped.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except Exception:  # noqa: BLE001 - pickle and PyTorch raise a dozen kinds, of many lines each
        raise InputError(
            f"{path}: damaged, or more than tensors in dictionaries, which takes code to be read:"
            " save model.state_dict()"
        ) from None


def _require_unpacked(path: str, stream: IO[bytes]) -> None:
    """Require an archive whose members are as large as they say: PyTorch packs none."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
    except Exception:  # noqa: BLE001 - zipfile raises several kinds for damaged bytes
        members = []
    if not members or any(
        each.compress_type != zipfile.ZIP_STORED or each.compress_size != each.file_size
        for each in members
    ):
        raise InputError(f"{path}: a damaged PyTorch file: save it again")


def _collect(
    content: Any, name: str, found: dict[str, Any], torch: Any, seen: set[int], deepest: int
) -> None:
    """Put all tensors into `found` by their names.

    A dictionary or a list that is in several places, or in itself, is looked into once.
    """
    if isinstance(content, torch.Tensor):
        found.setdefault(name or "tensor", content)
    elif deepest and isinstance(content, dict | list | tuple) and id(content) not in seen:
        seen.add(id(content))
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        for key, each in pairs:
            _collect(each, f"{name}.{key}" if name else str(key), found, torch, seen, deepest - 1)


def _stored(path: str, name: str, tensor: Any, torch: Any) -> Stored:
    """Return a tensor as an array of a file."""
    shape = tuple(tensor.shape)
    is_dense = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta
    if is_dense and tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InputError(f"{path}: {name} has more numbers than the file: save it as contiguous()")
    return Stored(path, name, shape, _kind_of(tensor, is_dense), _pieces(tensor, torch))


def _kind_of(tensor: Any, is_dense: bool) -> NumberType:
    """Return the type of a tensor's numbers."""
    name = str(tensor.dtype).removeprefix("torch.")
    storage = "" if not is_dense else "<f4" if name in _WIDENED else _PLAIN.get(name, "")
    return NumberType(name, 8 * tensor.element_size(), storage)


def _pieces(tensor: Any, torch: Any) -> Callable[[], Iterator[Array]]:
    """Return what yields the numbers of a tensor."""

    def pieces() -> Iterator[Array]:
        flat = tensor.detach().reshape(-1)
        for first in range(0, len(flat), PIECE):
            piece = flat[first : first + PIECE]
            name = str(piece.dtype).removeprefix("torch.")
            yield (piece.to(torch.float32) if name in _WIDENED else piece).numpy()

    return pieces
