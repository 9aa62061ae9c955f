from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import vanish
from vanish.network.streams import LayerNormals, Role, Streams, Trials
from vanish.simulation.settings import Settings

FAR = 2**63  # blocks of numbers, more than any run draws


def test_the_same_address_gives_the_same_numbers() -> None:
    first, second = (Streams(7).generator(Role.WEIGHTS, layer=3, number=2) for _ in range(2))
    assert first.standard_normal(100).tolist() == second.standard_normal(100).tolist()


def test_every_seed_role_layer_and_trial_has_numbers_of_its_own() -> None:
    addresses = list(product((0, 1, 2**64), Role, (0, 1, 2, 1000), (0, 1, 2)))
    draws = {
        int(value)
        for seed, role, layer, trial in addresses
        for value in Streams(seed).generator(role, layer, trial).bit_generator.random_raw(10)
    }
    assert len(draws) == 10 * len(addresses)


def test_trial_0_and_layer_0_are_the_plain_ones() -> None:
    plain = Streams(5).generator(Role.INPUT)
    full = Streams(5).generator(Role.INPUT, layer=0, number=0)
    assert plain.random(5).tolist() == full.random(5).tolist()


def test_neighbouring_streams_are_uncorrelated() -> None:
    streams = Streams(0)
    addresses = [
        (Role.WEIGHTS, 1, 0),
        (Role.WEIGHTS, 2, 0),
        (Role.BIAS, 1, 0),
        (Role.WEIGHTS, 1, 1),
    ]
    draws = [streams.generator(*address).standard_normal(10_000) for address in addresses]
    correlations = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlations).max() <= 4 / np.sqrt(10_000)


def test_no_stream_runs_into_another() -> None:
    # A stream counts in the lowest of four words, the address stands in the other three.
    bits = Streams(0).generator(Role.WEIGHTS, layer=1).bit_generator
    assert isinstance(bits, np.random.Philox)
    bits.advance(FAR)
    counter = bits.state["state"]["counter"].tolist()
    assert counter == [FAR, 1, Role.WEIGHTS, 0]


def test_a_seed_means_the_same_in_every_release() -> None:
    raw = {
        role.name: int(Streams(0).generator(role, layer=1).bit_generator.random_raw())
        for role in (Role.INPUT, Role.READOUT, Role.WEIGHTS, Role.BIAS)
    }
    assert raw == {
        "INPUT": 12759901074235216647,
        "READOUT": 13175366654694369158,
        "WEIGHTS": 17326428386863199695,
        "BIAS": 13218520625814321988,
    }


@pytest.mark.parametrize("companions", [("relu",), ("sigmoid", "relu"), ("relu", "selu", "sin")])
@pytest.mark.parametrize("init", ["auto", "orthogonal", "lecun_uniform"])
def test_what_is_compared_does_not_change_a_run(companions: tuple[str, ...], init: str) -> None:
    options: dict[str, Any] = {
        "init": init,
        "layers": 6,
        "widths": (4, 5, 5, 3, 5, 4, 4),
        "bias_std": 0.2,
    }
    alone = vanish.simulate(act="relu", **options)
    runs = vanish.compare(Settings(act=act, **options) for act in companions)
    together = {profile.settings.model.act_name: profile for profile in runs}
    assert together["relu"].rows() == alone.rows()


def test_the_weights_of_a_layer_do_not_depend_on_how_many_follow() -> None:
    short, long = (
        vanish.Simulation(Settings(layers=layers, width=5)).chain.layers for layers in (2, 6)
    )
    for left, right in zip(short, long, strict=False):
        assert np.array_equal(left.weight.multiplied_out(), right.weight.multiplied_out())


# --- rows of many layers, drawn together ---


@pytest.mark.parametrize("segment", [1, 3, 40])
@pytest.mark.parametrize(
    "trials",
    [Trials(0, 0, 1, 9), Trials(2, 0, 9, 9), Trials(1, 4, 6, 9), Trials(1, 3, 20, 9)],
    ids=["one", "a block", "some of a block", "some of three blocks"],
)
def test_a_layer_is_given_the_rows_of_its_own_stream(trials: Trials, segment: int) -> None:
    # Of three shapes, one of them so large that it is drawn alone, and one with nothing to draw.
    sizes = [(1, 5)] * 20 + [(2, 5)] * 3 + [(1, 9000)] + [(0, 4)] + [(1, 5)] * 4
    shapes = dict(enumerate(sizes, 1))
    streams = Streams(3)

    def drawn(order: list[int]) -> tuple[dict[int, np.ndarray], LayerNormals]:
        in_order = {k: shapes[k] for k in order}
        layers = [streams.by_layer(Role.FORWARD, len(shapes), each) for each, _ in trials.parts]
        normals = LayerNormals(layers, trials, in_order, segment)
        return {k: normals.at(k).copy() for k in order}, normals

    for order in (list(shapes), list(shapes)[::-1], [1, 2, 7, 20, 24, 29]):
        found, normals = drawn(order)
        for k, rows in found.items():
            numbers = range(trials.number, trials.number + trials.width)
            for number, row in zip(numbers, rows, strict=True):
                block, place = divmod(number, trials.size)
                alone = streams.by_layer(Role.FORWARD, len(shapes), block).at(k)
                assert np.array_equal(row, alone.standard_normal((9, *shapes[k]))[place])
            assert normals.squares[k] == pytest.approx((rows**2).sum(axis=(1, 2)), rel=1e-14)


def test_rows_that_are_asked_for_again_are_the_same() -> None:
    trials, streams = Trials(0, 0, 2, 2), [Streams(0).by_layer(Role.FORWARD, 8)]
    normals = LayerNormals(streams, trials, dict.fromkeys(range(1, 9), (1, 3)), 4)
    first = [normals.at(k).copy() for k in range(1, 9)]
    # A segment of layers that is run once more on the way back, and whose rows were overwritten.
    for k in (5, 6, 7, 8, 1, 2, 3, 4):
        rows = normals.at(k)
        assert np.array_equal(rows, first[k - 1])
        rows[...] = 0.0
