"""Cures by another activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.network import initializers

if TYPE_CHECKING:
    from collections.abc import Callable

    from vanish.cures.cure import Proposals
    from vanish.cures.workbench import Bench


def activation(name: str) -> Callable[[Bench], Proposals]:
    """Return what proposes an activation with its own initialiser; layer N keeps one of its own."""

    def proposals(bench: Bench) -> Proposals:
        settings = bench.settings
        hidden = {each.name for each in settings.model.activations[:-1]}
        if hidden == {name}:
            return
        drawn = settings.weights is None
        rest: dict[str, Any] = {"init": initializers.AUTO, "gain": 1.0} if drawn else {}
        if settings.layer_acts is not None:
            said = drawn and settings.widths is None
            rest["layers"] = settings.model.depth if said else None
            last = settings.model.activations[-1].name
            rest["last_act"] = last if last not in hidden else None
        yield {"act": name, **rest}

    return proposals
