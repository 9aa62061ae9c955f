"""The networks that PyTorch is measured with are those that vanish is measured with."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from vanish.network.graph import Variable
from vanish.network.weights import Weight
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

MEASURED = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "torch_blocks.py"))
LAYERS, WIDTH = 7, 12


@pytest.mark.parametrize("name", MEASURED["BLOCKS"])
def test_pytorchs_norms_on_the_same_weights(name: str) -> None:
    block = MEASURED["BLOCKS"][name]
    settings = Settings(
        act="tanh", layers=LAYERS, width=WIDTH, block=block.formula, engine="dense", seed=3
    )
    simulation = Simulation(settings)
    layers = [0] if block.tied else range(1, LAYERS + 1)
    addresses = [[Variable(letter, k) for letter in "WV"[: block.matrices]] for k in layers]

    def matrix(address: Variable) -> torch.Tensor:
        weight = simulation.chain.parameters[address]
        assert isinstance(weight, Weight)
        return torch.tensor(weight.multiplied_out())

    weights = [[matrix(address) for address in here] for here in addresses]
    [x] = simulation.x
    found = MEASURED["norms"](
        block, LAYERS, weights, torch.tensor(x), torch.tensor(simulation.reference)
    )
    expected = [float(simulation.norms[each]) for here in addresses for each in here]
    assert found == pytest.approx(expected, rel=1e-10, abs=0.0)
