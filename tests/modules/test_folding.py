"""Names of layers that repeat are drawn together."""

from __future__ import annotations

import pytest

from vanish.render.folding import folded


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a"], ["a"]),
        ([], []),
        (["0", "2", "4"], ["0", "2", "4"]),
        (["net.0", "net.2"], ["net.0", "net.2"]),
        (["b.0.fc", "b.1.fc", "b.2.fc", "out"], ["b.{0-2}.fc", "out"]),
        (["b.0.0", "b.0.2", "b.1.0", "b.1.2"], ["b.{0-1}.0", "b.{0-1}.2"]),
        (["b.0.fc", "b.2.fc", "b.3.fc", "b.7.fc"], ["b.{0,2-3,7}.fc"]),
        (
            ["s.0.b.0.fc", "s.0.b.1.fc", "s.1.b.0.fc", "s.1.b.1.fc"],
            ["s.{0-1}.b.{0-1}.fc"],
        ),
        # Stages of different depths: what all have first.
        (
            ["s.0.b.0.fc", "s.1.b.0.fc", "s.1.b.1.fc", "s.1.b.2.fc"],
            ["s.{0-1}.b.0.fc", "s.1.b.{1-2}.fc"],
        ),
        (["e.07.fc"], ["e.07.fc"]),
    ],
)
def test_names_that_differ_in_the_number_of_a_block_are_one(
    names: list[str], told: list[str]
) -> None:
    found = folded(names, [""] * len(names))
    assert [name for name, _ in found] == told
    assert sorted(place for _, places in found for place in places) == [*range(len(names))]


def test_what_is_not_alike_is_not_drawn_together() -> None:
    names = ["b.0.fc", "b.1.fc", "b.2.fc"]
    assert folded(names, [(4, 4), (8, 8), (4, 4)]) == [("b.{0,2}.fc", (0, 2)), ("b.1.fc", (1,))]
