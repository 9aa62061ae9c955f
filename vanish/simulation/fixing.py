"""The options of `vanish fix`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.simulation import names
from vanish.simulation.option import Group, Kind, Option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# `vanish fix` has what `vanish` has, but for what shows a single run; of these with other words.
_NOT_OF_FIX = ("save_weights", "plot", "version")
_OF_FIX: dict[str, dict[str, object]] = {
    "act": {
        "help": f"Activation of every layer: {names.ACTIVATIONS}.",
        "metavar": "NAME",
        "default": None,
        "shown": "sigmoid",
        "several": False,
    },
    "block": {
        "help": "A layer as a formula of its input x, such as 'x + S(Wx+b)', or the name of one,"
        " see vanish blocks.",
        "metavar": "TEXT",
        "default": None,
        "several": False,
    },
    "init": {
        "help": "How weights are drawn, such as xavier_normal, he_uniform or normal(0.02): see"
        " vanish help init. auto is the activation's convention.",
        "metavar": "NAME",
        "default": None,
        "several": False,
    },
    "trials": {
        "help": "Number of independent chains by whose median each cure is measured.",
        "default": 5,
    },
    "fail_on": {"help": f"Exit with status 3 if the best row is one of these: {names.VERDICTS}."},
    "format": {
        "help": f"{names.FORMATS}; auto is a table on a terminal, else tsv.",
        "choices": names.FORMATS,
    },
    "rows": {"help": "Most rows of a table, the best ones; 0 for all."},
}
_FRAMEWORK = Option(
    *("framework", Kind.NAME),
    f"Tell the lines of a framework that do each cure there, too: {names.FRAMEWORKS}.",
    group=Group.OUTPUT,
    metavar="NAME",
    choices=names.FRAMEWORKS,
    commands=("fix",),
)


def of_fix(table: Iterable[Option]) -> Iterator[Option]:
    """Yield the options of `vanish fix`, made of those of `vanish`."""
    for option in table:
        if "vanish" in option.commands and option.name not in _NOT_OF_FIX:
            yield option.but(commands=("fix",), **_OF_FIX.get(option.name, {}))
    yield _FRAMEWORK
