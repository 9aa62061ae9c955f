"""What the functions of the Python API return: results that print as the commands' tables.

``print(result)`` is what the command writes into a pipe with ``--format table``, ``repr`` is
one line, and a notebook shows the table.
"""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from vanish.api.shown import COLUMNS, Shown, as_table, listed, read
from vanish.cures import remedy
from vanish.lessons.collapse import LayerCollapse
from vanish.network.activations import Activation
from vanish.network.formulas.named import NamedBlock
from vanish.numbers.words import plural
from vanish.simulation import profile
from vanish.simulation.gradients import gradients

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vanish.columns import Cell
    from vanish.cures.remedy import Search
    from vanish.lessons.derivation import Derivation
    from vanish.simulation.gradients import Gradients
    from vanish.simulation.settings import Settings
    from vanish.sweeps.grid import Grid


class Profile(Shown, profile.Profile):
    """The gradients of one chain, layer by layer, with what follows from them."""

    __doc__ = profile.Profile.__doc__

    @cached_property
    def gradients(self) -> Gradients:
        """The gradients themselves: ``gradients["W3"]`` is ∂L/∂W_3, see `Gradients`.

        They are computed when they are asked for, with stored weights. Of several trials it
        is the first one; of a run of the sampled engine another chain of the same law.
        """
        return gradients(self.settings)

    @cached_property
    def remedy(self) -> Search | None:
        """What makes the chain stable, found by trying; None for one that is."""
        return remedy.advise(self)

    def draw(self) -> str:
        """Return the table of the layers."""
        return Comparison([self]).draw()

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a layer."""
        return profile.Profile.rows(self)

    def given(self) -> Mapping[str, Any]:
        """Return its settings as they were used."""
        return self.settings.as_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return what the command writes with ``--format json``, a single one of its ``runs``."""
        return Comparison([self]).to_dict()

    def summary(self) -> str:
        """Return the activation, the depth and the verdict."""
        model, ratio = self.settings.model, self.log10_ratio
        known = "" if ratio is None else f", log10_ratio {ratio:.4g}"
        return f"{model.act_label}, {plural(model.depth, 'layer')}, {self.verdict.value}{known}"


class Comparison(Shown, tuple[Profile, ...]):
    """Profiles side by side."""

    __slots__ = ()

    def draw(self) -> str:
        """Return the table that compares them; of a single one, of its layers."""
        from vanish.render.profiles import MOST_TOLD, view  # noqa: PLC0415 - only to print

        told = len(self) <= MOST_TOLD
        return as_table(view(self, None, [each.remedy if told else None for each in self]))

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a layer of each chain."""
        return [row for each in self for row in each.rows()]

    def given(self) -> Mapping[str, Any]:
        """Return the settings of each chain, as `to_dict` has them by ``runs``."""
        return {"runs": [each.given() for each in self]}

    def to_dict(self) -> dict[str, Any]:
        """Return what the command writes with ``--format json``, its remedies being looked for."""
        from vanish.render.json import document  # noqa: PLC0415 - only to hand on

        return read(document(self, [each.remedy for each in self]))

    def summary(self) -> str:
        """Return each verdict."""
        return "; ".join(each.summary() for each in self)


class Sweep(Shown, tuple[dict[str, Any], ...]):  # noqa: SLOT001 - has more than items
    """The rows of a sweep, in the grid's order.

    Attributes
    ----------
    grid
        Its points.
    """

    grid: Grid
    per_layer: bool

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]], grid: Grid, *, per_layer: bool) -> Sweep:
        """Return the rows of a grid, one a layer or a point."""
        found = cls(rows)
        found.grid, found.per_layer = grid, per_layer
        return found

    def draw(self) -> str:
        """Return the map or the table of the points; of layers, tab-separated values."""
        if self.per_layer:
            return listed(self)
        from vanish.render.sweep import view  # noqa: PLC0415 - only to print

        return as_table(view(self.grid, self, None))

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows themselves."""
        return [*self]

    def given(self) -> Mapping[str, Any]:
        """Return the values on each axis."""
        return self.grid.as_dict()

    def summary(self) -> str:
        """Return how many points there are, and how many failed."""
        failed = sum(row["error"] is not None for row in self)
        return f"{plural(len(self.grid), 'point')}, {failed:,} failed"


