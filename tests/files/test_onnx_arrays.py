"""What is in an ONNX file, beside its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from command import check_error, run_in_process
from onnx import numpy_helper
from onnxfiles import content, mlp

import vanish
from vanish.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(content(mlp()))
    return path


def test_its_arrays_are_shown(file: Path) -> None:
    held = {each.name: numpy_helper.to_array(each) for each in mlp().graph.initializer}
    rows = {row["name"]: row for row in vanish.show(file, full=True).rows()}
    assert rows.keys() == held.keys()
    for name, array in held.items():
        assert rows[name]["shape"] == "x".join(map(str, array.shape))
        assert rows[name]["dtype"] == array.dtype.name
        if array.ndim == 2:
            std = float(array.std()) * np.sqrt(array.shape[1])
            assert rows[name]["weight_std_min"] == pytest.approx(std, rel=1e-6)
    shown = run_in_process("show", str(file), "--full", "--format", "tsv").stdout.decode()
    assert len(shown.splitlines()) == len(held) + 1


def test_it_is_loaded_with_its_graph(file: Path) -> None:
    network = vanish.load(file)
    run = vanish.simulate(weights=network)
    table = run_in_process("--weights", str(file), "--columns", "log10_grad_w", "-q").stdout
    assert [float(line) for line in table.decode().split()[1:]] == [
        layer.grad_w.log10 for layer in run.layers
    ]
    with pytest.raises(UsageError, match="holds its own graph: leave out select and layout"):
        vanish.load(file, "*")


@pytest.mark.parametrize("command", ["fix", "sweep", "derive --values"])
def test_only_vanish_itself_takes_the_graph(file: Path, command: str) -> None:
    check_error(f"{command} --weights {file}", "an ONNX file holds a graph, which vanish itself")
