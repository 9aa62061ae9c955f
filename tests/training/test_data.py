"""What there is to learn from: spirals, digits, files; how it is split, and what is refused."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from arrayfile import npz

from vanish.errors import InputError, UsageError
from vanish.network.streams import Streams
from vanish.training import data
from vanish.training.data import Data

if TYPE_CHECKING:
    from pathlib import Path

STREAMS = Streams(0)


def save(directory: Path, name: str, content: str | bytes) -> str:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def blobs(count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    y = np.arange(count) % 3
    return generator.standard_normal((count, 2)) + 5.0 * y[:, None], y


# --- what there is ---


def test_spirals_are_two_arms_opposite_each_other() -> None:
    spirals = data.load("spirals")
    x, y = spirals.draw(STREAMS, 0)
    assert (x.shape, spirals.features, spirals.classes) == ((1000, 2), 2, ("0", "1"))
    assert np.bincount(y).tolist() == [500, 500]
    # The second arm, turned by half a turn, lies on the first: on r, θ = 2π·0.75·r.
    turned = np.where(y[:, None] == 1, -x, x)
    radius = np.hypot(*turned.T)
    angle = 2.0 * np.pi * 0.75 * radius
    off = turned - radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # To first order the noise along the arm turns the expected point, too.
    assert np.sqrt((off**2).mean()) < 3 * data.SPIRAL_NOISE
    # As many points to every ring of the same area.
    assert (radius < math.sqrt(0.5)).mean() == pytest.approx(0.5, abs=0.05)


def test_spirals_follow_from_the_seed_and_the_trial() -> None:
    spirals = data.load("spirals")
    first = spirals.draw(STREAMS, 0).x
    assert np.array_equal(spirals.draw(Streams(0), 0).x, first)
    assert not np.array_equal(spirals.draw(STREAMS, 1).x, first)
    assert not np.array_equal(spirals.draw(Streams(1), 0).x, first)


@pytest.mark.slow
def test_digits_are_those_of_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    digits = data.load("digits")
    x, y = digits.draw(STREAMS, 0)
    expected_x, expected_y = datasets.load_digits(return_X_y=True)
    assert np.array_equal(x, expected_x)
    assert np.array_equal(y, expected_y)
    assert digits.classes == tuple("0123456789")
    train, test = digits.split(STREAMS)
    assert (len(train.y), len(test.y)) == (1438, 359)
    # Stratified: the parts have each digit in the same share.
    shares = [np.bincount(part.y) / len(part.y) for part in (train, test)]
    assert shares[0] == pytest.approx(shares[1], abs=0.002)


def test_without_scikit_learn_one_line_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in [*sys.modules]:
        if module.partition(".")[0] == "sklearn":
            monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r"pip install scikit-learn"):
        data.load("digits")


# --- files ---

TABLE = """\
5.1,3.5,setosa
4.9,3.0,setosa
4.7,3.2,setosa
7.0,3.2,versicolor
6.4,3.1,versicolor
6.9,3.1,versicolor
"""


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        "length,width,species\n" + TABLE,
        "length,width,label\n" + TABLE,
        "0,1,label\n" + TABLE,
        "\ufeff" + TABLE.replace("\n", "\r\n"),
        TABLE.replace(",", ", ") + "\n\n",
        TABLE.replace(",", "\t"),
        TABLE.replace(",", ";"),
        TABLE.replace("setosa", '"setosa"'),
    ],
)
def test_the_last_column_is_the_label(text: str, tmp_path: Path) -> None:
    found = data.load(save(tmp_path, "x.csv", text))
    assert found.classes == ("setosa", "versicolor")
    assert found.features == 2
    x, y = found.draw(STREAMS, 0)
    assert x.tolist()[0] == [5.1, 3.5]
    assert y.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("name", ["label", "Class", "TARGET", "y"])
def test_a_column_of_that_name_is_the_label(name: str, tmp_path: Path) -> None:
    rows = [line.split(",") for line in TABLE.splitlines()]
    text = f"a,{name},b\n" + "".join(f"{a},{label},{b}\n" for a, b, label in rows)
    found = data.load(save(tmp_path, "x.csv", text))
    assert found.classes == ("setosa", "versicolor")
    assert found.draw(STREAMS, 0).x.tolist()[0] == [5.1, 3.5]


def test_numbers_are_classes_in_their_order(tmp_path: Path) -> None:
    text = "".join(f"{i},{label}\n" for i, label in enumerate(["10", "2.0", "-1", "2"] * 3))
    found = data.load(save(tmp_path, "x.csv", text))
    assert found.classes == ("-1", "2", "10")
    assert found.draw(STREAMS, 0).y.tolist() == [2, 1, 0, 1] * 3


def test_an_archive_has_x_and_y_and_images_are_flattened(tmp_path: Path) -> None:
    x, y = blobs()
    found = data.load(save(tmp_path, "x.npz", npz(X=x.reshape(30, 2, 1), y=y)))
    assert found.features == 2
    assert np.array_equal(found.draw(STREAMS, 0).x, x)
    words = np.array(["red", "blue", "green"])[y]
    named = data.load(save(tmp_path, "y.npz", npz(X=x, y=words[:, None])))
    assert named.classes == ("blue", "green", "red")


def test_a_test_part_that_is_given_is_not_split_off(tmp_path: Path) -> None:
    x, y = blobs()
    path = save(tmp_path, "x.npz", npz(X=x, y=y, X_test=x[:6], y_test=y[:6]))
    train, test = data.load(path).split(STREAMS)
    assert (len(train.y), len(test.y)) == (30, 6)
    assert np.bincount(train.y).tolist() == [10, 10, 10]
    assert test.y.tolist() == y[:6].tolist()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "no rows in it"),
        ("\n \n", "no rows in it"),
        ("1\n2\n3\n", "one column: give features and"),
        ("a,b\n1,x\n2,y\n1,\n", "line 4 has no label"),
        ("1,x\n2,x\n3,x\n", "a single class, 'x'"),
        ("1,x\nnan,y\n", "line 2, column 1: 'nan' is no finite number"),
        ("1,2,x\n1,inf,y\n", "line 2, column 2: 'inf' is no finite number"),
        ("1,2,x\n1,,y\n", "line 2, column 2: '' is no finite number"),
        ("a,label,b\n1,x,2\n1,y,red\n", "line 3, column 3: 'red' is no finite number"),
        ("1,2,x\n1,y\n", "line 2 has 2 cells, the first one 3"),
        ("1,0\n2,nan\n3,1\n", "label 2 is nan: give every example a label"),
        ("1,x\n2,y\n3,x\n4,y\n", "4 examples are too few to hold a fifth of them out"),
        ("1,0.12\n2,0.53\n3,0.99\n4,1.4\n", "4 different labels for 4 examples: give classes"),
        (b"\xff\xfe\x00", "neither .npz nor text"),
        (npz(X=np.eye(2)), "no array y in it, but X: name the features X and the labels y"),
        (npz(y=np.ones(2)), "no array X in it, but y"),
        (npz(), "no array X in it, but nothing"),
        (npz(X=np.eye(2), y=np.ones(3)), "2 examples in X, 3 labels in y"),
        (npz(X=np.ones(2), y=np.ones(2)), "X: shape (2,): give (examples, features)"),
        (npz(X=np.ones((0, 2)), y=np.ones(0)), "X: shape (0, 2)"),
        (npz(X=np.eye(2) * 1j, y=np.ones(2)), "X: entries of type complex128"),
        (npz(X=np.array([[1.0], [np.nan]]), y=[0, 1]), "X: example 2, feature 1 is nan"),
        (npz(X=np.eye(2), y=[0.0, np.inf]), "y: label 2 is inf"),
        (npz(X=np.eye(2), y=np.eye(2)), "y: shape (2, 2), type float64: give one label an"),
        (npz(X=np.eye(2), y=[1, 1]), "a single class, '1'"),
        (npz(X=np.eye(4), y=[0, 0, 1, 1], X_test=np.eye(4)), "one of X_test and y_test"),
        (
            npz(X=np.eye(4), y=[0, 0, 1, 1], X_test=np.eye(2), y_test=[0, 1]),
            "X_test has 2 features, X 4",
        ),
        (
            npz(X=np.eye(4), y=[0, 0, 1, 1], X_test=np.eye(4)[:1], y_test=[2]),
            "a label '2' in y_test that y has not",
        ),
        (
            npz(X=np.eye(4), y=[0, 0, 1, 1], X_test=np.eye(4), y_test=[0]),
            "4 examples in X_test, 1 labels in y_test",
        ),
        (npz(X=np.eye(4), y=[0, 0, 1, 1])[:-5], "a damaged .npz file"),
    ],
)
def test_what_cannot_be_learned_is_told_in_one_line(
    content: str | bytes, complaint: str, tmp_path: Path
) -> None:
    path = save(tmp_path, "file", content)
    with pytest.raises(InputError) as caught:
        data.load(path)
    message = str(caught.value)
    assert message.startswith(path)
    assert complaint in message
    assert "\n" not in message


def test_a_csv_that_is_broken_in_itself_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 1: field larger than field limit"):
        data.load(save(tmp_path, "x.csv", "1," + "x" * 200_000))


@pytest.mark.parametrize("name", ["spiral", "digit", "iris"])
def test_an_unknown_name_is_answered_with_what_there_is(name: str) -> None:
    with pytest.raises(UsageError, match=r"unknown data .*(spirals|digits)"):
        data.load(name)


@pytest.mark.parametrize("name", ["missing.csv", "missing/x.npz", "", "."])
def test_a_file_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(InputError, match="give a file that can be read"):
        data.load(name)


# --- the parts ---


def test_every_example_is_in_one_part_and_a_fifth_of_each_class_in_the_test_part() -> None:
    y = np.repeat([0, 1, 2], [100, 10, 3])
    found = Data.of(np.arange(113.0)[:, None], y)
    train, test = found.split(STREAMS)
    assert np.bincount(test.y).tolist() == [20, 2, 1]
    # Standardised, they still are in order.
    values = np.concatenate([train.x, test.x])[:, 0]
    labels = np.concatenate([train.y, test.y])
    assert labels[values.argsort()].tolist() == y.tolist()


def test_the_split_follows_from_the_seed_and_the_trial() -> None:
    found = Data.of(*blobs(300))
    one, same, other, trial = (
        found.split(Streams(seed), number).test.x
        for seed, number in ((0, 0), (0, 0), (1, 0), (0, 1))
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, trial)


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_features_are_standardised_by_the_training_part(size: float) -> None:
    x, y = blobs(300)
    train, test = Data.of(x * size, y).split(STREAMS)
    assert train.x.mean(axis=0) == pytest.approx(0.0, abs=1e-12)
    assert train.x.std(axis=0) == pytest.approx(1.0, rel=1e-12)
    assert test.x.std(axis=0) == pytest.approx(1.0, rel=0.2)
    assert np.abs(test.x.mean(axis=0)).max() > 1e-6


def test_constant_features_become_zero() -> None:
    x, y = blobs()
    constant = np.column_stack([x, np.full(30, 0.1), np.zeros(30)])
    train, test = Data.of(constant, y).split(STREAMS)
    for part in (train, test):
        assert not part.x[:, 2:].any()
        assert np.isfinite(part.x).all()
    # Constant in the training part, and something else in the test part.
    other = Data.of(constant, y, x_test=constant + 1.0, y_test=y)
    assert not other.split(STREAMS).test.x[:, 2:].any()


@pytest.mark.parametrize("far", [1e306, 1e-306])
def test_a_test_part_of_another_size_is_finite(far: float) -> None:
    x, y = blobs()
    train, test = Data.of(x, y, x * far, y).split(STREAMS)
    assert train.x.std(axis=0) == pytest.approx(1.0, rel=1e-12)
    assert np.isfinite(test.x).all()


def test_chance_is_the_most_frequent_class_of_the_test_part() -> None:
    options: dict[str, Any] = {"x_test": np.eye(4), "y_test": [0, 1, 1, 1]}
    assert Data.of(np.eye(4), [0, 0, 1, 1], **options).split(STREAMS).chance == 0.75


def test_a_label_that_is_called_like_a_column_is_an_example(tmp_path: Path) -> None:
    rows = [(f"{i},{i * i}", "y" if i % 2 else "n") for i in range(1, 13)]
    text = "".join(f"{cells},{label}\n" for cells, label in rows)
    without, headed = save(tmp_path, "a.csv", text), save(tmp_path, "b.csv", f"1,2,y\n{text}")
    assert len(data.load(without).draw(STREAMS, 0).x) == 12
    assert len(data.load(headed).draw(STREAMS, 0).x) == 13
    assert len(data.load(save(tmp_path, "c.csv", f"u,v,y\n{text}")).draw(STREAMS, 0).x) == 12


def test_whole_numbers_beyond_float64_are_classes_of_their_own(tmp_path: Path) -> None:
    y = np.array([2**53, 2**53 + 1] * 6)
    path = save(tmp_path, "d.npz", npz(X=np.arange(24.0).reshape(12, 2), y=y))
    assert data.load(path).classes == (str(2**53), str(2**53 + 1))
    text = "".join(f"{i},{i * i},{label}\n" for i, label in enumerate(y.tolist()))
    assert data.load(save(tmp_path, "d.csv", text)).classes == (str(2**53), str(2**53 + 1))
