"""What vanish is compared with answers the same: each peer is asked for one chain, or diagram."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vanish_phase
from mpmath import mp
from peers_jobs import missing

import vanish

HERE = Path(__file__).parent
PEERS = {"torch_hooks": "torch", "torchlens_chain": "torchlens", "jax_chain": "jax"}

pytestmark = pytest.mark.slow


def told(script: str, *arguments: object) -> str:
    """Return what a script prints; in a process of its own, since torchlens changes PyTorch."""
    command = (sys.executable, str(HERE / script), *map(str, arguments))
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return run.stdout


def require(peer: str) -> None:
    package = PEERS[peer]
    # Not imported to find out: torchlens changes PyTorch for all tests behind it.
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install -e '.[bench]'")


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Return a file of weights, input and readout, as vanish writes it."""
    path = tmp_path / "chain.npz"
    options = ("--layers", "30", "--width", "48", "--act", "tanh", "--seed", "4")
    vanish_itself = (sys.executable, "-m", "vanish", *options, "--quiet", "--columns", "layer")
    subprocess.run((*vanish_itself, "--save-weights", path), check=True, capture_output=True)
    return path


def norms_of_vanish(act: str) -> Any:
    profile = vanish.simulate(act=act, layers=30, width=48, seed=4, init="xavier_normal")
    return np.array([(float(each.grad_a), float(each.grad_w)) for each in profile.layers])


@pytest.mark.parametrize(
    ("peer", "bits", "tolerance"),
    [
        ("torch_hooks", (64,), 1e-10),
        ("torch_hooks", (32,), 1e-4),
        ("jax_chain", (), 1e-10),
        ("torchlens_chain", (64,), 1e-10),
        ("torchlens_chain", (32,), 1e-4),
    ],
)
def test_peer_gives_the_norms_of_vanish(
    peer: str, bits: tuple[int, ...], tolerance: float, chain: Path
) -> None:
    require(peer)
    found = np.loadtxt(told("ask.py", "--given", chain, peer, "tanh", *bits).splitlines())
    assert np.allclose(found, norms_of_vanish("tanh"), rtol=tolerance, atol=0.0)
    # The judge tells another activation from it, and a single layer's norm.
    assert not np.allclose(found, norms_of_vanish("sigmoid"), rtol=1e-2, atol=0.0)
    assert (np.abs(np.diff(found, axis=0)) > tolerance * found[1:]).all()


@pytest.mark.parametrize("peer", PEERS)
def test_peer_draws_a_chain_of_the_same_law(peer: str) -> None:
    # 40 layers of 256 at weight_std 1: tanh's norms vary by some percents from seed to seed.
    require(peer)
    found = np.loadtxt(told("ask.py", peer, "tanh", 40, 256).splitlines())
    profile = vanish.simulate(act="tanh", layers=40, width=256, engine="dense")
    expected = [(layer.grad_a.log10, layer.grad_w.log10) for layer in profile.layers]
    assert found.shape == (40, 2)
    assert np.abs(np.log10(found) - expected).max() < 0.3


@pytest.mark.parametrize(
    ("peer", "bits", "least"),
    [
        ("torch_hooks", (32,), 37),
        ("torch_hooks", (64,), 269),
        ("torchlens_chain", (32,), 37),
        ("torchlens_chain", (64,), 269),
        ("jax_chain", (), 256),
    ],
)
def test_where_a_peer_reads_a_gradient_as_zero(
    peer: str, bits: tuple[int, ...], least: int
) -> None:
    require(peer)
    assert int(told("smallest.py", peer, *bits)) == least


def test_vanish_has_no_smallest_gradient_where_its_peers_have_one() -> None:
    quarter = np.eye(4) / 4
    chain = vanish.simulate(act="tanh", weights=[quarter] * 700, input=np.zeros(4))
    for n, layer in enumerate(reversed(chain.layers)):
        assert layer.grad_a.log10 == pytest.approx(n * np.log10(0.25), rel=1e-12)


def test_where_the_entries_themselves_are_zero() -> None:
    torch = pytest.importorskip("torch")
    for kind, least in ((torch.float32, 75), (torch.float64, 538)):
        quarter = torch.full((2,), 0.25, dtype=kind)
        powers = [(quarter**n).max().item() for n in (least - 1, least)]
        assert powers[0] > 0.0 == powers[1]
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", val=True)
    multiplied = jax.jit(lambda x: x * 0.25)
    assert multiplied(0.25**510) > 0.0 == multiplied(0.25**511)


def test_neural_tangents_has_the_phases_of_vanish() -> None:
    pytest.importorskip("torch", reason="what is benchmarked is compared with it, too")
    import peers_page  # noqa: PLC0415 - it imports PyTorch, which may be missing

    if why := missing().get("tangents_phase"):
        pytest.skip(why)  # it needs an environment of its own, of older packages
    closed = peers_page.agreement("erf", 5)
    assert closed.q_star < 1e-10
    assert closed.chi_1 < 1e-10
    assert closed.phases == 0
    # The last point, weight_std 3 and bias_std 1, by an integral of 20 digits.
    (q_star, chi_1), theirs = vanish_phase.answer("tanh", 2)[-1], 0.342
    cuts = [-20, -1, 0, 1, 20]

    def mean(function: Any) -> float:
        density = mp.npdf
        with mp.workdps(20):
            found = mp.quad(lambda z: function(mp.sqrt(q_star) * z) * density(z), cuts)
        return float(found)

    assert q_star == pytest.approx(9.0 * mean(lambda a: mp.tanh(a) ** 2) + 1.0, rel=1e-9)
    exact = 9.0 * mean(lambda a: mp.sech(a) ** 4)
    assert chi_1 == pytest.approx(exact, rel=1e-9)
    found = float(peers_page.tangents("tanh", 2)[-1, 1])
    assert abs(found / exact - 1) == pytest.approx(theirs, abs=0.01)
