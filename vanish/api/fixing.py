"""What mends: every cure tried on a network."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from vanish.api.arguments import count, one_record
from vanish.api.results import Profile
from vanish.api.shown import Shown, as_table, read
from vanish.cures import fix as cures
from vanish.cures.frameworks import lines_of
from vanish.simulation.settings import Settings
from vanish.simulation.table import named
from vanish.simulation.values import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vanish.columns import Cell
    from vanish.cures.fix import Fixed, Row

    Watch = Callable[[int, int], None]


class Fix(Shown, tuple["Row", ...]):  # noqa: SLOT001 - has more than items
    """The cures of a network, the best one first.

    Attributes
    ----------
    found
        The diagnosis, the cures and what else there is to know.
    """

    found: Fixed

    @classmethod
    def of(cls, found: Fixed) -> Fix:
        """Return what was found."""
        made = cls(found.rows)
        made.found = found
        return made

    @cached_property
    def diagnosis(self) -> Profile:
        """The network as it is."""
        before = self.found.diagnosis
        return Profile(before.settings, before.engine, before.measured)

    @property
    def best(self) -> Row | None:
        """The first cure that works; None where none does."""
        return self.found.best

    @property
    def most_layers(self) -> int | None:
        """How many layers are stable as they are; None where that is no way out."""
        return self.found.most_layers

    def draw(self) -> str:
        """Return the table."""
        from vanish.render.fix import view  # noqa: PLC0415 - only to print

        return as_table(view(self.found))

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a cure."""
        from vanish.render.fix import rows  # noqa: PLC0415 - only to hand on

        return rows(self.found)

    def given(self) -> Mapping[str, Any]:
        """Return the network's settings as they were used."""
        return self.diagnosis.settings.as_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return what the command writes with ``--format json``."""
        from vanish.render.fix import document  # noqa: PLC0415 - only to hand on

        return read(document(self.found))

    def summary(self) -> str:
        """Return the verdict, and the best cure's options."""
        from vanish.cures.columns import options_of  # noqa: PLC0415 - only to print

        best = "nothing works" if self.best is None else options_of(self.best)
        return f"{self.diagnosis.verdict.value}, {best}"


def fix(
    settings: Settings | None = None,
    /,
    *,
    framework: str | None = None,
    jobs: int | None = None,
    memory_limit: int | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> Fix:
    """Try every cure of a gradient that vanishes or explodes on a network, and rank them.

    Parameters
    ----------
    settings
        The network; or its fields as keywords, see `Settings`, with 5 `trials` where nothing is
        said of them.
    framework
        ``torch`` for the lines of PyTorch that do each cure.
    jobs, memory_limit
        As for `simulate`.
    watch
        Called with how many cures are done and how many there are, for a progress bar.

    Raises
    ------
    VanishError
        If the settings are at odds, or the network itself cannot be run.

    Examples
    --------
    >>> found = fix(act="sigmoid", layers=20)
    >>> print(found.best.command)
    vanish --act sigmoid --layers 20 --weight-std 10.1 --seed 0 --trials 5 --engine dense
    >>> print(found.diagnosis.verdict, found.best.after.verdict, found.most_layers)
    vanishing stable 5
    """
    if settings is None:
        options = {"trials": cures.TRIALS} | options
    one = one_record(Settings, settings, options)
    found = cures.fix(
        one,
        jobs=count("jobs", jobs),
        memory_limit=count("memory_limit", memory_limit),
        watch=watch,
        lines=None if framework is None else lines_of(taken(named("framework"), framework)),
    )
    return Fix.of(found)
