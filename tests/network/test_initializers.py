from __future__ import annotations

import math

import numpy as np
import pytest

from vanish.errors import UsageError
from vanish.network import initializers
from vanish.network.initializers import Law, draw

N_OUT, N_IN = 300, 500

VARIANCES = {
    "xavier_normal": 2 / (N_IN + N_OUT),
    "xavier_uniform": 2 / (N_IN + N_OUT),
    "he_normal": 2 / N_IN,
    "he_uniform": 2 / N_IN,
    "lecun_normal": 1 / N_IN,
    "lecun_uniform": 1 / N_IN,
}


def test_names() -> None:
    later = ("normal", "uniform", "truncated_normal", "constant", "zeros", "identity")
    frameworks = ("torch", "keras", "flax", "siren")
    assert initializers.names() == ("auto", *VARIANCES, "orthogonal", "lsuv", *later, *frameworks)


@pytest.mark.parametrize("name", VARIANCES)
def test_entries_have_the_mean_variance_and_law_of_their_rule(name: str) -> None:
    rule = initializers.get(name)
    generator = np.random.default_rng(1)
    w = rule.scale(N_IN, N_OUT) * draw(rule.law, generator, N_OUT, N_IN)
    assert w.shape == (N_OUT, N_IN)
    # Each within five of its own standard deviations; a neighbouring rule is 40 away.
    std, count = math.sqrt(VARIANCES[name]), w.size
    fourth = 1.8 if name.endswith("uniform") else 3.0
    assert abs(w.mean()) <= 5 * std / math.sqrt(count)
    assert abs(w.var() / std**2 - 1) <= 5 * math.sqrt((fourth - 1) / count)
    assert np.mean((w / std) ** 4) == pytest.approx(fourth, rel=0.03)
    assert name.endswith("normal") or np.abs(w).max() <= math.sqrt(3.0) * std


def test_weight_std_is_the_variance_times_n_in() -> None:
    rule = initializers.from_weight_std(1.5)
    assert rule.law is Law.NORMAL
    assert rule.scale(N_IN, N_OUT) == pytest.approx(1.5 / math.sqrt(N_IN), rel=1e-15)


@pytest.mark.parametrize("weight_std", [0.0, -1.0, 1e-291, 1e301, math.inf, math.nan])
def test_weight_std_out_of_range_is_refused(weight_std: float) -> None:
    with pytest.raises(UsageError) as caught:
        initializers.from_weight_std(weight_std)
    expected = f"weight_std {weight_std:g}: give a number from 1e-290 to 1e300"
    assert str(caught.value) == expected


@pytest.mark.parametrize("shape", [(7, 7), (9, 4), (4, 9), (1, 5), (5, 1), (1, 1)])
def test_an_orthogonal_draw_has_orthonormal_rows_or_columns(shape: tuple[int, int]) -> None:
    w = draw(Law.ORTHOGONAL, np.random.default_rng(2), *shape)
    assert w.shape == shape
    gram = w @ w.T if shape[0] <= shape[1] else w.T @ w
    assert np.abs(gram - np.eye(min(shape))).max() <= 1e-14
    assert initializers.get("orthogonal").scale(shape[1], shape[0]) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 3), (3, 2), (2, 3)])
def test_orthogonal_draws_are_haar_distributed(shape: tuple[int, int]) -> None:
    # An entry of a Haar matrix of size n has mean 0, E Q² = 1/n, E Q⁴ = 3/(n(n+2)). The
    # Q of a QR decomposition alone has means around ½ on its diagonal.
    generator, count, n = np.random.default_rng(3), 4000, max(shape)
    entries = np.array([draw(Law.ORTHOGONAL, generator, *shape) for _ in range(count)])
    assert np.abs(entries.mean(axis=0)).max() <= 5 / math.sqrt(n * count)
    assert (entries**2).mean(axis=0) == pytest.approx(np.full(shape, 1 / n), rel=0.08)
    assert (entries**4).mean(axis=0) == pytest.approx(np.full(shape, 3 / n / (n + 2)), rel=0.12)


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("He-Normal", "he_normal"),
        ("kaiming_uniform", "he_uniform"),
        ("glorot_normal", "xavier_normal"),
        (" orthogonal ", "orthogonal"),
    ],
)
def test_names_are_found_however_they_are_written(given_name: str, name: str) -> None:
    assert initializers.get(given_name).name == name


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        initializers.get("he_norml")
    assert str(caught.value).startswith("unknown initialiser 'he_norml': did you mean he_normal")
