"""Names drawn together stand for exactly the names that there are."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vanish.network.numbered import drawn_together


def names_of(family: str) -> list[str]:
    """Return the names that a drawn one stands for."""
    parts = re.split(r"\{([\d,-]+)\}", family)
    choices = [
        [part]
        if place % 2 == 0
        else [str(number) for each in part.split(",") for number in span(each)]
        for place, part in enumerate(parts)
    ]
    return ["".join(each) for each in product(*choices)]


def span(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


@pytest.mark.parametrize(
    ("names", "drawn"),
    [
        ([f"layers.{k}.mlp.fc1" for k in range(12)], ["layers.{0-11}.mlp.fc1"]),
        (["W1", "b1", "W2", "b2", "W4"], ["W{1-2,4}", "b{1-2}"]),
        (["net.0.weight", "net.2.weight", "net.10.weight"], ["net.{0,2,10}.weight"]),
        ([f"{a}.e.{b}" for a in range(2) for b in range(3)], ["{0-1}.e.{0-2}"]),
        (["0.e.0", "0.e.1", "1.e.0"], ["{0-1}.e.0", "0.e.1"]),
        (
            ["w01", "w02", "a9999999999", "a9999999998"],
            ["w01", "w02", "a9999999999", "a9999999998"],
        ),
        (["one"], ["one"]),
        ([""], [""]),
    ],
)
def test_names_are_drawn_together(names: list[str], drawn: list[str]) -> None:
    assert [each.name for each in drawn_together((name, 0) for name in names)] == drawn


def test_what_is_of_another_kind_stays_apart() -> None:
    found = drawn_together([("w.0", (3, 4)), ("w.1", (4, 4)), ("w.2", (4, 4))])
    assert [(each.name, each.members) for each in found] == [("w.0", (0,)), ("w.{1-2}", (1, 2))]


NAMES = st.lists(st.from_regex(r"[ab](\.[0-3]){0,3}\.?[xy]?", fullmatch=True), unique=True)


@pytest.mark.slow
@given(names=NAMES)
def test_what_is_drawn_stands_for_the_names_and_no_other(names: list[str]) -> None:
    found = drawn_together((name, None) for name in names)
    assert sorted(member for each in found for member in each.members) == [*range(len(names))]
    for each in found:
        assert sorted(names_of(each.name)) == sorted(names[member] for member in each.members)
    assert [each.members[0] for each in found] == sorted(each.members[0] for each in found)


def test_a_name_of_many_numbers_takes_no_longer_than_its_length() -> None:
    names = ["1a" * 100_000, "2a" * 100_000]
    assert [each.name for each in drawn_together((name, 0) for name in names)] == names
