"""What runs are called: what they have in common, and what tells each from the others."""

from __future__ import annotations

from itertools import compress, groupby
from typing import TYPE_CHECKING

from vanish.network.graph import LAYER
from vanish.numbers.words import plural, which_layers
from vanish.simulation.table import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vanish.simulation.profile import Profile

# Of the parts of a title those behind the engine: u, the loss and the seed.
_BEFORE_ENGINE = -3


def title(profiles: Sequence[Profile]) -> str:
    """Return what was run, in one line: what all runs have in common."""
    if len(profiles) == 1:
        init = _init(profiles[0])
    else:
        inits = {profile.settings.init for profile in profiles}
        init = f"init {inits.pop()}" if len(inits) == 1 else ""
    engines = sorted({profile.engine for profile in profiles})
    shared = [
        _shared([_block(profile) for profile in profiles]),
        _shared([profile.settings.model.act_label for profile in profiles]),
        *map(_shared, zip(*(_parts(profile, init) for profile in profiles), strict=True)),
    ]
    shared[_BEFORE_ENGINE:_BEFORE_ENGINE] = ["" if engines == ["dense"] else " and ".join(engines)]
    return " · ".join(filter(None, shared))


def _shared(parts: Sequence[str]) -> str:
    return parts[0] if len({*parts}) == 1 else ""


def names(profiles: Sequence[Profile]) -> list[str]:
    """Return what tells each of some runs from the others: its activation, or more."""
    several_inits = len({profile.settings.init for profile in profiles}) > 1
    several_blocks = len({profile.settings.block for profile in profiles}) > 1
    found = []
    for profile, other in zip(profiles, apart(profiles), strict=True):
        model = profile.settings.model
        block = profile.settings.block if several_blocks else ""
        init = model.init_name if several_inits else ""
        found.append(", ".join(filter(None, (block, model.act_label, init, other))))
    return found


def apart(profiles: Sequence[Profile]) -> list[str]:
    """Return what tells each run apart but for its block, activation, initialiser and engine."""
    parts = [_parts(profile, "") for profile in profiles]
    differ = [len({*each}) > 1 for each in zip(*parts, strict=True)]
    return [", ".join(filter(None, compress(own, differ))) for own in parts]


def _block(profile: Profile) -> str:
    """Return the layer's formula, where it is not the article's, and what does not follow it."""
    settings = profile.settings
    if settings.block == PLAIN:
        return ""
    why = unfit(profile)
    return f"{settings.block} ({why})" if why else settings.block


def unfit(profile: Profile) -> str:
    """Return which layers are none of the block, since it does not fit their sizes."""
    graph, formula = profile.measured.graph, profile.settings.model.formula
    plain = [k for block, a, b in graph.runs if block == LAYER for k in range(a, b + 1)]
    if not plain or formula is None or formula.block(graph.depth) == LAYER:
        return ""
    return f"{PLAIN} in {which_layers(plain)}: n_in and n_out differ"


def _init(profile: Profile) -> str:
    """Return the initialiser's name, or what was asked for where the layers differ."""
    name = profile.settings.model.init_name
    return f"init {profile.settings.init}" if name == "mixed" else name


def _parts(profile: Profile, init: str) -> tuple[str, ...]:
    """Return what was run, but for block, activation and engine; a part is empty where it says so.

    The same parts of any run.
    """
    settings = profile.settings
    sizes = settings.model.sizes
    uniform = len(set(sizes)) == 1
    shape = f"width {sizes[0]}" if uniform else "sizes " + _shorten(sizes)
    stds = settings.weight_std
    std = (
        ",".join(f"{letter}={each:g}" for letter, each in stds)
        if isinstance(stds, tuple)
        else ""
        if stds is None
        else f"{stds:g}"
    )
    return (
        plural(settings.model.depth, "layer"),
        shape,
        f"hidden {settings.hidden}" if settings.hidden is not None else "",
        f"weights {settings.weights.label}" if settings.weights else "",
        f"weight_std {std}" if std else "",
        init if not (settings.weights or std) or settings.model.is_scaled_by_data else "",
        f"gain {_gains(settings.gain)}" if settings.gain != 1.0 else "",
        "" if settings.last_gain is None else f"last gain {settings.last_gain:g}",
        f"bias_std {settings.bias_std:g}" if settings.bias_std else "",
        f"bias_init {settings.bias_init}" if settings.bias_init else "",
        f"batch {settings.rows}" if settings.rows > 1 else "",
        f"{settings.trials:,} trials" if settings.trials > 1 else "",
        f"u {settings.steps.name}" if settings.steps is not None else "",
        f"loss {settings.loss}",
        f"seed {settings.seed}",
    )


def _gains(gain: float | tuple[float, ...]) -> str:
    """Return one gain, or one a layer with equal ones told once: 1.4×19,0.01."""
    if isinstance(gain, float):
        return f"{gain:g}"
    runs = ((each, len(list(alike))) for each, alike in groupby(gain))
    return ",".join(f"{each:g}×{count}" if count > 1 else f"{each:g}" for each, count in runs)


def _shorten(sizes: Sequence[int]) -> str:
    if len(sizes) <= 6:
        return ",".join(map(str, sizes))
    return ",".join(map(str, sizes[:3])) + ",…," + ",".join(map(str, sizes[-2:]))
