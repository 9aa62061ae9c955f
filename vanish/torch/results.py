"""What `vanish.torch.profile` returns: a result that prints, as those of ``vanish`` do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.api.shown import Shown, as_table, read
from vanish.numbers.words import plural
from vanish.simulation.modules import ModuleCourse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.columns import Cell


class Profile(Shown, ModuleCourse):
    """The gradients of a PyTorch module, layer by layer, with what follows from them."""

    __doc__ = ModuleCourse.__doc__

    def draw(self) -> str:
        """Return the table, repeated layers folded into one row."""
        return self.table()

    def table(self, *, fold: bool = True) -> str:
        """Return the table.

        Parameters
        ----------
        fold
            Whether layers that repeat, such as ``layers.0.linear1`` and ``layers.1.linear1``, are
            one row.
        """
        from vanish.render.modules import view  # noqa: PLC0415 - only to print

        return as_table(view(self, fold=fold))

    def rows(self) -> list[dict[str, Cell]]:
        """Return a mapping of column to value a layer."""
        return ModuleCourse.rows(self)

    def given(self) -> Mapping[str, Any]:
        """Return what was run, and how."""
        run = self.run
        return {
            "model": run.model,
            "loss": run.loss,
            "number_type": run.number_type,
            "mode": run.mode,
            "select": list(run.select) or None,
            "vanish_below": self.thresholds.vanish_below,
            "explode_above": self.thresholds.explode_above,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return what ``vanish --format json`` has of a run, as far as a module has it."""
        from vanish.render.json import of_losses, table  # noqa: PLC0415 - only to hand on

        run, whole = self.run, read(table(self.rows(), self.given()))
        found = {
            "settings": whole["settings"],
            "engine": "torch",
            "verdict": self.verdict.value,
            "log10_ratio": self.log10_ratio,
            "log10_ratio_w": self.log10_ratio_w,
            "decades_per_layer": self.decades_per_layer,
            "story": self.story.text,
            "precision": of_losses(self.losses),
            "faults": [fault.as_dict() for fault in self.named_faults],
            "loss_value": run.value,
            "is_chain": self.is_chain,
            "shared": [list(names) for names in run.shared],
            "unused": list(run.unused),
            "outside": list(run.outside),
            "parameters": {
                name: {"log10_grad": gradient.log10} for name, gradient in run.gradients.items()
            },
            "calls": {
                layer.name: [
                    {f"log10_{name}": each.log10 if each else None for name, each in call.items()}
                    for call in layer.by_call
                ]
                for layer in self.layers
                if layer.by_call
            },
            "layers": whole["rows"],
        }
        return {"schema": whole["schema"], "version": whole["version"], "runs": [found]}

    def summary(self) -> str:
        """Return the model, how many layers it has and the verdict."""
        ratio = self.log10_ratio
        known = "" if ratio is None else f", log10_ratio {ratio:.4g}"
        layers = plural(len(self.layers), "layer")
        return f"{self.run.model}, {layers}, {self.verdict.value}{known}"