class Derived(Shown):
    """A derivation, to be read as text, LaTeX or Markdown.

    Parameters
    ----------
    derivation
        What it shows.
    settings
        Of what network.
    """

    def __init__(self, derivation: Derivation, settings: Mapping[str, Any]) -> None:
        self.derivation, self._settings = derivation, settings

    def given(self) -> Mapping[str, Any]:
        """Return the settings of the network, and by what it is differentiated."""
        return self._settings

    def draw(self) -> str:
        """Return the derivation, a line a step."""
        from vanish.render.derivation import text  # noqa: PLC0415 - only to print

        return "".join(text(self.derivation))

    @property
    def latex(self) -> str:
        """A LaTeX document."""
        from vanish.render.derivation import latex  # noqa: PLC0415 - only to print

        return "".join(latex(self.derivation))

    @property
    def markdown(self) -> str:
        """Markdown with formulas in LaTeX."""
        from vanish.render.derivation import markdown  # noqa: PLC0415 - only to print

        return "".join(markdown(self.derivation))

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping a factor."""
        from vanish.render.derivation import rows  # noqa: PLC0415 - only to print

        return list(rows(self.derivation))

    def summary(self) -> str:
        """Return by what it differentiates."""
        by = self.derivation.by
        return f"∂L/∂{by.letter}{by.layer or ''}"


class Activations(Shown, tuple[Activation, ...]):  # noqa: SLOT001 - has more than items
    """Activations with their derivatives and bounds.

    Attributes
    ----------
    layers
        For how many layers the bounds are.
    """

    layers: int

    @classmethod
    def of(cls, shown: Iterable[Activation], layers: int) -> Activations:
        """Return some activations."""
        found = cls(shown)
        found.layers = layers
        return found

    def draw(self) -> str:
        """Return the table; of a single one all there is."""
        from vanish.render import acts  # noqa: PLC0415 - only to print

        if len(self) == 1:
            return acts.portrait(self[0], self.layers, COLUMNS)
        return as_table(acts.view(self, self.layers))

    def given(self) -> Mapping[str, Any]:
        """Return for how many layers the bounds are."""
        return {"layers": self.layers}

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value an activation."""
        from vanish.render.acts import rows  # noqa: PLC0415 - only to print

        return rows(self, self.layers)

    def summary(self) -> str:
        """Return their names."""
        return ", ".join(each.name for each in self)


class Blocks(Shown, tuple[NamedBlock, ...]):
    """Blocks that have names, with their formulas."""

    __slots__ = ()

    def draw(self) -> str:
        """Return the table."""
        from vanish.render import blocks  # noqa: PLC0415 - only to print

        return as_table(blocks.view(self))

    def given(self) -> Mapping[str, Any]:
        """Return nothing: blocks have no settings."""
        return {}

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a block."""
        from vanish.render.blocks import rows  # noqa: PLC0415 - only to print

        return rows(self)

    def summary(self) -> str:
        """Return their names."""
        return ", ".join(each.name for each in self)


class Collapse(Shown, tuple[LayerCollapse, ...]):  # noqa: SLOT001 - has more than items
    """How far chains are from one affine map, layer by layer.

    Attributes
    ----------
    settings
        Those of each chain.
    chains
        The layers of each.
    """

    settings: tuple[Settings, ...]
    chains: tuple[tuple[LayerCollapse, ...], ...]

    @classmethod
    def of(
        cls, settings: Sequence[Settings], chains: Sequence[Sequence[LayerCollapse]]
    ) -> Collapse:
        """Return the layers of some chains."""
        found = cls(chain.from_iterable(chains))
        found.settings, found.chains = tuple(settings), tuple(map(tuple, chains))
        return found

    def draw(self) -> str:
        """Return the table."""
        from vanish.render.collapse import view  # noqa: PLC0415 - only to print

        return as_table(view(self.settings, self.chains))

    def given(self) -> Mapping[str, Any]:
        """Return the settings that all share, and activation and initialiser of each."""
        from vanish.render.collapse import given  # noqa: PLC0415 - only to hand on

        return given(self.settings)

    def rows(self) -> list[Mapping[str, Cell]]:
        """Return a mapping of column to value a layer."""
        from vanish.render.collapse import rows  # noqa: PLC0415 - only to print

        return [*rows(self.chains)]

    def summary(self) -> str:
        """Return the chains."""
        names = ", ".join(each.model.act_name for each in self.settings)
        return f"{names}, {plural(self.settings[0].model.depth, 'layer')}"
