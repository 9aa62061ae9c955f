from __future__ import annotations

import doctest
import math
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from known import known

import vanish
from vanish.errors import ForwardOverflowError, MemoryLimitError, VanishError
from vanish.network.arrays import Network, Rows
from vanish.network.streams import Streams
from vanish.numbers import freed
from vanish.simulation import run as simulation
from vanish.simulation.drawing import Draws
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings
from vanish.sweeps import run as sweeps
from vanish.system import memory, threads


def weights_of(settings: Settings) -> list[np.ndarray]:
    return [layer.weight.multiplied_out() for layer in Simulation(settings).chain.layers]


# --- what is drawn ---


def test_a_seed_fixes_every_number() -> None:
    options: dict[str, Any] = {"layers": 5, "width": 6, "bias_std": 0.3, "batch": 3}
    assert vanish.simulate(**options).rows() == vanish.simulate(**options).rows()
    assert vanish.simulate(**options).rows() != vanish.simulate(**options, seed=1).rows()


def test_weight_std_sets_the_variance_by_n_in() -> None:
    settings = Settings(widths=(400, 100, 900), weight_std=1.5)
    for w, n_in in zip(weights_of(settings), (400, 100), strict=True):
        # Five standard deviations of a sample variance.
        expected = 1.5**2 / n_in
        assert abs(w.var() / expected - 1.0) <= 5 * math.sqrt(2.0 / w.size)


def test_every_layer_has_the_initialiser_of_its_activation() -> None:
    chain = Simulation(Settings(layer_acts=("relu", "selu", "tanh"), widths=(8, 4, 2, 6))).chain
    variances = [float(layer.weight.scale) ** 2 for layer in chain.layers]
    assert variances == pytest.approx([2 / 8, 1 / 4, 2 / (2 + 6)])


@pytest.mark.parametrize("init", ["orthogonal", "lecun_uniform", "auto"])
def test_gain_multiplies_random_weights(init: str) -> None:
    plain, doubled = (
        weights_of(Settings(init=init, layers=3, width=5, gain=gain)) for gain in (1.0, 2.0)
    )
    for w, twice in zip(plain, doubled, strict=True):
        assert np.array_equal(twice, 2.0 * w)


def test_gain_multiplies_weight_std_and_given_weights() -> None:
    plain, doubled = (
        weights_of(Settings(weight_std=1.3, layers=2, width=5, gain=gain)) for gain in (1.0, 2.0)
    )
    assert np.array_equal(doubled, 2.0 * np.array(plain))
    network = Network((np.array([[0.5, -3.0]]),), (np.array([7.0]),))
    (layer,) = Simulation(Settings(weights=network, gain=2.0)).chain.layers
    assert layer.weight.multiplied_out().tolist() == [[1.0, -6.0]]
    # The biases are no weights.
    assert layer.bias is not None
    assert layer.bias.tolist() == [7.0]


def test_biases_are_normal_with_bias_std_and_none_without() -> None:
    layers = Simulation(Settings(layers=40, width=100, bias_std=0.2)).chain.layers
    biases = np.array([layer.bias for layer in layers])
    assert abs(biases.std() / 0.2 - 1.0) <= 5 / math.sqrt(2 * biases.size)
    assert len({tuple(each) for each in biases.tolist()}) == 40
    assert all(layer.bias is None for layer in Simulation(Settings(layers=2, width=3)).chain.layers)


def test_the_input_is_normal_rows_unless_it_is_given() -> None:
    x = Simulation(Settings(width=200, layers=1, batch=50)).x
    assert x.shape == (50, 200)
    assert abs(x.mean()) <= 5 / math.sqrt(x.size)
    assert abs(x.std() - 1.0) <= 5 / math.sqrt(2 * x.size)
    given = np.arange(6.0).reshape(2, 3)
    assert Simulation(Settings(layers=1, input=Rows(given))).x.tolist() == given.tolist()


def test_a_network_brings_its_sample_unless_another_is_given() -> None:
    x, readout = np.array([[3.0, 4.0]]), np.array([5.0])
    network = Network((np.array([[0.5, -3.0]]),), (None,), x=x, readout=readout)
    saved = Simulation(Settings(weights=network))
    assert saved.x.tolist() == x.tolist()
    assert saved.reference.tolist() == [5.0]

    other = Simulation(Settings(weights=network, input=Rows(np.ones((4, 2)))))
    assert other.x.tolist() == [[1.0, 1.0]] * 4
    drawn = Simulation(Settings(weights=network, batch=3))
    assert drawn.x.shape == (3, 2)
    without = Simulation(Settings(weights=replace(network, readout=None)))
    assert np.abs(without.reference).tolist() == [1.0]


