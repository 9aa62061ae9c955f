"""Files that PyTorch saved: tensors by their names, no code, and one line for all else."""

from __future__ import annotations

import collections
import pickle
import shlex
import subprocess
import sys
import warnings
import zipfile
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest
from command import check_error, run_in_process
from oracles import pytorch

import vanish
from vanish import Network
from vanish.errors import InputError
from vanish.files import torchfile
from vanish.files.formats import opened
from vanish.files.survey import survey

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "net.pt"


def model() -> Any:
    torch = pytorch()
    torch.manual_seed(0)
    nn = torch.nn
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))


def save(content: Any, file: Path, **how: Any) -> str:
    pytorch().save(content, file, **how)
    return str(file)


@pytest.mark.parametrize("suffix", ["pt", "pth", "ckpt", "bin"])
@pytest.mark.parametrize("is_archive", [True, False])
def test_a_state_dict_has_the_gradients_of_its_model(
    file: Path, suffix: str, is_archive: bool
) -> None:
    torch = pytorch()
    net = model()
    path = file.with_suffix(f".{suffix}")
    save(net.state_dict(), path, _use_new_zipfile_serialization=is_archive)
    x = torch.randn(4, 3)
    torch.tanh(net.double()(x.double())).sum(dim=1).mean().backward()
    found = vanish.simulate(
        weights=vanish.load(path), act="tanh", loss="sum", input=x.double().numpy()
    )
    for layer, linear in zip(found.layers, net[::2], strict=True):
        assert float(layer.grad_w) == pytest.approx(float(linear.weight.grad.norm()), rel=1e-12)
    assert [row["name"] for row in found.rows()] == ["0.weight", "2.weight", "4.weight"]


def test_dictionaries_in_dictionaries_have_names_with_dots(file: Path) -> None:
    torch = pytorch()
    net = model()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = {
        "epoch": 3,
        "model": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "loss": 0.5,
    }
    save(state, file)
    names = {each.first.name for each in survey(str(file), full=True).listed}
    assert {"model.0.weight", "model.4.bias", "optimizer.state.0.exp_avg"} <= names
    network = vanish.load(file)
    assert isinstance(network, Network)
    assert network.origin is not None
    assert network.origin.weights == ("model.0.weight", "model.2.weight", "model.4.weight")
    assert network.sizes == (3, 5, 4, 2)


def test_every_type_is_what_it_is_in_torch(file: Path) -> None:
    torch = pytorch()
    kinds = [*torchfile._PLAIN, *sorted(torchfile._WIDENED)]
    given = {}
    for kind in kinds:
        values = torch.tensor([0.0, 1.0, 2.0, 4.0])
        given[kind] = values.to(getattr(torch, kind))
    given["transposed"] = torch.arange(6.0).reshape(2, 3).T
    given["part"] = torch.arange(9.0)[2:5]
    given["sparse"] = torch.eye(2).to_sparse()
    with warnings.catch_warnings(action="ignore"):  # of their end
        given["qint8"] = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    save(given, file)
    with opened(str(file)) as found:
        stored = {each.name: each for each in found.arrays}
        assert stored.keys() == given.keys()
        for name, tensor in given.items():
            if name in ("sparse", "qint8"):
                with pytest.raises(InputError, match="cannot be read"):
                    stored[name].array()
                continue
            expected = (
                tensor.to(torch.float32).numpy() if name in torchfile._WIDENED else tensor.numpy()
            )
            np.testing.assert_array_equal(stored[name].array(), expected)
            assert stored[name].kind.name == str(tensor.dtype).removeprefix("torch.")
    shown = {row["name"]: row for row in vanish.show(file).rows()}
    assert shown["transposed"]["weight_std_min"] == pytest.approx(np.arange(6.0).std() * 2**0.5)


class Evil:
    """What runs a command as soon as it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize(
    "kind", ["module", "evil", "evil pickle", "cut", "nonsense", "empty", "packed"]
)
def test_what_takes_code_or_is_damaged_is_one_line_and_runs_nothing(file: Path, kind: str) -> None:
    target = file.with_name("ran")
    if kind == "module":
        save(model(), file)
    elif kind == "evil":
        save({"a.weight": pytorch().eye(2), "b": Evil(target)}, file)
    elif kind == "evil pickle":
        file.write_bytes(pickle.dumps(collections.OrderedDict(a=Evil(target))))
    elif kind == "cut":
        save(model().state_dict(), file)
        file.write_bytes(file.read_bytes()[:-100])
    elif kind == "packed":
        save(model().state_dict(), file.with_name("plain.pt"))
        with (
            zipfile.ZipFile(file.with_name("plain.pt")) as plain,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
        ):
            for member in plain.infolist():
                packed.writestr(member.filename, plain.read(member))
    else:
        file.write_bytes(b"nonsense" * (kind != "empty"))
    for line in (f"show {file}", f"--weights {file}"):
        check_error(line, "an empty file" if kind == "empty" else "damaged")
    assert not target.exists()


def test_more_numbers_than_the_file_has_are_refused(file: Path) -> None:
    save({"w": pytorch().ones(1).expand(10**9, 10)}, file)
    assert file.stat().st_size < 10_000
    check_error(f"show {file}", "w has more numbers than the file")


def test_lists_in_themselves_are_looked_into_once(file: Path) -> None:
    inner: Any = [pytorch().eye(2)]
    inner.append(inner)
    for _ in range(40):
        inner = [inner] * 10
    save({"deep": inner[0], "w": pytorch().ones(3)}, file)
    names = [row["name"] for row in vanish.show(file).rows()]
    assert "w" in names
    assert len(names) < 3


def test_tensors_that_share_their_numbers_are_shown(file: Path) -> None:
    shared = pytorch().eye(3)
    save({"embed.weight": shared, "head.weight": shared, "row": shared[0]}, file)
    assert [row["parameters"] for row in vanish.show(file).rows()] == [9, 9, 3]


def test_a_file_without_tensors_has_no_arrays(file: Path) -> None:
    save({"epoch": 3}, file)
    check_error(f"show {file}", "no arrays in it")
    check_error(f"--weights {file}", "no weights of two axes in it")


def test_without_torch_the_line_that_converts_it_is_named_and_works(file: Path) -> None:
    save(model().state_dict(), file)
    with mock.patch.dict(sys.modules, {"torch": None}):
        for line in (("show", str(file)), ("--weights", str(file))):
            result = run_in_process(*line)
            message = result.stderr.decode()
            assert (result.status, message.count("\n")) == (2, 1)
            assert (
                "PyTorch is not installed to read it: pip install torch, or convert it" in message
            )
    pytest.importorskip("safetensors")
    code = shlex.split(message[message.index("python -c") :])[2]
    subprocess.run([sys.executable, "-c", code], cwd=file.parent, check=True)
    ours, theirs = (vanish.load(file.with_name(name)) for name in ("model.safetensors", "net.pt"))
    assert isinstance(ours, Network)
    assert isinstance(theirs, Network)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(one, other)