def test_the_target_of_mse_is_zeros_unless_it_is_given() -> None:
    default = Simulation(Settings(loss="mse", layers=1, width=2, batch=3))
    assert default.reference.tolist() == [[0.0, 0.0]] * 3
    target = Rows(np.array([1.0, 2.0]))
    given = Simulation(Settings(loss="mse", layers=1, width=2, batch=3, target=target))
    assert given.reference.tolist() == [[1.0, 2.0]]


# --- who takes note ---


@pytest.mark.parametrize("block", ["S(Wx+b)", "x + V S(W~ LN(x)+b)"])
def test_what_is_noted_of_a_batch_does_not_depend_on_who_notes_it(
    block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(act="tanh", layers=20, width=9, batch=5, block=block, bias_std=0.5)

    def told() -> str:
        profile = next(simulation.compare([settings]))
        return repr((profile.rows(), profile.measured.entries))

    monkeypatch.setattr(freed, "LARGE", 2**30)
    at_once, before = told(), set(threading.enumerate())
    started = []

    class Noted(threading.Thread):
        def start(self) -> None:
            started.append(self)
            super().start()

    monkeypatch.setattr(threading, "Thread", Noted)
    monkeypatch.setattr(threads, "processors", lambda: 2)
    monkeypatch.setattr(threads, "linear_algebra_has_one", lambda: True)
    monkeypatch.setattr(freed, "LARGE", 1)
    assert told() == at_once
    assert len(started) == 2  # forward and back
    assert set(threading.enumerate()) == before


def test_an_overflow_of_a_batch_is_told_whoever_takes_note(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 2)
    monkeypatch.setattr(threads, "linear_algebra_has_one", lambda: True)
    monkeypatch.setattr(freed, "LARGE", 1)
    settings = Settings(act="elu", layers=400, width=9, batch=5, weight_std=30.0, engine="dense")
    with pytest.raises(ForwardOverflowError, match="the values of elu grow past"):
        Simulation(settings).measure()


# --- several chains ---


def test_chains_that_differ_in_scale_alone_share_their_draws() -> None:
    runs = [Settings(act=act, layers=3, width=4) for act in ("relu", "sigmoid", "tanh")]
    draws = Draws(Streams(0))
    chains = [Simulation(settings, draws).chain for settings in runs]
    for layers in zip(*(chain.layers for chain in chains), strict=True):
        assert len({id(layer.weight.matrix) for layer in layers}) == 1
    assert chains[0].layers[0].weight.scale != chains[1].layers[0].weight.scale


def test_comparing_gives_what_each_chain_gives_alone() -> None:
    runs = [
        Settings(act=act, init=init, layers=4, width=width, seed=seed)
        for seed in (0, 1)
        for act, init, width in (
            ("relu", "auto", 4),
            ("tanh", "orthogonal", 4),
            ("relu", "he_uniform", 4),
            ("tanh", "auto", 6),
            ("relu", "auto", 4),
        )
    ]
    together = [profile.rows() for profile in vanish.compare(runs)]
    assert together == [vanish.simulate(settings).rows() for settings in runs]


def test_bounds_are_those_of_sigmoid_relu_and_the_run() -> None:
    profile = vanish.simulate(layer_acts=("selu", "tanh", "selu"), width=3)
    assert list(profile.bounds) == ["sigmoid", "tanh", "relu", "selu"]
    assert float(profile.bounds["sigmoid"]) == 0.25**3
    assert float(profile.bounds["selu"]) == pytest.approx(1.7580993408473768**3)
    # Its own layers' product is another number.
    assert float(known(profile.layers[0].slope_bound)) == pytest.approx(1.7580993408473768**2)


# --- what does not fit ---


@pytest.mark.slow
def test_more_memory_than_there_is_is_told_before_it_is_taken() -> None:
    # With 2 GB of addresses, what is taken first fails; and 10^9 steps would not end.
    program = """
import resource, vanish
resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))
for options in ({"layers": 10**9, "width": 10**6}, {"layers": 1, "width": 10**7, "engine": "dense"},
                {"layers": 2, "width": 10, "batch": 10**12}):
    try:
        vanish.simulate(**options)
    except vanish.VanishError as error:
        print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    first, second, third = done.stdout.splitlines()
    assert first.startswith(
        "MemoryLimitError a chain of 1,000,000,000 layers, each of which takes 1.2 kB, needs "
    )
    assert second.startswith("MemoryLimitError a chain of 1 layers of width 10,000,000 needs 800,0")
    assert third.startswith("MemoryLimitError a chain of 2 layers of width 10 needs ")
    assert "of memory, this process may take 1." in first
    remedy = "GB: give fewer layers, a smaller width or a smaller batch"
    assert first.endswith(remedy)
    assert second.endswith(f"{remedy}, or engine sampled")
    assert third.endswith(remedy)


def test_what_fits_is_known_from_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    # 100 matrices of 200 × 200 are 32 MB, and about as much again is not needed.
    options: dict[str, Any] = {"layers": 100, "width": 200, "engine": "dense"}
    monkeypatch.setattr(memory, "available", lambda: 64 * 10**6)
    vanish.simulate(**options)
    monkeypatch.setattr(memory, "available", lambda: 32 * 10**6)
    with pytest.raises(MemoryLimitError, match=r"needs 32\.7 MB of memory, this machine has 32\.0"):
        vanish.simulate(**options)


def test_where_the_system_does_not_tell_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available", lambda: None)
    memory.require(10**30, "a chain", "give less")


@pytest.mark.parametrize(
    ("needed", "text"),
    [
        (64_300_000_000, "64.3 GB"),
        (1_234_567_890_123, "1,234.5 GB"),
        (10**400, "more than 1,000,000 GB"),
    ],
)
def test_sizes_of_memory_in_words(needed: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 2 * 10**9)
    with pytest.raises(MemoryLimitError) as caught:
        memory.require(needed, "a chain", "give less")
    expected = f"a chain needs {text} of memory, this machine has 2.0 GB free: give less"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"act": "softplus", "weight_std": 50.0, "layers": 400, "width": 32},
        {"act": "sigmoid", "weight_std": 1e300, "gain": 1e308, "width": 4},
        {"act": "sigmoid", "bias_std": 1e308, "width": 4},
        {"act": "relu", "bias_std": 1e308, "width": 4},
    ],
)
def test_what_leaves_float64_is_an_error_and_no_warning(options: dict[str, Any]) -> None:
    with pytest.raises(VanishError):
        vanish.simulate(**options)


# --- the public names ---


def test_public_names_are_there_and_no_others() -> None:
    for name in vanish.__all__:
        assert getattr(vanish, name).__name__ == name
    assert set(vanish.__all__) <= set(dir(vanish))
    with pytest.raises(AttributeError, match="module 'vanish' has no attribute 'simulat'"):
        _ = vanish.simulat
    assert issubclass(MemoryLimitError, VanishError)


@pytest.mark.parametrize("module", [vanish, sweeps])
def test_examples_in_docstrings_hold(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


# --- the ratio alone ---


@pytest.mark.parametrize(
    "options",
    [
        {"act": "sigmoid"},
        {"act": "relu", "batch": 3, "bias_std": 0.1, "loss": "mse"},
        {"act": "tanh", "layers": 700, "width": 4, "weight_std": 0.1},
        {"act": "relu", "layers": 30, "width": 2},  # dead
        {"act": "gelu", "layers": 1},
        {"act": "tanh", "trials": 3},
        {"act": "sigmoid", "trials": 7, "engine": "sampled", "batch": 2},
        {"act": "relu", "trials": 300, "engine": "sampled", "width": 64, "layers": 5},
    ],
)
def test_the_ratio_is_what_a_whole_run_measures_to_the_last_digit(options: dict[str, Any]) -> None:
    settings = Settings(**({"layers": 12, "width": 8} | options))
    found = simulation.ratios(settings)
    measured = simulation.measure(settings).grad_a
    whole = measured.at(0).over(measured.at(-1))
    assert found.mantissas.tolist() == whole.mantissas.tolist()
    assert found.exponents.tolist() == whole.exponents.tolist()
